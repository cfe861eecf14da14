//! What the machine tells the operator: few entries, each whole.

use crate::facts::{Iccid, Slot};
use crate::{Cause, Fault, Readiness, Reason, Rung, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happening {
    /// The readiness changed.
    Readiness {
        /// Before.
        from: Readiness,
        /// Now.
        to: Readiness,
        /// Why.
        reason: Reason,
    },
    /// A rung was begun.
    RungBegan {
        /// Which.
        rung: Rung,
        /// Against what; `None`: a return to the preferred SIM, a retry, or the operator's order.
        fault: Option<Fault>,
    },
    /// A rung came to its end.
    RungEnded {
        /// Which.
        rung: Rung,
        /// From its beginning until its result was known.
        took: Duration,
        /// What came of it.
        result: RungResult,
    },
    /// No rung is left for now: all is tried again after a while.
    Resting {
        /// Against what.
        fault: Fault,
        /// How long.
        wait: Duration,
        /// Resets are withheld because there were as many as an hour or a day may see.
        capped: bool,
        /// Rungs that would cut the link are withheld because data flows.
        withheld: bool,
    },
    /// A permanent cause: somebody must see to it.
    Alarm {
        /// What.
        cause: Cause,
        /// When it is looked at again.
        again: Duration,
    },
    /// The PIN was given to a card: the first time, or again after the card accepted it.
    PinGiven {
        /// Which card.
        iccid: Iccid,
    },
    /// Another SIM is in use.
    Slot {
        /// Which slot.
        slot: Slot,
    },
    /// The data allowance of a card is used up, or a new month began.
    Allowance {
        /// Which card.
        iccid: Iccid,
        /// Whether it is used up.
        used_up: bool,
    },
    /// What the next step relies on could not be saved. A reset goes on, a PIN does not.
    NotKept,
}

/// What came of a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RungResult {
    /// The modem answers again (rung 0), or data flows again.
    Helped,
    /// It was carried out, and then this fault was found.
    NotHelped(Fault),
    /// The modem or the system refused it.
    Refused,
    /// It was not done in time.
    TimedOut,
    /// The port vanished meanwhile.
    PortGone,
    /// A permanent cause came to light.
    Barred(Cause),
    /// Something else went first.
    Abandoned,
}
