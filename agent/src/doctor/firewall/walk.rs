//! A packet in the mind, and what the rules make of it: all ends that are possible, given what is known of it.

use super::expression::{Expression, Load, Verdict};
use super::{Base, Chain, FORWARD, POSTROUTING, Ruleset};
use std::net::Ipv4Addr;

/// Depth of jumps that the kernel allows (`NFT_JUMP_STACK_SIZE`).
const DEPTH: usize = 16;
/// Rules that are looked at in one walk: chains that lead to each other in many ways must not take for ever.
const RULES_AT_MOST: usize = 100_000;
/// Octets of the registers.
const REGISTERS: usize = 64;
/// Interface names are kept with this length, filled up with zeroes.
const NAME: usize = 16;
/// Families of tables (`NFPROTO_INET`, `NFPROTO_IPV4`, `NFPROTO_IPV6`).
const INET: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// `NF_CT_STATE_BIT(IP_CT_NEW)`: the first packet of its flow.
const NEW: u32 = 8;
/// Where the source stands in an IPv4 header.
const SOURCE: u32 = 12;

/// The first packet of a flow that is forwarded out of an uplink.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packet {
    /// Name and index of the interface that it comes in by, where known.
    pub(crate) into: Option<(String, Option<u32>)>,
    /// The same of the uplink.
    pub(crate) out_of: (String, u32),
    pub(crate) source: Option<Ipv4Addr>,
    /// It is one of IPv6, else of IPv4.
    pub(crate) v6: bool,
}

/// Whether something happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    No,
    /// It depends on what is not known of it.
    Perhaps,
    Yes,
}

impl Ruleset {
    /// Whether the packet's source is translated on its way out.
    pub(crate) fn translates(&self, packet: &Packet) -> Fate {
        let mut fate = Fate::No;
        for chain in
            self.bases(POSTROUTING, packet).filter(|(_, base)| base.kind == "nat").map(|(chain, _)| chain)
        {
            match Walk::new(self, packet).chain(chain, 0) {
                Ends { translated: true, dropped: false, through: false, accepted: false } => {
                    return Fate::Yes;
                }
                Ends { translated: true, .. } => fate = Fate::Perhaps,
                _ => {}
            }
        }
        fate
    }

    /// Whether the packet is dropped where packets are forwarded, and the chain that does it first.
    pub(crate) fn drops(&self, packet: &Packet) -> (Fate, Option<String>) {
        let mut fate = (Fate::No, None);
        for (chain, base) in self.bases(FORWARD, packet) {
            let ends = Walk::new(self, packet).chain(chain, 0);
            let falls = ends.dropped || ends.through && base.drops;
            let passes = ends.accepted || ends.translated || ends.through && !base.drops;
            let name = Some(format!("{} {} {}", family_name(chain.family), chain.table, chain.name));
            match (falls, passes) {
                (true, false) => return (Fate::Yes, name),
                (true, true) if fate.1.is_none() => fate = (Fate::Perhaps, name),
                _ => {}
            }
        }
        fate
    }

    /// The chains of a hook that see the packet, in the kernel's order.
    fn bases(&self, hook: u32, packet: &Packet) -> impl Iterator<Item = (&Chain, &Base)> {
        let own = packet.family();
        let mut found: Vec<_> = self
            .chains
            .iter()
            .filter(|chain| chain.family == INET || chain.family == own)
            .filter_map(|chain| chain.base.as_ref().map(|base| (chain, base)))
            .filter(|(_, base)| base.hook == hook)
            .collect();
        found.sort_by_key(|(_, base)| base.priority);
        found.into_iter()
    }

    fn chain(&self, like: &Chain, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|c| c.family == like.family && c.table == like.table && c.name == name)
    }
}

impl Packet {
    const fn family(&self) -> u8 {
        if self.v6 { IPV6 } else { IPV4 }
    }
}

/// As `nft` names it.
const fn family_name(family: u8) -> &'static str {
    match family {
        INET => "inet",
        IPV6 => "ip6",
        _ => "ip",
    }
}

/// How a chain may leave a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ends {
    translated: bool,
    accepted: bool,
    dropped: bool,
    /// Nothing was decided, or it said `return`.
    through: bool,
}

impl Ends {
    /// Beside these ends, those.
    const fn or(self, other: Self) -> Self {
        Self {
            translated: self.translated || other.translated,
            accepted: self.accepted || other.accepted,
            dropped: self.dropped || other.dropped,
            through: self.through || other.through,
        }
    }
}

struct Walk<'a> {
    rules: &'a Ruleset,
    packet: &'a Packet,
    budget: usize,
}

/// What a rule did: the ends that it led to, and whether the next rule may be reached.
struct Step {
    ends: Ends,
    goes_on: bool,
}

impl<'a> Walk<'a> {
    const fn new(rules: &'a Ruleset, packet: &'a Packet) -> Self {
        Self { rules, packet, budget: RULES_AT_MOST }
    }

    fn chain(&mut self, chain: &Chain, depth: usize) -> Ends {
        let mut ends = Ends::default();
        for rule in &chain.rules {
            self.budget = self.budget.saturating_sub(1);
            if self.budget == 0 || depth >= DEPTH {
                return Ends { translated: true, accepted: true, dropped: true, through: true };
            }
            let step = self.rule(chain, rule, depth);
            ends = ends.or(step.ends);
            if !step.goes_on {
                return ends;
            }
        }
        Ends { through: true, ..ends }
    }

    fn rule(&mut self, chain: &Chain, rule: &[Expression], depth: usize) -> Step {
        let mut registers = Registers::default();
        let mut sure = true;
        let mut step = Step { ends: Ends::default(), goes_on: false };
        for expression in rule {
            match expression {
                Expression::Load { to, what } => registers.load(*to, *what, self.packet),
                Expression::Set { to, value } => registers.put(*to, value),
                Expression::Mask { from, to, mask, flip } => registers.mask(*from, *to, mask, flip),
                Expression::Compare { from, equal, value } => {
                    match registers.get(*from, value.len()).map(|held| (held == *value) == *equal) {
                        Some(true) => {}
                        Some(false) => return Step { goes_on: true, ..step },
                        None => sure = false,
                    }
                }
                Expression::Lookup { from, set, invert, decides } => {
                    match self.look_up(chain, &registers, (*from, set), *decides, depth) {
                        Looked::In(inner) if *decides => return merge(step, inner, sure),
                        Looked::In(_) if !*invert => {}
                        Looked::Out if *invert => {}
                        Looked::In(_) | Looked::Out => return Step { goes_on: true, ..step },
                        Looked::Perhaps(inner) => {
                            sure = false;
                            step.ends = step.ends.or(inner);
                        }
                    }
                }
                Expression::Decide(Verdict::Continue) => return Step { goes_on: true, ..step },
                Expression::Decide(verdict) => {
                    let inner = self.verdict(chain, verdict, depth);
                    return merge(step, inner, sure);
                }
                Expression::Translate => {
                    return merge(step, Inner::end(Ends { translated: true, ..Ends::default() }), sure);
                }
                Expression::Passing => {}
                Expression::Never => return Step { goes_on: true, ..step },
                Expression::Unknown => sure = false,
            }
        }
        Step { goes_on: true, ..step }
    }

    fn verdict(&mut self, chain: &Chain, verdict: &Verdict, depth: usize) -> Inner {
        let none = Ends::default();
        match verdict {
            Verdict::Accept => Inner::end(Ends { accepted: true, ..none }),
            Verdict::Drop => Inner::end(Ends { dropped: true, ..none }),
            Verdict::Return => Inner::end(Ends { through: true, ..none }),
            Verdict::Continue => Inner { ends: none, goes_on: true },
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let Some(target) = self.rules.chain(chain, name) else {
                    return Inner { ends: none, goes_on: true };
                };
                let ends = self.chain(target, depth + 1);
                let returns = matches!(verdict, Verdict::Jump(_));
                // What comes through a jump goes on behind it; after `goto` it leaves this chain, too.
                Inner {
                    ends: Ends { through: ends.through && !returns, ..ends },
                    goes_on: ends.through && returns,
                }
            }
        }
    }

    fn look_up(
        &mut self,
        chain: &Chain,
        registers: &Registers,
        (from, set): (usize, &str),
        decides: bool,
        depth: usize,
    ) -> Looked {
        let key = (chain.family, chain.table.clone(), set.to_owned());
        let Some(Some(elements)) = self.rules.sets.get(&key) else {
            return Looked::Perhaps(Ends::default());
        };
        let mut possible = Ends::default();
        for element in elements {
            let known = registers.get(from, element.key.len());
            let hit = known.as_ref().map(|held| *held == element.key);
            if hit == Some(false) {
                continue;
            }
            let inner = match &element.verdict {
                Some(verdict) if decides => self.verdict(chain, verdict, depth),
                _ => Inner { ends: Ends::default(), goes_on: true },
            };
            if hit == Some(true) {
                return Looked::In(inner);
            }
            possible = possible.or(inner.ends);
        }
        let unknown = elements.iter().any(|element| registers.get(from, element.key.len()).is_none());
        if unknown { Looked::Perhaps(possible) } else { Looked::Out }
    }
}

/// What a verdict leads to.
struct Inner {
    ends: Ends,
    goes_on: bool,
}

impl Inner {
    const fn end(ends: Ends) -> Self {
        Self { ends, goes_on: false }
    }
}

enum Looked {
    In(Inner),
    Out,
    /// With the ends that it may lead to.
    Perhaps(Ends),
}

/// The end of a rule: what was not sure may also not have been.
const fn merge(step: Step, inner: Inner, sure: bool) -> Step {
    Step { ends: step.ends.or(inner.ends), goes_on: inner.goes_on || !sure }
}

/// What a rule has loaded; `None`: not known.
struct Registers([Option<u8>; REGISTERS]);

impl Default for Registers {
    fn default() -> Self {
        Self([None; REGISTERS])
    }
}

impl Registers {
    fn load(&mut self, to: usize, what: Load, packet: &Packet) {
        let name = |name: &str| {
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(NAME, 0);
            Some(bytes)
        };
        let into = packet.into.as_ref();
        let value = match what {
            Load::InName => into.and_then(|(known, _)| name(known)),
            Load::InIndex => into.and_then(|(_, index)| index.map(|index| index.to_ne_bytes().to_vec())),
            Load::OutName => name(&packet.out_of.0),
            Load::OutIndex => Some(packet.out_of.1.to_ne_bytes().to_vec()),
            Load::Family => Some(vec![packet.family()]),
            Load::State => Some(NEW.to_ne_bytes().to_vec()),
            Load::Status => Some(vec![0; 4]),
            Load::Network { offset: SOURCE, length } if !packet.v6 => packet
                .source
                .and_then(|source| source.octets().get(..usize::try_from(length).ok()?).map(<[u8]>::to_vec)),
            Load::Network { .. } | Load::Else => None,
        };
        match value {
            Some(value) => self.put(to, &value),
            None => self.0.iter_mut().skip(to).take(NAME).for_each(|place| *place = None),
        }
    }

    fn put(&mut self, to: usize, value: &[u8]) {
        for (place, byte) in self.0.iter_mut().skip(to).zip(value) {
            *place = Some(*byte);
        }
    }

    fn mask(&mut self, from: usize, to: usize, mask: &[u8], flip: &[u8]) {
        let held: Vec<Option<u8>> = self.0.iter().skip(from).take(mask.len()).copied().collect();
        let masked = held.into_iter().zip(mask.iter().zip(flip));
        for (place, (byte, (mask, flip))) in self.0.iter_mut().skip(to).zip(masked) {
            *place = match (byte, mask) {
                // Whatever it is, nothing of it is left.
                (_, 0) => Some(*flip),
                (byte, mask) => byte.map(|byte| byte & mask ^ flip),
            };
        }
    }

    fn get(&self, from: usize, length: usize) -> Option<Vec<u8>> {
        self.0.get(from..from.checked_add(length)?)?.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests;
