//! What the machine knows, as values to be shown.

use crate::desk::Work;
use crate::facts::{Bearer, Iccid, Identity, Registration, Signal, SimState, Slot};
use crate::recovery::Recovery;
use crate::{Fault, Readiness, Reason, Rung, Saved, Stage, Timestamp};

/// The whole picture of one modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// How ready it is to carry the link.
    pub readiness: Readiness,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
    /// Where it stands on its way up.
    pub stage: Stage,
    /// Since when.
    pub stage_since: Timestamp,
    /// The fault that stands. A modem that carries data may have one: its AT port hangs, for example.
    pub fault: Option<Fault>,
    /// The rung that is being carried out.
    pub rung: Option<Rung>,
    /// The ladder was climbed in vain, or a permanent cause stands: it is tried again then.
    pub waiting_until: Option<Timestamp>,
    /// Resets within the last hour and the last day.
    pub resets: (usize, usize),
    /// Which modem it is.
    pub identity: Option<Identity>,
    /// The slot in use, where slots are told apart.
    pub slot: Option<Slot>,
    /// What the SIM wants.
    pub sim: Option<SimState>,
    /// Which card.
    pub iccid: Option<Iccid>,
    /// The registration that data goes over, or the most recent technology's.
    pub registration: Option<Registration>,
    /// The bearer.
    pub bearer: Option<Bearer>,
    /// The signal.
    pub signal: Option<Signal>,
    /// Data flows, by the agent's verdict or a probe of the modem's own.
    pub flows: bool,
    /// When the modem said something last.
    pub heard: Option<Timestamp>,
    /// What the card in use carried this month.
    pub allowance: Option<AllowanceSnapshot>,
    /// Actions dropped because nobody fetched them.
    pub actions_dropped: u64,
}

/// What a card carried in its billing month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowanceSnapshot {
    /// Bytes, both ways.
    pub used: u64,
    /// Bytes that it may carry; `None`: no limit is configured.
    pub limit: Option<u64>,
    /// Whether nothing is left.
    pub used_up: bool,
}

impl Recovery {
    /// Whether a save is awaited that what follows relies on: until it has ended, nothing must be asked of the modem, for
    /// what was decided was decided by what is known now.
    #[must_use]
    pub fn awaits_save(&self) -> bool {
        self.desk.flight.as_ref().is_some_and(|flight| flight.work == Work::Keep)
    }

    /// The card that is in use, where it told its number.
    #[must_use]
    pub fn card(&self) -> Option<&Iccid> {
        self.known.sim.as_ref().and_then(|sim| sim.iccid.as_ref())
    }

    /// What is to be on the disk when this machine is dropped now: its counting goes on from there.
    pub fn farewell(&mut self) -> Saved {
        self.saved()
    }

    /// What is known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = self.desk.now;
        let iccid = self.known.sim.as_ref().and_then(|sim| sim.iccid.clone());
        let limit = self.allowance().map(|allowance| allowance.bytes);
        let allowance = iccid.as_ref().map(|iccid| {
            let used = self.carried(iccid);
            AllowanceSnapshot { used, limit, used_up: limit.is_some_and(|limit| used >= limit) }
        });
        Snapshot {
            at: now,
            readiness: self.readiness,
            reason: self.reason,
            since: self.since,
            stage: self.stage,
            stage_since: self.entered,
            fault: self.fault,
            rung: self.run.as_ref().map(|run| run.rung),
            waiting_until: match self.stage {
                Stage::Blocked => self.blocked_until(),
                _ => self.ladder.resting(now),
            },
            resets: self.ladder.resets.of_late(now),
            identity: self.known.identity.clone(),
            slot: self.slot(),
            sim: self.known.sim.as_ref().map(|sim| sim.state),
            iccid,
            registration: self.known.registration().copied(),
            bearer: self.known.bearer,
            signal: self.known.signal,
            flows: self.flows,
            heard: self.known.heard,
            allowance,
            actions_dropped: self.desk.dropped,
        }
    }
}
