//! What the operator calls the things that the core only counts.

use shunt_decision::{LinkId, TargetId};
use std::borrow::Cow;

/// Names of the links and their targets, made once from the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    links: Vec<LinkNames>,
}

/// One link, in the operator's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkNames {
    /// Its name.
    pub name: String,
    /// Its network interface.
    pub interface: String,
    /// Traffic on it costs money.
    pub metered: bool,
    /// Its targets, as they are written in the config.
    pub targets: Vec<String>,
}

impl Names {
    /// The names in `config`.
    #[must_use]
    pub fn new(config: &shunt_config::Config) -> Self {
        let link = |link: &shunt_config::Link| LinkNames {
            name: link.name.clone(),
            interface: link.interface.clone(),
            metered: link.metered,
            targets: link.targets.iter().map(ToString::to_string).collect(),
        };
        Self { links: config.links.iter().map(link).collect() }
    }

    /// Links of which nothing but the names is known.
    #[must_use]
    pub(crate) fn of_links(names: &[String]) -> Self {
        let link = |name: &String| LinkNames {
            name: name.clone(),
            interface: "its interface".into(),
            metered: false,
            targets: Vec::new(),
        };
        Self { links: names.iter().map(link).collect() }
    }

    /// All of one link.
    #[must_use]
    pub fn get(&self, link: LinkId) -> Option<&LinkNames> {
        self.links.get(usize::from(link.0))
    }

    /// The link's name; a number that no link has is shown as such, so that a message is never lost over it.
    #[must_use]
    pub fn link(&self, link: LinkId) -> Cow<'_, str> {
        match self.get(link) {
            Some(names) => Cow::Borrowed(&names.name),
            None => Cow::Owned(format!("link {}", link.0)),
        }
    }

    /// The link's interface, for a sentence.
    #[must_use]
    pub fn interface(&self, link: LinkId) -> Cow<'_, str> {
        match self.get(link) {
            Some(names) => Cow::Borrowed(&names.interface),
            None => Cow::Borrowed("its interface"),
        }
    }

    /// The target as it is written in the config.
    #[must_use]
    pub fn target(&self, link: LinkId, target: TargetId) -> Cow<'_, str> {
        match self.get(link).and_then(|names| names.targets.get(usize::from(target.0))) {
            Some(target) => Cow::Borrowed(target),
            None => Cow::Owned(format!("target {}", target.0)),
        }
    }

    /// The link with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<LinkId> {
        let place = self.links.iter().position(|link| link.name == name)?;
        u8::try_from(place).ok().map(LinkId)
    }

    /// The names of all links, in order of preference.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(|link| link.name.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Fiber (two targets of IPv4, one of IPv6) before LTE (one of IPv4).
    pub(in crate::api) fn fiber_and_lte() -> Names {
        let link = |name: &str, interface: &str, metered, targets: &[&str]| LinkNames {
            name: name.into(),
            interface: interface.into(),
            metered,
            targets: targets.iter().map(ToString::to_string).collect(),
        };
        Names {
            links: vec![
                link("fiber", "eth0", false, &["1.1.1.1", "9.9.9.9", "2606:4700:4700::1111"]),
                link("lte", "wwan0", true, &["tcp://192.0.2.1:443"]),
            ],
        }
    }

    #[test]
    fn a_name_is_found_and_a_number_without_one_is_still_shown() {
        let names = fiber_and_lte();
        assert_eq!(names.find("lte"), Some(LinkId(1)));
        assert_eq!(names.find("dsl"), None);
        assert_eq!(names.link(LinkId(9)), "link 9");
        assert_eq!(names.target(LinkId(0), TargetId(1)), "9.9.9.9");
        assert_eq!(names.target(LinkId(0), TargetId(7)), "target 7");
        assert_eq!(names.all().collect::<Vec<_>>(), ["fiber", "lte"]);
    }
}
