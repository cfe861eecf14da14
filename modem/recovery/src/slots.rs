//! Which SIM is used, and which are given up for an hour.

use crate::facts::Slot;
use crate::recovery::Recovery;
use crate::stage::Stage;
use crate::{Cause, Happening, Rung, RungResult, Timestamp};
use core::time::Duration;

/// How long what no rung mends is left alone, at least.
const AGAIN: Duration = Duration::from_secs(3_600);

/// The preferred SIM is not gone back to sooner: going there takes the link down for minutes.
const RETURN_LEAST: Duration = Duration::from_secs(600);

/// What stands against using a SIM.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SlotState {
    /// A permanent cause, if one was found.
    pub(crate) cause: Option<Cause>,
    /// Not before then.
    pub(crate) until: Option<Timestamp>,
}

impl Recovery {
    /// Gives the SIM in use up for an hour, and says so.
    pub(crate) fn bar(&mut self, cause: Cause) {
        let now = self.desk.now;
        self.close(RungResult::Barred(cause));
        let known = self.slots.get(self.current).copied().unwrap_or_default();
        // Found again before its hour was over: that is no news, and the hour is not begun anew.
        let news = known.cause != Some(cause) || known.until.is_none_or(|until| until <= now);
        if news {
            let again = self.ladder.spread(AGAIN);
            if let Some(slot) = self.slots.get_mut(self.current) {
                *slot = SlotState { cause: Some(cause), until: Some(now + again) };
            }
            self.desk.record(Happening::Alarm { cause, again });
        }
        self.enter(Stage::Blocked);
    }

    /// The permanent cause that was found of the SIM in use.
    pub(crate) fn block(&self) -> Option<Cause> {
        self.slots.get(self.current).and_then(|slot| slot.cause)
    }

    /// Something changed for the better: the SIM in use is given its chance.
    pub(crate) fn unblock(&mut self) {
        if let Some(slot) = self.slots.get_mut(self.current) {
            *slot = SlotState::default();
        }
    }

    /// Leaves the block by another SIM or by another look at this one; `false`: it is not time yet.
    pub(crate) fn leave_block(&mut self) -> bool {
        let now = self.desk.now;
        if let Some(sim) = self.other_sim() {
            self.begin_rung(Rung::Slot, None, sim);
            return true;
        }
        let slot = self.slots.get(self.current).copied().unwrap_or_default();
        if slot.until.is_some_and(|until| until > now) {
            return false;
        }
        self.unblock();
        match slot.cause {
            // What may have changed is seen only if the modem looks anew.
            Some(Cause::NoSim) => self.begin_rung(Rung::Radio, None, self.current),
            Some(Cause::Network(_)) => self.begin_rung(Rung::Register, None, self.current),
            Some(Cause::Puk | Cause::Locked | Cause::Pin(_) | Cause::Bearer(_)) | None => {
                self.enter(Stage::Sim);
            }
        }
        true
    }

    /// When the block may be left by itself.
    pub(crate) fn blocked_until(&self) -> Option<Timestamp> {
        let now = self.desk.now;
        let others = (0..self.slots.len()).filter(|sim| *sim == self.current || self.slot_at(*sim).is_some());
        others.filter_map(|sim| self.slots.get(sim).map(|slot| slot.until.unwrap_or(now))).min()
    }

    /// The SIM to be used instead of the one in use: the first that is not given up.
    pub(crate) fn other_sim(&self) -> Option<usize> {
        let now = self.desk.now;
        let free = |sim: &usize| {
            self.slots.get(*sim).is_some_and(|slot| slot.until.is_none_or(|until| until <= now))
        };
        (0..self.slots.len()).filter(|sim| *sim != self.current && self.slot_at(*sim).is_some()).find(free)
    }

    pub(crate) fn slot_at(&self, sim: usize) -> Option<Slot> {
        self.config.sims.get(sim).and_then(|sim| sim.slot)
    }

    /// A slot that cannot be selected is left alone for an hour.
    pub(crate) fn give_up_slot(&mut self, sim: usize) {
        let until = self.desk.now + self.ladder.spread(AGAIN);
        if let Some(slot) = self.slots.get_mut(sim) {
            slot.until = Some(until);
        }
        if sim == 0 && self.current != 0 {
            self.return_at = self.config.return_after.map(|_| until);
        }
    }

    /// Another SIM is in use.
    pub(crate) fn use_slot(&mut self, sim: usize) {
        self.known.forget_sim();
        self.forget_attempt();
        self.fresh_bearer = true;
        if let Some(slot) = self.slots.get_mut(sim) {
            *slot = SlotState::default();
        }
        self.set_current(sim);
    }

    /// The modem told which slot it uses.
    pub(crate) fn follow_slot(&mut self) {
        let Some(told) = self.known.sim.as_ref().and_then(|sim| sim.slot) else { return };
        let place = self.config.sims.iter().position(|sim| sim.slot == Some(told));
        if let Some(sim) = place.filter(|sim| *sim != self.current) {
            self.set_current(sim);
        }
    }

    /// Goes back to the preferred SIM when its time has come; `false`: it has not.
    pub(crate) fn go_back_to_preferred(&mut self) -> bool {
        let now = self.desk.now;
        if self.return_at.is_none_or(|at| at > now) {
            return false;
        }
        match self.slots.first().and_then(|slot| slot.until).filter(|until| *until > now) {
            Some(until) => {
                self.return_at = Some(until);
                false
            }
            None => {
                self.return_at = None;
                self.begin_rung(Rung::Slot, None, 0);
                true
            }
        }
    }

    pub(crate) fn select_by_order(&mut self, slot: Slot) {
        match self.config.sims.iter().position(|sim| sim.slot == Some(slot)) {
            Some(sim) => self.begin_rung(Rung::Slot, None, sim),
            None => {
                let took = Duration::ZERO;
                let result = RungResult::Refused;
                self.desk.record(Happening::RungEnded { rung: Rung::Slot, took, result });
            }
        }
    }

    fn set_current(&mut self, sim: usize) {
        self.current = sim;
        let now = self.desk.now;
        let after = self.config.return_after.filter(|_| sim != 0);
        self.return_at = after.map(|after| now + after.max(RETURN_LEAST));
        if let Some(slot) = self.slot_at(sim) {
            self.desk.record(Happening::Slot { slot });
        }
    }
}
