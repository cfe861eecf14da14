//! SMS-SUBMIT (23.040 9.2.2.2): a message that is sent.

use super::coding::Coding;
use super::header::{Concatenation, Header};
use super::{HAS_HEADER, KIND_SUBMIT, Reader, hex, user_data};
use crate::address::Address;
use crate::body::Body;
use crate::error::{EncodeError, PduError};
use crate::split;
use crate::time::SERVICE_TIME_OCTETS;
use core::time::Duration;

/// The bits of the first octet that say how the validity is written (23.040 9.2.3.3), and the relative form.
const VALIDITY_MASK: u8 = 0x18;
const VALIDITY_RELATIVE: u8 = 0x10;
/// A status report is asked for (23.040 9.2.3.5).
const WANTS_REPORT: u8 = 0x20;

/// A message as somebody writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Who it is for.
    pub recipient: Address,
    /// What it says, of any length.
    pub text: String,
    /// Whether the service centre is to tell what becomes of it.
    pub report: bool,
    /// How long the service centre is to try; its own time where none is given.
    pub validity: Option<Validity>,
}

/// What the parts of a long message share. Choose another one for each message to the same recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The form that every phone reads.
    Narrow(u8),
    /// The form that is used up later, at the price of one character a part.
    Wide(u16),
}

/// One message, or part, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    pub(crate) recipient: Address,
    pub(crate) report: bool,
    pub(crate) validity: Option<Validity>,
    pub(crate) part: Option<Concatenation>,
    pub(crate) body: Body,
}

/// How long a service centre tries, in the steps that the format has (23.040 9.2.3.12.1): 5 minutes up to 12 hours, 30
/// minutes up to a day, a day up to 30 days, a week up to 63 weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity(u8);

impl Draft {
    /// The parts to be sent, in their order: one where the text fits. The 7-bit alphabet is used where it has all the
    /// characters, else UCS-2. No character is split.
    ///
    /// # Errors
    ///
    /// When the recipient is a name, or more than 255 parts would be needed.
    pub fn parts(&self, reference: Reference) -> Result<Vec<Submit>, EncodeError> {
        if !self.recipient.is_number() {
            return Err(EncodeError::Recipient);
        }
        let bodies = split::split(&self.text, reference.wide())?;
        let of = u8::try_from(bodies.len()).map_err(|_| EncodeError::TooLong)?;
        let part =
            |number| Concatenation { reference: reference.number(), wide: reference.wide(), of, number };
        let submit = |(number, body)| Submit {
            recipient: self.recipient.clone(),
            report: self.report,
            validity: self.validity,
            part: (of > 1).then(|| part(number)),
            body,
        };
        Ok((1..=of).zip(bodies).map(submit).collect())
    }
}

impl Submit {
    /// Who it is for.
    #[must_use]
    pub fn recipient(&self) -> &Address {
        &self.recipient
    }

    /// Whether the service centre is to tell what becomes of it.
    #[must_use]
    pub fn report(&self) -> bool {
        self.report
    }

    /// How long the service centre is to try, where it says so in steps.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Which part of a long message it is; none for one that stands alone.
    #[must_use]
    pub fn part(&self) -> Option<Concatenation> {
        self.part
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The payload of `AT+CMGS`: in hexadecimal digits, with an empty service centre, so that the SIM's is used.
    #[must_use]
    pub fn to_hex(&self) -> String {
        format!("00{}", hex(&self.tpdu()))
    }

    /// The length that `AT+CMGS` is told: octets without the service centre.
    #[must_use]
    pub fn length(&self) -> usize {
        self.tpdu().len()
    }

    pub(super) fn decode(first: u8, reader: &mut Reader<'_>) -> Result<Self, PduError> {
        reader.octet("reference")?;
        let recipient = Address::decode(reader, "recipient")?;
        reader.octet("protocol")?;
        let (coding, _class) = Coding::decode(reader.octet("coding")?);
        let validity = match first & VALIDITY_MASK {
            0 => None,
            VALIDITY_RELATIVE => Some(Validity(reader.octet("validity")?)),
            // An absolute time, or the enhanced form.
            _ => reader.octets(SERVICE_TIME_OCTETS, "validity").map(|_| None)?,
        };
        let (header, body) = user_data::decode(reader, coding, first & HAS_HEADER != 0);
        let report = first & WANTS_REPORT != 0;
        Ok(Self { recipient, report, validity, part: header.concatenation, body })
    }

    fn tpdu(&self) -> Vec<u8> {
        let header = Header { concatenation: self.part, ..Header::default() };
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let first = KIND_SUBMIT
            | flag(self.validity.is_some(), VALIDITY_RELATIVE)
            | flag(self.report, WANTS_REPORT)
            | flag(user_data::has_header(&header, &self.body), HAS_HEADER);
        let recipient = self.recipient.encode();
        let validity: Vec<u8> = self.validity.iter().map(|validity| validity.0).collect();
        let coding = user_data::coding_octet(&self.body);
        // The modem chooses the reference.
        [&[first, 0][..], &recipient, &[0, coding], &validity, &user_data::encode(&header, &self.body)]
            .concat()
    }
}

impl Reference {
    fn wide(self) -> bool {
        matches!(self, Self::Wide(_))
    }

    fn number(self) -> u16 {
        match self {
            Self::Narrow(number) => u16::from(number),
            Self::Wide(number) => number,
        }
    }
}

impl Validity {
    /// The shortest that is at least `wanted`, and the longest there is where that is longer.
    #[must_use]
    pub fn at_least(wanted: Duration) -> Self {
        let code = (0..=u8::MAX).find(|code| Self(*code).duration() >= wanted);
        Self(code.unwrap_or(u8::MAX))
    }

    /// How long.
    #[must_use]
    pub fn duration(self) -> Duration {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        let code = u64::from(self.0);
        Duration::from_secs(match self.0 {
            0..=143 => (code + 1) * 5 * MINUTE,
            144..=167 => DAY / 2 + (code - 143) * 30 * MINUTE,
            168..=196 => (code - 166) * DAY,
            197..=255 => (code - 192) * 7 * DAY,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validities_are_rounded_up() {
        const HOUR: u64 = 3_600;
        // The first four are from the tests of python-gsmmodem.
        for (seconds, code) in [
            (HOUR / 2, 5),
            (16 * HOUR, 151),
            (3 * 24 * HOUR, 169),
            (5 * 7 * 24 * HOUR, 197),
            (0, 0),
            (301, 1),
            (12 * HOUR + 1, 144),
            (24 * HOUR + 1, 168),
            (30 * 24 * HOUR + 1, 197),
            (u64::MAX, 255),
        ] {
            assert_eq!(Validity::at_least(Duration::from_secs(seconds)), Validity(code), "{seconds}");
        }
    }
}
