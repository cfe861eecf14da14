//! What is not TOML at all: the parser's own findings, in the form of every other fault.

use crate::values::Complaint;
use crate::walk::{Place, Walker};
use std::collections::BTreeSet;
use toml::de::Error;

/// Longest line in bytes. Sixteen targets in one line need less than a quarter of it.
pub(crate) const MAX_LINE: usize = 4096;

/// Words of the parser, and what they ask of the operator; the first that fits counts.
const MENDS: &[(&str, &str)] = &[
    ("duplicate key", "keep one of the two"),
    ("string values must be quoted", "put the value in \"quotes\""),
    ("opening quote", "put the value in \"quotes\""),
    ("basic string", "close the text with the quote that opened it, and write \\ as \\\\"),
    ("literal string", "close the text with the quote that opened it"),
    ("unclosed array table", "close the header, as in [[link]]"),
    ("unclosed table", "close the header, as in [probe]"),
    ("unclosed array", "close the list with ]"),
    ("unclosed inline table", "close the braces with }"),
    ("missing comma", "put a comma between the two"),
    ("key with no value", "write key = value"),
    ("missing value", "write a value after the ="),
    ("leading zero", "remove the zero in front, or put the value in \"quotes\""),
    ("dotted key", "keep one of the two: the name is a value and a section at once"),
    ("recur", "nest less deeply: no key of Shunt is deeper than two sections"),
];

/// Notes what the parser found: one fault a line, since the second in a line mostly follows from the first.
pub(crate) fn complain(walk: &mut Walker, text: &str, errors: &[Error]) {
    let mut lines = BTreeSet::new();
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let start = text.floor_char_boundary(span.start);
        let line = text.get(..start).unwrap_or_default().matches('\n').count();
        if !lines.insert(line) {
            continue;
        }
        let message = error.message();
        let mend = MENDS
            .iter()
            .find(|(words, _)| message.contains(words))
            .map_or("write key = value, with texts in \"quotes\" and lists in [brackets]", |(_, mend)| mend);
        let why = format!("this is not TOML ({message})");
        walk.fault(Place { span, key: String::new() }, Complaint::new(why, mend));
    }
}

/// Notes lines that are too long to be a configuration's; such a file is not parsed, since a key of a
/// thousand parts nests as deeply.
pub(crate) fn long_lines(walk: &mut Walker, text: &str) -> bool {
    let mut start = 0;
    let mut found = false;
    for line in text.split_inclusive('\n') {
        if line.len() > MAX_LINE {
            found = true;
            let why = format!("the line has more than {MAX_LINE} bytes");
            let place = Place { span: start..start, key: String::new() };
            walk.fault(place, Complaint::new(why, "break it into shorter lines"));
        }
        start += line.len();
    }
    found
}
