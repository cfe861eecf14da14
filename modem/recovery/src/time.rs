//! The machine's own instant, and just enough of the calendar to know a billing month.

use core::fmt;
use core::ops::Add;
use core::time::Duration;
use serde::{Deserialize, Serialize};

const SECONDS_A_DAY: u64 = 86_400;

/// A point in time, in nanoseconds since an epoch that the caller chose, on a clock that never jumps and also
/// runs while the machine sleeps. Only differences mean anything here.
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

impl Timestamp {
    /// The instant `duration` earlier; the epoch at the earliest.
    pub(crate) fn earlier(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
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

/// A billing month, counted from January of the year 0; it begins on the billing day at midnight (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month(pub u64);

impl Month {
    /// The billing month that `time` lies in, when each begins on the `first`-th day.
    #[must_use]
    pub const fn of(time: UnixTime, first: u8) -> Self {
        let (months, day) = civil(time.0 / SECONDS_A_DAY);
        Self(if day < first as u64 { months.saturating_sub(1) } else { months })
    }
}

/// Months since January of the year 0, and the day of the month from 1, of the day that is `days` days after
/// 1 January 1970, in the Gregorian calendar. Counted in years that begin in March, so that the leap day is
/// the last (Hinnant, "chrono-compatible low-level date algorithms").
const fn civil(days: u64) -> (u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    // March is month 2, counted from January as 0.
    ((era * 400 + year) * 12 + month + 2, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_their_billing_day() {
        let month = |unix, first| Month::of(UnixTime(unix), first).0;
        assert_eq!(month(0, 1), 1970 * 12);
        // 2024-02-29 23:59:59, 2024-03-01 00:00:00.
        assert_eq!(month(1_709_251_199, 1), 2024 * 12 + 1);
        assert_eq!(month(1_709_251_200, 1), 2024 * 12 + 2);
        assert_eq!(month(1_709_251_200, 15), 2024 * 12 + 1);
        // 2025-12-31 23:59:59, 2026-01-01 00:00:00.
        assert_eq!(month(1_767_225_599, 1), 2025 * 12 + 11);
        assert_eq!(month(1_767_225_600, 1), 2026 * 12);
        assert_eq!(month(1_767_225_600, 2), 2025 * 12 + 11);
    }

    #[test]
    fn a_day_follows_the_other() {
        let mut before = civil(0);
        for day in 1..100_000 {
            let next = civil(day);
            assert!(next == (before.0, before.1 + 1) || next == (before.0 + 1, 1), "{before:?} {next:?}");
            before = next;
        }
    }
}
