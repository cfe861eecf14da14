//! What agent and MCU say to each other. Append only: a message's place in the enum is its number on
//! the line, and a field's place its position.

use crate::log::Log;
use crate::status::Status;
use heapless::String;
use serde::{Deserialize, Serialize};

/// A name or version in a message: enough for `0.1.0-rc.10+abcdef012345`.
pub type Name = String<32>;

/// Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Seconds(pub u32);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Who is there. The agent says it first after opening the port; the MCU answers with its own, and says
    /// it unasked when it has booted.
    Hello(Hello),
    /// Agent to MCU: the host is alive and turns over its duties. Not answered.
    Feed,
    /// Agent to MCU: do not judge the host for so long (maintenance, an upgrade, a graceful stop). The
    /// MCU caps it; zero ends a lease. Answered by [`Message::Answer`].
    Lease(Seconds),
    /// Agent to MCU: tell your status. Answered by [`Message::Status`].
    StatusRequest,
    /// MCU to agent: the answer, also sent unasked when the stage changes.
    Status(Status),
    /// Either way: the frame with this sequence was whole, but its message is not known here.
    NotUnderstood {
        /// The sequence of that frame.
        sequence: u16,
    },
    /// Agent to MCU: guard the host by these times from now on, also over resets of the MCU. Answered by
    /// [`Message::Answer`].
    Arm(Timeouts),
    /// Agent to MCU: guard nothing until you are armed again, also over resets of the MCU. For a gateway whose
    /// agent is taken away; a pause is a lease. Answered by [`Message::Answer`].
    Disarm,
    /// Agent to MCU: cut the modem's supply for its least time off, and bring it back. Answered by
    /// [`Message::Answer`].
    CycleModem,
    /// Agent to MCU: ask the host to shut down, and reset it when it had its time. Answered by
    /// [`Message::Answer`].
    ResetHost,
    /// Agent to MCU: tell what happened, from the entry of this number on. Answered by [`Message::Log`].
    LogRequest {
        /// The first entry that is wanted; entries are counted from zero and never anew, see [`LOG_BLOCK`](crate::LOG_BLOCK).
        from: u32,
    },
    /// MCU to agent: a part of the log.
    Log(Log),
    /// Agent to MCU: answer, and start the boot loader of the part for an upgrade of your firmware. It guards
    /// nothing, so it is refused but in a lease or while nothing is guarded. Answered by [`Message::Answer`].
    EnterBootLoader {
        /// Must be [`BOOT_LOADER_KEY`]: no damage and no mistake ends the guard.
        key: u32,
    },
    /// MCU to agent: what became of the request with this sequence. A repeated request is answered again and
    /// not carried out again.
    Answer {
        /// The sequence of the request.
        sequence: u16,
        /// What became of it.
        outcome: Outcome,
    },
}

/// The key in [`Message::EnterBootLoader`]: "boot" in ASCII.
pub const BOOT_LOADER_KEY: u32 = 0x626f_6f74;

/// Who speaks, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Which end.
    pub role: Role,
    /// The version of its software.
    pub software: Name,
    /// What it runs on: the board's name; the agent may leave it empty.
    pub board: Name,
    /// Another one each time that its side begins anew: the agent's is random, the MCU's grows with each boot. By
    /// it the MCU knows that sequences begin anew, and the agent that what it asked for may be forgotten.
    pub session: u32,
    /// What it can do (the MCU only; the agent's is empty).
    pub capabilities: Capabilities,
}

/// What the board of the MCU has, a bit each. Bits that are not known here are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities(pub u16);

impl Capabilities {
    /// It can cut the modem's supply.
    pub const MODEM_RAIL: Self = Self(1);
    /// It has a line that asks the host to shut down.
    pub const SHUTDOWN_LINE: Self = Self(1 << 1);
    /// It can reset the host.
    pub const HOST_RESET: Self = Self(1 << 2);
    /// It measures its supply.
    pub const SUPPLY_VOLTAGE: Self = Self(1 << 3);
    /// It can start the boot loader of the part by itself.
    pub const BOOT_LOADER: Self = Self(1 << 4);
    /// What it keeps survives the loss of its supply.
    pub const LASTING_MEMORY: Self = Self(1 << 5);

    /// These and those.
    #[must_use]
    pub const fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// Whether all of `wanted` are among these.
    #[must_use]
    pub const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// The ends of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The agent on the gateway.
    Agent,
    /// The watchdog MCU.
    Mcu,
}

/// The times of the guard. What each means, and which go together, `shunt-watchdog`'s `Settings` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// After a boot of the host or of the MCU: no step is taken in this time.
    pub boot_grace: Seconds,
    /// The longest silence between feeds.
    pub feed_timeout: Seconds,
    /// How long the alert stands before the next step.
    pub alert: Seconds,
    /// Whether silence cuts the modem's supply as a step of its own: not where the modem may be the uplink that
    /// still forwards.
    pub cut_modem: bool,
    /// How long the modem stays off, in the escalation and when it is asked for.
    pub modem_off: Seconds,
    /// How long the modem is given to come back.
    pub modem_settle: Seconds,
    /// How long the host is given to shut down.
    pub shutdown: Seconds,
    /// How long the host is held in reset.
    pub reset_hold: Seconds,
    /// The distance to the second reset of the host in a row, doubled by each further one.
    pub backoff_shortest: Seconds,
    /// Up to this.
    pub backoff_longest: Seconds,
    /// After so long a time of feeds without a gap, the distance is the shortest again.
    pub backoff_healthy: Seconds,
    /// So many resets in a row, and no further one for silence until the host was healthy; zero: no such end.
    pub most_resets: u8,
    /// The longest lease that is granted.
    pub longest_lease: Seconds,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is done, or has begun.
    Done,
    /// It is done, but capped: a lease is so long.
    Capped(Seconds),
    /// Not done: the sender has not said hello since the MCU booted, so that a repeat could not be told.
    HelloFirst,
    /// Not done: the board does not have it.
    NotFitted,
    /// Not done: the last one, or the boot, is not long enough ago. Ask again after this time.
    TooSoon(Seconds),
    /// Not done: the times make no sense together.
    BadTimes,
    /// Not done: an escalation is under way, or the MCU guards nothing; or, for the boot loader, there is no lease.
    NotNow,
    /// Not done: the key is wrong.
    WrongKey,
}
