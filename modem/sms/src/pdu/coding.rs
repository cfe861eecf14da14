//! The data coding scheme (23.038 4): which alphabet, and what the message is for.

use serde::{Deserialize, Serialize};

/// General coding, of messages to be kept and of those to be deleted when read: the two highest bits, of which only the
/// lower one may be set.
const GENERAL: u8 = 0x80;
const COMPRESSED: u8 = 0x20;
const HAS_CLASS: u8 = 0x10;

/// Where a message belongs (23.038 4, bits 1 and 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// To be shown at once and not stored.
    Flash,
    /// The equipment.
    Equipment,
    /// The SIM.
    Sim,
    /// A terminal behind it.
    Terminal,
}

/// The alphabet of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Coding {
    /// The 7-bit alphabet. Reserved codings are to be taken for this.
    Septets,
    /// Octets without an alphabet.
    Data,
    /// UCS-2; in fact UTF-16.
    Ucs2,
    /// Compressed text (23.042), which nobody sends and which is not read: data.
    Compressed,
}

impl Coding {
    pub(crate) fn decode(octet: u8) -> (Self, Option<Class>) {
        if octet & GENERAL == 0 {
            let class = (octet & HAS_CLASS != 0).then(|| Class::from_code(octet));
            let coding = if octet & COMPRESSED != 0 { Self::Compressed } else { Self::from_code(octet >> 2) };
            return (coding, class);
        }
        match octet >> 4 {
            // Message waiting, in UCS-2.
            0x0e => (Self::Ucs2, None),
            0x0f => {
                let coding = if octet & 0x04 == 0 { Self::Septets } else { Self::Data };
                (coding, Some(Class::from_code(octet)))
            }
            // Message waiting in the 7-bit alphabet, and what is reserved.
            _ => (Self::Septets, None),
        }
    }

    fn from_code(code: u8) -> Self {
        match code & 0x03 {
            1 => Self::Data,
            2 => Self::Ucs2,
            _ => Self::Septets,
        }
    }
}

impl Class {
    fn from_code(code: u8) -> Self {
        match code & 0x03 {
            0 => Self::Flash,
            1 => Self::Equipment,
            2 => Self::Sim,
            _ => Self::Terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_of_codings_has_its_alphabet() {
        for (octet, coding, class) in [
            (0x00, Coding::Septets, None),
            (0x04, Coding::Data, None),
            (0x08, Coding::Ucs2, None),
            (0x0c, Coding::Septets, None),
            (0x10, Coding::Septets, Some(Class::Flash)),
            (0x19, Coding::Ucs2, Some(Class::Equipment)),
            (0x20, Coding::Compressed, None),
            (0x48, Coding::Ucs2, None),
            (0x80, Coding::Septets, None),
            (0xb4, Coding::Septets, None),
            (0xc8, Coding::Septets, None),
            (0xd0, Coding::Septets, None),
            (0xe0, Coding::Ucs2, None),
            (0xf1, Coding::Septets, Some(Class::Equipment)),
            (0xf4, Coding::Data, Some(Class::Flash)),
            (0xf7, Coding::Data, Some(Class::Terminal)),
        ] {
            assert_eq!(Coding::decode(octet), (coding, class), "{octet:02x}");
        }
    }
}
