//! Another core in the same days: it asks other probes at other times, and is answered from what was recorded.
//!
//! This is an estimate. A probe gets the fate of the recorded probe of the same target over the same link that was
//! asked for nearest in time and has answered for no other; of a link that was asked rarely, little is known in between. Replies are read when the
//! core wakes, as in the agent.

use super::account::Account;
use super::truth::{Heard, Truth, Used};
use shunt_decision::{
    Action, Command, Config, Event, Failover, Force, LinkId, Outcome, ProbeId, TargetId, Timestamp,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two recorded readings of the counters that are that near, packets are taken to have come evenly.
const COUNTERS_NEAR: Duration = Duration::from_secs(5);

/// What the links and targets of the new config are called in the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Here {
    pub(super) links: Vec<LinkId>,
    pub(super) targets: Vec<Vec<TargetId>>,
    /// Whether what look-ups and pages took over a new link is its cost as well: it has such targets.
    pub(super) billed: Vec<bool>,
}

impl Here {
    /// A link's number in the recording.
    pub(super) fn link(&self, new: LinkId) -> LinkId {
        self.links.get(usize::from(new.0)).copied().unwrap_or(LinkId(u8::MAX))
    }

    fn target(&self, link: LinkId, target: TargetId) -> TargetId {
        let targets = self.targets.get(usize::from(link.0));
        targets.and_then(|targets| targets.get(usize::from(target.0))).copied().unwrap_or(TargetId(u8::MAX))
    }

    /// A recorded link's number in the new config.
    fn new_link(&self, recorded: LinkId) -> Option<LinkId> {
        let place = self.links.iter().position(|link| *link == recorded)?;
        u8::try_from(place).ok().map(LinkId)
    }

    /// A recorded event in the new config's numbers; `None` when it has no such link.
    fn event(&self, event: &Event) -> Option<Event> {
        Some(match *event {
            Event::Carrier { link, up, at } => Event::Carrier { link: self.new_link(link)?, up, at },
            Event::Path { link, family, state } => Event::Path { link: self.new_link(link)?, family, state },
            Event::Adopted { family, link } => Event::Adopted { family, link: self.new_link(link)? },
            Event::Command(Command::Force(Force { link, until, strict })) => {
                Event::Command(Command::Force(Force { link: self.new_link(link)?, until, strict }))
            }
            Event::Traffic { link, received, sent } => {
                Event::Traffic { link: self.new_link(link)?, received, sent }
            }
            Event::Modem { link, state } => Event::Modem { link: self.new_link(link)?, state },
            Event::Allowance { link, used_up } => Event::Allowance { link: self.new_link(link)?, used_up },
            Event::Spent { link, bytes, packets } => {
                let link = self.new_link(link)?;
                // The packets are no users', whoever pays for them.
                let billed = self.billed.get(usize::from(link.0)).copied().unwrap_or_default();
                Event::Spent { link, bytes: if billed { bytes } else { 0 }, packets }
            }
            Event::Command(Command::Release) | Event::Window { .. } | Event::ClockGap => event.clone(),
            Event::Probe { .. } | Event::Ranked { .. } | Event::Gateway { .. } => return None,
        })
    }
}

struct WhatIf<'a> {
    truth: &'a Truth,
    here: &'a Here,
    core: Failover,
    account: Account,
    /// Answers that lie in the sockets from then on; those to canaries wake the loop.
    replies: BTreeMap<(Timestamp, u64), Event>,
    canaries: BTreeMap<(Timestamp, u64), Event>,
    used: Used,
    count: u64,
    probes: u64,
    now: Timestamp,
}

/// A core with another config, which begins with what the recorded one had left of its budgets.
pub(super) fn begin(
    config: Config,
    (seed, at): (u64, Timestamp),
    recorded: &Failover,
    here: &Here,
) -> Failover {
    let mut core = Failover::new(config, seed, at);
    for (link, recorded_as) in (0..u8::MAX).map(LinkId).zip(&here.links) {
        if let Some(balance) = recorded.balance(*recorded_as) {
            core.set_balance(link, balance);
        }
    }
    core
}

/// Runs a new core from `start` on in the world of `truth`; `window` says when the maintenance window opens
/// and closes. Returns its account, and how many probes it asked for.
pub(super) fn run(
    core: Failover,
    start: Timestamp,
    (truth, here): (&Truth, &Here),
    window: &[(Timestamp, Event)],
) -> (Account, u64) {
    let mut this = WhatIf {
        truth,
        here,
        core,
        account: Account::new(shunt_decision::PerFamily::default(), start),
        replies: BTreeMap::new(),
        canaries: BTreeMap::new(),
        used: Used::new(),
        count: 0,
        probes: 0,
        now: start,
    };
    let mut world: Vec<(Timestamp, Event)> = window.to_vec();
    let own_window = !window.is_empty();
    let recorded =
        truth.world.iter().filter(|(_, event)| !(own_window && matches!(event, Event::Window { .. })));
    world.extend(recorded.filter_map(|(at, event)| Some((*at, here.event(event)?))));
    world.sort_by_key(|(at, _)| *at);
    let mut world = world.into_iter().peekable();
    loop {
        let timer = this.core.poll_timeout().map(|(at, _)| at);
        let told = world.peek().map(|(at, _)| *at);
        let canary = this.canaries.first_key_value().map(|((at, _), _)| *at);
        let Some(next) = [timer, told, canary].into_iter().flatten().min().filter(|at| *at <= truth.end)
        else {
            break;
        };
        this.now = this.now.max(next);
        while let Some((_, event)) = world.next_if(|(at, _)| *at <= this.now) {
            this.core.handle_event(event, this.now);
            this.act();
        }
        if [this.core.poll_timeout().map(|(at, _)| at), canary].into_iter().flatten().any(|at| at <= this.now)
        {
            this.judge();
        }
    }
    this.account.close(truth.end);
    (this.account, this.probes)
}

impl WhatIf<'_> {
    fn judge(&mut self) {
        for queue in [&mut self.replies, &mut self.canaries] {
            while let Some(entry) = queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
                self.core.handle_event(entry.remove(), self.now);
            }
        }
        self.core.handle_timeout(self.now);
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Probe { id, link, target, .. } => {
                    self.probes += 1;
                    let (link, target) = (self.here.link(link), self.here.target(link, target));
                    let heard = self.truth.answer(link, target, self.now, &mut self.used);
                    if let Some((at, event)) = self.answer(id, heard) {
                        self.replies.insert((at, self.count), event);
                    }
                }
                Action::Canary { id, family, link, target, .. } => {
                    let (old, target) = (self.here.link(link), self.here.target(link, target));
                    // Where no canary was recorded, what passes for a probe passes for a packet.
                    let heard = self.truth.nearest_canary(old, family, self.now);
                    let heard = heard.or_else(|| self.truth.nearest_probe(old, target, self.now));
                    if let Some((at, event)) = self.answer(id, heard) {
                        self.canaries.insert((at, self.count), event);
                    }
                }
                Action::Rank { id, .. } => {
                    let ranked = Event::Ranked { id, at: self.now, accepted: true };
                    self.core.handle_event(ranked, self.now);
                }
                Action::SampleTraffic { link } => {
                    if let Some((received, sent)) = self.counters(self.here.link(link)) {
                        self.core.handle_event(Event::Traffic { link, received, sent }, self.now);
                    }
                }
                Action::AskGateway { id, link, family, expires } => {
                    if let Some(answers) = self.truth.nearest_gateway(self.here.link(link), family, self.now)
                    {
                        self.count += 1;
                        self.replies
                            .insert((expires, self.count), Event::Gateway { id, link, family, answers });
                    }
                }
                Action::Journal(entry) => self.account.told(&entry),
                Action::CutFlows { .. } | Action::KeepForce(_) => {}
            }
        }
    }

    /// When a probe that is asked for now is answered as `heard` was, and how.
    fn answer(&mut self, id: ProbeId, heard: Option<Heard>) -> Option<(Timestamp, Event)> {
        let (after, outcome) = heard?.fate?;
        self.count += 1;
        let at = self.now + after;
        let outcome =
            if let Outcome::Reply { rtt, .. } = outcome { Outcome::Reply { rtt, at } } else { outcome };
        Some((at, Event::Probe { id, outcome }))
    }

    /// The counters of a link now: between two near readings in proportion, else as they were read last.
    fn counters(&self, link: LinkId) -> Option<(u64, u64)> {
        let readings = self.truth.traffic.get(&link)?;
        let after = readings.partition_point(|(at, ..)| *at <= self.now);
        let (before, received, sent) = *readings.get(after.saturating_sub(1))?;
        let later = readings.get(after).filter(|(later, ..)| later.since(before) <= COUNTERS_NEAR);
        let Some(&(later, then_received, then_sent)) = later else { return Some((received, sent)) };
        let whole = later.since(before).as_nanos().max(1);
        let part = |was: u64, then: u64| {
            let passed = u128::from(then.saturating_sub(was)) * self.now.since(before).as_nanos();
            was.saturating_add(u64::try_from(passed / whole).unwrap_or(0))
        };
        Some((part(received, then_received), part(sent, then_sent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_budget_begins_with_what_the_recorded_core_had_left() {
        let config = |links: &str| {
            let text = format!("targets = [\"192.0.2.1\"]\n{links}");
            crate::daemon::core_config(&shunt_config::parse(&text, Path::new("test.toml")).unwrap())
        };
        let fiber = "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n";
        let lte = "[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\nmetered = true\nprobe_budget = \"1 MB/month\"\n";
        let mut recorded = Failover::new(config(&format!("{fiber}{lte}")), 1, Timestamp::ZERO);
        recorded.set_balance(LinkId(1), -123);
        let here = Here { links: vec![LinkId(1), LinkId(0)], targets: Vec::new(), billed: Vec::new() };
        let core = begin(config(&format!("{lte}{fiber}")), (1, Timestamp::ZERO), &recorded, &here);
        assert_eq!([0, 1].map(|link| core.balance(LinkId(link))), [Some(-123), None]);
    }
}
