//! A line cut into its fields, and the numbers in them. Nothing here panics, wraps or guesses: what is not
//! wholly a number, or too large for it, is none.

/// Fields of a line that are looked at. The longest in use are serving cells with some 25; a `+COPS=?` has more and
/// is not read by fields.
const MAX_FIELDS: usize = 48;

/// Digits that are taken for a number with a fraction; nothing that is measured has more, and so many thousandths
/// fit an `i64` many times over.
const MAX_DIGITS: usize = 9;

/// What modems write where they know nothing.
const UNKNOWN: [&str; 4] = ["", "-", "--", "---"];

/// In which base a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// Decimal.
    Dec,
    /// Hexadecimal, with or without `0x`.
    Hex,
}

impl Base {
    /// The number that the whole of `text` is.
    pub(super) fn read(self, text: &str) -> Option<u64> {
        let (digits, radix) = match self {
            Self::Dec => (text, 10),
            Self::Hex => (text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text), 16),
        };
        // `from_str_radix` takes a sign, which no number here has.
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if plain { u64::from_str_radix(digits, radix).ok() } else { None }
    }
}

/// The number that the whole of `text` is, sign and fraction allowed, in thousandths; further decimals are cut.
pub(super) fn thousandths(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits =
        |part: &str| (1..=MAX_DIGITS).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let mut value: i64 = whole.parse().ok()?;
    for place in 0..3 {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| i64::from(byte.wrapping_sub(b'0')));
        value = value * 10 + digit;
    }
    Some(if negative { -value } else { value })
}

/// A line's fields between commas. Commas in quotes do not count.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    all: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Cuts `text`, which has no prefix any more.
    pub(super) fn split(text: &'a str) -> Self {
        let mut all = Vec::new();
        let (mut quoted, mut start) = (false, 0);
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b',' if !quoted => {
                    all.push(text.get(start..at).unwrap_or_default().trim());
                    start = at + 1;
                    if all.len() == MAX_FIELDS {
                        return Self { all };
                    }
                }
                _ => {}
            }
        }
        all.push(text.get(start..).unwrap_or_default().trim());
        Self { all }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// A field as it came, quotes and all.
    pub(super) fn raw(&self, index: usize) -> Option<&'a str> {
        self.all.get(index).copied()
    }

    /// A field without its quotes; none where it is missing or the modem says that it does not know.
    pub(super) fn get(&self, index: usize) -> Option<&'a str> {
        self.raw(index).map(bare).filter(|text| !UNKNOWN.contains(text))
    }

    /// All fields without their quotes, the unknown ones as none.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&'a str>> + '_ {
        (0..self.all.len()).map(|index| self.get(index))
    }
}

/// Without quotes and the blanks within them.
pub(super) fn bare(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

/// The word after `label` in a line of labels and values (`LTE band:      B2     LTE bw:      20 MHz`).
pub(super) fn labelled<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let (before, after) = line.split_once(label)?;
    // The label must not be the end of a longer one, as `PCI:` of `NPCI:`.
    if before.chars().next_back().is_some_and(|last| last.is_alphanumeric()) {
        return None;
    }
    after.split_whitespace().next().filter(|text| !UNKNOWN.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_quotes_belongs_to_the_field() {
        let fields = Fields::split(" (1,\"T-Mobile USA, In\", \"-\" ,,7");
        let read: Vec<_> = fields.iter().collect();
        assert_eq!(read, [Some("(1"), Some("T-Mobile USA, In"), None, None, Some("7")]);
        assert_eq!(Fields::split("").len(), 1);
        assert_eq!(Fields::split("\"open, 1").len(), 1);
        assert_eq!(Fields::split(&",".repeat(1000)).len(), MAX_FIELDS);
    }

    #[test]
    fn a_number_is_the_whole_of_a_text_and_in_range() {
        assert_eq!(Base::Dec.read("0019"), Some(19));
        assert_eq!(Base::Hex.read("0x5A1E"), Some(0x5A1E));
        assert_eq!(Base::Hex.read("FFFFFFFFFFFFFFFFF"), None);
        for text in ["", "+1", "-1", " 1", "1 ", "0x", "1F", "1.0", "0 5"] {
            assert_eq!(Base::Dec.read(text), None, "{text:?}");
        }
        assert_eq!(thousandths("-11.6"), Some(-11_600));
        assert_eq!(thousandths("+7"), Some(7_000));
        assert_eq!(thousandths("0.00"), Some(0));
        assert_eq!(thousandths("23.87654"), Some(23_876));
        for text in ["", "-", ".", "1.", ".5", "--1", "1e3", "9999999999", "1.2.3", "3t"] {
            assert_eq!(thousandths(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_label_is_found_among_others_and_not_as_the_end_of_another() {
        let line = "LTE band:      B2     \t\tLTE bw:      20 MHz  ";
        assert_eq!(labelled(line, "LTE band:"), Some("B2"));
        assert_eq!(labelled(line, "LTE bw:"), Some("20"));
        assert_eq!(labelled(line, "bw:"), Some("20"));
        assert_eq!(labelled("NPCI: 5", "PCI:"), None);
        assert_eq!(labelled("Tx Power:      --", "Tx Power:"), None);
        assert_eq!(labelled("TAC:", "TAC:"), None);
    }
}
