//! The lines of 27.005 in PDU mode: where a message is stored, and what it is.

use shunt_sms::PduError;
use shunt_sms::pdu::Incoming;

/// Where a message is stored. Only the modem gives places out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u16);

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where.
    pub place: Place,
    /// As the modem told it, in hexadecimal digits.
    pub digits: String,
    /// What it is, where that can be read.
    pub content: Result<Incoming, PduError>,
}

impl Place {
    /// The modem's number of it.
    #[must_use]
    pub fn index(self) -> u16 {
        self.0
    }

    fn parse(digits: &str) -> Option<Self> {
        digits.trim().parse().ok().map(Self)
    }
}

#[cfg(test)]
impl From<u16> for Place {
    fn from(index: u16) -> Self {
        Self(index)
    }
}

impl Stored {
    /// From `+CMGR: <stat>,[<alpha>],<length>` and the line behind it.
    pub(super) fn read(place: Place, head: &str, pdu: &str) -> Option<Self> {
        head.starts_with("+CMGR:").then(|| Self::of(place, pdu))
    }

    /// The length that the modem tells is not looked at: modems disagree on it, and the message has its own.
    pub(super) fn of(place: Place, pdu: &str) -> Self {
        Self { place, digits: pdu.trim().to_owned(), content: Incoming::from_hex(pdu) }
    }
}

/// The message that an unsolicited line brings itself (`+CMT`, `+CDS`) instead of telling where it is stored: a modem
/// that was set up by others does so, and keeps no copy. Where it is not in PDU mode, it is given as it came.
#[must_use]
pub fn brought(line: &str) -> Option<&str> {
    let (head, body) = line.split_once('\n')?;
    let pdu = !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_hexdigit());
    ["+CMT:", "+CDS:"].iter().any(|start| head.starts_with(start)).then_some(if pdu { body } else { line })
}

/// From `+CMGL: <index>,<stat>,[<alpha>],<length>`.
pub(super) fn listed_place(head: &str) -> Option<Place> {
    let (index, _) = head.strip_prefix("+CMGL:")?.split_once(',')?;
    Place::parse(index)
}

/// The third memory of `+CPMS: <mem1>,<used>,<total>,<mem2>,<used>,<total>,<mem3>,…`, where it is a name.
pub(super) fn receiving(line: &str) -> Option<String> {
    const THIRD: usize = 6;
    let name = line.strip_prefix("+CPMS:")?.split(',').nth(THIRD)?.trim().trim_matches('"');
    let plain = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
    plain.then(|| name.to_owned())
}

/// From `+CMGS: <reference>[,<acknowledgement>]`.
pub(super) fn reference(line: &str) -> Option<u8> {
    let rest = line.strip_prefix("+CMGS:")?;
    rest.split(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_modem_are_read() {
        for (line, wanted) in [("+CMGS: 4", Some(4)), ("+CMGS:255,\"07\"", Some(255)), ("+CMGS: 256", None)] {
            assert_eq!(reference(line), wanted, "{line}");
        }
        for (line, memory) in [
            ("+CPMS: \"ME\",0,23,\"ME\",0,23,\"SM\",1,50", Some("SM")),
            ("+CPMS: \"ME\", 0, 23, \"ME\", 0, 23, \"MT\", 1, 50", Some("MT")),
            ("+CPMS: 0,23,0,23,0,23", None),
            ("+CPMS: \"ME\",0,23", None),
            ("+CPMS: \"ME\",0,23,\"ME\",0,23,\"\\22,\",1,50", None),
        ] {
            assert_eq!(receiving(line).as_deref(), memory, "{line}");
        }
        for (line, message) in [
            ("+CMT: ,24\n0791", Some("0791")),
            ("+CDS: 24\n00", Some("00")),
            ("+CMT: \"+491\",,\"\"\nhello", Some("+CMT: \"+491\",,\"\"\nhello")),
            ("+CMT: ,24", None),
            ("+CBM: 88\n00", None),
        ] {
            assert_eq!(brought(line), message, "{line}");
        }
        for (head, place) in
            [("+CMGL: 1,1,,24", Some(1)), ("+CMGL:7,0,\"a,b\",24", Some(7)), ("+CMGL: a,1", None)]
        {
            assert_eq!(listed_place(head).map(|place| place.0), place, "{head}");
        }
    }
}
