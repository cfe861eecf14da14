//! The checks: each judges facts by itself, so that a table of facts shows it to fail.

mod clock;
mod config;
mod daemon;
mod disk;
mod firewall;
mod forwarding;
mod interface;
mod kernel;
mod modem;
mod mtu;
mod nat;
mod numbers;
mod offload;
mod paths;
mod programs;
mod rights;
mod routes;
mod rp_filter;
mod target;

use super::ConfigFile;
use super::facts::Facts;
use super::finding::Finding;
use shunt_config::{Config, Link};
use shunt_decision::Family;

/// Needs no config, and makes use of one that is there.
type OfMachine = fn(Option<&Config>, &Facts) -> Vec<Finding>;
/// Is about the links of a config.
type OfGateway = fn(&Config, &Facts) -> Vec<Finding>;

const OF_MACHINE: [OfMachine; 8] = [
    kernel::check,
    rights::check,
    clock::check,
    daemon::check,
    routes::check,
    forwarding::check,
    offload::check,
    programs::check,
];

const OF_GATEWAY: [OfGateway; 10] = [
    disk::check,
    interface::check,
    paths::check,
    mtu::check,
    rp_filter::check,
    nat::check,
    firewall::check,
    numbers::check,
    modem::check,
    target::check,
];

/// What all of them have to say. Without a config that can be run only the machine is judged.
pub(super) fn all(config: &ConfigFile<'_>, facts: &Facts) -> Vec<Finding> {
    let mut findings = config::check(config);
    let valid = config.valid();
    findings.extend(OF_MACHINE.iter().flat_map(|check| check(valid, facts)));
    if let Some(config) = valid {
        findings.extend(OF_GATEWAY.iter().flat_map(|check| check(config, facts)));
    }
    findings
}

/// Whether the link is to carry that family at all.
fn manages(link: &Link, family: Family) -> bool {
    link.targets.iter().any(|weighted| weighted.target.is_ipv4() == (family == Family::V4))
}

/// How many of the links have their interface on this machine.
fn present(config: &Config, facts: &Facts) -> usize {
    config.links.iter().filter(|link| facts.network.interface(&link.interface).is_some()).count()
}

/// Why nothing can be said of the links' interfaces, if so it is.
fn unseen(config: &Config, facts: &Facts, check: super::finding::Check, what: &str) -> Option<Finding> {
    match &facts.network.interfaces {
        Err(why) => Some(Finding::unread(check, what, why)),
        Ok(_) if present(config, facts) == 0 => Some(absent(check, what)),
        Ok(_) => None,
    }
}

/// What cannot be said for want of interfaces; that they are not there is told elsewhere.
fn absent(check: super::finding::Check, what: &str) -> Finding {
    let why = "too few of the links' interfaces are there";
    Finding::not_checked(check, what, why, Some("Mend first what is said of `interface`."))
}

/// "a, b and c".
fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// "is" or "are", and their like.
fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// An option of a section of that type in one of OpenWrt's files. One that OpenWrt could not read holds nothing.
fn uci_option(text: &str, kind: &str, key: &str) -> Option<String> {
    let sections = crate::init::uci_sections(text).unwrap_or_default();
    let of_kind = sections.iter().filter(|section| section.kind == kind);
    of_kind.filter_map(|section| section.option(key)).next_back().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Answer, DaemonFacts, ModemFacts, Process, Seen};
    use super::super::finding::{Check, Level};
    use super::super::firewall::{Ruleset, samples};
    use super::super::testing::{config, facts, rule, worst};
    use super::*;
    use crate::netlink::Selector;

    #[test]
    fn a_gateway_on_which_all_is_well_has_one_good_word_from_each_check() {
        let (config, facts) = (config(""), facts());
        let findings = all(&ConfigFile::Valid(&config), &facts);
        let (level, text) = worst(&findings);
        assert_eq!(level, Level::Ok, "{text}");
        let mut checks: Vec<Check> = findings.iter().map(|finding| finding.check).collect();
        checks.sort_unstable();
        checks.dedup();
        // Without a modem there is nothing to say of any.
        assert_eq!(checks.len(), OF_MACHINE.len() + OF_GATEWAY.len() + 1 - 1, "{text}");
    }

    /// What spoils a gateway so that this check has a warning or a fault. `None`: it is not by facts that it fails.
    fn spoil(check: Check) -> Option<fn(&mut Facts)> {
        Some(match check {
            Check::Config => return None,
            Check::Kernel => |facts| facts.machine.tun = Ok(false),
            Check::Rights => |facts| {
                facts.machine.capabilities = Ok(0);
                facts.daemon = DaemonFacts::Absent;
            },
            Check::Clock => |facts| facts.machine.time = 0,
            Check::Disk => |facts| facts.disk.as_mut().unwrap().as_mut().unwrap().read_only = true,
            Check::Daemon => |facts| {
                let warnings = vec!["It is dark; light a lamp.".to_owned()];
                facts.daemon = DaemonFacts::Running { version: "1".to_owned(), warnings };
            },
            Check::Interface => |facts| interface(facts).interface.carrier = false,
            Check::Routes => |facts| facts.network.defaults.v4.as_mut().unwrap().clear(),
            Check::Paths => |facts| interface(facts).parent = Some(2),
            Check::Mtu => |facts| interface(facts).interface.mtu = 1_000,
            Check::RpFilter => |facts| {
                facts.sysctls.interfaces.get_mut("wwan0").unwrap().rp_filter = Some(1);
            },
            Check::Forwarding => |facts| facts.sysctls.forward_v4 = Some(0),
            Check::Nat => |facts| facts.firewall.rules = Ok(Ruleset::default()),
            Check::Firewall => |facts| facts.firewall.rules = Ok(samples::forwarding_nothing()),
            Check::Offload => |facts| {
                facts.programs.firewall = Some("config defaults\n\toption flow_offloading_hw 1\n".to_owned());
            },
            Check::Numbers => |facts| {
                facts.network.rules.v4 = Ok(vec![rule(20_000, Selector::All, 254)]);
            },
            Check::Programs => |facts| {
                let process = Process { pid: 7, name: "mwan3track".to_owned(), args: Vec::new() };
                facts.programs.processes = Ok(vec![process]);
            },
            Check::Modem => |facts| {
                facts.modems = vec![ModemFacts {
                    name: "lte".to_owned(),
                    ports: Ok(Vec::new()),
                    by_imei: false,
                    usb: None,
                    holders: Vec::new(),
                    hidden: false,
                    secrets: Vec::new(),
                }];
            },
            Check::Target => |facts| {
                facts.reach[0].targets.as_mut().unwrap()[0].answer = Answer::Silent;
            },
        })
    }

    fn interface(facts: &mut Facts) -> &mut Seen {
        &mut facts.network.interfaces.as_mut().unwrap()[2]
    }

    #[test]
    fn every_check_can_fail() {
        let config = config("");
        let bad = |check: Check, findings: &[Finding]| {
            findings.iter().any(|finding| finding.check == check && finding.level >= Level::Warning)
        };
        for check in Check::ALL {
            let Some(spoil) = spoil(check) else {
                assert!(bad(check, &config::check(&ConfigFile::Faulty("bad".to_owned()))));
                continue;
            };
            let mut facts = facts();
            spoil(&mut facts);
            let findings = all(&ConfigFile::Valid(&config), &facts);
            assert!(bad(check, &findings), "{}: {}", check.name(), worst(&findings).1);
        }
    }

    #[test]
    fn nothing_is_called_good_of_links_that_are_not_there() {
        let (config, mut facts) = (config(""), facts());
        facts.network.interfaces.as_mut().unwrap().truncate(1);
        let findings = all(&ConfigFile::Valid(&config), &facts);
        for check in [Check::Paths, Check::Mtu, Check::RpFilter, Check::Nat, Check::Firewall] {
            let of: Vec<_> = findings.iter().filter(|finding| finding.check == check).collect();
            assert!(!of.is_empty() && of.iter().all(|finding| finding.level == Level::NotChecked), "{of:?}");
        }
    }

    #[test]
    fn every_sentence_is_whole() {
        let (config, facts) = (config(""), facts());
        for finding in all(&ConfigFile::Valid(&config), &facts) {
            assert!(finding.what.ends_with('.'), "{finding:?}");
        }
    }

    #[test]
    fn lists_read_as_they_are_spoken() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
