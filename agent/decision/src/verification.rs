//! The proof of a move: a packet as a client's would be must come back over the new path.

use crate::budget::Purpose;
use crate::desk::Desk;
use crate::path::Path;
use crate::{LinkId, Outcome, ProbeId, TargetId, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Canaries after the first are sent one at a time, this far apart.
const GAP: Duration = Duration::from_millis(50);
/// And so many times at most; where they are waited for longer, they are spread over it.
const TRIES: u32 = 20;
/// How long they are waited for in all: no firewall or modem takes longer to get used to a new path.
const PATIENCE: Duration = Duration::from_secs(1);
/// On a slow path so many round trips.
const PATIENT_ROUND_TRIPS: u32 = 4;
/// So many replies prove the path, even if the quorum is larger.
const REPLIES: usize = 2;

/// How a verification ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The path carries a client's packets.
    Proved,
    /// It does not, as far as canaries can tell.
    Lost,
    /// No canary could be sent.
    NoEvidence,
    /// None could be paid from the link's budget.
    Unpaid,
}

/// A verification that is going on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verification {
    pub(crate) link: LinkId,
    first: Option<ProbeId>,
    ends: Timestamp,
    next_try: Timestamp,
    gap: Duration,
    tries: u32,
    sent: u32,
    unsendable: u32,
    unpaid: bool,
    needed: usize,
    answered: Vec<TargetId>,
    replies: usize,
}

/// How long the canaries of a verification are waited for in all.
pub(crate) fn patience(path: &Path) -> Duration {
    let slow = path.mean(|target| target.rtt.smoothed()).map(|rtt| rtt * PATIENT_ROUND_TRIPS);
    slow.map_or(PATIENCE, |slow| slow.max(PATIENCE)).min(path.timeout)
}

impl Verification {
    /// Sends the first canaries at once, to every target.
    pub(crate) fn begin(path: &Path, desk: &mut Desk) -> Self {
        let patience = patience(path);
        let gap = GAP.max(patience / TRIES);
        let mut this = Self {
            link: path.link,
            first: None,
            ends: desk.now + patience,
            next_try: desk.now + gap,
            gap,
            tries: 1,
            sent: 0,
            unsendable: 0,
            unpaid: false,
            needed: usize::try_from(path.quorum).unwrap_or(REPLIES),
            answered: Vec::new(),
            replies: 0,
        };
        for place in 0..path.targets.len() {
            this.send(path, place, desk);
        }
        this
    }

    fn send(&mut self, path: &Path, place: usize, desk: &mut Desk) {
        let Some(target) = path.targets.get(place) else { return };
        if !desk.pay(path.link, target.cost, Purpose::Need) {
            self.unpaid = true;
            return;
        }
        let id =
            desk.canary(path.family, path.link, (target.id, target.packets.sent), desk.now + path.timeout);
        self.first.get_or_insert(id);
        self.sent += 1;
    }

    /// Whether the canary is one of this verification's.
    pub(crate) fn owns(&self, link: LinkId, id: ProbeId) -> bool {
        self.link == link && self.first.is_some_and(|first| id >= first)
    }

    /// Takes in what became of a canary; `Some` when it was the first to come back.
    pub(crate) fn outcome(&mut self, target: TargetId, outcome: Outcome) -> Option<Timestamp> {
        match outcome {
            Outcome::Reply { at, .. } => {
                if !self.answered.contains(&target) {
                    self.answered.push(target);
                }
                self.replies += 1;
                (self.replies == 1).then_some(at)
            }
            Outcome::Unsendable => {
                self.unsendable += 1;
                None
            }
            Outcome::Refused | Outcome::Intercepted | Outcome::Unresolved => None,
        }
    }

    /// Sends the next canary, or concludes, if either is due.
    pub(crate) fn step(&mut self, path: &Path, desk: &mut Desk) -> Option<Verdict> {
        if self.answered.len() >= self.needed || self.replies >= REPLIES {
            return Some(Verdict::Proved);
        }
        if self.ends <= desk.now {
            return Some(match (self.replies, self.sent.saturating_sub(self.unsendable)) {
                (0, 0) if self.unpaid => Verdict::Unpaid,
                (0, 0) => Verdict::NoEvidence,
                (0, _) => Verdict::Lost,
                (_, _) => Verdict::Proved,
            });
        }
        if self.next_try <= desk.now && self.tries < TRIES {
            let count = path.targets.len().max(1);
            let place = usize::try_from(self.tries).unwrap_or(0) % count;
            self.tries += 1;
            self.next_try = desk.now + self.gap;
            self.send(path, place, desk);
        }
        None
    }

    /// When it wants to be looked at.
    pub(crate) fn wake(&self) -> Timestamp {
        if self.tries < TRIES { self.next_try.min(self.ends) } else { self.ends }
    }
}
