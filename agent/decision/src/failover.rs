//! The machine itself: takes events and time in, and hands them to the parts that know what they mean.

use crate::budget::{Budget, Budgets};
use crate::choice::Candidate;
use crate::desk::{Desk, ProbeName};
use crate::family::FamilyState;
use crate::link::Link;
use crate::path::Path;
use crate::record::Record;
use crate::{
    Action, Config, Event, Failback, Family, Force, LinkId, LinkSnapshot, ModemState, Outcome, PerFamily,
    ProbeId, RankingId, Snapshot, Timestamp,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Deadlines of both families' uplinks that are this near share a wake-up; it costs no more detection time.
pub(crate) const DEADLINE_SLACK: Duration = Duration::from_millis(10);

/// Which of the core's timers is next; the edge reads the replies that lie in its sockets before it
/// calls [`Failover::handle_timeout`], whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Probes are due.
    Probe,
    /// A deadline, trial, lease or hold-down ends.
    Judgement,
}

/// The decision core.
///
/// In each turn of its loop the edge hands over all facts that it has, then calls
/// [`handle_timeout`](Self::handle_timeout), then fetches actions until there are none. A probe's reply is only
/// noted by [`handle_event`](Self::handle_event); verdicts that follow from the whole of a turn's replies
/// lead to a choice in `handle_timeout`. Everything else is acted upon at once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failover {
    pub(crate) links: Vec<Link>,
    pub(crate) families: PerFamily<FamilyState>,
    pub(crate) desk: Desk,
    pub(crate) record: Record,
    pub(crate) lease: Option<Force>,
    pub(crate) failback: Failback,
    pub(crate) half_life: Duration,
    pub(crate) window_open: bool,
    pub(crate) seed: u64,
    /// Room for the candidates of a choice.
    #[serde(skip)]
    pub(crate) candidates: Vec<Candidate>,
}

impl Failover {
    /// A core that knows its links and nothing about them yet. The same config, seed and events give the same actions.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Timestamp) -> Self {
        let numbered = (0..u8::MAX).zip(&config.links);
        let links: Vec<_> = numbered.map(|(id, link)| Link::new(LinkId(id), link, seed, now)).collect();
        let budgets = config.links.iter().map(|link| Some(Budget::new(link.budget?, link.look_ups(), now)));
        let managed = |family| links.iter().any(|link: &Link| link.paths.get(family).is_some());
        Self {
            families: PerFamily::from_fn(|family| FamilyState::new(managed(family))),
            candidates: Vec::with_capacity(links.len()),
            links,
            desk: Desk::new(now, Budgets(budgets.collect())),
            record: Record::default(),
            lease: None,
            failback: config.failback,
            half_life: config.damping_half_life,
            window_open: false,
            seed,
        }
    }

    /// Takes in one fact.
    pub fn handle_event(&mut self, event: Event, now: Timestamp) {
        self.advance(now);
        match event {
            Event::Probe { id, outcome } => return self.take_outcome(id, outcome),
            Event::Carrier { link, up, at } => {
                if let Some(link) = self.links.get_mut(usize::from(link.0)) {
                    link.carrier = Some(up);
                    for path in link.paths_mut() {
                        path.set_carrier(up, at, &mut self.desk);
                    }
                    self.all_dirty();
                }
            }
            Event::Path { link, family, state } => {
                let link = self.links.get_mut(usize::from(link.0));
                if let Some(path) = link.and_then(|link| link.paths.get_mut(family).as_mut()) {
                    path.set_presence(state, &mut self.desk);
                    self.families.get_mut(family).dirty = true;
                }
            }
            Event::Adopted { family, link } => self.adopt(family, link),
            Event::Traffic { link, received, sent } => {
                if let Some(link) = self.links.get_mut(usize::from(link.0)) {
                    link.take_traffic(received, sent, &mut self.desk);
                }
            }
            Event::Gateway { id, link, family, answers } => {
                let number = usize::from(link.0);
                let path = self.links.get_mut(number).and_then(|link| link.paths.get_mut(family).as_mut());
                if let Some(path) = path.filter(|path| path.gateway_check == Some(id)) {
                    path.gateway_answers = Some(answers);
                    if path.verdict() == crate::Verdict::Failed {
                        self.record.localised(family, link, path.fault(), &mut self.desk);
                    }
                }
            }
            Event::Ranked { id, at, accepted } => self.take_ranked(id, at, accepted),
            Event::Command(command) => self.take_command(command),
            Event::Window { open } => {
                self.window_open = open;
                self.all_dirty();
            }
            Event::Spent { link, bytes, packets } => {
                self.desk.budgets.charge(link, bytes, self.desk.now);
                return self.desk.own.exchange(link, packets, self.desk.now);
            }
            Event::Modem { link, state } => self.take_modem(link, state),
            Event::Allowance { link, used_up } => self.take_allowance(link, used_up),
            Event::ClockGap => return self.clock_gap(),
        }
        self.settle();
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        self.end_lease();
        for path in self.links.iter_mut().flat_map(Link::paths_mut) {
            path.judge_overdue(&mut self.desk);
        }
        self.assign_blame();
        for path in self.links.iter_mut().flat_map(Link::paths_mut) {
            path.step_burst(&mut self.desk);
        }
        self.examine();
        for family in Family::ALL {
            let now = self.desk.now;
            let state = self.families.get_mut(family);
            let uplink = state.uplink.and_then(|link| self.links.get(usize::from(link.0)));
            let path = uplink.and_then(|link| link.paths.get(family).as_ref());
            state.dirty |= path.is_some_and(Path::is_doubtful);
            state.dirty |= [state.timer, state.search_until].into_iter().flatten().any(|at| at <= now);
        }
        self.settle();
        self.step_verifications();
        self.sweep();
        for (id, link) in (0..u8::MAX).map(LinkId).zip(&mut self.links) {
            let sent = link.send_due(&mut self.desk);
            let looks = link.look_due().is_some_and(|at| at <= self.desk.now);
            // Steady probes of the uplink take a look with them: it costs no wake-up.
            if looks || (sent && link.is_uplink()) {
                link.stall.ask(self.desk.now);
                self.desk.act(Action::SampleTraffic { link: id });
            }
        }
    }

    /// The next thing to be done; call until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.desk.poll()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        let paths = || self.links.iter().flat_map(Link::paths);
        let tick = paths().filter(|path| path.absent.is_none()).map(|path| path.pace.due()).min();
        let looks = self.links.iter().filter_map(Link::look_due).min();
        let lease = self.lease.and_then(|lease| lease.until);
        let mut exact = [lease, looks].into_iter().flatten().min();
        let mut earliest: Option<Timestamp> = None;
        let sooner = |a: Option<Timestamp>, b: Timestamp| Some(a.map_or(b, |a| a.min(b)));
        for (at, is_exact) in paths().filter_map(|path| path.wake()) {
            if is_exact {
                exact = sooner(exact, at);
            } else {
                earliest = sooner(earliest, at);
            }
        }
        for at in Family::ALL.into_iter().filter_map(|family| self.families.get(family).wake()) {
            exact = sooner(exact, at);
        }
        if let Some(first) = earliest {
            let near = paths()
                .filter_map(|path| path.wake())
                .filter(|(at, is_exact)| !is_exact && *at <= first + DEADLINE_SLACK);
            exact = sooner(exact, near.map(|(at, _)| at).max().unwrap_or(first));
        }
        match (tick, exact) {
            (Some(tick), Some(at)) if at <= tick => Some((at, Timer::Judgement)),
            (Some(tick), _) => Some((tick, Timer::Probe)),
            (None, at) => at.map(|at| (at, Timer::Judgement)),
        }
    }

    /// What is known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let link = |(id, link): (u8, &Link)| LinkSnapshot {
            link: LinkId(id),
            carrier: link.carrier,
            penalty: link.damping.penalty(self.half_life, self.desk.now),
            budget: self.desk.budgets.of(LinkId(id)).map(|budget| budget.snapshot(self.desk.now)),
            paths: PerFamily {
                v4: link.paths.v4.as_ref().map(crate::path::Path::snapshot),
                v6: link.paths.v6.as_ref().map(crate::path::Path::snapshot),
            },
        };
        Snapshot {
            at: self.desk.now,
            uplink: PerFamily::from_fn(|family| self.families.get(family).uplink),
            uplink_reason: PerFamily::from_fn(|family| self.uplink_reason(family)),
            forced: self.lease,
            links: (0..u8::MAX).zip(&self.links).map(link).collect(),
            incidents: self.record.snapshot(),
            counters: self.desk.counters,
        }
    }

    fn take_modem(&mut self, id: LinkId, state: ModemState) {
        let Some(link) = self.links.get_mut(usize::from(id.0)) else { return };
        for path in link.paths_mut() {
            path.set_modem(state, &mut self.desk);
            // That it is well again says nothing of why the link failed.
            if state != ModemState::Sound && path.verdict() == crate::Verdict::Failed {
                self.record.localised(path.family, id, path.fault(), &mut self.desk);
            }
        }
        self.all_dirty();
    }

    fn take_allowance(&mut self, id: LinkId, used_up: bool) {
        if let Some(link) = self.links.get_mut(usize::from(id.0)) {
            link.used_up = used_up;
            self.all_dirty();
        }
    }

    /// Probes and canaries in flight mean nothing now: what is known is asked again, a proof begins anew.
    fn clock_gap(&mut self) {
        for link in &mut self.links {
            link.stall.forget();
            for path in link.paths_mut() {
                path.clock_gap(&mut self.desk);
            }
        }
        let proving =
            PerFamily::from_fn(|family| self.families.get_mut(family).verification.take().is_some());
        self.settle();
        for family in Family::ALL {
            if *proving.get(family) && self.families.get(family).verification.is_none() {
                self.verify(family);
            }
        }
    }

    /// Time does not run backwards here, whatever the caller's clock does.
    fn advance(&mut self, now: Timestamp) {
        self.desk.now = self.desk.now.max(now);
    }

    pub(crate) const fn all_dirty(&mut self) {
        self.families.v4.dirty = true;
        self.families.v6.dirty = true;
    }

    fn take_outcome(&mut self, id: ProbeId, outcome: Outcome) {
        let name = ProbeName::of(id);
        if name.canary {
            return self.take_canary(id, name, outcome);
        }
        let Some(link) = self.links.get_mut(usize::from(name.link.0)) else { return };
        for path in link.paths_mut() {
            if path.outcome(id, name.target, outcome, &mut self.desk) {
                let state = self.families.get_mut(path.family);
                // A sign of life from an alternative is what the search waits for.
                // So is what it shows while the uplink is degraded.
                state.dirty |= state.search_until.is_some() || state.stranded || path.audition.is_some();
            }
        }
    }

    fn take_ranked(&mut self, id: RankingId, at: Timestamp, accepted: bool) {
        for family in Family::ALL {
            let state = self.families.get_mut(family);
            let Some(moving) = state.moving else { continue };
            // A later ranking of the same family has the same uplink first.
            if !accepted || (id != moving.id && Some(id) != state.ranked) {
                continue;
            }
            state.moving = None;
            self.record.switched(family, moving.to, at);
            if let Some(link) = moving.cut {
                self.cut(family, link);
            }
        }
    }
}
