//! OpenWrt's config files (UCI): sections with options and lists, in the quoting of a shell.
//!
//! Source: <https://openwrt.org/docs/guide-user/base-system/uci>, "File syntax".

use std::collections::BTreeMap;

/// One section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// Its type: what follows `config`.
    pub(crate) kind: String,
    /// Its name, if it has one.
    pub(crate) name: Option<String>,
    /// Options have one value, lists several. Of an option that is repeated the last value counts, as for UCI.
    values: BTreeMap<String, Vec<String>>,
}

/// Where a file is no UCI file. Completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read line {line}: {why}")]
pub(crate) struct UciError {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What is wrong, and the mend.
    pub(crate) why: &'static str,
}

impl Section {
    /// The value of an option, or the first of a list.
    pub(crate) fn option(&self, key: &str) -> Option<&str> {
        self.values.get(key)?.first().map(String::as_str)
    }

    /// The values of a list; an option is a list of one.
    pub(crate) fn list(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// The keys that are there, in alphabetical order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

/// All sections of a file, in its order.
pub(crate) fn sections(text: &str) -> Result<Vec<Section>, UciError> {
    let mut sections: Vec<Section> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let error = |why| UciError { line, why };
        let words = words(text).map_err(error)?;
        let mut words = words.into_iter();
        let Some(first) = words.next() else { continue };
        let (second, third) = (words.next(), words.next());
        if words.next().is_some() {
            return Err(error("it has too much on it; put values with blanks into quotes"));
        }
        match (first.as_str(), second, third) {
            ("package", Some(_), None) => {}
            ("config", Some(kind), name) => sections.push(Section { kind, name, ..Section::default() }),
            ("option" | "list", Some(key), Some(value)) => {
                let section = sections.last_mut();
                let section = section.ok_or(error("it stands before any section; begin with `config …`"))?;
                let values = section.values.entry(key).or_default();
                if first == "option" {
                    values.clear();
                }
                values.push(value);
            }
            _ => {
                return Err(error(
                    "it is none of `config TYPE [NAME]`, `option KEY VALUE` and `list KEY VALUE`; is this a UCI file?",
                ));
            }
        }
    }
    Ok(sections)
}

/// The words of a line, without a comment at its end. Within a word quoted parts may follow each other.
fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '#' if word.is_none() => break,
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => quoted(&mut rest, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut rest, '"', word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().extend(rest.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Takes in what stands up to the closing quote; in double quotes a backslash takes the next character as it is.
fn quoted(rest: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Result<(), &'static str> {
    while let Some(c) = rest.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => word.extend(rest.next()),
            c => word.push(c),
        }
    }
    Err("its quote is not closed; end the value on the same line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_options_and_lists_are_read_as_uci_does() {
        let text = "package mwan3\n\n# a comment\nconfig interface 'wan' # here too\n\toption enabled '1'\n\
                    \toption enabled \"0\"\n\tlist track_ip 192.0.2.1\n\tlist track_ip '192.0.2.2'\n\
                    config rule\n\toption text 'it'\\''s \"so\"'\n\toption other \"a\\\"b # c\"\n";
        let read = sections(text).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].kind.as_str(), read[0].name.as_deref()), ("interface", Some("wan")));
        assert_eq!(read[0].option("enabled"), Some("0"));
        assert_eq!(read[0].list("track_ip"), ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(read[0].keys().collect::<Vec<_>>(), ["enabled", "track_ip"]);
        assert_eq!((read[1].name.as_deref(), read[1].option("none")), (None, None));
        assert_eq!(read[1].option("text"), Some("it's \"so\""));
        assert_eq!(read[1].option("other"), Some("a\"b # c"));
        assert_eq!(read[1].list("none"), [] as [&str; 0]);
    }

    #[test]
    fn what_is_no_uci_file_is_told_with_its_line() {
        for (text, line) in [
            ("[[link]]\nname = \"fiber\"\n", 1),
            ("option a b\n", 1),
            ("config interface 'wan\n", 1),
            ("config interface wan\n\noption a\n", 3),
            ("config interface wan extra\nconfig a b c d\n", 1),
            ("\u{7f}ELF\n", 1),
        ] {
            assert_eq!(sections(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
