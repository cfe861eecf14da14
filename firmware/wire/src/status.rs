//! How the MCU fares.

use crate::message::Seconds;
use serde::{Deserialize, Serialize};

/// How the MCU fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Time since the MCU itself booted.
    pub uptime: Seconds,
    /// Why it booted.
    pub reset_cause: ResetCause,
    /// Where its escalation stands.
    pub stage: Stage,
    /// When the stage ends by itself; zero where it does not.
    pub left: Seconds,
    /// Whether the modem has its supply.
    pub modem_power: bool,
    /// What its end of the line hears.
    pub line: Line,
    /// The supply in millivolts, where the board measures it.
    pub supply: Option<u16>,
    /// Feeds since it booted.
    pub feeds: u32,
    /// Frames that it had to drop since it booted.
    pub damaged_frames: u32,
    /// Why it reset the host the last time; `None` before the first time.
    pub last_host_reset: Option<HostResetCause>,
    /// What it counts over its own resets.
    pub counts: Counts,
    /// The number that the next entry of its log will have.
    pub log_next: u32,
}

/// What is counted over resets of the MCU. Each stays at its highest value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// How often the host has been reset.
    pub host_resets: u32,
    /// How often since it was last healthy for long: the exponent of the back-off.
    pub resets_in_a_row: u8,
    /// How often the modem's supply was cut.
    pub modem_cycles: u32,
    /// How often the MCU booted.
    pub boots: u32,
    /// How often it booted since its own firmware had hung.
    pub own_hangs: u32,
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

/// Why the MCU reset the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostResetCause {
    /// Feeds were missing.
    Silence,
    /// The agent asked for it.
    Asked,
}

/// What the MCU hears from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// Whole frames, or nothing.
    Good,
    /// For long, something other than frames: a wrong speed, a line held low, a stranger on it.
    Stuck,
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
    /// Nothing is guarded: the MCU was never armed, or was disarmed.
    Unarmed,
}
