//! What the board's one lamp tells someone who stands before it.

use crate::time::Instant;

/// A pattern of the lamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Led {
    /// A short flash every two seconds: the MCU runs and guards nothing, or the host has a lease.
    Idle,
    /// On and off each second: the host is guarded, or boots.
    Guarding,
    /// On and off four times a second: an escalation is under way.
    Alert,
    /// Always on, but for a short gap every two seconds: the line brings something other than frames.
    LineStuck,
}

impl Led {
    /// Whether the lamp is lit at `now`. Look again at least each eighth of a second.
    #[must_use]
    pub const fn lit(self, now: Instant) -> bool {
        // Powers of two, so that no division is needed: 2048 ms for two seconds.
        let millis = now.as_millis();
        let short = millis & 2047 < 128;
        match self {
            Self::Idle => short,
            Self::Guarding => millis & 1024 == 0,
            Self::Alert => millis & 128 == 0,
            Self::LineStuck => !short,
        }
    }
}
