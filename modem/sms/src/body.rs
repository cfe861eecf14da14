//! What a message says, as it came and as it reads.

use crate::alphabet::{self, ESCAPE, Language, Letter};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Shown where parts of a long message are missing.
const GAP: &str = "[…]";

/// The content of one message or part, not yet read: a character may begin in one part and end in the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Body {
    pub(crate) payload: Payload,
    /// Whether octets that were announced are missing.
    pub(crate) cut_short: bool,
}

/// Content by its alphabet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payload {
    /// Seven bits each, with the numbers of the languages that the header names (0: none).
    Septets { septets: Vec<u8>, locking: u8, single: u8 },
    /// UTF-16 in network order, as it came: maybe with an odd octet, maybe with half a character.
    Ucs2(Vec<u8>),
    /// No text, or none that can be read.
    Data(Vec<u8>),
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Text.
    Text(String),
    /// Octets that are no text.
    Data(Vec<u8>),
}

/// What is not as it should be with a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flaws {
    /// Octets that the message announced are missing at its end.
    pub cut_short: bool,
    /// Not all could be read: a replacement stands in its place, or a language's table is unknown and the default one was
    /// taken.
    pub unreadable: bool,
}

impl Body {
    /// What it says, read by itself.
    #[must_use]
    pub fn read(&self) -> (Content, Flaws) {
        Self::join([Some(self)])
    }

    /// What consecutive parts say together; none stands for one that is missing. Neighbours of one alphabet are joined
    /// before they are read. Data among text is shown in hexadecimal digits.
    #[must_use]
    pub fn join<'a>(parts: impl IntoIterator<Item = Option<&'a Self>>) -> (Content, Flaws) {
        let mut flaws = Flaws::default();
        let mut runs: Vec<Option<Payload>> = Vec::new();
        for part in parts {
            flaws.cut_short |= part.is_some_and(|part| part.cut_short);
            let goes_on = match (runs.last_mut(), part) {
                (Some(Some(run)), Some(part)) => run.absorb(&part.payload),
                (Some(None), None) => true,
                (Some(Some(_)), None) | (Some(None), Some(_)) | (None, _) => false,
            };
            if !goes_on {
                runs.push(part.map(|part| part.payload.clone()));
            }
        }
        if runs.iter().flatten().all(|run| matches!(run, Payload::Data(_)))
            && runs.iter().any(Option::is_some)
        {
            let data = runs.into_iter().flatten().flat_map(Payload::into_octets).collect();
            return (Content::Data(data), flaws);
        }
        let text = runs.iter().map(|run| run.as_ref().map_or(GAP.to_owned(), |run| run.text(&mut flaws)));
        (Content::Text(text.collect()), flaws)
    }

    /// A text in the alphabet that takes the least room, whole: for what is not split.
    #[cfg(test)]
    pub(crate) fn text(text: &str) -> Self {
        let payload = alphabet::encode(text)
            .map_or_else(|| Payload::ucs2(text.chars()), |letters| Payload::letters(&letters));
        Self { payload, cut_short: false }
    }
}

impl Payload {
    pub(crate) fn letters(letters: &[Letter]) -> Self {
        let septets = letters.iter().flat_map(|letter| letter.septets()).collect();
        Self::Septets { septets, locking: 0, single: 0 }
    }

    pub(crate) fn ucs2(text: impl IntoIterator<Item = char>) -> Self {
        let mut pair = [0; 2];
        let units = text.into_iter().flat_map(|c| c.encode_utf16(&mut pair).to_vec());
        Self::Ucs2(units.flat_map(u16::to_be_bytes).collect())
    }

    /// Whether `next` goes on in the same alphabet; it is then part of this.
    fn absorb(&mut self, next: &Self) -> bool {
        match (self, next) {
            (
                Self::Septets { septets, locking, single },
                Self::Septets { septets: more, locking: next_locking, single: next_single },
            ) if *locking == *next_locking && *single == *next_single => septets.extend(more),
            (Self::Ucs2(octets), Self::Ucs2(more)) | (Self::Data(octets), Self::Data(more)) => {
                octets.extend(more);
            }
            _ => return false,
        }
        true
    }

    fn text(&self, flaws: &mut Flaws) -> String {
        match self {
            Self::Septets { septets, locking, single } => {
                let [locking, single] = [*locking, *single].map(Language::from_code);
                let read = alphabet::decode(septets, locking, single);
                flaws.unreadable |= read.guessed || septets.last() == Some(&ESCAPE);
                read.text
            }
            Self::Ucs2(octets) => {
                let (pairs, odd) = octets.as_chunks::<2>();
                let units = pairs.iter().copied().map(u16::from_be_bytes);
                let read = char::decode_utf16(units).map(|c| c.map_err(|_| ()));
                let whole = read.chain(odd.iter().map(|_| Err(())));
                let replaced = |c: Result<char, ()>| {
                    flaws.unreadable |= c.is_err();
                    c.unwrap_or(char::REPLACEMENT_CHARACTER)
                };
                whole.map(replaced).collect()
            }
            Self::Data(octets) => {
                flaws.unreadable = true;
                format!("<{}>", crate::pdu::hex(octets))
            }
        }
    }

    fn into_octets(self) -> Vec<u8> {
        match self {
            Self::Septets { septets, .. } => septets,
            Self::Ucs2(octets) | Self::Data(octets) => octets,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Data(octets) => write!(f, "{} octets of data: {}", octets.len(), crate::pdu::hex(octets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(payload: Payload) -> Body {
        Body { payload, cut_short: false }
    }

    #[test]
    fn a_character_that_others_split_over_two_parts_is_read_whole() {
        let (first, second) = (body(Payload::Ucs2(vec![0xd8, 0x3d])), body(Payload::Ucs2(vec![0xde, 0x01])));
        let whole = Body::join([Some(&first), Some(&second)]);
        assert_eq!(whole, (Content::Text("😁".to_owned()), Flaws::default()));
        let septets =
            |septets: &[u8]| body(Payload::Septets { septets: septets.to_vec(), locking: 0, single: 0 });
        let (first, second) = (septets(&[0x61, ESCAPE]), septets(&[0x65]));
        assert_eq!(Body::join([Some(&first), Some(&second)]).0, Content::Text("a€".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        for (octets, text) in [
            (vec![0xd8, 0x3d, 0, 0x61], "\u{fffd}a"),
            (vec![0, 0x61, 0xd8, 0x3d], "a\u{fffd}"),
            (vec![0, 0x61, 0], "a\u{fffd}"),
        ] {
            let (content, flaws) = body(Payload::Ucs2(octets)).read();
            assert_eq!(content, Content::Text(text.to_owned()));
            assert!(flaws.unreadable && !flaws.cut_short);
        }
    }

    #[test]
    fn gaps_and_data_among_text_are_shown() {
        let (text, data) = (Body::text("one"), body(Payload::Data(vec![1, 0xab])));
        let (content, flaws) = Body::join([Some(&text), None, None, Some(&data)]);
        assert_eq!(content.to_string(), "one[…]<01AB>");
        assert!(flaws.unreadable);
        assert_eq!(Body::join([Some(&data)]).0.to_string(), "2 octets of data: 01AB");
        assert_eq!(Body::join([None]).0.to_string(), "[…]");
    }
}
