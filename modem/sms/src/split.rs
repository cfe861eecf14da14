//! A text of any length, cut into what messages hold. No character is cut: neither an escape from its septet, nor the
//! halves of a surrogate pair.

use crate::alphabet;
use crate::body::{Body, Payload};
use crate::error::EncodeError;
use crate::pdu::PARTS_MAX;
use crate::pdu::user_data::{OCTETS_MAX, SEPTETS_MAX};

/// What the header of a part takes, in octets: length, element, its length, reference (8 or 16 bits), parts, number.
const HEAD_NARROW: usize = 6;
const HEAD_WIDE: usize = 7;

/// The bodies of the parts, at least one.
pub(crate) fn split(text: &str, wide: bool) -> Result<Vec<Body>, EncodeError> {
    let head = if wide { HEAD_WIDE } else { HEAD_NARROW };
    let payloads: Vec<Payload> = if let Some(letters) = alphabet::encode(text) {
        let room = SEPTETS_MAX - (head * 8).div_ceil(7);
        let pieces = cut(&letters, |letter| letter.len(), SEPTETS_MAX, room);
        pieces.into_iter().map(Payload::letters).collect()
    } else {
        let chars: Vec<char> = text.chars().collect();
        let pieces = cut(&chars, |c| 2 * c.len_utf16(), OCTETS_MAX, OCTETS_MAX - head);
        pieces.into_iter().map(|piece| Payload::ucs2(piece.iter().copied())).collect()
    };
    if payloads.len() > usize::from(PARTS_MAX) {
        return Err(EncodeError::TooLong);
    }
    Ok(payloads.into_iter().map(|payload| Body { payload, cut_short: false }).collect())
}

/// One piece where all fits into `alone`, else pieces of at most `room`.
fn cut<T>(items: &[T], len: impl Fn(&T) -> usize, alone: usize, room: usize) -> Vec<&[T]> {
    if items.iter().map(&len).sum::<usize>() <= alone {
        return vec![items];
    }
    let (mut pieces, mut rest) = (Vec::new(), items);
    while !rest.is_empty() {
        let mut taken = 0;
        let fits = rest.iter().take_while(|item| {
            taken += len(item);
            taken <= room
        });
        // Each item fits into any room, so that a piece is never empty.
        let Some((piece, after)) = rest.split_at_checked(fits.count().max(1)) else { break };
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str, wide: bool) -> Vec<usize> {
        let len = |body: Body| match body.payload {
            Payload::Septets { septets, .. } => septets.len(),
            Payload::Ucs2(octets) | Payload::Data(octets) => octets.len() / 2,
        };
        split(text, wide).unwrap().into_iter().map(len).collect()
    }

    #[test]
    fn texts_are_cut_at_the_known_lengths_and_never_within_a_character() {
        // 160, 153 and 152 septets, 70, 67 and 66 units: 23.040 9.2.3.24.1.
        for (text, wide, wanted) in [
            (String::new(), false, vec![0]),
            ("a".repeat(160), false, vec![160]),
            ("a".repeat(161), false, vec![153, 8]),
            ("a".repeat(161), true, vec![152, 9]),
            ("a".repeat(159) + "€", false, vec![153, 8]),
            ("a".repeat(152) + "€" + &"a".repeat(8), false, vec![152, 10]),
            ("я".repeat(70), false, vec![70]),
            ("я".repeat(71), false, vec![67, 4]),
            ("я".repeat(71), true, vec![66, 5]),
            ("я".repeat(66) + "😁" + &"я".repeat(3), false, vec![66, 5]),
        ] {
            assert_eq!(sizes(&text, wide), wanted, "{text}");
        }
        assert_eq!(split(&"a".repeat(153 * 255), false).unwrap().len(), 255);
        assert_eq!(split(&"a".repeat(153 * 255 + 1), false), Err(EncodeError::TooLong));
    }
}
