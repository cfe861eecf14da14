//! The user data header (23.040 9.2.3.24): which part of a long message it is, and in which language.

use super::Reader;
use crate::error::PduError;

/// Information elements: their numbers and how long they must be.
const CONCATENATED: u8 = 0x00;
const CONCATENATED_WIDE: u8 = 0x08;
const SINGLE_SHIFT: u8 = 0x24;
const LOCKING_SHIFT: u8 = 0x25;

/// Which part of a long message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concatenation {
    /// The number that all parts of a message share.
    pub reference: u16,
    /// Whether the number has 16 bits, or 8.
    pub wide: bool,
    /// How many parts there are, from 1.
    pub of: u8,
    /// Which one it is, from 1 to `of`.
    pub number: u8,
}

/// What a header says that is of use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Header {
    pub(crate) concatenation: Option<Concatenation>,
    pub(crate) locking: u8,
    pub(crate) single: u8,
}

impl Header {
    /// Reads the elements behind the length octet. Unknown ones are passed over, the last of a kind counts, and a header
    /// that does not end where an element ends says nothing at all (23.040 9.2.3.24).
    pub(crate) fn decode(octets: &[u8]) -> Self {
        let mut header = Self::default();
        let mut reader = Reader::new(octets);
        while let Ok(id) = reader.octet("header") {
            let Ok(element) = element(&mut reader) else { return Self::default() };
            match (id, element) {
                (CONCATENATED, &[reference, of, number]) => {
                    header.concatenate(u16::from(reference), false, of, number);
                }
                (CONCATENATED_WIDE, &[high, low, of, number]) => {
                    header.concatenate(u16::from_be_bytes([high, low]), true, of, number);
                }
                (SINGLE_SHIFT, &[language]) => header.single = language,
                (LOCKING_SHIFT, &[language]) => header.locking = language,
                _ => {}
            }
        }
        header
    }

    /// The header with its length octet; empty where it says nothing.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        if let Some(Concatenation { reference, wide, of, number }) = self.concatenation {
            let [high, low] = reference.to_be_bytes();
            if wide {
                octets.extend([CONCATENATED_WIDE, 4, high, low, of, number]);
            } else {
                octets.extend([CONCATENATED, 3, low, of, number]);
            }
        }
        for (id, language) in [(SINGLE_SHIFT, self.single), (LOCKING_SHIFT, self.locking)] {
            if language != 0 {
                octets.extend([id, 1, language]);
            }
        }
        if !octets.is_empty() {
            // Three elements at most: 12 octets.
            octets.insert(0, u8::try_from(octets.len()).unwrap_or(u8::MAX));
        }
        octets
    }

    /// A part that cannot be is no part (23.040 9.2.3.24.1).
    fn concatenate(&mut self, reference: u16, wide: bool, of: u8, number: u8) {
        if (1..=of).contains(&number) {
            self.concatenation = Some(Concatenation { reference, wide, of, number });
        }
    }
}

fn element<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], PduError> {
    let len = usize::from(reader.octet("header")?);
    reader.octets(len, "header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_any_order_are_read_and_those_unknown_passed_over() {
        // The references are from the tests of python-gsmmodem.
        let part = |reference, wide, of, number| Some(Concatenation { reference, wide, of, number });
        for (octets, concatenation) in [
            (&[0x00, 0x03, 0x17, 0x03, 0x01][..], part(23, false, 3, 1)),
            (&[0x08, 0x04, 0x01, 0x80, 0x04, 0x02], part(384, true, 4, 2)),
            (&[0x05, 0x04, 0x04, 0xd2, 0x14, 0x66, 0x00, 0x03, 1, 2, 2], part(1, false, 2, 2)),
            // No number, none of so many, no parts at all, and a length that is none.
            (&[0x00, 0x03, 1, 2, 0], None),
            (&[0x00, 0x03, 1, 2, 3], None),
            (&[0x00, 0x03, 1, 0, 0], None),
            (&[0x00, 0x02, 1, 2], None),
            // Cut off within an element: nothing of it counts.
            (&[0x00, 0x03, 1, 2, 2, 0x25, 0x02, 0x01], None),
        ] {
            assert_eq!(Header::decode(octets).concatenation, concatenation, "{octets:02x?}");
        }
        let header = Header { concatenation: part(384, true, 4, 2), locking: 1, single: 3 };
        let octets = header.encode();
        assert_eq!(usize::from(octets[0]), octets.len() - 1);
        assert_eq!(Header::decode(&octets[1..]), header);
    }
}
