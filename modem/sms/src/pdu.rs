//! Messages as a modem gives and takes them in PDU mode: the service centre's address and a TPDU (3GPP TS 23.040), in
//! hexadecimal digits (27.005).
//!
//! What lies before the text must be whole; in the text, whatever is there is read, and what is missing is said. A
//! message that cannot be read at all is still the operator's: show it as it came.

mod coding;
mod deliver;
mod header;
mod report;
mod submit;
pub(crate) mod user_data;

pub use coding::{Class, Coding};
pub use deliver::Deliver;
pub use header::Concatenation;
pub use report::{Delivery, StatusReport};
pub use submit::{Draft, Reference, Submit, Validity};

use crate::address::Address;
use crate::error::PduError;
use crate::time::{SERVICE_TIME_OCTETS, ServiceTime};

/// The most parts of a long message: the format counts them in an octet.
pub const PARTS_MAX: u8 = u8::MAX;

/// The bits of a TPDU's first octet that tell its kind (23.040 9.2.3.1), and the kinds.
const KIND_MASK: u8 = 0x03;
const KIND_SUBMIT: u8 = 0x01;
const KIND_REPORT: u8 = 0x02;

/// A header stands before the text (23.040 9.2.3.23).
const HAS_HEADER: u8 = 0x40;

/// What a modem holds or hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message that was received.
    Deliver(Deliver),
    /// What became of one that was sent.
    Report(StatusReport),
    /// One that was written here and is stored.
    Submit(Submit),
}

impl Incoming {
    /// Reads what a modem wrote as digits.
    ///
    /// # Errors
    ///
    /// When these are no hexadecimal digits, or end before the text begins.
    pub fn from_hex(digits: &str) -> Result<Self, PduError> {
        Self::decode(&octets(digits)?)
    }

    /// Reads a service centre's address and a TPDU.
    ///
    /// # Errors
    ///
    /// When they end before the text begins, or an address is longer than it can be.
    pub fn decode(octets: &[u8]) -> Result<Self, PduError> {
        let mut reader = Reader::new(octets);
        let service_centre = Address::decode_service_centre(&mut reader)?;
        let first = reader.octet("kind")?;
        Ok(match first & KIND_MASK {
            KIND_SUBMIT => Self::Submit(Submit::decode(first, &mut reader)?),
            KIND_REPORT => Self::Report(StatusReport::decode(service_centre, first, &mut reader)?),
            // The reserved kind is to be taken for a received message (23.040 9.2.3.1).
            _ => Self::Deliver(Deliver::decode(service_centre, first, &mut reader)?),
        })
    }
}

/// Octets in upper-case hexadecimal digits.
#[must_use]
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn octets(digits: &str) -> Result<Vec<u8>, PduError> {
    let (pairs, odd) = digits.trim().as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return Err(PduError::NotHex);
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let octet = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(octet).collect::<Option<_>>().ok_or(PduError::NotHex)
}

/// Octets that are read from the front.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn octet(&mut self, field: &'static str) -> Result<u8, PduError> {
        let (first, rest) = self.rest.split_first().ok_or(PduError::Short { field })?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn octets(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], PduError> {
        let (octets, rest) = self.rest.split_at_checked(count).ok_or(PduError::Short { field })?;
        self.rest = rest;
        Ok(octets)
    }

    /// A time that may be none of any calendar.
    fn time(&mut self, field: &'static str) -> Result<Option<ServiceTime>, PduError> {
        let octets = self.octets(SERVICE_TIME_OCTETS, field)?;
        Ok(octets.try_into().ok().and_then(ServiceTime::decode))
    }

    /// All that is left.
    fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }
}
