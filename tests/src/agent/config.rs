//! The agent's config for a laboratory: what a user would write, and the places of its files.

use crate::topology::{Lab, TARGETS_V4, TARGETS_V6};
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

/// A config in the making. What is not said has the agent's own default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// The targets of all links, as the config file writes them.
    pub targets: Vec<String>,
    /// The canary's source; `None`: the agent's default, which the provider must never see.
    pub canary_source: Option<Ipv4Addr>,
    /// Further sections, as TOML: `[probe]\ninterval = "100ms"`.
    pub sections: String,
    /// The links in order of preference.
    pub links: Vec<LinkText>,
    /// The group that may use the control socket.
    pub group: String,
    /// The level of the log.
    pub log: String,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkText {
    /// Its name.
    pub name: String,
    /// Its interface.
    pub interface: String,
    /// Further keys and sub-tables of it, as TOML: `metered = true`.
    pub keys: String,
}

impl AgentConfig {
    /// The links of `lab` in its order, with two ICMP targets, both IPv4.
    #[must_use]
    pub fn new(lab: &Lab) -> Self {
        let link = |uplink: &crate::topology::Uplink| LinkText {
            name: uplink.name().to_owned(),
            interface: uplink.interface().to_owned(),
            keys: String::new(),
        };
        Self {
            targets: TARGETS_V4.iter().take(2).map(ToString::to_string).collect(),
            canary_source: lab.canary_source(),
            sections: String::new(),
            links: lab.uplinks.iter().map(link).collect(),
            group: "root".into(),
            log: "info".into(),
        }
    }

    /// Also the two targets' IPv6 addresses.
    #[must_use]
    pub fn with_v6(mut self) -> Self {
        self.targets.extend(TARGETS_V6.iter().take(2).map(ToString::to_string));
        self
    }

    /// Another section, or more than one.
    #[must_use]
    pub fn with(mut self, section: &str) -> Self {
        self.sections.push_str(section);
        self.sections.push('\n');
        self
    }

    /// The whole file, for an agent that lives in `home`.
    #[must_use]
    pub fn to_toml(&self, home: &Path) -> String {
        let mut text = format!("targets = {:?}\n\n[agent]\n", self.targets);
        let home = home.display();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "socket = \"{home}/shunt.sock\"\nstate_dir = \"{home}/state\"");
        let _ = writeln!(text, "group = \"{}\"\nlog = \"{}\"\n\n{}", self.group, self.log, self.sections);
        if let Some(source) = self.canary_source {
            let _ = writeln!(text, "[canary]\nsource = \"{source}\"\n");
        }
        for LinkText { name, interface, keys } in &self.links {
            let _ = writeln!(text, "[[link]]\nname = \"{name}\"\ninterface = \"{interface}\"\n{keys}");
        }
        text
    }
}
