//! The links' interfaces: there, up, with carrier and an address.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use crate::netlink::Address;
use shunt_config::{Config, Link};
use shunt_decision::Family;
use std::net::IpAddr;

const CHECK: Check = Check::Interface;
/// Cable modems and Starlink hand out addresses of this network before they have service.
const BEFORE_SERVICE: [u8; 3] = [192, 168, 100];

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    if let Err(why) = &facts.network.interfaces {
        return vec![Finding::unread(CHECK, "the links' interfaces", why)];
    }
    let mut found = Vec::new();
    for link in &config.links {
        found.extend(of_link(config, link, facts).into_iter().map(|finding| finding.about(&link.name)));
    }
    found
}

fn of_link(config: &Config, link: &Link, facts: &Facts) -> Vec<Finding> {
    let name = &link.interface;
    let by_modem = config.modems.iter().any(|modem| modem.link == link.name);
    let Some(seen) = facts.network.interface(name) else {
        return vec![missing(name, by_modem, facts)];
    };
    if !seen.interface.admin_up {
        let what = format!("{name} is switched off.");
        let mend = if by_modem {
            "The agent switches it on with the modem's bearer: see `shunt modem status`.".to_owned()
        } else {
            format!("Switch it on (`ip link set {name} up`), and see why it was off.")
        };
        return vec![Finding::fault(CHECK, what, mend)];
    }
    if !seen.interface.carrier {
        let mend = if by_modem {
            "See `shunt modem status`."
        } else {
            "Look at the cable, and whether the other end is on."
        };
        return vec![Finding::fault(CHECK, format!("{name} has no carrier."), mend)];
    }
    match &facts.network.addresses {
        Ok(all) => addresses(
            link,
            by_modem,
            facts,
            &all.iter().filter(|a| a.index == seen.interface.index).collect::<Vec<_>>(),
        ),
        Err(why) => vec![Finding::unread(CHECK, &format!("the addresses of {name}"), why)],
    }
}

fn missing(name: &str, by_modem: bool, facts: &Facts) -> Finding {
    let what = format!("There is no interface {name}.");
    if by_modem {
        let mend =
            "It comes with its modem: see what is said of that, and whether the name is right (`ip link`).";
        return Finding::fault(CHECK, what, mend);
    }
    let others: Vec<&str> = facts
        .network
        .interfaces
        .iter()
        .flatten()
        .map(|seen| seen.interface.name.as_str())
        .filter(|other| *other != "lo")
        .collect();
    let mend = format!(
        "If it comes with a session or a device (PPPoE, a VPN, USB), see why that is down; otherwise correct \
         `interface` of the link: this machine has {}.",
        super::list(&others)
    );
    Finding::fault(CHECK, what, mend)
}

fn addresses(link: &Link, by_modem: bool, facts: &Facts, own: &[&Address]) -> Vec<Finding> {
    let name = &link.interface;
    let of = |family| own.iter().filter(move |a| a.address.is_ipv4() == (family == Family::V4));
    let usable = |family| of(family).any(|a| a.usable());
    let managed = |family| super::manages(link, family);
    let mut found = Vec::new();
    if !Family::ALL.into_iter().any(|family| managed(family) && usable(family)) {
        let mend = if by_modem {
            "It comes with the modem's bearer: see `shunt modem status`.".to_owned()
        } else {
            format!("See whether its DHCP client or its static settings work: `ip address show {name}`.")
        };
        found.push(Finding::fault(CHECK, format!("{name} has no address."), mend));
    } else {
        for (family, label) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
            if managed(family) && !usable(family) {
                let off = family == Family::V6
                    && facts.sysctls.interfaces.get(name).is_some_and(|of| of.disable_ipv6 == Some(1));
                let why = if off { ": it is switched off there (disable_ipv6)" } else { "" };
                let what = format!(
                    "{name} has no {label} address{why}, so that {label} is not managed on this link."
                );
                let mend = format!(
                    "If the link has no {label}, nothing has to be done; leave its {label} targets out to have it quiet."
                );
                found.push(Finding::note(CHECK, what, mend));
            }
        }
    }
    let waiting =
        |a: &&&Address| matches!(a.address, IpAddr::V4(v4) if v4.octets().starts_with(&BEFORE_SERVICE));
    if let Some(address) = own.iter().find(waiting) {
        found.push(Finding::warning(
            CHECK,
            format!(
                "{name} has the address {}, as cable modems and Starlink give it before they have service.",
                address.address
            ),
            "If there is no service, look at that box; if this is its own network, nothing has to be done.",
        ));
    }
    if found.is_empty() {
        let list: Vec<String> =
            own.iter().filter(|a| a.usable()).map(|a| format!("{}/{}", a.address, a.prefix)).collect();
        found.push(Finding::ok(CHECK, format!("{name} is up, and has {}.", super::list(&list))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{address, config, facts, found};
    use super::*;

    #[test]
    fn what_a_link_lacks_is_told() {
        for (spoil, level, said) in [
            (
                (|facts| {
                    facts.network.interfaces.as_mut().unwrap().remove(1);
                }) as fn(&mut Facts),
                Level::Fault,
                "If it comes with a session or a device (PPPoE, a VPN, USB), see why that is down; otherwise correct \
                 `interface` of the link: this machine has wwan0.",
            ),
            (
                |facts| facts.network.interfaces.as_mut().unwrap()[1].interface.admin_up = false,
                Level::Fault,
                "ip link set eth0 up",
            ),
            (
                |facts| facts.network.interfaces.as_mut().unwrap()[2].interface.carrier = false,
                Level::Fault,
                "lte wwan0 has no carrier",
            ),
            (
                |facts| {
                    facts.network.addresses.as_mut().unwrap().remove(0);
                },
                Level::Fault,
                "eth0 has no address",
            ),
            (
                |facts| facts.network.addresses.as_mut().unwrap()[0] = address(2, "192.168.100.4", 24),
                Level::Warning,
                "before they have service",
            ),
            (
                |facts| facts.network.interfaces = Err(Unread::Failed("no".to_owned())),
                Level::NotChecked,
                "interfaces",
            ),
            (
                |facts| facts.network.addresses = Err(Unread::Failed("no".to_owned())),
                Level::NotChecked,
                "addresses of eth0",
            ),
        ] {
            let mut facts = facts();
            spoil(&mut facts);
            found(&check(&config(""), &facts), CHECK, level, said);
        }
    }

    #[test]
    fn a_family_that_is_missing_is_a_note_and_a_modem_brings_its_own() {
        let mut facts = facts();
        let both = config("targets = [\"198.51.100.1\", \"2001:db8::1\"]\n");
        facts.sysctls.interfaces.get_mut("wwan0").unwrap().disable_ipv6 = Some(1);
        found(
            &check(&both, &facts),
            CHECK,
            Level::Note,
            "wwan0 has no IPv6 address: it is switched off there",
        );
        let modem = config("[[modem]]\nlink = \"lte\"\nport = \"/dev/ttyS1\"\n");
        facts.network.interfaces.as_mut().unwrap().pop();
        found(&check(&modem, &facts), CHECK, Level::Fault, "It comes with its modem");
    }
}
