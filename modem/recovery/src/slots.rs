//! Which SIM is used, and which are given up for an hour.

use crate::facts::{Iccid, Slot};
use crate::recovery::Recovery;
use crate::stage::Stage;
use crate::{Block, Cause, Config, Happening, Pin, Rung, RungResult, Saved, SimConfig, Timestamp, UnixTime};
use core::time::Duration;

/// How long what no rung mends is left alone, at least.
const AGAIN: Duration = Duration::from_secs(3_600);

/// The preferred SIM is not gone back to sooner: going there takes the link down for minutes.
const RETURN_LEAST: Duration = Duration::from_secs(600);

/// A clock that tells of more time than this between two starts is not believed: by then nothing counts any more that is
/// kept, so that one wrong clock, once, would lift all caps.
const LONGEST_OFF: Duration = Duration::from_secs(24 * 3_600);

/// What stands against using a SIM.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotState {
    /// A permanent cause, if one was found.
    pub(crate) cause: Option<Cause>,
    /// Not before then.
    pub(crate) until: Option<Timestamp>,
    /// Of which card the cause was found.
    iccid: Option<Iccid>,
    /// It was found before this start: the time for which nobody ran counts, too.
    old: bool,
    /// It counts as soon as the card is known to be the same.
    pending: bool,
}

/// What stood against each SIM before this start. What the modem or the card says is looked at anew, for that asks nobody
/// else; what the network refused stands.
pub(crate) fn restore(config: &Config, saved: &Saved, now: Timestamp) -> Vec<SlotState> {
    let mut slots = vec![SlotState::default(); config.sims.len().max(1)];
    for block in &saved.blocks {
        let place = match block.slot {
            Some(slot) => config.sims.iter().position(|sim| sim.slot == Some(slot)),
            None => Some(0),
        };
        let Some(place) = place else { continue };
        let wanted = wanted(config, place);
        let same = matches!(block.cause, Cause::Network(_)) || block.wanted == wanted;
        let Some(slot) = slots.get_mut(place) else { continue };
        if is_kept(block.cause, wanted) && same {
            // Neither a clock that jumped nor a file that was changed makes it longer.
            let until = Some(now + block.left.min(2 * AGAIN));
            let (cause, iccid) = (Some(block.cause), Some(block.iccid.clone()));
            *slot = SlotState { cause, until, iccid, old: true, pending: true };
        }
    }
    slots
}

/// Whether a cause stands over a restart: what the network said, where a change of the config cannot have mended it.
fn is_kept(cause: Cause, wanted: Option<u64>) -> bool {
    match cause {
        Cause::Network(_) => true,
        Cause::Bearer(_) => wanted.is_some(),
        Cause::NoSim | Cause::Puk | Cause::Locked | Cause::Pin(_) => false,
    }
}

/// What the network of the SIM at this place is asked for.
fn wanted(config: &Config, sim: usize) -> Option<u64> {
    config.sims.get(sim).and_then(|sim| sim.wanted)
}

impl Recovery {
    /// Gives the SIM in use up for an hour, and says so.
    pub(crate) fn bar(&mut self, cause: Cause) {
        let now = self.desk.now;
        self.close(RungResult::Barred(cause));
        let known = self.slots.get(self.current).cloned().unwrap_or_default();
        // Found again before its hour was over: that is no news, and the hour is not begun anew.
        let news = known.cause != Some(cause) || known.until.is_none_or(|until| until <= now);
        if news {
            let again = self.ladder.spread(AGAIN);
            let iccid = self.known.sim.as_ref().and_then(|sim| sim.iccid.clone());
            if let Some(slot) = self.slots.get_mut(self.current) {
                let (cause, until) = (Some(cause), Some(now + again));
                *slot = SlotState { cause, until, iccid, ..SlotState::default() };
            }
            self.desk.record(Happening::Alarm { cause, again });
            self.keep_blocks();
        }
        self.enter(Stage::Blocked);
    }

    /// What the network refused before this start stands, if the card is the same and the time is not over; `false`: it
    /// does not.
    pub(crate) fn bar_as_before(&mut self) -> bool {
        let now = self.desk.now;
        let Some(iccid) = self.known.sim.as_ref().and_then(|sim| sim.iccid.as_ref()) else { return false };
        let Some(slot) = self.slots.get_mut(self.current).filter(|slot| slot.pending) else { return false };
        slot.pending = false;
        if slot.iccid.as_ref() != Some(iccid) || slot.until.is_none_or(|until| until <= now) {
            *slot = SlotState::default();
        }
        let Some(cause) = slot.cause else { return false };
        self.bar_by(cause);
        self.stage == Stage::Blocked
    }

    /// The time of day is known: what is from before this start, resets too, is older by the time for which nobody ran.
    pub(crate) fn age(&mut self, unix: UnixTime) {
        let Some((saved, loaded)) = self.before.take() else { return };
        let off = unix.since(saved).saturating_sub(self.desk.now.since(loaded));
        if off < LONGEST_OFF {
            self.ladder.resets.age(off);
            for slot in self.slots.iter_mut().filter(|slot| slot.old) {
                slot.until = slot.until.map(|until| until - off);
            }
        } else if !self.kept.is_empty() || self.ladder.resets.of_late(self.desk.now).1 > 0 {
            // The next start counts from here.
            self.save();
        }
    }

    /// What is kept of this over a restart.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let now = self.desk.now;
        let blocks = self.slots.iter().enumerate().filter_map(|(sim, state)| {
            let left = state.until?.since(now);
            let wanted = wanted(&self.config, sim);
            let cause = state.cause.filter(|cause| is_kept(*cause, wanted) && !left.is_zero())?;
            let (slot, iccid) = (self.slot_at(sim), state.iccid.clone()?);
            Some(Block { slot, iccid, cause, wanted, left })
        });
        blocks.collect()
    }

    /// Saves what is to be kept of this, if it is another than what was saved last.
    pub(crate) fn keep_blocks(&mut self) {
        let same = |one: &Block, other: &Block| one.iccid == other.iccid && one.cause == other.cause;
        let blocks = self.blocks();
        let known = blocks.len() == self.kept.len() && blocks.iter().zip(&self.kept).all(|(a, b)| same(a, b));
        if !known {
            self.save();
        }
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
        let slot = self.slots.get(self.current).cloned().unwrap_or_default();
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

    /// The SIM in use has another PIN.
    pub(crate) fn set_pin(&mut self, pin: Pin) {
        if self.config.sims.is_empty() {
            self.config.sims.push(SimConfig::default());
        }
        if let Some(sim) = self.config.sims.get_mut(self.current) {
            sim.pin = Some(pin);
        }
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
