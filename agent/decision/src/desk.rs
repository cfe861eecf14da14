//! Where actions and entries wait to be fetched, and where names are given out.

use crate::budget::{Budgets, Purpose};
use crate::own::OwnPackets;
use crate::{
    Action, CheckId, Counters, Entry, Family, Happening, LinkId, ProbeId, RankingId, Reason, TargetId,
    TargetIdentity, Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// More than any turn of the loop asks for: 127 links, two families, a burst round to 16 targets each. Beyond
/// it nobody is fetching, and the newest are dropped and counted.
const MAX_WAITING: usize = 8_192;
/// In the name of a probe, the bit of the link's byte that marks a canary; links are at most 127.
const CANARY: u64 = 0x80;

/// A path's verdict (or what lies beneath a suspicion) changed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) link: LinkId,
    pub(crate) family: Family,
    pub(crate) from: Verdict,
    pub(crate) to: Verdict,
    pub(crate) reason: Reason,
}

/// The present moment, and everything that leaves the core.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) now: Timestamp,
    pub(crate) counters: Counters,
    pub(crate) changes: Vec<Change>,
    /// A probe was judged lost since this was last looked at.
    pub(crate) lost: bool,
    /// Blamed targets that answered.
    pub(crate) acquitted: Vec<(Family, TargetIdentity)>,
    pub(crate) budgets: Budgets,
    pub(crate) own: OwnPackets,
    actions: VecDeque<Action>,
    entries: VecDeque<Entry>,
    probes: u64,
    rankings: u64,
    checks: u64,
}

/// What the name of a probe tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProbeName {
    pub(crate) link: LinkId,
    pub(crate) target: TargetId,
    pub(crate) canary: bool,
}

impl ProbeName {
    /// Reads a name that may be anybody's invention.
    pub(crate) const fn of(id: ProbeId) -> Self {
        let [.., link, target] = id.0.to_be_bytes();
        let canary = link & CANARY as u8 != 0;
        Self { link: LinkId(link & !(CANARY as u8)), target: TargetId(target), canary }
    }
}

impl Desk {
    pub(crate) fn new(now: Timestamp, budgets: Budgets) -> Self {
        Self {
            now,
            counters: Counters {
                probes: 0,
                bursts: 0,
                late_replies: 0,
                moves: 0,
                flights_dropped: 0,
                actions_dropped: 0,
                incidents_dropped: 0,
            },
            changes: Vec::new(),
            lost: false,
            acquitted: Vec::new(),
            own: OwnPackets::new(budgets.0.len()),
            budgets,
            actions: VecDeque::new(),
            entries: VecDeque::new(),
            probes: 0,
            rankings: 0,
            checks: 0,
        }
    }

    /// A blamed target answered, over whatever link.
    pub(crate) fn acquit(&mut self, family: Family, target: TargetIdentity) {
        if !self.acquitted.contains(&(family, target)) {
            self.acquitted.push((family, target));
        }
    }

    /// Pays for what is to be sent over a link; `false`: its budget does not allow it now.
    pub(crate) fn pay(&mut self, link: LinkId, bytes: u32, purpose: Purpose) -> bool {
        self.budgets.pay(link, bytes, purpose, self.now)
    }

    /// When so much can be paid.
    pub(crate) fn payable_at(&self, link: LinkId, bytes: u32, purpose: Purpose) -> Timestamp {
        self.budgets.of(link).map_or(self.now, |budget| budget.payable_at(bytes, purpose, self.now))
    }

    /// Asks for one probe, for which so many packets leave at the most.
    pub(crate) fn probe(
        &mut self,
        link: LinkId,
        target: TargetId,
        packets: u32,
        expires: Timestamp,
    ) -> ProbeId {
        let id = self.name(u64::from(link.0), target);
        self.own.send(link, packets, self.now);
        self.counters.probes += 1;
        self.act(Action::Probe { id, link, target, expires });
        id
    }

    /// Asks for one canary of a target, for which so many packets leave at the most.
    pub(crate) fn canary(
        &mut self,
        family: Family,
        link: LinkId,
        (target, packets): (TargetId, u32),
        expires: Timestamp,
    ) -> ProbeId {
        let id = self.name(u64::from(link.0) | CANARY, target);
        self.own.send(link, packets, self.now);
        self.act(Action::Canary { id, family, link, target, expires });
        id
    }

    fn name(&mut self, link: u64, target: TargetId) -> ProbeId {
        self.probes += 1;
        ProbeId((self.probes << 16) | ((link & 0xff) << 8) | u64::from(target.0))
    }

    pub(crate) const fn ranking(&mut self) -> RankingId {
        self.rankings += 1;
        RankingId(self.rankings)
    }

    /// Asks whether a path's gateway answers on the link itself.
    pub(crate) fn ask_gateway(&mut self, link: LinkId, family: Family, expires: Timestamp) -> CheckId {
        self.checks += 1;
        let id = CheckId(self.checks);
        self.act(Action::AskGateway { id, link, family, expires });
        id
    }

    /// Asks for something to be done.
    pub(crate) fn act(&mut self, action: Action) {
        if self.actions.len() < MAX_WAITING {
            self.actions.push_back(action);
        } else {
            self.counters.actions_dropped += 1;
        }
    }

    /// Tells the operator. Entries leave after everything that is to be done: the move comes first.
    pub(crate) fn record(&mut self, what: Happening) {
        if self.entries.len() < MAX_WAITING {
            self.entries.push_back(Entry { at: self.now, what });
        } else {
            self.counters.actions_dropped += 1;
        }
    }

    /// The next thing to be done.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front().or_else(|| self.entries.pop_front().map(Action::Journal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_name() {
        let mut desk = Desk::new(Timestamp::ZERO, Budgets(Vec::new()));
        let probe = desk.probe(LinkId(126), TargetId(255), 1, Timestamp::ZERO);
        let canary = desk.canary(Family::V6, LinkId(126), (TargetId(255), 1), Timestamp::ZERO);
        assert_ne!(probe, canary);
        let name = ProbeName { link: LinkId(126), target: TargetId(255), canary: false };
        assert_eq!(ProbeName::of(probe), name);
        assert_eq!(ProbeName::of(canary), ProbeName { canary: true, ..name });
    }

    #[test]
    fn what_nobody_fetches_is_dropped_and_counted() {
        let mut desk = Desk::new(Timestamp::ZERO, Budgets(Vec::new()));
        for _ in 0..=MAX_WAITING {
            desk.probe(LinkId(0), TargetId(0), 1, Timestamp::ZERO);
        }
        assert_eq!(desk.counters.actions_dropped, 1);
    }
}
