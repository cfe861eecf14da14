//! `[recording]`: what the daemon keeps of its own events, so that they can be replayed.

use crate::values::{Complaint, Parsed, boolean, quoted, show};
use crate::walk::{Section, Walker};
use std::ops::RangeInclusive;
use toml::de::DeValue;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Below a mebibyte there is no room for an eighth of it to hold a block worth writing; above 256 a recording is no
/// longer replayed in one go, and few gateways have the flash.
const SIZE: RangeInclusive<u64> = MIB..=256 * MIB;

/// The units of a size, the longest first, so that "MiB" is not taken for something ending in "B".
const UNITS: &[(&str, u64)] = &[("KiB", KIB), ("MiB", MIB), ("kB", 1_000), ("MB", 1_000_000)];

/// `[recording]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// Whether the daemon records its events.
    pub enabled: bool,
    /// Bytes that the recording may take on disk.
    pub size: u64,
}

/// On, since what was not recorded cannot be replayed after the fact; 4 MiB hold most of a day of two links.
pub(crate) const DEFAULT: Recording = Recording { enabled: true, size: 4 * MIB };

pub(crate) fn recording<'t>(walk: &mut Walker, root: &Section<'t>) -> Recording {
    let section = walk.section(root, "recording");
    Recording {
        enabled: walk.read(&section, "enabled", DEFAULT.enabled, boolean).value,
        size: walk.read(&section, "size", DEFAULT.size, size).value,
    }
}

/// `"4 MiB"`.
fn size(value: &DeValue<'_>) -> Parsed<u64> {
    let mend = "write a whole number and a unit in quotes, from \"1 MiB\" to \"256 MiB\"";
    let DeValue::String(given) = value else {
        return Err(Complaint::new(format!("{} is not a size", show(value)), mend));
    };
    let parts = UNITS.iter().find_map(|(unit, bytes)| Some((given.strip_suffix(unit)?.trim(), *bytes)));
    // Without a leading sign, which `parse` would take.
    let digits = parts.filter(|(number, _)| number.starts_with(|c: char| c.is_ascii_digit()));
    let Some((Ok(number), bytes)) = digits.map(|(number, bytes)| (number.parse::<u64>(), bytes)) else {
        return Err(Complaint::new(format!("{} is not a size", quoted(given)), mend));
    };
    match number.checked_mul(bytes).filter(|size| SIZE.contains(size)) {
        Some(size) => Ok(size),
        None => Err(Complaint::new(format!("{} is out of range", quoted(given)), mend)),
    }
}
