//! `probe_budget`: from `"100 MB/month"` to a [`ProbeBudget`], and whether the targets can live on it.

use crate::values::{Complaint, Parsed, quoted, show};
use crate::walk::{Setting, Walker};
use crate::{ProbeBudget, Target, Weighted};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use toml::de::DeValue;

/// Units of data, the decimal and the binary ones (IEC 80000-13), the largest first.
const UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];

const DAY: Duration = Duration::from_secs(86_400);

/// Periods; a month is 30 days, so that a calendar month of 31 has a little less.
const PERIODS: &[(&str, Duration)] =
    &[("day", DAY), ("week", Duration::from_secs(7 * 86_400)), ("month", Duration::from_secs(30 * 86_400))];

/// Largest amount: beyond a terabyte nothing is kept to.
const MOST: f64 = 1e12;

/// Longest text: any sensible one is far shorter.
const MAX_TEXT: usize = 32;

/// A budget must pay for asking all targets, and looking up their names, so often a day. With less the link is hardly watched, and a burst of
/// confirming probes cannot be saved up.
const ROUNDS_A_DAY: u64 = 48;

const EXAMPLE: &str = "write an amount and a period in quotes, such as \"100 MB/month\" or \"500 KiB/day\"";

impl fmt::Display for ProbeBudget {
    /// In the largest unit that shows it whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |&&(unit, size): &&(&str, u64)| {
            unit != "kB" && self.bytes >= size && self.bytes.is_multiple_of(size)
        };
        let (unit, size) = UNITS.iter().find(whole).copied().unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.bytes / size)?;
        match PERIODS.iter().find(|(_, period)| *period == self.period) {
            Some((name, _)) => write!(f, "/{name}"),
            None => write!(f, "/{}", humantime::format_duration(self.period)),
        }
    }
}

/// Reads an amount of data in a period.
pub(crate) fn probe_budget(value: &DeValue<'_>) -> Parsed<Option<ProbeBudget>> {
    let wrong = |why: &str| Complaint::new(format!("{} {why}", show(value)), EXAMPLE);
    let given = value.as_str().ok_or_else(|| wrong("is not an amount of data in a period"))?;
    let fitting = Some(given).filter(|given| given.len() <= MAX_TEXT);
    let (amount, period) = fitting
        .and_then(|given| given.split_once('/'))
        .ok_or_else(|| wrong("is not an amount of data in a period"))?;
    let period = PERIODS.iter().find(|(name, _)| *name == period.trim()).map(|(_, period)| *period);
    let period = period.ok_or_else(|| {
        Complaint::new(
            format!("{} has no period that is known", quoted(given)),
            "write day, week or month after the slash, such as \"100 MB/month\"",
        )
    })?;
    let bytes = bytes(given, amount, "\"100 MB/month\"", EXAMPLE)?;
    Ok(Some(ProbeBudget { bytes, period }))
}

/// Reads an amount of data without a period.
pub(crate) fn amount(value: &DeValue<'_>, example: &str) -> Parsed<u64> {
    let mend = format!("write an amount in quotes, such as {example}");
    let given = value.as_str().filter(|given| given.len() <= MAX_TEXT);
    let given =
        given.ok_or_else(|| Complaint::new(format!("{} is not an amount of data", show(value)), &mend))?;
    bytes(given, given, example, &mend)
}

/// The bytes of `amount`, which is all or a part of what was `given`.
fn bytes(given: &str, amount: &str, example: &str, mend: &str) -> Parsed<u64> {
    let amount = amount.trim();
    let digits = amount.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(amount.len());
    let (number, unit) = amount.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, size)| *size);
    let unit = unit.ok_or_else(|| {
        Complaint::new(
            format!("{} has no unit of data", quoted(given)),
            format!("write B, KB, MB, GB, KiB, MiB or GiB after the number, such as {example}"),
        )
    })?;
    let number: f64 =
        number.parse().map_err(|_| Complaint::new(format!("{} has no number", quoted(given)), mend))?;
    let bytes = number * unit as f64;
    if !(1.0..=MOST).contains(&bytes) {
        return Err(Complaint::new(
            format!("{} is out of range", quoted(given)),
            "write an amount from 1 B to 1000 GB",
        ));
    }
    Ok(bytes as u64)
}

/// Refuses a budget that the link's targets cannot live on.
pub(crate) fn check_budget(
    walk: &mut Walker,
    link: &str,
    budget: &Setting<Option<ProbeBudget>>,
    targets: &[Weighted],
    resolvers: &[IpAddr],
) {
    let (Some(given), Some(place)) = (budget.value, budget.place()) else { return };
    let bytes = |target: &Target| u64::from(target.cost()) + u64::from(target.look_up_cost(resolvers));
    let round: u64 = targets.iter().map(|weighted| bytes(&weighted.target)).sum();
    let days = given.period.as_secs() / DAY.as_secs();
    let least = round * ROUNDS_A_DAY * days;
    if given.bytes < least {
        // To the next thousand, so that it can be written.
        let mend = ProbeBudget { bytes: least.next_multiple_of(1_000), ..given };
        let why = format!(
            "{link} could not ask its {} targets {ROUNDS_A_DAY} times a day, at {round} bytes each time",
            targets.len()
        );
        walk.fault(
            place.clone(),
            Complaint::new(why, format!("allow at least \"{mend}\", or have fewer targets")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn read(text: &str) -> Parsed<Option<ProbeBudget>> {
        probe_budget(&DeValue::String(Cow::Borrowed(text)))
    }

    #[test]
    fn amounts_have_their_units_and_periods() {
        for (text, bytes, days) in [
            ("100 MB/month", 100_000_000, 30),
            ("100MB/month", 100_000_000, 30),
            (" 1.5 GB / week ", 1_500_000_000, 7),
            ("64 KiB/day", 65_536, 1),
            ("2 MiB/day", 2_097_152, 1),
            ("1 GiB/month", 1_073_741_824, 30),
            ("300 KB/day", 300_000, 1),
            ("300 kB/day", 300_000, 1),
            ("90000 B/day", 90_000, 1),
        ] {
            assert_eq!(read(text), Ok(Some(ProbeBudget { bytes, period: DAY * days })), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for text in [
            "100 MB/month",
            "1500 MB/week",
            "64 KiB/day",
            "300 KB/day",
            "90001 B/day",
            "1 GiB/month",
            "512 MB/day",
        ] {
            assert_eq!(read(text).unwrap().unwrap().to_string(), text);
        }
    }
}
