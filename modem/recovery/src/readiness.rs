//! How ready the modem is, judged from where it stands, and told when that changes.

use crate::recovery::Recovery;
use crate::{Cause, Failure, Fault, Happening, Readiness, Reason, Stage};

impl Recovery {
    /// Tells a change of readiness.
    pub(crate) fn announce(&mut self) {
        let (from, to) = (self.readiness, self.judge_readiness());
        if from == to {
            return;
        }
        self.reason = match to {
            Readiness::Failed(Failure::Fault(fault)) => Reason::Fault(fault),
            Readiness::Failed(Failure::Barred(cause)) => Reason::Barred(cause),
            Readiness::NoSim => Reason::Barred(Cause::NoSim),
            Readiness::NoModem => Reason::Lost,
            Readiness::Searching | Readiness::Registered | Readiness::BearerUp | Readiness::Verified => {
                if height(to) > height(from) {
                    Reason::Climbed
                } else {
                    Reason::Lost
                }
            }
        };
        self.readiness = to;
        self.since = self.desk.now;
        self.desk.record(Happening::Readiness { from, to, reason: self.reason });
    }

    fn judge_readiness(&self) -> Readiness {
        if self.stage == Stage::Blocked {
            return match self.block() {
                Some(Cause::NoSim) => Readiness::NoSim,
                Some(cause) => Readiness::Failed(Failure::Barred(cause)),
                None => Readiness::Searching,
            };
        }
        // What carries data is ready, whatever else is the matter.
        if self.flows {
            return Readiness::Verified;
        }
        if let Some(fault) = self.fault.filter(|fault| *fault != Fault::NoPort) {
            return Readiness::Failed(Failure::Fault(fault));
        }
        match self.stage {
            Stage::Absent | Stage::Identifying => Readiness::NoModem,
            Stage::Sim | Stage::Unlocking | Stage::Radio | Stage::Searching => Readiness::Searching,
            Stage::Attaching | Stage::Connecting => Readiness::Registered,
            Stage::Addressing | Stage::Verifying => Readiness::BearerUp,
            Stage::Verified => Readiness::Verified,
            Stage::Blocked => self.readiness,
            // By order, or against a port that is not there.
            Stage::Repairing if self.known.ports => Readiness::Searching,
            Stage::Repairing => Readiness::NoModem,
        }
    }
}

/// The order of the way up.
const fn height(readiness: Readiness) -> u8 {
    match readiness {
        Readiness::NoModem => 0,
        Readiness::NoSim | Readiness::Failed(_) => 1,
        Readiness::Searching => 2,
        Readiness::Registered => 3,
        Readiness::BearerUp => 4,
        Readiness::Verified => 5,
    }
}
