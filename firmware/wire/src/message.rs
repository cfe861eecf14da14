//! What agent and MCU say to each other. Append only: a message's place in the enum is its number on
//! the line, and a field's place its position.

use heapless::String;
use serde::{Deserialize, Serialize};

/// A name or version in a message: enough for `0.1.0-rc.10+abcdef012345`.
pub type Name = String<32>;

/// Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seconds(pub u32);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Who is there. The agent says it first after opening the port; the MCU answers with its own, and says
    /// it unasked when it has booted.
    Hello(Hello),
    /// Agent to MCU: the host is alive and turns over its duties.
    Feed,
    /// Agent to MCU: do not judge the host for so long (maintenance, an upgrade, a graceful stop). The
    /// MCU caps it; zero ends a lease.
    Lease(Seconds),
    /// Agent to MCU: tell your status.
    StatusRequest,
    /// MCU to agent: the answer, also sent unasked when the stage changes.
    Status(Status),
    /// Either way: the frame with this sequence was whole, but its message is not known here.
    NotUnderstood {
        /// The sequence of that frame.
        sequence: u16,
    },
}

/// Who speaks, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Which end.
    pub role: Role,
    /// The version of its software.
    pub software: Name,
    /// Whether it can cut the modem's supply (the MCU only).
    pub modem_rail: bool,
}

/// The ends of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The agent on the gateway.
    Agent,
    /// The watchdog MCU.
    Mcu,
}

/// How the MCU fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Time since the MCU itself booted.
    pub uptime: Seconds,
    /// Why it booted.
    pub reset_cause: ResetCause,
    /// Where its escalation stands.
    pub stage: Stage,
    /// How often it has reset the host, kept across its own resets.
    pub host_resets: u32,
    /// Feeds since it booted.
    pub feeds: u32,
    /// Frames that it had to drop since it booted.
    pub damaged_frames: u32,
}

/// Why the MCU booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResetCause {
    /// The part does not tell.
    Unknown,
    /// Its supply came on.
    PowerOn,
    /// Its reset pin.
    Pin,
    /// Its own hardware watchdog: the firmware had hung.
    Watchdog,
    /// Its supply sagged.
    BrownOut,
    /// Its firmware asked for it.
    Software,
}

/// Where the escalation stands: `shunt-watchdog`'s stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The host is given time to boot.
    Grace,
    /// Feeds come.
    Guarding,
    /// Judging is suspended.
    Leased,
    /// Feeds are missing; the alert line is on.
    Alert,
    /// The modem's supply is cut.
    ModemOff,
    /// The modem's supply is back; feeds are waited for.
    ModemSettling,
    /// The host was asked to shut down.
    ShutdownRequested,
    /// A reset is due, and held back since the last one was not long ago.
    BackingOff,
    /// The host is held in reset.
    HostReset,
}
