//! The instants that Shunt's pure crates are handed, since they read no clock: one type for all of them, so that an
//! event may pass from the modem's machine to the decision core without a conversion.
#![no_std]

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A point in time, in nanoseconds since an epoch that the caller chose, on a clock that never jumps and also runs while
/// the machine sleeps (the agent uses `CLOCK_BOOTTIME`). Only differences mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// The instant `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Stops at the last instant that can be told, some 584 years after the epoch.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    /// Stops at the epoch.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000)
    }
}

/// The time of day, in seconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// Time from `earlier` to `self`; zero when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_stop_at_both_ends() {
        let second = Duration::from_secs(1);
        let last = Timestamp::from_nanos(u64::MAX);
        assert_eq!(Timestamp::ZERO + second, Timestamp::from_nanos(1_000_000_000));
        assert_eq!(Timestamp::ZERO - second, Timestamp::ZERO);
        assert_eq!(last + second, last);
        assert_eq!(Timestamp::ZERO + Duration::MAX, last);
        assert_eq!(Timestamp::ZERO.since(last), Duration::ZERO);
        assert_eq!(UnixTime(3).since(UnixTime(1)), Duration::from_secs(2));
        assert_eq!(UnixTime(1).since(UnixTime(3)), Duration::ZERO);
    }
}
