//! What a config that names no link sets nevertheless, such as the packages' own: a proposal takes it in.

use super::draft::{Draft, Key};
use toml::{Table, Value};

/// What the packages install, where nobody knows the links yet.
const SHIPPED: [&str; 2] =
    [include_str!("../../packaging/shunt.toml"), include_str!("../../packaging/openwrt/shunt.toml")];

/// What goes on as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kept {
    /// Before any section.
    keys: Table,
    /// Tables, and lists of them.
    sections: Table,
    /// The sections as they stand there, with their comments.
    text: String,
}

/// Why a file is not to be replaced. Completes "it is there already, …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stays {
    #[error("names links")]
    NamesLinks,
    #[error("is no TOML")]
    NoToml,
    #[error("is no plain file")]
    NoFile,
}

impl Kept {
    /// What `text` sets.
    ///
    /// # Errors
    ///
    /// When it names a link, so that it is an operator's config, or may do so, since it cannot be read.
    pub(crate) fn of(text: &str) -> Result<Self, Stays> {
        let all: Table = toml::from_str(text).map_err(|_| Stays::NoToml)?;
        if all.contains_key("link") {
            return Err(Stays::NamesLinks);
        }
        let (sections, keys): (Table, Table) = all.into_iter().partition(|(_, value)| is_section(value));
        let start = text.lines().position(|line| line.trim_start().starts_with('['));
        let tail: Vec<&str> = start.map_or_else(Vec::new, |start| text.lines().skip(start).collect());
        let tail = tail.join("\n");
        // Sections can be written otherwise, too (`agent.log = …`): then their comments are lost, and nothing else.
        let as_it_stands = toml::from_str::<Table>(&tail).is_ok_and(|table| table == sections);
        let text = if as_it_stands { tail } else { toml::to_string(&sections).unwrap_or_default() };
        Ok(Self { keys, sections, text: text.trim_end().to_owned() })
    }

    /// Has `draft` say the same; what it proposes for the same keys gives way.
    pub(crate) fn go_into(self, draft: &mut Draft) {
        let names: Vec<&str> = self.keys.keys().chain(self.sections.keys()).map(String::as_str).collect();
        if names.is_empty() {
            return;
        }
        draft.notes.push(format!("Kept as the earlier file had it: {}.", names.join(", ")));
        draft.general.retain(|key| !self.keys.contains_key(&*key.name));
        let section = |header: &str| header.trim_matches(['[', ']']).to_owned();
        draft.sections.retain(|proposed| !self.sections.contains_key(&section(proposed.header)));
        draft.general.extend(self.keys.into_iter().map(|(name, value)| Key::plain(name, value)));
        draft.kept = self.text;
    }
}

/// Whether nobody has written into a file: its comments are ours, too.
pub(crate) fn is_untouched(text: &str) -> bool {
    text.trim().is_empty() || SHIPPED.contains(&text)
}

fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(list) => !list.is_empty() && list.iter().all(Value::is_table),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::draft::Section;

    fn draft() -> Draft {
        let link = |header| Section { header, why: "It is there.".into(), keys: Vec::new() };
        Draft {
            origin: "a test".into(),
            general: vec![Key::plain("targets", vec!["192.0.2.1"])],
            sections: vec![link("[[link]]"), link("[[modem]]")],
            ..Draft::default()
        }
    }

    fn with(earlier: &str) -> String {
        let mut draft = draft();
        Kept::of(earlier).unwrap().go_into(&mut draft);
        draft.to_string()
    }

    #[test]
    fn what_openwrts_package_sets_goes_on_with_its_reasons() {
        let text = with(SHIPPED[1]);
        let table: Table = toml::from_str(&text).unwrap();
        assert_eq!(table["agent"]["state_dir"].as_str(), Some("/etc/shunt/state"), "{text}");
        assert_eq!(table["recording"]["enabled"].as_bool(), Some(false), "{text}");
        assert_eq!(table["link"].as_array().unwrap().len(), 1, "{text}");
        assert!(text.contains("# Leases and the old values of sysctls must survive a reboot"), "{text}");
        assert!(text.contains("# - Kept as the earlier file had it: agent, recording."), "{text}");
        assert!(!text.contains("#[[link]]"), "{text}");
        // The other one sets nothing.
        assert_eq!(with(SHIPPED[0]), draft().to_string());
    }

    #[test]
    fn what_is_set_goes_before_what_is_proposed() {
        let text = with("targets = [\"192.0.2.9\"]\nagent.log = \"warn\"\n[[modem]]\nlink = \"lte\"\n");
        let table: Table = toml::from_str(&text).unwrap();
        assert_eq!(table["targets"][0].as_str(), Some("192.0.2.9"), "{text}");
        assert_eq!(table["agent"]["log"].as_str(), Some("warn"), "{text}");
        assert_eq!(table["modem"].as_array().unwrap().len(), 1, "{text}");
        assert_eq!(table["modem"][0]["link"].as_str(), Some("lte"), "{text}");
    }

    #[test]
    fn a_config_that_names_a_link_or_may_do_so_stays() {
        for (text, why) in [
            ("[[link]]\nname = \"fiber\"\n", Stays::NamesLinks),
            ("link = []\n", Stays::NamesLinks),
            ("[[link]\nname = \"fiber\"\n", Stays::NoToml),
        ] {
            assert_eq!(Kept::of(text), Err(why), "{text:?}");
        }
        assert!(is_untouched("") && is_untouched(SHIPPED[0]) && !is_untouched("# mine\n"));
    }
}
