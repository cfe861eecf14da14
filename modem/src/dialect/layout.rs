//! How a line of an answer is laid out, as data, and the one reader of it.
//!
//! A vendor table says which prefix a line has, which of its fields must say what, and what each field means. What
//! is missing, unknown or out of range is left out of the record.

use super::address;
use super::cell::{Rat, Role};
use super::field::{Field, Record};
use super::text::{Fields, bare, labelled};

/// One kind of line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    prefix: &'static str,
    given: &'static [Given],
    rat: Option<Rat>,
    role: Role,
    form: Form,
}

/// How the rest of the line reads.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Fields between commas, in this order.
    Fields(&'static [Field]),
    /// Words after labels, anywhere in the line.
    Labels(&'static [(&'static str, Field)]),
    /// What data cannot say.
    Code(fn(&Fields<'_>, &mut Record)),
}

/// What must hold of a line so that the layout is its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given {
    /// The field is one of these words.
    Is(usize, &'static [&'static str]),
    /// There are at least so many fields.
    AtLeast(usize),
    /// There are exactly so many fields.
    Exactly(usize),
    /// The field begins so.
    Starts(usize, &'static str),
    /// The field ends so.
    Ends(usize, &'static str),
    /// The field is so many digits.
    Digits(usize, usize),
    /// The line has none of these words.
    Without(&'static [&'static str]),
    /// The field is so many numbers between dots.
    Dotted(usize, usize),
    /// The field is an IPv4 mask.
    Mask(usize),
    /// The field is not an IPv4 mask.
    NoMask(usize),
}

impl Layout {
    const fn new(prefix: &'static str, form: Form) -> Self {
        Self { prefix, given: &[], rat: None, role: Role::Primary, form }
    }

    /// A line with `prefix` (empty for none) whose fields lie between commas.
    pub(super) const fn fields(prefix: &'static str, fields: &'static [Field]) -> Self {
        Self::new(prefix, Form::Fields(fields))
    }

    /// A line in which each wanted word follows its label.
    pub(super) const fn labels(labels: &'static [(&'static str, Field)]) -> Self {
        Self::new("", Form::Labels(labels))
    }

    /// A line for which a function is needed.
    pub(super) const fn code(prefix: &'static str, code: fn(&Fields<'_>, &mut Record)) -> Self {
        Self::new(prefix, Form::Code(code))
    }

    /// Only where these hold.
    pub(super) const fn given(mut self, given: &'static [Given]) -> Self {
        self.given = given;
        self
    }

    /// Lines of this kind are about this RAT.
    pub(super) const fn rat(mut self, rat: Rat) -> Self {
        self.rat = Some(rat);
        self
    }

    /// Lines of this kind are about a cell that carries data besides the primary one.
    pub(super) const fn secondary(mut self) -> Self {
        self.role = Role::Secondary;
        self
    }

    /// What `line` tells, if it is of this kind.
    pub(super) fn read(&self, line: &str) -> Option<Record> {
        let rest = line.trim().strip_prefix(self.prefix)?;
        let fields = Fields::split(rest);
        if !self.given.iter().all(|given| given.holds(rest, &fields)) {
            return None;
        }
        let mut record = Record::default();
        record.cell.rat = self.rat;
        record.cell.role = self.role;
        match self.form {
            Form::Fields(meanings) => {
                for (meaning, text) in meanings.iter().zip(fields.iter()) {
                    if let Some(text) = text {
                        meaning.put(text, &mut record);
                    }
                }
            }
            Form::Labels(labels) => {
                for (label, meaning) in labels {
                    if let Some(text) = labelled(rest, label) {
                        meaning.put(text, &mut record);
                    }
                }
            }
            Form::Code(code) => code(&fields, &mut record),
        }
        Some(record)
    }
}

impl Given {
    fn holds(self, rest: &str, fields: &Fields<'_>) -> bool {
        let text = |index| fields.raw(index).map(bare);
        let mask = |index| {
            fields.get(index).and_then(address::dotted).is_some_and(|bytes| {
                bytes.len() == 4 && address::mask_length(&bytes).is_some_and(|ones| ones > 0)
            })
        };
        match self {
            Self::Is(index, words) => text(index).is_some_and(|text| words.contains(&text)),
            Self::Starts(index, start) => text(index).is_some_and(|text| text.starts_with(start)),
            Self::Ends(index, end) => text(index).is_some_and(|text| text.ends_with(end)),
            Self::Digits(index, count) => text(index)
                .is_some_and(|text| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())),
            Self::Without(words) => !words.iter().any(|word| rest.contains(word)),
            Self::AtLeast(count) => fields.len() >= count,
            Self::Exactly(count) => fields.len() == count,
            Self::Dotted(index, count) => {
                fields.get(index).and_then(address::dotted).is_some_and(|bytes| bytes.len() == count)
            }
            Self::Mask(index) => mask(index),
            Self::NoMask(index) => !mask(index),
        }
    }
}
