//! Just enough of the calendar to know a billing month.

use serde::{Deserialize, Serialize};
use shunt_time::UnixTime;

const SECONDS_A_DAY: u64 = 86_400;

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
