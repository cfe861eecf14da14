//! What follows a move: the proof by canaries, and the cutting of the dead link's flows.

use crate::choice::Fitness;
use crate::desk::ProbeName;
use crate::failover::Failover;
use crate::family::MAX_SWEEPS;
use crate::verification::{Verdict, Verification};
use crate::{Action, Family, Happening, LinkId, Outcome, ProbeId};
use core::time::Duration;

/// Flows that were made between the cut and the routes' last use of the old path are cut after this.
const SWEEP_AFTER: Duration = Duration::from_secs(2);

impl Failover {
    /// Begins to prove the uplink.
    pub(crate) fn verify(&mut self, family: Family) {
        let state = self.families.get_mut(family);
        let Some(id) = state.uplink else { return };
        let link = self.links.get(usize::from(id.0));
        let Some(path) = link.and_then(|link| link.paths.get(family).as_ref()) else { return };
        state.canary_tried = true;
        state.forget_retries_but(id);
        state.verification = Some(Verification::begin(path, &mut self.desk));
    }

    /// Takes in what became of a canary.
    pub(crate) fn take_canary(&mut self, id: ProbeId, name: ProbeName, outcome: Outcome) {
        for family in Family::ALL {
            let state = self.families.get_mut(family);
            let Some(proof) = state.verification.as_mut().filter(|proof| proof.owns(name.link, id)) else {
                continue;
            };
            let managed = self.links.get(usize::from(name.link.0)).and_then(|l| l.paths.get(family).as_ref());
            let target = managed.and_then(|path| path.targets.iter().find(|t| t.id == name.target));
            let Some(target) = target else { continue };
            if outcome.is_answer() {
                self.desk.own.receive(name.link, target.packets.received, self.desk.now);
            }
            if let Some(at) = proof.outcome(name.target, outcome) {
                state.proven = true;
                self.record.restored(family, name.link, at);
            }
        }
    }

    /// Tries the uplink's lost proof again when it is due. A path that is known to be dead is not asked: it would only
    /// lose its canaries once more.
    fn try_again(&mut self, family: Family) {
        let now = self.desk.now;
        let state = self.families.get(family);
        let Some(link) = state.uplink.filter(|_| state.retry_at().is_some_and(|at| at <= now)) else {
            return;
        };
        if self.fitness(link, family) < Fitness::Failed {
            self.verify(family);
        } else {
            self.families.get_mut(family).try_later(link, now);
        }
    }

    /// Sends the canaries that are due, and concludes.
    pub(crate) fn step_verifications(&mut self) {
        for family in Family::ALL {
            self.try_again(family);
            let state = self.families.get_mut(family);
            let Some(mut proof) = state.verification.take() else { continue };
            let link = self.links.get(usize::from(proof.link.0));
            let Some(path) = link.and_then(|link| link.paths.get(family).as_ref()) else { continue };
            match proof.step(path, &mut self.desk) {
                None => state.verification = Some(proof),
                Some(verdict) => self.conclude(family, proof.link, verdict),
            }
        }
        self.settle();
    }

    fn conclude(&mut self, family: Family, link: LinkId, verdict: Verdict) {
        let now = self.desk.now;
        let state = self.families.get_mut(family);
        let again = state.is_tried_again(link);
        match verdict {
            Verdict::Proved => {
                state.dirty |= state.is_rejected(link);
                state.accept(link);
                self.desk.record(Happening::Verified { family, link });
                self.record.verified(family, link, &mut self.desk);
            }
            // What is known already is no further flap.
            Verdict::Lost if again && state.is_rejected(link) => state.try_later(link, now),
            Verdict::Lost if state.proven => {
                state.reject(link);
                state.try_later(link, now);
                state.dirty = true;
                if let Some(link) = self.links.get_mut(usize::from(link.0)) {
                    link.damping.flap(self.half_life, now);
                }
                self.restart_hold(link, family);
            }
            Verdict::NoEvidence if again => state.try_later(link, now),
            Verdict::Unpaid => state.try_later(link, now),
            Verdict::Lost | Verdict::NoEvidence => {
                state.forget_retries();
                if !core::mem::replace(&mut state.unverifiable_said, true) {
                    self.desk.record(Happening::Unverifiable { family, link });
                }
            }
        }
    }

    /// Cuts the flows of a failed link, now and once more.
    pub(crate) fn cut(&mut self, family: Family, link: LinkId) {
        self.desk.act(Action::CutFlows { family, link });
        let state = self.families.get_mut(family);
        if state.sweeps.len() >= MAX_SWEEPS {
            state.sweeps.remove(0);
        }
        state.sweeps.push((self.desk.now + SWEEP_AFTER, link));
    }

    /// Cuts again what is due, unless the link carries the traffic again.
    pub(crate) fn sweep(&mut self) {
        let now = self.desk.now;
        for family in Family::ALL {
            let state = self.families.get_mut(family);
            while let Some(place) = state.sweeps.iter().position(|(at, _)| *at <= now) {
                let (_, link) = state.sweeps.remove(place);
                if state.uplink != Some(link) {
                    self.desk.act(Action::CutFlows { family, link });
                }
            }
        }
    }
}
