//! What a modem tells besides the facts that the recovery core takes.

use std::fmt;

/// A temperature in tenths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenthsOfCelsius(pub i16);

impl fmt::Display for TenthsOfCelsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let tenths = self.0.unsigned_abs();
        write!(f, "{sign}{}.{} °C", tenths / 10, tenths % 10)
    }
}

/// A network's code: country and network (ITU-T E.212).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plmn {
    mcc: u16,
    mnc: u16,
    /// Two or three: 01 and 001 are different networks.
    mnc_digits: u8,
}

impl Plmn {
    /// From the country's number and the network's digits.
    #[must_use]
    pub fn from_parts(mcc: u16, mnc: &str) -> Option<Self> {
        let digits = mnc.len();
        let plain = mnc.bytes().all(|byte| byte.is_ascii_digit());
        // Some modems write a network's code without its leading zero.
        if !(1..=3).contains(&digits) || !plain || !(1..=999).contains(&mcc) {
            return None;
        }
        Some(Self { mcc, mnc: mnc.parse().ok()?, mnc_digits: u8::try_from(digits.max(2)).ok()? })
    }

    /// From five or six digits, joined (`310260`) or with a sign between (`242-12`, `310 260`).
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (mcc, mnc) = text.split_once(['-', ' ']).or_else(|| text.split_at_checked(3))?;
        let whole = mcc.len() == 3 && mcc.bytes().all(|byte| byte.is_ascii_digit()) && mnc.len() >= 2;
        if whole { Self::from_parts(mcc.parse().ok()?, mnc) } else { None }
    }
}

impl fmt::Display for Plmn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}{:0width$}", self.mcc, self.mnc, width = usize::from(self.mnc_digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_is_written_with_its_sign() {
        assert_eq!(TenthsOfCelsius(470).to_string(), "47.0 °C");
        assert_eq!(TenthsOfCelsius(-5).to_string(), "-0.5 °C");
    }

    #[test]
    fn a_network_keeps_its_digits() {
        for (text, written) in
            [("310260", "310260"), ("26202", "26202"), ("242-12", "24212"), ("310 260", "310260")]
        {
            assert_eq!(Plmn::read(text).map(|plmn| plmn.to_string()).as_deref(), Some(written), "{text}");
        }
        assert_ne!(Plmn::read("00101"), Plmn::read("001001"));
        assert_eq!(Plmn::from_parts(262, "2").map(|plmn| plmn.to_string()).as_deref(), Some("26202"));
        for text in ["", "1", "123", "1234567", "T-Mobile", "fff,fff", "000000", "12-34", "éé", "+12345"] {
            assert_eq!(Plmn::read(text), None, "{text}");
        }
    }
}
