//! The tables themselves, as 3GPP TS 23.038 V18 has them: 6.2.1, 6.2.1.1 and annexes A.2 and A.3.
//!
//! A main table is a string of 128 characters, the place of each being its septet; the escape stands at its own place.

use super::Language;

/// An extension: characters and their septets behind the escape.
pub(super) type Table = &'static [(char, u8)];

/// 6.2.1: the default alphabet.
pub(super) const DEFAULT: &str = concat!(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ",
    " !\"#¤%&'()*+,-./0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmnopqrstuvwxyzäöñüà",
);

/// A.3.1: Turkish, locking shift.
const TURKISH: &str = concat!(
    "@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ŞşßÉ",
    " !\"#¤%&'()*+,-./0123456789:;<=>?",
    "İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§",
    "çabcdefghijklmnopqrstuvwxyzäöñüà",
);

/// A.3.3: Portuguese, locking shift.
const PORTUGUESE: &str = concat!(
    "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\u{1b}ÂâÊÉ",
    " !\"#º%&'()*+,-./0123456789:;<=>?",
    "ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§",
    "~abcdefghijklmnopqrstuvwxyzãõ`üà",
);

/// 6.2.1.1: the extension of the default alphabet.
pub(super) const EXTENSION: Table = &[
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// A.2.1: what Turkish has beyond the extension.
const TURKISH_SINGLE: Table =
    &[('Ğ', 0x47), ('İ', 0x49), ('Ş', 0x53), ('ç', 0x63), ('ğ', 0x67), ('ı', 0x69), ('ş', 0x73)];

/// A.2.2: what Spanish has beyond the extension.
const SPANISH_SINGLE: Table = &[
    ('ç', 0x09),
    ('Á', 0x41),
    ('Í', 0x49),
    ('Ó', 0x4f),
    ('Ú', 0x55),
    ('á', 0x61),
    ('í', 0x69),
    ('ó', 0x6f),
    ('ú', 0x75),
];

/// A.2.3: what Portuguese has beyond the extension.
const PORTUGUESE_SINGLE: Table = &[
    ('ê', 0x05),
    ('ç', 0x09),
    ('Ô', 0x0b),
    ('ô', 0x0c),
    ('Á', 0x0e),
    ('á', 0x0f),
    ('Φ', 0x12),
    ('Γ', 0x13),
    ('Ω', 0x15),
    ('Π', 0x16),
    ('Ψ', 0x17),
    ('Σ', 0x18),
    ('Θ', 0x19),
    ('Ê', 0x1f),
    ('À', 0x41),
    ('Í', 0x49),
    ('Ó', 0x4f),
    ('Ú', 0x55),
    ('Ã', 0x5b),
    ('Õ', 0x5c),
    ('Â', 0x61),
    ('í', 0x69),
    ('ó', 0x6f),
    ('ú', 0x75),
    ('ã', 0x7b),
    ('õ', 0x7c),
    ('â', 0x7f),
];

/// The main table of a language, and whether it is the right one: Spanish has none of its own, unknown ones get the
/// default.
pub(super) fn locking(language: Option<Language>) -> (&'static str, bool) {
    match language {
        None | Some(Language::Spanish) => (DEFAULT, true),
        Some(Language::Turkish) => (TURKISH, true),
        Some(Language::Portuguese) => (PORTUGUESE, true),
        Some(Language::Unknown) => (DEFAULT, false),
    }
}

/// What a language adds to the extension, and whether it is the right one.
pub(super) fn single(language: Option<Language>) -> (Table, bool) {
    match language {
        None => (&[], true),
        Some(Language::Turkish) => (TURKISH_SINGLE, true),
        Some(Language::Spanish) => (SPANISH_SINGLE, true),
        Some(Language::Portuguese) => (PORTUGUESE_SINGLE, true),
        Some(Language::Unknown) => (&[], false),
    }
}

/// The character of a septet in a main table.
pub(super) fn at(main: &str, septet: u8) -> char {
    main.chars().nth(usize::from(septet & 0x7f)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The septet of a character in a main table.
pub(super) fn position(main: &str, c: char) -> Option<u8> {
    main.chars().position(|own| own == c).and_then(|place| u8::try_from(place).ok())
}

/// The character of a septet behind the escape: a language's own, or that of the extension.
pub(super) fn character(own: Table, septet: u8) -> Option<char> {
    own.iter().chain(EXTENSION).find(|(_, code)| *code == septet).map(|(c, _)| *c)
}

/// The septet of a character behind the escape.
pub(super) fn code(table: Table, c: char) -> Option<u8> {
    table.iter().find(|(own, _)| *own == c).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_a_character_for_each_septet_and_the_escape_at_its_place() {
        for main in [DEFAULT, TURKISH, PORTUGUESE] {
            assert_eq!(main.chars().count(), 128);
            assert_eq!(position(main, '\u{1b}'), Some(super::super::ESCAPE));
        }
    }
}
