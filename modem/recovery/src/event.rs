//! What the machine is told. Facts only: whatever they mean is decided inside.

use crate::facts::{CmeError, Fact, SessionCause, Slot};
use crate::{Elsewhere, Hardware, Pin, Rung, TaskId, UnixTime};
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something became known: unsolicited, or in the course of a task, before its end.
    Fact(Fact),
    /// A task came to its end, or a save was done.
    Ended {
        /// Which.
        id: TaskId,
        /// How.
        end: End,
    },
    /// The agent's verdict on the link that the modem carries changed; it holds until the next.
    Data {
        /// Probes are answered.
        flows: bool,
    },
    /// The time of day became known for certain, or was put right. Until then no month ends, and what was
    /// saved is taken to be as old as when it was saved. So it is when the clock says that a day or more passed since then:
    /// that clock was wrong once, or this host was off for so long, after which an hour's patience more costs little.
    Clock(UnixTime),
    /// The modem's hardware is another than the config said (found out when it was identified).
    Hardware(Hardware),
    /// The PIN of the SIM in use is this one from now on. It is tried where the one before was given up; once, as ever.
    Pin(Pin),
    /// What other modems know of SIM cards changed: this is all of it now.
    Elsewhere(Elsewhere),
    /// The operator's word.
    Order(Order),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// As it should; what was read came as facts before.
    Done,
    /// Refused.
    Refused(Refusal),
    /// Not in time.
    TimedOut,
    /// The port vanished meanwhile.
    PortGone,
}

/// By what a task was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The modem, with a number.
    Cme(CmeError),
    /// The network, which said why it gives no bearer.
    Session(SessionCause),
    /// There is no such command, or no such hardware: asking again is pointless.
    Unsupported,
    /// Anything else: `ERROR`, `NO CARRIER`, a system call that failed.
    Other,
}

/// What an operator may ask. It is carried out as soon as the task in hand has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Carry out one rung now, whatever the caps say; it counts towards them.
    Run(Rung),
    /// Use the SIM in this slot.
    Select(Slot),
    /// Wait no longer: end the back-off, and try again what was given up for an hour.
    Retry,
}
