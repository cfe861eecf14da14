//! Interfaces, addresses, routes, rules and neighbours, as the kernel lists them.

use super::{Known, Roots, Unread};
use crate::netlink::{
    Address, DefaultRoute, FoundRule, Interface, KernelError, Neighbour, Survey, conflicts,
};
use shunt_config::{Config, Kernel as Numbers};
use shunt_decision::{Family, PerFamily};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) interfaces: Known<Vec<Seen>>,
    /// Of both families.
    pub(crate) addresses: Known<Vec<Address>>,
    /// Default routes in `main` that others put there.
    pub(crate) defaults: PerFamily<Known<Vec<DefaultRoute>>>,
    pub(crate) rules: PerFamily<Known<Vec<FoundRule>>>,
    /// Our tables and those that others' rules in our way lead to: for each protocol that has routes in it, whether a
    /// default route is among them. Those without routes are left out.
    pub(crate) tables: PerFamily<BTreeMap<u32, Known<BTreeMap<u8, bool>>>>,
    pub(crate) neighbours: Known<Vec<Neighbour>>,
    pub(crate) survey: Option<Survey>,
}

/// An interface and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) interface: Interface,
    /// The index of the one beneath: of a VLAN, or of a bridge's port.
    pub(crate) parent: Option<u32>,
    /// The device that drives it (a path below /sys), where it has one.
    pub(crate) device: Option<String>,
    /// Which of its device's sockets it is: those of one chip share the device, and often the interface beneath.
    pub(crate) socket: Socket,
}

/// What the driver says of an interface's socket (`/sys/class/net/*`); empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Socket {
    /// It is a port of a switch chip that the kernel drives (`DEVTYPE=dsa`); the interface beneath is the chip's own.
    pub(crate) of_switch: bool,
    /// `phys_switch_id`, `phys_port_name`, `dev_port`, and the place in the device tree.
    pub(crate) marks: Vec<String>,
}

impl Socket {
    fn read(roots: &Roots, name: &str) -> Self {
        let place = format!("sys/class/net/{name}");
        let value = |file: &str| roots.value(format!("{place}/{file}")).unwrap_or_default();
        let node = std::fs::canonicalize(roots.path(format!("{place}/of_node")));
        let marks = ["phys_switch_id", "phys_port_name", "dev_port"].map(value).into_iter();
        Self {
            of_switch: value("uevent").lines().any(|line| line == "DEVTYPE=dsa"),
            marks: marks.chain([node.map(|node| node.display().to_string()).unwrap_or_default()]).collect(),
        }
    }
}

impl Network {
    pub(super) fn read(config: Option<&Config>, roots: &Roots) -> Self {
        match Survey::open() {
            Ok(survey) => Self::by(survey, config, roots),
            Err(error) => Self::unread(&Unread::kernel(&error)),
        }
    }

    /// Nothing is known of it, for one reason.
    pub(crate) fn unread(why: &Unread) -> Self {
        Self {
            interfaces: Err(why.clone()),
            addresses: Err(why.clone()),
            defaults: PerFamily::from_fn(|_| Err(why.clone())),
            rules: PerFamily::from_fn(|_| Err(why.clone())),
            tables: PerFamily::from_fn(|_| BTreeMap::new()),
            neighbours: Err(why.clone()),
            survey: None,
        }
    }

    fn by(mut survey: Survey, config: Option<&Config>, roots: &Roots) -> Self {
        let own = config.map_or(0, |config| config.kernel.protocol);
        let has_ipv6 = roots.path("proc/sys/net/ipv6").exists();
        let usable = |family| family == Family::V4 || has_ipv6;
        let interfaces = known(survey.interfaces()).map(|list| {
            let device = |name: &str| {
                let link = std::fs::canonicalize(roots.path(format!("sys/class/net/{name}/device"))).ok()?;
                Some(link.display().to_string())
            };
            let seen = |(interface, parent): (Interface, Option<u32>)| Seen {
                device: device(&interface.name),
                socket: Socket::read(roots, &interface.name),
                interface,
                parent,
            };
            list.into_iter().map(seen).collect()
        });
        let mut addresses = Ok(Vec::new());
        for family in Family::ALL.into_iter().filter(|family| usable(*family)) {
            addresses = addresses.and_then(|mut all: Vec<Address>| {
                all.append(&mut known(survey.addresses(family))?);
                Ok(all)
            });
        }
        let defaults = PerFamily::from_fn(|family| match usable(family) {
            true => known(survey.defaults(family, own)),
            false => Ok(Vec::new()),
        });
        let rules = PerFamily::from_fn(|family| match usable(family) {
            true => known(survey.rules(family)),
            false => Ok(Vec::new()),
        });
        let tables = PerFamily::from_fn(|family| {
            let rules = rules.get(family).as_ref().map_or(&[][..], Vec::as_slice);
            let wanted = config.map(|config| tables_of(config, family, rules)).unwrap_or_default();
            let mut read = |id| match known(survey.table(family, id)) {
                // A table that was never used is no table.
                Ok(found) if found.is_empty() => None,
                found => Some((id, found)),
            };
            wanted.into_iter().filter(|_| usable(family)).filter_map(&mut read).collect()
        });
        let neighbours = Err(Unread::Failed("they were not asked for".to_owned()));
        Self { interfaces, addresses, defaults, rules, tables, neighbours, survey: Some(survey) }
    }

    /// The same, with those who have answered on the wires by now.
    pub(super) fn with_neighbours(mut self) -> Self {
        if let Some(survey) = &mut self.survey {
            self.neighbours = known(survey.neighbours());
        }
        self
    }

    /// The interface of that name.
    pub(crate) fn interface(&self, name: &str) -> Option<&Seen> {
        self.interfaces.as_ref().ok()?.iter().find(|seen| seen.interface.name == name)
    }
}

fn known<T>(read: Result<T, KernelError>) -> Known<T> {
    read.map_err(|error| Unread::kernel(&error))
}

/// Ours, and those of the rules of others that stand in our way.
fn tables_of(config: &Config, family: Family, rules: &[FoundRule]) -> BTreeSet<u32> {
    let numbers: &Numbers = &config.kernel;
    let ours = (0..config.links.len()).map(|place| numbers.link_table(place));
    let in_the_way: Vec<u32> = conflicts(numbers, family, rules).iter().map(|found| found.priority).collect();
    let strange =
        rules.iter().filter(|rule| in_the_way.contains(&rule.priority)).filter_map(FoundRule::table);
    ours.chain([numbers.uplink_table()]).chain(strange).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::put;
    use super::*;

    #[test]
    fn the_sockets_of_one_chip_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("wan/uevent", "DEVTYPE=dsa\nINTERFACE=wan\n"),
            ("wan/phys_port_name", "p4\n"),
            ("lan4/uevent", "DEVTYPE=dsa\nINTERFACE=lan4\n"),
            ("lan4/phys_port_name", "p3\n"),
            ("eth0.10/uevent", "DEVTYPE=vlan\nINTERFACE=eth0.10\n"),
            ("eth0.10/dev_port", "0\n"),
            ("eth0.20/dev_port", "0\n"),
        ] {
            put(&root.path().join("sys/class/net"), path, text);
        }
        let roots = Roots::at(root.path());
        let [wan, lan4, one, other] =
            ["wan", "lan4", "eth0.10", "eth0.20"].map(|name| Socket::read(&roots, name));
        assert!(wan.of_switch && lan4.of_switch && wan.marks != lan4.marks);
        assert!(!one.of_switch && one.marks == other.marks);
    }
}
