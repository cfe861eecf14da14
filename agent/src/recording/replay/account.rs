//! What became of the users: moves, outages, and the time on each uplink, of what happened as of what would have.

use super::truth::Truth;
use shunt_decision::{Entry, Family, Happening, LinkId, PerFamily, Reason, Timestamp};
use std::time::Duration;

/// A link that was left must have been silent within so much of the move, before or after, or the failover was false.
pub const AROUND: Duration = Duration::from_secs(30);
/// Two links are compared over so much: the one that was left before the move, the one that was taken after it.
pub const COMPARED: Duration = Duration::from_secs(60);

/// A link that lost so much more (of 1) than another is worse: less is chance.
pub const WORSE: f64 = 0.05;

/// A move of an uplink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    pub(super) at: Timestamp,
    pub(super) family: Family,
    pub(super) from: Option<LinkId>,
    pub(super) to: LinkId,
    pub(super) reason: Reason,
    /// Why the link was left, if it was an incident's.
    cause: Option<Reason>,
}

/// A stretch of time with one uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stay {
    family: Family,
    link: Option<LinkId>,
    from: Timestamp,
    to: Timestamp,
}

/// Listens to a core's journal.
#[derive(Debug)]
pub(super) struct Account {
    now_on: PerFamily<(Option<LinkId>, Timestamp)>,
    stays: Vec<Stay>,
    causes: PerFamily<Option<(LinkId, Reason)>>,
    pub(super) moves: Vec<Move>,
}

impl Account {
    /// From `at` on, with these uplinks.
    pub(super) fn new(uplinks: PerFamily<Option<LinkId>>, at: Timestamp) -> Self {
        Self {
            now_on: PerFamily::from_fn(|family| (*uplinks.get(family), at)),
            stays: Vec::new(),
            causes: PerFamily::default(),
            moves: Vec::new(),
        }
    }

    /// Takes in an entry.
    pub(super) fn told(&mut self, entry: &Entry) {
        match entry.what {
            Happening::Uplink { family, from, to, reason } => {
                self.stay_ends(family, Some(to), entry.at);
                let cause =
                    self.causes.get(family).filter(|(link, _)| Some(*link) == from).map(|(_, cause)| cause);
                self.moves.push(Move { at: entry.at, family, from, to, reason, cause });
            }
            Happening::Incident(incident) => {
                *self.causes.get_mut(incident.family) = Some((incident.link, incident.cause));
            }
            _ => {}
        }
    }

    fn stay_ends(&mut self, family: Family, next: Option<LinkId>, at: Timestamp) {
        let (link, from) = std::mem::replace(self.now_on.get_mut(family), (next, at));
        self.stays.push(Stay { family, link, from: from.min(at), to: at });
    }

    /// Ends at `at`; what is known of the links then says what it came to.
    pub(super) fn close(&mut self, at: Timestamp) {
        for family in Family::ALL {
            let (link, _) = *self.now_on.get(family);
            self.stay_ends(family, link, at);
        }
    }

    /// How long `family` was on `link`; on none, for `None`.
    pub(super) fn time_on(&self, family: Family, link: Option<LinkId>) -> Duration {
        let stays = self.stays.iter().filter(|stay| stay.family == family && stay.link == link);
        stays.map(|stay| stay.to.since(stay.from)).sum()
    }

    /// How long the uplink carried nothing, or there was none. `here` gives a link its name in the recording.
    pub(super) fn outage(&self, family: Family, truth: &Truth, here: impl Fn(LinkId) -> LinkId) -> Duration {
        let of = |stay: &Stay| match stay.link {
            None => stay.to.since(stay.from),
            Some(link) => truth.dead_within(here(link), family, stay.from, stay.to),
        };
        self.stays.iter().filter(|stay| stay.family == family).map(of).sum()
    }
}

impl Move {
    /// Whether it left a link that had failed or was worse, rather than as it was planned or forced.
    pub(super) const fn is_failover(&self) -> bool {
        matches!(
            self.reason,
            Reason::UplinkFailed { .. } | Reason::UplinkDegraded { .. } | Reason::NotVerified { .. }
        )
    }

    /// Whether it was a failover for which the recording shows no cause. One by a lost canary is never called so:
    /// probes do not show what a canary shows.
    pub(super) fn is_false(&self, truth: &Truth, here: impl Fn(LinkId) -> LinkId) -> bool {
        let (Some(from), true) = (self.from.map(&here), self.is_failover()) else { return false };
        if matches!(self.reason, Reason::NotVerified { .. }) {
            return false;
        }
        let (family, at) = (self.family, self.at);
        if truth.dead_within(from, family, at - AROUND, at + AROUND) > Duration::ZERO {
            return false;
        }
        let left = truth.quality(from, family, at - COMPARED, at);
        let taken = truth.quality(here(self.to), family, at, at + COMPARED);
        let slow = matches!(self.cause, Some(Reason::SlowRtt(_) | Reason::HighJitter(_)));
        if slow { taken.rtt >= left.rtt } else { left.loss < taken.loss + WORSE }
    }
}
