//! The time of day: certificates, maintenance windows and leases over a restart go by it. Verdicts do not.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use shunt_config::Config;

const CHECK: Check = Check::Clock;
/// The beginning of 2025: this program is younger.
const EARLIEST: u64 = 1_735_689_600;
/// The beginning of 2100: no gateway lives so long.
const LATEST: u64 = 4_102_444_800;
const SECONDS_A_DAY: u64 = 86_400;

pub(super) fn check(_: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let time = facts.machine.time;
    if !(EARLIEST..LATEST).contains(&time) {
        let year = year(time);
        return vec![Finding::fault(
            CHECK,
            format!(
                "It is the year {year} by this machine's clock: certificates count as invalid, and the maintenance \
                 window opens at the wrong time."
            ),
            "Set the clock (`date -s`), and see that a time service and, where the board has one, the battery of its \
             clock work.",
        )];
    }
    if !facts.machine.synchronised {
        return vec![Finding::warning(
            CHECK,
            "Nothing keeps the clock in step with the world's time: the times in the record drift.",
            "Start a time service (systemd-timesyncd, chrony, or ntpd), or wait for its first answer.",
        )];
    }
    vec![Finding::ok(CHECK, "It is plausible, and kept in step.")]
}

/// The year of so many seconds since the beginning of 1970, in UTC.
const fn year(time: u64) -> u64 {
    let (mut year, mut days) = (1970, time / SECONDS_A_DAY);
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = if leap { 366 } else { 365 };
        // A clock of 64 bits of nanoseconds ends in 2554.
        if days < length {
            return year;
        }
        days -= length;
        year += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Level;
    use super::super::super::testing::{facts, found};
    use super::*;

    #[test]
    fn a_wrong_and_an_unkept_clock_are_told() {
        let mut facts = facts();
        facts.machine.synchronised = false;
        found(&check(None, &facts), CHECK, Level::Warning, "time service");
        for (time, year) in [(0, "1970"), (EARLIEST - 1, "2024"), (LATEST, "2100")] {
            facts.machine.time = time;
            found(&check(None, &facts), CHECK, Level::Fault, year);
        }
    }
}
