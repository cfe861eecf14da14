//! The times of the escalation, checked once.

use crate::time::Span;
use core::fmt;
use shunt_wire::{Seconds, Timeouts};

/// How long each step waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// After a boot of the host or of the MCU: no step is taken in this time.
    pub boot_grace: Span,
    /// The longest silence between feeds.
    pub feed_timeout: Span,
    /// How long the alert stands before the next step.
    pub alert: Span,
    /// The modem's supply.
    pub modem_rail: ModemRail,
    /// How long the host is given to shut down.
    pub shutdown: Span,
    /// How long the host is held in reset, at the least.
    pub reset_hold: Span,
    /// How far apart the resets of the host are.
    pub backoff: Backoff,
    /// So many resets of the host in a row, and no further one for its silence until it was healthy; zero: at
    /// the slowest pace for ever.
    pub most_resets: u8,
    /// The longest lease that is granted.
    pub longest_lease: Span,
}

/// The modem's supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModemRail {
    /// Whether silence cuts it, as a step of its own: not on boards without the rail, and not where the modem
    /// may be the uplink that still forwards.
    pub escalate: bool,
    /// How long it stays off, at the least: its capacitors must empty.
    pub off: Span,
    /// How long the modem is given to come back and mend the host's silence.
    pub settle: Span,
}

/// The distance between one reset of the host and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first reset; doubled by each further one.
    pub shortest: Span,
    /// Doubled up to this, and kept there for ever.
    pub longest: Span,
    /// After so long a time of feeds without a gap, the next one is the shortest again.
    pub healthy: Span,
}

impl Default for Settings {
    /// For a gateway that boots within three minutes and feeds each second or so.
    fn default() -> Self {
        Self {
            boot_grace: Span::from_secs(300),
            feed_timeout: Span::from_secs(30),
            alert: Span::from_secs(30),
            modem_rail: ModemRail { escalate: false, off: Span::from_secs(10), settle: Span::from_secs(60) },
            shutdown: Span::from_secs(60),
            reset_hold: Span::from_secs(10),
            backoff: Backoff {
                shortest: Span::from_secs(600),
                longest: Span::from_secs(4 * 3600),
                healthy: Span::from_secs(1800),
            },
            most_resets: 0,
            longest_lease: Span::from_secs(3600),
        }
    }
}

/// No time is longer than this, so that a damaged or mistaken one does not end the guard: 7 days.
const LONGEST_SECONDS: u32 = 7 * 24 * 3600;

impl Settings {
    /// The settings that `timeouts` ask for.
    ///
    /// # Errors
    ///
    /// When they make no sense, see [`Settings::check`].
    pub fn from_wire(timeouts: &Timeouts) -> Result<Self, SettingsError> {
        // Cut to one second above the longest, which is refused: more would wrap nowhere, but say nothing either.
        let span = |seconds: Seconds| Span::from_secs(seconds.0.min(LONGEST_SECONDS + 1));
        let settings = Self {
            boot_grace: span(timeouts.boot_grace),
            feed_timeout: span(timeouts.feed_timeout),
            alert: span(timeouts.alert),
            modem_rail: ModemRail {
                escalate: timeouts.cut_modem,
                off: span(timeouts.modem_off),
                settle: span(timeouts.modem_settle),
            },
            shutdown: span(timeouts.shutdown),
            reset_hold: span(timeouts.reset_hold),
            backoff: Backoff {
                shortest: span(timeouts.backoff_shortest),
                longest: span(timeouts.backoff_longest),
                healthy: span(timeouts.backoff_healthy),
            },
            most_resets: timeouts.most_resets,
            longest_lease: span(timeouts.longest_lease),
        };
        settings.check().map(|()| settings)
    }

    /// Whether these times make sense together.
    ///
    /// # Errors
    ///
    /// The first time that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        let spans = [
            (self.boot_grace, "boot_grace"),
            (self.feed_timeout, "feed_timeout"),
            (self.alert, "alert"),
            (self.modem_rail.off, "modem_rail.off"),
            (self.modem_rail.settle, "modem_rail.settle"),
            (self.shutdown, "shutdown"),
            (self.reset_hold, "reset_hold"),
            (self.backoff.shortest, "backoff.shortest"),
            (self.backoff.longest, "backoff.longest"),
            (self.backoff.healthy, "backoff.healthy"),
            (self.longest_lease, "longest_lease"),
        ];
        for (span, name) in spans {
            if span == Span::ZERO {
                return Err(SettingsError::Zero { name });
            }
            if span > Span::from_secs(LONGEST_SECONDS) {
                return Err(SettingsError::TooLong { name });
            }
        }
        if self.boot_grace < self.feed_timeout {
            return Err(SettingsError::GraceBelowFeedTimeout);
        }
        if self.backoff.longest < self.backoff.shortest {
            return Err(SettingsError::BackoffReversed);
        }
        if self.backoff.healthy < self.backoff.shortest {
            return Err(SettingsError::HealthyBelowBackoff);
        }
        Ok(())
    }
}

/// Why settings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsError {
    /// A step of no length would be none.
    Zero {
        /// Which one.
        name: &'static str,
    },
    /// A step of more than a week would be none either.
    TooLong {
        /// Which one.
        name: &'static str,
    },
    /// A host that boots would be judged sooner than one that runs.
    GraceBelowFeedTimeout,
    /// The longest distance between resets is below the shortest.
    BackoffReversed,
    /// Health would be granted sooner than the next reset, and so allow resets closer than the shortest.
    HealthyBelowBackoff,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to take the watchdog's settings: ")?;
        match self {
            Self::Zero { name } => write!(f, "{name} is zero; give it some time"),
            Self::TooLong { name } => write!(f, "{name} is above 7 days; lower it"),
            Self::GraceBelowFeedTimeout => f.write_str("boot_grace is below feed_timeout; raise it"),
            Self::BackoffReversed => f.write_str("backoff.longest is below backoff.shortest; raise it"),
            Self::HealthyBelowBackoff => f.write_str("backoff.healthy is below backoff.shortest; raise it"),
        }
    }
}

impl core::error::Error for SettingsError {}
