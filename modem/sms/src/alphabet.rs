//! The 7-bit alphabet (3GPP TS 23.038 6.2 and annex A): text into septets and back.
//!
//! Written are the default alphabet and its extension only, which every phone has; what they lack goes as UCS-2. Read
//! are also the tables of Turkish, Spanish and Portuguese.

pub(crate) mod septets;
mod tables;

use tables::Table;

/// The septet that takes the next one from the extension.
pub(crate) const ESCAPE: u8 = 0x1b;

/// A national language, by the numbers of 23.038 6.2.1.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Turkish,
    Spanish,
    Portuguese,
    /// One whose tables are not known here.
    Unknown,
}

impl Language {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => None,
            1 => Some(Self::Turkish),
            2 => Some(Self::Spanish),
            3 => Some(Self::Portuguese),
            _ => Some(Self::Unknown),
        }
    }
}

/// Septets that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) text: String,
    /// Whether a table was missing, so that the text is a guess.
    pub(crate) guessed: bool,
}

/// The septets of a text, each character by itself so that none is split; none where the alphabet lacks one.
pub(crate) fn encode(text: &str) -> Option<Vec<Letter>> {
    text.chars().map(Letter::of).collect()
}

/// One character: its septet, or the escape and a septet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letter {
    Plain(u8),
    Escaped(u8),
}

impl Letter {
    fn of(c: char) -> Option<Self> {
        let plain = tables::position(tables::DEFAULT, c).filter(|septet| *septet != ESCAPE).map(Self::Plain);
        plain.or_else(|| tables::code(tables::EXTENSION, c).map(Self::Escaped))
    }

    /// How many septets it takes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Escaped(_) => 2,
        }
    }

    pub(crate) fn septets(self) -> impl Iterator<Item = u8> {
        let (first, second) = match self {
            Self::Plain(septet) => (septet, None),
            Self::Escaped(septet) => (ESCAPE, Some(septet)),
        };
        core::iter::once(first).chain(second)
    }
}

/// The text of septets, by the tables of these languages.
pub(crate) fn decode(septets: &[u8], locking: Option<Language>, single: Option<Language>) -> Read {
    let (main, known_main) = tables::locking(locking);
    let (extension, known_extension) = tables::single(single);
    let mut text = String::with_capacity(septets.len());
    let mut rest = septets.iter().copied();
    while let Some(septet) = rest.next() {
        let c =
            if septet == ESCAPE { escaped(rest.next(), main, extension) } else { tables::at(main, septet) };
        text.push(c);
    }
    let escaped = septets.contains(&ESCAPE);
    Read { text, guessed: !known_main || (escaped && !known_extension) }
}

/// What the extension lacks is shown as the main table has it; an escape behind an escape, or at the end, as a space
/// (23.038 6.2.1.1).
fn escaped(septet: Option<u8>, main: &str, extension: Table) -> char {
    match septet {
        None | Some(ESCAPE) => ' ',
        Some(septet) => tables::character(extension, septet).unwrap_or_else(|| tables::at(main, septet)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_septet_of_the_default_alphabet_reads_and_writes_the_same() {
        for septet in (0..=127).filter(|septet| *septet != ESCAPE) {
            let read = decode(&[septet], None, None);
            assert_eq!(encode(&read.text).unwrap(), [Letter::Plain(septet)], "{septet:02x}");
            assert!(!read.guessed);
        }
        for (c, septet) in tables::EXTENSION {
            assert_eq!(Letter::of(*c), Some(Letter::Escaped(*septet)));
            assert_eq!(decode(&[ESCAPE, *septet], None, None).text, c.to_string());
        }
    }

    #[test]
    fn escapes_that_lead_nowhere_are_shown_as_the_standard_has_it() {
        for (septets, text) in
            [(&[0x61, ESCAPE][..], "a "), (&[ESCAPE, ESCAPE, 0x61], " a"), (&[ESCAPE, 0x61], "a")]
        {
            assert_eq!(decode(septets, None, None).text, text);
        }
    }

    #[test]
    fn national_tables_are_read_and_unknown_ones_are_told() {
        use Language::{Portuguese, Spanish, Turkish, Unknown};
        // Every character of the words comes from the table that the message names (annex A).
        let read = |septets: &[u8], locking, single| decode(septets, locking, single);
        assert_eq!(read(&[0x0b, 0x07, 0x1c, 0x1d, 0x40, 0x60, 0x04], Some(Turkish), None).text, "ĞıŞşİç€");
        assert_eq!(read(&[ESCAPE, 0x67, ESCAPE, 0x49, ESCAPE, 0x63], None, Some(Turkish)).text, "ğİç");
        assert_eq!(read(&[ESCAPE, 0x69, ESCAPE, 0x09, ESCAPE, 0x55], None, Some(Spanish)).text, "íçÚ");
        assert_eq!(read(&[ESCAPE, 0x7b, ESCAPE, 0x7c, ESCAPE, 0x1f], None, Some(Portuguese)).text, "ãõÊ");
        assert_eq!(read(&[0x7b, 0x7c, 0x7d, 0x15, 0x5b], Some(Portuguese), None).text, "ãõ`∞Ã");
        let unknown = read(b"a", Some(Unknown), None);
        assert!(unknown.guessed && unknown.text == "a");
        assert!(!read(b"a", None, Some(Unknown)).guessed);
        assert!(read(&[ESCAPE, 0x0a], None, Some(Unknown)).guessed);
    }
}
