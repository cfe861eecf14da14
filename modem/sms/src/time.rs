//! The time that a service centre writes onto a message.

use core::fmt;
use serde::{Deserialize, Serialize};
use shunt_time::UnixTime;

/// The local time at a service centre, with its zone (23.040 9.2.3.11). Only what a calendar has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    /// Quarters of an hour that local time is ahead of UTC.
    zone: i8,
}

/// The octets that it takes.
pub(crate) const SERVICE_TIME_OCTETS: usize = 7;

/// The longest way of a zone from UTC in quarters of an hour: the field holds seven times ten and nine.
const ZONE_QUARTERS: u8 = 79;

/// The bit of the zone's octet that makes it negative, in the place of the tens' highest bit.
const ZONE_MINUS: u8 = 0x08;

impl ServiceTime {
    /// From the seven octets of a PDU; none where they are no time of any calendar.
    pub(crate) fn decode(octets: [u8; SERVICE_TIME_OCTETS]) -> Option<Self> {
        let [year, month, day, hour, minute, second, zone] = octets;
        let quarters = i8::try_from(decimal(zone & !ZONE_MINUS)?).ok()?;
        let time = Self {
            // The field has two digits; messages are of this century.
            year: 2000 + u16::from(decimal(year)?),
            month: decimal(month)?,
            day: decimal(day)?,
            hour: decimal(hour)?,
            minute: decimal(minute)?,
            second: decimal(second)?,
            zone: if zone & ZONE_MINUS == 0 { quarters } else { -quarters },
        };
        time.is_real().then_some(time)
    }

    /// The seven octets of a PDU.
    pub(crate) fn encode(self) -> [u8; SERVICE_TIME_OCTETS] {
        let year = u8::try_from(self.year % 100).unwrap_or_default();
        let sign = if self.zone < 0 { ZONE_MINUS } else { 0 };
        let zone = swapped(self.zone.unsigned_abs()) | sign;
        let [month, day, hour, minute, second] =
            [self.month, self.day, self.hour, self.minute, self.second].map(swapped);
        [swapped(year), month, day, hour, minute, second, zone]
    }

    /// The local time `[year, month, day, hour, minute, second]` (2000 to 2099), `zone` quarters of an hour ahead of UTC;
    /// none where no calendar has it.
    #[must_use]
    pub fn new(local: [u16; 6], zone: i8) -> Option<Self> {
        let [year, rest @ ..] = local;
        let [month, day, hour, minute, second] = rest.map(|part| u8::try_from(part).unwrap_or(u8::MAX));
        let time = Self { year, month, day, hour, minute, second, zone };
        time.is_real().then_some(time)
    }

    /// Seconds since 1970 (UTC).
    #[must_use]
    pub fn unix(self) -> UnixTime {
        let days: u64 = (1970..self.year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<u64>()
            + (1..self.month).map(|month| u64::from(days_of(self.year, month))).sum::<u64>()
            + u64::from(self.day - 1);
        let local = days * 86_400
            + u64::from(self.hour) * 3_600
            + u64::from(self.minute) * 60
            + u64::from(self.second);
        UnixTime(local.saturating_add_signed(-i64::from(self.zone) * 900))
    }

    fn is_real(self) -> bool {
        (2000..=2099).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_of(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.zone.unsigned_abs() <= ZONE_QUARTERS
    }
}

impl fmt::Display for ServiceTime {
    /// As in RFC 3339: `2011-02-28T11:50:50-05:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, zone } = self;
        let (sign, quarters) = (if *zone < 0 { '-' } else { '+' }, zone.unsigned_abs());
        let (hours, minutes) = (quarters / 4, quarters % 4 * 15);
        write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{hours:02}:{minutes:02}")
    }
}

/// Two decimal digits, the lower one in the upper half.
fn decimal(octet: u8) -> Option<u8> {
    let (tens, ones) = (octet & 0x0f, octet >> 4);
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

fn swapped(value: u8) -> u8 {
    ((value % 10) << 4) | (value / 10)
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_zone_and_their_place_in_the_world() {
        // From the tests of python-gsmmodem: the same local time, eight hours ahead and eight hours behind.
        for (octets, text, unix) in [
            ([0x70, 0x40, 0x21, 0x32, 0x52, 0x24, 0x23], "2007-04-12T23:25:42+08:00", 1_176_391_542),
            ([0x70, 0x40, 0x21, 0x32, 0x52, 0x24, 0x2b], "2007-04-12T23:25:42-08:00", 1_176_449_142),
            ([0x42, 0x20, 0x92, 0x00, 0x00, 0x00, 0x00], "2024-02-29T00:00:00+00:00", 1_709_164_800),
        ] {
            let time = ServiceTime::decode(octets).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(time.unix(), UnixTime(unix));
            assert_eq!(time.encode(), octets);
        }
    }

    #[test]
    fn what_no_calendar_has_is_no_time() {
        let mend = |place: usize, octet| {
            let mut octets = [0x70, 0x40, 0x21, 0x32, 0x52, 0x24, 0x23];
            octets[place] = octet;
            ServiceTime::decode(octets)
        };
        for (place, octet) in [(1, 0x00), (1, 0x31), (2, 0x13), (3, 0x42), (4, 0x06), (5, 0x06), (0, 0xaa)] {
            assert_eq!(mend(place, octet), None, "{place} {octet:02x}");
        }
        assert_eq!(ServiceTime::new([2023, 2, 29, 0, 0, 0], 0), None);
        assert_eq!(ServiceTime::new([2023, 2, 28, 0, 0, 0], 80), None);
    }
}
