//! The watchdog MCU as JSON: a contract of the same kind as [`types`](super::types), documented beside it.

use serde::{Deserialize, Serialize};

/// The watchdog MCU, as far as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McuStatus {
    /// Its port, or what it is looked for by.
    pub port: String,
    /// How it stands: one phrase.
    pub text: String,
    /// What is wrong, with the mend; `null` while nothing is.
    pub trouble: Option<String>,
    /// Who it is; `null` while nobody answers.
    pub identity: Option<McuIdentity>,
    /// How it fares; `null` while nobody answers.
    pub state: Option<McuState>,
    /// Seconds since it said so.
    pub heard_s: Option<u64>,
    /// Seconds since it was fed; `null`: not yet.
    pub fed_s: Option<u64>,
    /// The upgrade of its firmware that is under way, or the last one since the agent started.
    #[serde(default)]
    pub flash: Option<McuFlash>,
}

/// An upgrade of its firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McuFlash {
    /// `running`, `done` or `failed`.
    pub state: String,
    /// `reaching` (its boot loader), `reading` (what is in it), `writing`, `restoring` (what was in it) or `starting`.
    pub phase: String,
    /// How much of the phase is over.
    pub percent: u8,
    /// What is being done, or what became of it with the mend: one sentence.
    pub text: String,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McuIdentity {
    /// The board.
    pub board: String,
    /// The version of its firmware.
    pub firmware: String,
    /// `modem_rail`, `shutdown_line`, `host_reset`, `supply_voltage`, `boot_loader`, `lasting_memory`.
    pub capabilities: Vec<String>,
}

/// How it fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McuState {
    /// `unarmed`, `grace`, `guarding`, `leased`, `alert`, `modem_off`, `modem_settling`, `shutdown_requested`,
    /// `backing_off` or `host_reset`.
    pub stage: String,
    /// Seconds until the stage ends by itself; `null` where it does not.
    pub left_s: Option<u64>,
    /// Whether the modem has its supply.
    pub modem_power: bool,
    /// Whether its end of the line brings something other than frames for long.
    pub line_stuck: bool,
    /// Its supply in millivolts, where the board measures it.
    pub supply_mv: Option<u16>,
    /// Seconds since the MCU itself booted.
    pub uptime_s: u64,
    /// Why it booted: `unknown`, `power_on`, `pin`, `watchdog`, `brown_out` or `software`.
    pub reset_cause: String,
    /// Why it reset the gateway the last time: `silence` or `asked`; `null`: it never did.
    pub last_host_reset: Option<String>,
    /// Feeds since it booted.
    pub feeds: u32,
    /// Frames that it had to drop since it booted.
    pub damaged_frames: u32,
    /// What it counts over its own resets.
    pub counts: McuCounts,
}

/// What the MCU counts over its own resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct McuCounts {
    /// How often the gateway was reset.
    pub host_resets: u32,
    /// How often since it was last healthy for long.
    pub resets_in_a_row: u8,
    /// How often the modem's supply was cut.
    pub modem_cycles: u32,
    /// How often the MCU booted.
    pub boots: u32,
    /// How often it booted since its own firmware had hung.
    pub own_hangs: u32,
}

/// Something that the MCU remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McuLogEntry {
    /// Its number, counted by the MCU.
    pub number: u32,
    /// When it was (RFC 3339), where that is known.
    pub at: Option<String>,
    /// The same in seconds since the MCU booted.
    pub uptime_s: u64,
    /// What: `mcu_booted`, `armed`, `disarmed`, `fed`, `leased`, `lease_over`, `alert`, `modem_cut`, `modem_cut_asked`,
    /// `shutdown_requested`, `reset_asked`, `held_back`, `host_reset`, `line_stuck` or `boot_loader`.
    pub what: String,
    /// The same in words.
    pub text: String,
}
