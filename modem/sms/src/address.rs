//! Addresses as they stand in a message, and numbers that can be compared.

use crate::alphabet::{self, septets};
use crate::error::{AddressError, PduError};
use crate::pdu::Reader;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The most digits of an address: ten octets of two (23.040 9.1.2.5).
const DIGITS_MAX: usize = 20;

/// The fewest and the most digits of an international number (E.164: at most 15, country code included). The shortest
/// in use have seven.
const INTERNATIONAL_DIGITS: core::ops::RangeInclusive<usize> = 7..=15;

/// The digits that half an octet stands for (23.040 9.1.2.3); the last is the filler.
const DIGITS: &str = "0123456789*#abc";

/// The half octet that fills an odd number of digits.
const FILLER: u8 = 0x0f;

/// Type of address: always set.
const TOA_EXTENSION: u8 = 0x80;
/// Type of address: the ISDN numbering plan (E.164).
const TOA_ISDN: u8 = 0x01;
/// Where the type of number begins in the type of address, and how wide it is.
const TON_SHIFT: u8 = 4;
const TON_MASK: u8 = 0x07;
const TON_INTERNATIONAL: u8 = 1;
const TON_NATIONAL: u8 = 2;
const TON_ALPHANUMERIC: u8 = 5;

/// What sort of address it is (23.040 9.1.2.5, "type of number").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Unknown to the network: a short code, or digits as they were dialled.
    Unknown,
    /// With its country code.
    International,
    /// Without its country code.
    National,
    /// A name, which anybody can write there.
    Alphanumeric,
    /// Another sort, by its number: network specific, subscriber, abbreviated, reserved.
    Other(u8),
}

/// Who a message is from or for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    kind: Kind,
    /// Digits (`0-9*#abc`) without a plus, or the name. At most 20 digits or 11 characters.
    text: String,
}

impl Address {
    /// Whom to send to: `+` and the digits of an international number, or the digits of a short code (with `*` and `#`).
    ///
    /// # Errors
    ///
    /// When `text` is neither. Spaces are not taken.
    pub fn recipient(text: &str) -> Result<Self, AddressError> {
        if let Ok(number) = Number::parse(text) {
            return Ok(number.address());
        }
        let digits = text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'*' | b'#'));
        if digits && (1..=DIGITS_MAX).contains(&text.len()) {
            return Ok(Self { kind: Kind::Unknown, text: text.to_owned() });
        }
        Err(AddressError::NotANumber { text: text.to_owned() })
    }

    /// What sort it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The digits without a plus, or the name.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As an international number, so that it can be compared: as it is, or by the rules of `home`. None for names and
    /// for what cannot be told.
    #[must_use]
    pub fn number(&self, home: Option<&Home>) -> Option<Number> {
        let national = |home: &Home, text: &str| {
            let rest = text.strip_prefix(home.trunk.as_str()).unwrap_or(text);
            Number::from_digits(&format!("{}{rest}", home.country))
        };
        match (self.kind, home) {
            (Kind::International, _) => Number::from_digits(&self.text),
            (Kind::National, Some(home)) => national(home, &self.text),
            (Kind::Unknown, Some(home)) => match self.text.strip_prefix(home.international.as_str()) {
                Some(rest) if !home.international.is_empty() => Number::from_digits(rest),
                // Without a trunk prefix to go by, digits of unknown sort may be a short code.
                _ if !home.trunk.is_empty() && self.text.starts_with(home.trunk.as_str()) => {
                    national(home, &self.text)
                }
                _ => None,
            },
            (Kind::National | Kind::Unknown, None) | (Kind::Alphanumeric | Kind::Other(_), _) => None,
        }
    }

    /// Reads length, type and digits; the length counts digits.
    pub(crate) fn decode(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, PduError> {
        let digits = usize::from(reader.octet(field)?);
        if digits > DIGITS_MAX {
            return Err(PduError::Address { field });
        }
        let toa = reader.octet(field)?;
        let octets = reader.octets(digits.div_ceil(2), field)?;
        Ok(Self::from_octets(toa, octets, digits))
    }

    /// Reads the service centre, whose length counts octets; none where it is zero.
    pub(crate) fn decode_service_centre(reader: &mut Reader<'_>) -> Result<Option<Self>, PduError> {
        let field = "service centre";
        let Some(octets) = usize::from(reader.octet(field)?).checked_sub(1) else { return Ok(None) };
        if octets > DIGITS_MAX / 2 {
            return Err(PduError::Address { field });
        }
        let toa = reader.octet(field)?;
        let octets = reader.octets(octets, field)?;
        Ok(Some(Self::from_octets(toa, octets, octets.len() * 2)))
    }

    /// Length, type and digits, or the name in septets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ton = match self.kind {
            Kind::Unknown => 0,
            Kind::International => TON_INTERNATIONAL,
            Kind::National => TON_NATIONAL,
            Kind::Alphanumeric => TON_ALPHANUMERIC,
            Kind::Other(ton) => ton,
        };
        let toa = TOA_EXTENSION | (ton << TON_SHIFT) | TOA_ISDN;
        if self.kind == Kind::Alphanumeric {
            // A name was read from septets, so that each of its characters has one.
            let letters = alphabet::encode(&self.text).unwrap_or_default();
            let septets: Vec<u8> = letters.iter().flat_map(|letter| letter.septets()).collect();
            let halves = (septets.len() * 7).div_ceil(4);
            let name = septets::pack(septets, 0);
            return [&[length(halves), TOA_EXTENSION | (ton << TON_SHIFT)], &name[..]].concat();
        }
        let digits = self.text.chars().filter_map(|c| u8::try_from(DIGITS.find(c)?).ok());
        let halves: Vec<u8> = digits.collect();
        let pairs = halves.chunks(2).map(|pair| match pair {
            [low, high] => (high << 4) | low,
            [low] => (FILLER << 4) | low,
            _ => (FILLER << 4) | FILLER,
        });
        [length(halves.len()), toa].into_iter().chain(pairs).collect()
    }

    /// Whether it can be sent to.
    pub(crate) fn is_number(&self) -> bool {
        self.kind != Kind::Alphanumeric
    }

    fn from_octets(toa: u8, octets: &[u8], digits: usize) -> Self {
        let kind = match toa >> TON_SHIFT & TON_MASK {
            0 => Kind::Unknown,
            TON_INTERNATIONAL => Kind::International,
            TON_NATIONAL => Kind::National,
            TON_ALPHANUMERIC => Kind::Alphanumeric,
            other => Kind::Other(other),
        };
        let text = if kind == Kind::Alphanumeric {
            // The length counts half octets; what is left of them over whole septets is fill.
            alphabet::decode(&septets::unpack(octets, 0, digits * 4 / 7), None, None).text
        } else {
            let halves = octets.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]).take(digits);
            halves.filter_map(|half| DIGITS.chars().nth(usize::from(half))).collect()
        };
        Self { kind, text }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.kind == Kind::International { "+" } else { "" };
        write!(f, "{plus}{}", self.text)
    }
}

/// No address has more than twenty half octets.
fn length(half_octets: usize) -> u8 {
    u8::try_from(half_octets).unwrap_or(u8::MAX)
}

/// An international number (E.164): the only form in which numbers are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(String);

impl Number {
    /// From `+` and 7 to 15 digits.
    ///
    /// # Errors
    ///
    /// When `text` is anything else.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let number = text.strip_prefix('+').and_then(Self::from_digits);
        number.ok_or_else(|| AddressError::NotInternational { text: text.to_owned() })
    }

    /// As an address to send to.
    #[must_use]
    pub fn address(&self) -> Address {
        Address { kind: Kind::International, text: self.0.clone() }
    }

    /// No country code begins with a zero.
    fn from_digits(digits: &str) -> Option<Self> {
        let fits = INTERNATIONAL_DIGITS.contains(&digits.len()) && !digits.starts_with('0');
        (fits && digits.bytes().all(|c| c.is_ascii_digit())).then(|| Self(digits.to_owned()))
    }
}

impl TryFrom<String> for Number {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.to_string()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// How numbers are written in the country of the SIM, for networks that deliver them without a country code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// The country code, as in `49`.
    pub country: String,
    /// What national numbers begin with, as in `0`; empty where there is nothing.
    pub trunk: String,
    /// What international numbers begin with, as in `00`; empty where it is not to be looked for.
    pub international: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_in_international_form() {
        let home = Home { country: "49".into(), trunk: "0".into(), international: "00".into() };
        let address = |kind, text: &str| Address { kind, text: text.to_owned() };
        let wanted = Number::parse("+491711234567").unwrap();
        for (kind, text) in [
            (Kind::International, "491711234567"),
            (Kind::National, "1711234567"),
            (Kind::National, "01711234567"),
            (Kind::Unknown, "01711234567"),
            (Kind::Unknown, "00491711234567"),
        ] {
            assert_eq!(address(kind, text).number(Some(&home)), Some(wanted.clone()), "{kind:?} {text}");
        }
        for (kind, text) in [
            (Kind::Unknown, "491711234567"),
            (Kind::Unknown, "12345678"),
            (Kind::Alphanumeric, "491711234567"),
            (Kind::Other(3), "491711234567"),
        ] {
            assert_eq!(address(kind, text).number(Some(&home)), None, "{kind:?} {text}");
        }
        assert_eq!(address(Kind::National, "01711234567").number(None), None);
        assert_eq!(address(Kind::International, "491711234567").number(None), Some(wanted));
    }

    #[test]
    fn addresses_are_written_as_they_were_read() {
        // From the tests of python-gsmmodem.
        for (octets, text) in [
            (&[0x0a, 0x91, 0x89, 0x67, 0x45, 0x23, 0x01][..], "+9876543210"),
            (&[0x09, 0x91, 0x89, 0x67, 0x45, 0x23, 0xf1], "+987654321"),
            (&[0x0a, 0xa1, 0x10, 0x92, 0x99, 0x78, 0x56], "0129998765"),
            (&[0x06, 0xd0, 0x61, 0xf1, 0x18], "abc"),
            (&[0x0e, 0xd0, 0x46, 0x69, 0xd0, 0x39, 0x7c, 0x26, 0xa7], "FRANCOIS"),
            (&[0x14, 0xd0, 0xe1, 0x0d, 0x6f, 0xe3, 0xdb, 0xa0, 0x36, 0xa9, 0x4d, 0x19], "a[]{}€"),
        ] {
            let address = Address::decode(&mut Reader::new(octets), "sender").unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.encode(), octets, "{text}");
        }
    }

    #[test]
    fn only_numbers_are_recipients() {
        for text in ["+491711234567", "12345", "*100#"] {
            assert_eq!(Address::recipient(text).unwrap().to_string(), text);
        }
        for text in ["", "+", "+0123456789", "+49 171 1234567", "0171-1", "Bank", "123456789012345678901"] {
            let Err(AddressError::NotANumber { .. }) = Address::recipient(text) else { panic!("{text}") };
        }
    }
}
