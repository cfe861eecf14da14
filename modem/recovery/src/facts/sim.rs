//! The SIM: which, in which slot, and whether it lets itself be used.

use core::fmt;
use serde::{Deserialize, Deserializer, Serialize};

/// The fewest characters of an ICCID here. ITU-T E.118 has 19 or 20; old and test cards have fewer.
const ICCID_LEAST: usize = 10;
/// The most: ten octets of EF_ICCID (TS 31.102 4.2.1), two digits each.
const ICCID_MOST: usize = 20;

/// A SIM slot, by the modem's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u8);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a SIM card, without padding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Iccid(String);

impl Iccid {
    /// Reads `+CCID`, `+ICCID` or `+QCCID`'s answer: 10 to 20 hexadecimal digits, of which trailing `F` are padding.
    /// The same card gives the same value whichever way it is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().trim_matches('"').to_ascii_uppercase();
        let digits = digits.trim_end_matches('F');
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        ((ICCID_LEAST..=ICCID_MOST).contains(&digits.len()) && hexadecimal).then(|| Self(digits.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Iccid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an ICCID has 10 to 20 hexadecimal digits"))
    }
}

/// What the SIM wants (`+CPIN?`, 27.007 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SimState {
    /// `READY`: nothing.
    Ready,
    /// `SIM PIN`: its PIN.
    Pin,
    /// `SIM PUK`: its PUK; three wrong PINs were given.
    Puk,
    /// `PH-…`: the modem is locked to another card, network or provider.
    Locked,
    /// Still starting, or busy (CME error 14): ask again.
    Busy,
    /// No card.
    Absent,
    /// A card that does not work (CME errors 13 and 15).
    Failed,
}

/// Tries left before the SIM locks, where the modem tells (`+CPINR` and its vendors' kin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tries {
    /// For the PIN.
    pub pin: Option<u8>,
    /// For the PUK.
    pub puk: Option<u8>,
}

/// The SIM in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sim {
    /// What it wants.
    pub state: SimState,
    /// In which slot; `None` where the modem has one only, or does not tell.
    pub slot: Option<Slot>,
    /// Which card; `None` where it cannot be read (yet).
    pub iccid: Option<Iccid>,
    /// Tries left.
    pub tries: Tries,
}

impl Sim {
    /// A SIM of which nothing but the state is known.
    #[must_use]
    pub const fn new(state: SimState) -> Self {
        Self { state, slot: None, iccid: None, tries: Tries { pin: None, puk: None } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_does_not_make_another_card() {
        let card = Iccid::parse("8949020000012345678");
        assert!(card.is_some());
        assert_eq!(Iccid::parse("\"8949020000012345678F\""), card);
        assert_eq!(Iccid::parse(" 8949020000012345678f "), card);
        for text in ["", "12345", "FFFFFFFFFFFFFFFFFFFF", "89490200000123456789012", "+CCID: 894902000001"] {
            assert_eq!(Iccid::parse(text), None, "{text}");
        }
    }
}
