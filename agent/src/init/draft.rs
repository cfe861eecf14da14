//! A proposed config: values with the reasons for them, written out as TOML with comments.

use crate::api::describe::clean;
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::ops::Deref;
use toml::Value;

/// Columns of a comment, with its `# `.
const COLUMNS: usize = 100;

/// A config that is proposed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Draft {
    /// What it was made from.
    pub(crate) origin: String,
    /// What the operator should know beside the values: what was left out, and what to look at.
    pub(crate) notes: Notes,
    /// The keys before any section.
    pub(crate) general: Vec<Key>,
    /// The sections, in their order.
    pub(crate) sections: Vec<Section>,
    /// Sections that the earlier file had, as they stood there.
    pub(crate) kept: String,
}

/// What an operator is told, on a terminal and in the config. Parts of it are what others wrote: it has no character that
/// a terminal obeys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// Tells this as well.
    pub(crate) fn push(&mut self, note: impl AsRef<str>) {
        self.0.push(clean(note.as_ref()));
    }
}

impl Deref for Notes {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

/// A section of the config.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// Its first line, such as `[[link]]`.
    pub(crate) header: &'static str,
    /// Why it is there.
    pub(crate) why: String,
    /// What stands in it.
    pub(crate) keys: Vec<Key>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: Cow<'static, str>,
    /// Its value.
    pub(crate) value: Value,
    /// Why it has that value, where this needs to be said.
    pub(crate) why: Option<String>,
}

impl Key {
    /// A key that needs no reason.
    pub(crate) fn plain(name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into(), why: None }
    }

    /// A key with the reason for its value.
    pub(crate) fn because(name: &'static str, value: impl Into<Value>, why: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), why: Some(why.into()) }
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        comment(
            f,
            "",
            &format!("Proposed by `shunt init` from {}. Look it over before it is used.", self.origin),
        )?;
        if !self.notes.is_empty() {
            f.write_str("#\n# To be looked at:\n")?;
        }
        for note in self.notes.iter() {
            comment(f, "- ", note)?;
        }
        if !self.general.is_empty() {
            f.write_char('\n')?;
        }
        keys(f, &self.general)?;
        for section in &self.sections {
            f.write_char('\n')?;
            comment(f, "", &section.why)?;
            writeln!(f, "{}", section.header)?;
            keys(f, &section.keys)?;
        }
        if !self.kept.is_empty() {
            f.write_char('\n')?;
            comment(f, "", "From the file that was here before:")?;
            writeln!(f, "{}", self.kept)?;
        }
        Ok(())
    }
}

fn keys(f: &mut fmt::Formatter<'_>, keys: &[Key]) -> fmt::Result {
    for Key { name, value, why } in keys {
        if let Some(why) = why {
            comment(f, "", why)?;
        }
        writeln!(f, "{name} = {value}")?;
    }
    Ok(())
}

/// `text` as comment lines; those after the first stand below its first word, behind the `bullet`.
fn comment(f: &mut fmt::Formatter<'_>, bullet: &str, text: &str) -> fmt::Result {
    let indent = " ".repeat(bullet.len());
    let (mut line, mut empty) = (format!("# {bullet}"), true);
    // A control character in what others wrote must not end the comment.
    let text = clean(text);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            writeln!(f, "{line}")?;
            (line, empty) = (format!("# {indent}"), true);
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(f, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_before_what_they_explain() {
        let mut notes = Notes::default();
        notes.push("Look here. ".repeat(12));
        let draft = Draft {
            origin: "a test".into(),
            notes,
            general: vec![Key::because("targets", vec!["192.0.2.1"], "Only IPv4 is there.")],
            sections: vec![Section {
                header: "[[link]]",
                why: "It is\nthere.".into(),
                keys: vec![Key::plain("name", "a\"b"), Key::plain("metered", true)],
            }],
            kept: "[agent]".into(),
        };
        let text = draft.to_string();
        assert_eq!(
            text,
            "# Proposed by `shunt init` from a test. Look it over before it is used.\n\
             #\n\
             # To be looked at:\n\
             # - Look here. Look here. Look here. Look here. Look here. Look here. Look here. Look here. Look\n\
             #   here. Look here. Look here. Look here.\n\
             \n\
             # Only IPv4 is there.\n\
             targets = [\"192.0.2.1\"]\n\
             \n\
             # It is there.\n\
             [[link]]\n\
             name = 'a\"b'\n\
             metered = true\n\
             \n\
             # From the file that was here before:\n\
             [agent]\n"
        );
        assert!(toml::from_str::<toml::Table>(&text).is_ok());
    }

    #[test]
    fn no_note_has_what_a_terminal_obeys() {
        let mut notes = Notes::default();
        notes.push("a\u{1b}[2Jb\u{7}c\u{9b}d\ne");
        assert_eq!(*notes, ["a [2Jb c d e".to_owned()]);
    }
}
