//! From a number that a modem writes to tenths of a unit, and the numbers that count.

use super::text::thousandths;

/// From a number to tenths: a straight line, and the numbers that count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: i32,
    high: i32,
    /// Tenths for each whole number, or for as many as `per` says.
    step: i32,
    per: i32,
    /// Tenths where the number is zero.
    zero: i32,
    /// The line for the numbers that do not count here.
    otherwise: Option<&'static Scale>,
}

impl Scale {
    /// `low..=high` counts, each whole number is `step` tenths, and zero is `zero` tenths.
    pub(super) const fn new(low: i32, high: i32, step: i32, zero: i32) -> Self {
        Self { low, high, step, per: 1, zero, otherwise: None }
    }

    /// The same, with `step` tenths for so many whole numbers.
    pub(super) const fn per(mut self, numbers: i32) -> Self {
        self.per = numbers;
        self
    }

    /// The same, and `other` for the numbers that do not count here.
    pub(super) const fn or(mut self, other: &'static Self) -> Self {
        self.otherwise = Some(other);
        self
    }

    /// The number that the whole of `text` is, in tenths.
    pub(super) fn read(&self, text: &str) -> Option<i16> {
        let number = thousandths(text)?;
        let range = i64::from(self.low) * 1_000..=i64::from(self.high) * 1_000;
        if !range.contains(&number) {
            return self.otherwise?.read(text);
        }
        let per = i64::from(self.per.max(1)) * 1_000;
        let tenths = (number * i64::from(self.step)).div_euclid(per) + i64::from(self.zero);
        i16::try_from(tenths).ok().filter(|tenths| tenths.unsigned_abs() < MAX_TENTHS)
    }
}

/// RSRP written in dBm (36.133, 9.1.4; 38.133, 10.1.6: the widest ranges).
pub(super) const RSRP_DBM: Scale = Scale::new(-156, -31, 10, 0);
/// RSRP written in tenths of a dBm.
pub(super) const RSRP_TENTHS: Scale = Scale::new(-1_560, -310, 1, 0);
/// RSSI written in dBm, from below a receiver's noise to beside a mast.
pub(super) const RSSI_DBM: Scale = Scale::new(-130, -10, 10, 0);
/// RSSI written in tenths of a dBm.
pub(super) const RSSI_TENTHS: Scale = Scale::new(-1_300, -100, 1, 0);
/// RSRQ written in dB (38.133, 10.1.11).
pub(super) const RSRQ_DB: Scale = Scale::new(-43, 20, 10, 0);
/// RSRQ written in tenths of a dB.
pub(super) const RSRQ_TENTHS: Scale = Scale::new(-430, 200, 1, 0);
/// SINR written in dB (38.133, 10.1.16: -23 to 40), with what modems show beyond.
pub(super) const SINR_DB: Scale = Scale::new(-30, 50, 10, 0);
/// A temperature in whole degrees. -273 and the like say that there is no sensor.
pub(super) const DEGREES: Scale = Scale::new(-60, 150, 10, 0);

/// No measure of a radio or a thermometer reaches 1,000 of its unit.
const MAX_TENTHS: u16 = 10_000;
