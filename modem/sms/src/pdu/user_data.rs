//! The text's place in a message: its length, its header, and the octets of its alphabet (23.040 9.2.3.16, 9.2.3.24).

use super::Reader;
use super::coding::Coding;
use super::header::Header;
use crate::alphabet::septets;
use crate::body::{Body, Payload};

/// The octets that there is room for, and how many septets these hold (23.040 9.2.3.16).
pub(crate) const OCTETS_MAX: usize = 140;
pub(crate) const SEPTETS_MAX: usize = 160;

/// Reads all that is left.
pub(crate) fn decode(reader: &mut Reader<'_>, coding: Coding, has_header: bool) -> (Header, Body) {
    let Ok(announced) = reader.octet("length") else {
        return (Header::default(), Body { payload: Payload::Data(Vec::new()), cut_short: true });
    };
    let (announced, rest) = (usize::from(announced), reader.rest());
    let wanted = if coding == Coding::Septets { (announced * 7).div_ceil(8) } else { announced };
    let cut_short = rest.len() < wanted;
    let data = rest.get(..wanted).unwrap_or(rest);
    let Some((header, header_octets)) = header(data, has_header) else {
        // The header is longer than all there is: where its end and a text may be, nobody knows.
        return (Header::default(), Body { payload: Payload::Data(data.to_vec()), cut_short: true });
    };
    let text = data.get(header_octets..).unwrap_or_default();
    let payload = match coding {
        Coding::Septets => {
            let count = announced.saturating_sub((header_octets * 8).div_ceil(7));
            let septets = septets::unpack(text, septets::fill_behind(header_octets), count);
            Payload::Septets { septets, locking: header.locking, single: header.single }
        }
        Coding::Ucs2 => Payload::Ucs2(text.to_vec()),
        Coding::Data | Coding::Compressed => Payload::Data(text.to_vec()),
    };
    (header, Body { payload, cut_short })
}

/// Writes length, header and text. Whoever made the body has seen that it fits.
pub(crate) fn encode(header: &Header, body: &Body) -> Vec<u8> {
    let head = head(header, body);
    let (length, text) = match &body.payload {
        Payload::Septets { septets, .. } => {
            let fill = septets::fill_behind(head.len());
            let text =
                if septets.is_empty() { Vec::new() } else { septets::pack(septets.iter().copied(), fill) };
            ((head.len() * 8).div_ceil(7) + septets.len(), text)
        }
        Payload::Ucs2(octets) | Payload::Data(octets) => (head.len() + octets.len(), octets.clone()),
    };
    let length = u8::try_from(length).unwrap_or(u8::MAX);
    [&[length], &head[..], &text[..]].concat()
}

/// Whether a header is written.
pub(crate) fn has_header(header: &Header, body: &Body) -> bool {
    !head(header, body).is_empty()
}

/// The coding that a body is written in.
pub(crate) fn coding_octet(body: &Body) -> u8 {
    match body.payload {
        Payload::Septets { .. } => 0x00,
        Payload::Data(_) => 0x04,
        Payload::Ucs2(_) => 0x08,
    }
}

/// The octets of the header, with the languages of the text.
fn head(header: &Header, body: &Body) -> Vec<u8> {
    match body.payload {
        Payload::Septets { locking, single, .. } => Header { locking, single, ..*header }.encode(),
        Payload::Ucs2(_) | Payload::Data(_) => header.encode(),
    }
}

/// The header and how many octets it takes with its length; none where it is longer than the data.
fn header(data: &[u8], has_header: bool) -> Option<(Header, usize)> {
    if !has_header {
        return Some((Header::default(), 0));
    }
    let (len, rest) = data.split_first()?;
    let elements = rest.get(..usize::from(*len))?;
    Some((Header::decode(elements), elements.len() + 1))
}
