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

/// All sections of a file, in its order; what is said of one name at several places is one section, as for UCI.
pub(crate) fn sections(text: &str) -> Result<Vec<Section>, UciError> {
    let mut sections: Vec<Section> = Vec::new();
    // The place of the one that is being read.
    let mut current = 0;
    let mut reader = Reader { rest: text.chars(), line: 1 };
    while !reader.rest.as_str().is_empty() {
        let line = reader.line;
        let error = |why| UciError { line, why };
        let mut words = reader.words().map_err(error)?.into_iter();
        let Some(first) = words.next() else { continue };
        let (second, third) = (words.next(), words.next());
        if words.next().is_some() {
            return Err(error("it has too much on it; put values with blanks into quotes"));
        }
        match (first.as_str(), second, third) {
            ("package", Some(_), None) => {}
            ("config", Some(kind), name) => {
                let known = sections.iter().position(|known| name.is_some() && known.name == name);
                current = known.unwrap_or(sections.len());
                match sections.get(current) {
                    Some(known) if known.kind != kind => {
                        return Err(error(
                            "an earlier section of another type has that name; change one of them",
                        ));
                    }
                    Some(_) => {}
                    None => sections.push(Section { kind, name, ..Section::default() }),
                }
            }
            ("option" | "list", Some(key), Some(value)) => {
                let section = sections.get_mut(current);
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

/// What is still to be read.
struct Reader<'a> {
    rest: std::str::Chars<'a>,
    /// Of what comes next, counted from 1.
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    /// The words up to the end of the line, without a comment there. Within a word quoted parts may follow each other, and
    /// these may go on over lines.
    fn words(&mut self) -> Result<Vec<String>, &'static str> {
        let (mut words, mut word) = (Vec::new(), None::<String>);
        while let Some(c) = self.next() {
            match c {
                '\n' => break,
                '#' if word.is_none() => {
                    while self.next().is_some_and(|c| c != '\n') {}
                    break;
                }
                c if c.is_whitespace() => words.extend(word.take()),
                '\'' => self.quoted('\'', word.get_or_insert_default())?,
                '"' => self.quoted('"', word.get_or_insert_default())?,
                '\\' => self.escaped(word.get_or_insert_default()),
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        Ok(words)
    }

    /// Takes in what stands up to the closing quote; in double quotes a backslash takes the next character as it is.
    fn quoted(&mut self, quote: char, word: &mut String) -> Result<(), &'static str> {
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return Ok(()),
                '\\' if quote == '"' => self.escaped(word),
                c => word.push(c),
            }
        }
        Err("its quote is not closed")
    }

    /// Behind a backslash the end of a line is none.
    fn escaped(&mut self, word: &mut String) {
        word.extend(self.next().filter(|c| *c != '\n'));
    }
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
    fn sections_of_one_name_are_one_and_values_go_over_lines() {
        let text = "config a 'x'\n\toption one '1'\n\toption two '1'\n\tlist all '1'\nconfig a 'y'\n\
                    config a 'x' # again\n\toption two '2\n# 3'\n\tlist all \"2\\\n3\"\n\
                    config a\nconfig a\n\toption four \\\n4\n";
        let read = sections(text).unwrap();
        assert_eq!(read.len(), 4, "{read:#?}");
        assert_eq!((read[0].option("one"), read[0].option("two")), (Some("1"), Some("2\n# 3")));
        assert_eq!(read[0].list("all"), ["1", "23"]);
        assert_eq!((read[2].option("four"), read[3].option("four")), (None, Some("4")));
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
            // The line on which it begins, and those after it.
            ("\nconfig a 'b\n\nc\n", 2),
            ("config a b\n\toption c 'd\n\ne'\n\toption f\n", 5),
            ("config a b\nconfig c b\n", 2),
        ] {
            assert_eq!(sections(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
