//! The weather as it was drawn, and the fate of a packet in it.

use super::spells::{Cursor, union};
use super::{
    Climate, DEAD_PAUSE, DEGRADED_DELAY, DEGRADED_LOSS, Effect, LONGEST_WAIT, Plan, SHORTEST_OUTAGE,
    SLOW_PAUSE, Span, Spell, TARGET_FAILURES, TARGET_LIMITS, TARGETS,
};
use crate::random::Random;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

/// What a user of a link would say of it; spans shorter than [`SHORTEST_OUTAGE`] are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Nothing passes.
    pub down: Vec<Span>,
    /// A tenth of the packets or more is lost, but not all.
    pub lossy: Vec<Span>,
    /// A round trip takes 0.3 s or more longer than usual.
    pub slow: Vec<Span>,
}

#[derive(Debug, Clone)]
struct Layer {
    effect: Effect,
    spells: Vec<Spell>,
}

#[derive(Debug, Clone)]
struct Link {
    climate: Climate,
    layers: Vec<Layer>,
    seed: u64,
}

/// The weather of all links, from the beginning to the end of a contest.
#[derive(Debug, Clone)]
pub struct Sky {
    /// When the score begins; before, all is calm.
    pub begins: Timestamp,
    /// When the contest ends.
    pub ends: Timestamp,
    /// The ground truth of each link.
    pub truths: Vec<Truth>,
    links: Vec<Link>,
    targets: Vec<Layer>,
    seed: u64,
}

impl Sky {
    pub(super) fn new(plan: &Plan, begins: Timestamp, ends: Timestamp, seed: u64) -> Self {
        let mut seeds = Random::new(seed);
        let links: Vec<_> = plan
            .climates
            .iter()
            .map(|climate| {
                let draw = |kind: &super::Kind, seed| Layer {
                    effect: kind.effect,
                    spells: kind.spells(begins, ends, seed),
                };
                let layers = climate.kinds.iter().map(|kind| draw(kind, seeds.number())).collect();
                Link { climate: climate.clone(), layers, seed: seeds.number() }
            })
            .collect();
        let targets = (0..TARGETS)
            .map(|_| {
                let mut spells = TARGET_FAILURES.spells(begins, ends, seeds.number());
                spells.extend(TARGET_LIMITS.spells(begins, ends, seeds.number()));
                Layer { effect: Effect::Loss, spells: apart(spells) }
            })
            .collect();
        let truths = links.iter().map(|link| truth(link, ends)).collect();
        Self { begins, ends, truths, links, targets, seed: seeds.number() }
    }

    /// The seed of everything that is drawn while the contest runs.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many links there are.
    #[must_use]
    pub const fn links(&self) -> usize {
        self.links.len()
    }
}

/// A spell that begins before the one before it has ended is cut at its beginning.
fn apart(mut spells: Vec<Spell>) -> Vec<Spell> {
    spells.sort_by_key(|spell| spell.span.from);
    let mut free = Timestamp::ZERO;
    for spell in &mut spells {
        spell.span.from = spell.span.from.max(free);
        free = free.max(spell.span.to);
    }
    spells.retain(|spell| spell.span.from < spell.span.to);
    spells
}

fn truth(link: &Link, ends: Timestamp) -> Truth {
    let (mut down, mut lossy, mut slow) = (Vec::new(), Vec::new(), Vec::new());
    let mut pauses = Vec::new();
    for layer in &link.layers {
        for spell in &layer.spells {
            match layer.effect {
                Effect::Loss if spell.depth >= 1.0 => down.push(spell.span),
                Effect::Hold => pauses.push(spell.span),
                Effect::Loss if spell.depth >= DEGRADED_LOSS => lossy.push(spell.span),
                Effect::Step if spell.depth >= DEGRADED_DELAY => slow.push(spell.span),
                Effect::Queue => slow.extend(spell.queued_for(DEGRADED_DELAY)),
                Effect::Loss | Effect::Step => {}
            }
        }
    }
    if let Some(trace) = &link.climate.trace {
        pauses.extend(trace.up.gaps(SLOW_PAUSE, ends));
        pauses.extend(trace.down.gaps(SLOW_PAUSE, ends));
    }
    for pause in pauses {
        let list = if pause.length() >= DEAD_PAUSE { &mut down } else { &mut slow };
        list.push(pause);
    }
    Truth {
        down: union(down, SHORTEST_OUTAGE),
        lossy: union(lossy, SHORTEST_OUTAGE),
        slow: union(slow, SHORTEST_OUTAGE),
    }
}

/// One contestant's packets in this weather. Time does not run backwards for it.
#[derive(Debug)]
pub struct Packets<'a> {
    sky: &'a Sky,
    links: Vec<Vec<Cursor>>,
    targets: Vec<Cursor>,
}

impl<'a> Packets<'a> {
    /// Nothing was sent yet.
    #[must_use]
    pub fn new(sky: &'a Sky) -> Self {
        let links = sky.links.iter().map(|link| vec![Cursor::new(); link.layers.len()]).collect();
        Self { sky, links, targets: vec![Cursor::new(); sky.targets.len()] }
    }

    /// When the answer to a request sent at `at` to `target` over `link` is back; `None` if it is lost.
    pub fn round_trip(&mut self, link: LinkId, target: TargetId, at: Timestamp) -> Option<Timestamp> {
        let number = usize::from(link.0);
        let (under, cursors) = (self.sky.links.get(number)?, self.links.get_mut(number)?);
        let mut passes = 1.0 - under.climate.loss;
        let mut delay = under.climate.rtt;
        for (layer, cursor) in under.layers.iter().zip(cursors.iter_mut()) {
            let Some(spell) = cursor.spell(&layer.spells, at) else { continue };
            match layer.effect {
                Effect::Loss => passes *= 1.0 - spell.depth,
                Effect::Step => delay += Duration::from_secs_f64(spell.depth),
                Effect::Queue => delay += Duration::from_secs_f64(spell.queued(at)),
                Effect::Hold => delay += spell.span.to.since(at),
            }
        }
        let place = usize::from(target.0);
        let limits = self.targets.get_mut(place)?.spell(&self.sky.targets.get(place)?.spells, at);
        passes *= 1.0 - limits.map_or(0.0, |spell| spell.depth);
        let mut chance = chance(under.seed, at, u64::from(target.0));
        if chance.share() >= passes {
            return None;
        }
        delay += under.climate.jitter.mul_f64((-(1.0 - chance.share()).ln()).min(10.0));
        let back = match &under.climate.trace {
            None => at + delay,
            Some(trace) => {
                let there = waited(at + delay / 2, |from| trace.up.next(from))?;
                waited(there + delay / 2, |from| trace.down.next(from))?
            }
        };
        let cut = under.layers.iter().zip(cursors).any(|(layer, cursor)| {
            let coming = cursor.peek(&layer.spells, back);
            layer.effect == Effect::Loss && coming.is_some_and(|spell| spell.depth >= 1.0)
        });
        (!cut).then_some(back)
    }
}

fn waited(from: Timestamp, next: impl Fn(Timestamp) -> Timestamp) -> Option<Timestamp> {
    let passes = next(from);
    (passes.since(from) <= LONGEST_WAIT).then_some(passes)
}

/// Chance that depends on nothing but what it is about.
pub(super) const fn chance(seed: u64, at: Timestamp, about: u64) -> Random {
    let mut mixed = Random::new(seed ^ at.as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (about << 56));
    Random::new(mixed.number())
}

#[cfg(test)]
mod tests {
    use super::super::{Arrival, Kind, Length};
    use super::*;

    const FIRST: LinkId = LinkId(0);
    const TARGET: TargetId = TargetId(0);

    fn plan(loss: f64, kinds: Vec<Kind>) -> Plan {
        let rtt = Duration::from_millis(10);
        let climate = Climate { rtt, jitter: Duration::from_millis(1), loss, kinds, trace: None };
        Plan { name: "test".into(), climates: vec![climate] }
    }

    fn brown_outs() -> Kind {
        Kind {
            effect: Effect::Loss,
            arrival: Arrival::Random(Duration::from_secs(600)),
            length: Length::Exponential(Duration::from_secs(60)),
            depth: (0.3, 0.3),
        }
    }

    #[test]
    fn the_same_seed_is_the_same_weather_whoever_looks_and_how_often() {
        let sky = plan(0.2, vec![brown_outs()]).draw(Duration::from_secs(36_000), 7);
        let again = plan(0.2, vec![brown_outs()]).draw(Duration::from_secs(36_000), 7);
        let other = plan(0.2, vec![brown_outs()]).draw(Duration::from_secs(36_000), 8);
        let (mut often, mut seldom) = (Packets::new(&sky), Packets::new(&again));
        let mut different = Packets::new(&other);
        let mut differences = 0;
        for second in 0..36_000 {
            let at = Timestamp::ZERO + Duration::from_secs(second);
            let fate = often.round_trip(FIRST, TARGET, at);
            if second % 60 == 0 {
                assert_eq!(seldom.round_trip(FIRST, TARGET, at), fate);
                differences += u32::from(different.round_trip(FIRST, TARGET, at) != fate);
            }
        }
        assert!(differences > 500, "{differences}");
        assert_eq!(sky.truths, again.truths);
    }

    #[test]
    fn losses_are_as_many_as_the_climate_says() {
        let sky = plan(0.05, Vec::new()).draw(Duration::from_secs(100_000), 3);
        let mut packets = Packets::new(&sky);
        let mut lost = 0;
        for second in 0..100_000 {
            // Before the first target failure is drawn there is none; the least of four targets suffices here.
            let at = Timestamp::ZERO + Duration::from_secs(second);
            lost += u32::from(packets.round_trip(FIRST, TargetId(1), at).is_none());
        }
        assert!((4_500..9_000).contains(&lost), "{lost}");
    }

    #[test]
    fn an_outage_takes_what_is_under_way() {
        let outage = Kind {
            effect: Effect::Loss,
            arrival: Arrival::Every(Duration::from_secs(100)),
            length: Length::LogUniform(Duration::from_secs(10), Duration::from_millis(10_001)),
            depth: (1.0, 1.0),
        };
        let sky = plan(0.0, vec![outage]).draw(Duration::from_secs(150), 1);
        let down = sky.truths[0].down[0];
        let mut packets = Packets::new(&sky);
        let before = down.from - Duration::from_millis(60);
        assert!(packets.round_trip(FIRST, TARGET, before).is_some());
        assert_eq!(packets.round_trip(FIRST, TARGET, down.from - Duration::from_millis(5)), None);
        assert_eq!(packets.round_trip(FIRST, TARGET, down.from + Duration::from_secs(9)), None);
        assert!(packets.round_trip(FIRST, TARGET, down.to).is_some());
    }
}
