//! The default routes that DHCP, RA and PPP put into `main`: ways out are learned from them, and clients that do not
//! know of each other take each other's away.

use super::super::facts::{Answer, Facts, Process, Reach, way_out};
use super::super::finding::{Check, Finding};
use crate::netlink::{DefaultRoute, family_name};
use shunt_config::{Config, Gateway, Link};
use shunt_decision::{Family, Missing, PathState, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

const CHECK: Check = Check::Routes;
/// As leases call it.
const NETWORKD: &str = "systemd-networkd";
/// Programs that get addresses by DHCP and set default routes (each for IPv4).
const CLIENTS: [&str; 4] = ["dhclient", "udhcpc", "dhcpcd", "busybox"];

pub(super) fn check(config: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for family in Family::ALL {
        match facts.network.defaults.get(family) {
            // The kernel gives all that it learns of IPv6 routers one metric, and keeps them apart.
            Ok(defaults) if family == Family::V4 => found.extend(clashes(defaults, facts)),
            Ok(_) => {}
            Err(why) => {
                let what = format!("the {} default routes", family_name(family));
                found.push(Finding::unread(CHECK, &what, why));
            }
        }
    }
    if let Some(config) = config {
        for link in &config.links {
            found.extend(ways(config, link, facts).into_iter().map(|finding| finding.about(&link.name)));
            found.extend(stale_gateway(link, facts).map(|finding| finding.about(&link.name)));
        }
    }
    found.extend(two_clients(facts));
    if found.is_empty() {
        let count = facts.network.defaults.v4.as_ref().map_or(0, Vec::len);
        let text = format!(
            "{count} IPv4 default {} in main; none has the metric of another interface's.",
            super::plural(count, "route", "routes")
        );
        found.push(Finding::ok(CHECK, text));
    }
    found
}

/// Two defaults of one metric: whoever sets the one takes the other away, or makes one route of both.
fn clashes(defaults: &[DefaultRoute], facts: &Facts) -> Vec<Finding> {
    let mut by_metric: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for route in defaults {
        by_metric.entry(route.metric).or_default().insert(route.index);
    }
    let name = |index: &u32| name_of(*index, facts);
    let clash = |(metric, indexes): (u32, BTreeSet<u32>)| {
        let names: Vec<String> = indexes.iter().map(name).collect();
        let without = if metric == 0 { "no metric" } else { "the same metric" };
        let what = format!(
            "The IPv4 default routes of {} have {without} ({metric}): when a lease is renewed, one takes the other's place, \
             and that link loses its way out.",
            super::list(&names)
        );
        let mend = "Give each interface a metric of its own: RouteMetric= of systemd-networkd, ipv4.route-metric of \
                    NetworkManager, IF_METRIC or metric of udhcpc and ifupdown, `metric` of dhcpcd and of OpenWrt's interfaces.";
        Finding::warning(CHECK, what, mend)
    };
    by_metric.into_iter().filter(|(_, indexes)| indexes.len() > 1).map(clash).collect()
}

/// A link that has an address, and no way out.
fn ways(config: &Config, link: &Link, facts: &Facts) -> Vec<Finding> {
    let by_modem = config.modems.iter().any(|modem| modem.link == link.name);
    let lacking = |family: &Family| {
        super::manages(link, *family)
            && !(by_modem && answered(config, link, *family, facts))
            && way_out(link, &facts.network, *family, Timestamp::ZERO).state
                == PathState::Missing(Missing::Gateway)
    };
    let tell = |family: Family| {
        let key = if family == Family::V4 { "gateway" } else { "gateway6" };
        let name = family_name(family);
        let what = format!(
            "{} has an {name} address, but main has no {name} default route by it: no way out is known.",
            link.interface
        );
        if by_modem {
            let mend = "It comes with the modem's bearer: see `shunt modem status`.";
            return Finding::note(CHECK, what, mend);
        }
        let ra = facts.sysctls.interfaces.get(&link.interface).and_then(|of| of.accept_ra);
        let deaf = family == Family::V6 && ra == Some(1) && facts.sysctls.forward_v6 == Some(1);
        let mend = if deaf {
            format!(
                "The kernel passes over router advertisements while it forwards: set net.ipv6.conf.{}.accept_ra = 2, or \
                 write {key} into the config.",
                link.interface
            )
        } else {
            format!(
                "See whether its DHCP client sets default routes (another metric than the other links' is best), or \
                 write {key} into the config."
            )
        };
        // IPv6 is there by default in the targets, and not at every provider.
        if family == Family::V6 {
            Finding::note(CHECK, what, mend)
        } else {
            Finding::fault(CHECK, what, mend)
        }
    };
    Family::ALL.into_iter().filter(lacking).map(tell).collect()
}

/// A target has answered over it: its way out is known, if not by `main`. So it is with a modem's bearer.
fn answered(config: &Config, link: &Link, family: Family, facts: &Facts) -> bool {
    let ours = |reach: &&Reach| {
        reach.family == family && config.links.get(reach.link).is_some_and(|of| of.name == link.name)
    };
    let targets = facts.reach.iter().filter(ours).filter_map(|reach| reach.targets.as_ref().ok()).flatten();
    targets.into_iter().any(|target| matches!(target.answer, Answer::Replies { .. }))
}

/// The config names another router than the lease.
fn stale_gateway(link: &Link, facts: &Facts) -> Option<Finding> {
    let Some(Gateway::Via(configured)) = link.gateway else { return None };
    let lease = facts.programs.leases.iter().find(|lease| lease.interface == link.interface)?;
    let leased = lease.router.filter(|leased| *leased != configured)?;
    Some(Finding::warning(
        CHECK,
        format!(
            "The config names the router {configured}, and the lease that {} keeps names {leased}.",
            lease.client
        ),
        "Remove `gateway` of the link, so that it is learned and follows the lease.",
    ))
}

/// Two programs that ask for leases on one interface.
fn two_clients(facts: &Facts) -> Vec<Finding> {
    let mut by_interface: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut everywhere = None;
    for process in facts.programs.processes.iter().flatten() {
        match client(process, facts) {
            Some((client, Some(interface))) => {
                by_interface.entry(interface).or_default().insert(client);
            }
            Some(("dhcpcd", None)) if !picks_interfaces(facts) => everywhere = Some("dhcpcd"),
            Some(_) | None => {}
        }
    }
    // A lease outlives the program that got it.
    let networkd = facts.programs.runs(NETWORKD);
    for lease in facts.programs.leases.iter().filter(|lease| networkd && lease.client == NETWORKD) {
        by_interface.entry(lease.interface.clone()).or_default().insert(lease.client);
    }
    by_interface.values_mut().for_each(|clients| clients.extend(everywhere));
    let tell = |(interface, clients): (String, BTreeSet<&str>)| {
        let clients: Vec<&str> = clients.into_iter().collect();
        let what = format!(
            "{} ask for leases on {interface}: each changes the addresses and default routes of the other.",
            super::list(&clients)
        );
        Finding::warning(CHECK, what, "Keep one of them.").about(interface)
    };
    by_interface.into_iter().filter(|(_, clients)| clients.len() > 1).map(tell).collect()
}

/// Whether dhcpcd is told by its settings which interfaces are its own (dhcpcd.conf(5)).
fn picks_interfaces(facts: &Facts) -> bool {
    let mut words = facts
        .programs
        .dhcpcd
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.split_whitespace().next());
    words.any(|word| matches!(word, "denyinterfaces" | "allowinterfaces"))
}

/// The DHCP client that a process is, and the interface that it was told, if it was.
fn client(process: &Process, facts: &Facts) -> Option<(&'static str, Option<String>)> {
    let name = CLIENTS.into_iter().find(|name| *name == process.name)?;
    // Busybox may show its own name, and its part as the first word.
    let program = process.args.first().map_or(name, |path| path.rsplit('/').next().unwrap_or(path));
    // dhcpcd writes what it does over its command line: "dhcpcd: [manager] [ip4]", "dhcpcd: eth0 [ip4]".
    let program = program.split_once(':').map_or(program, |(program, _)| program);
    let client = CLIENTS.into_iter().find(|name| *name == program && *name != "busybox")?;
    let known = |word: &&str| facts.network.interface(word).is_some();
    let mut words = process.args.iter().flat_map(|arg| arg.split_whitespace());
    Some((client, words.rfind(known).map(str::to_owned)))
}

fn name_of(index: u32, facts: &Facts) -> String {
    let seen = facts.network.interfaces.iter().flatten().find(|seen| seen.interface.index == index);
    seen.map_or_else(|| format!("interface {index}"), |seen| seen.interface.name.clone())
}

/// The router by which a link leads out in that family, if it has one.
pub(super) fn router(link: &Link, family: Family, facts: &Facts) -> Option<std::net::IpAddr> {
    way_out(link, &facts.network, family, Timestamp::ZERO).way?.router()
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Lease, Unread};
    use super::super::super::finding::Level;
    use super::super::super::testing::{address, config, default_route, facts, found};
    use super::*;

    #[test]
    fn equal_metrics_are_told() {
        for (metric, said) in [(0, "have no metric"), (100, "have the same metric (100)")] {
            let mut facts = facts();
            facts.network.defaults.v4 =
                Ok(vec![default_route(2, metric, "192.0.2.1"), default_route(3, metric, "203.0.113.1")]);
            found(&check(None, &facts), CHECK, Level::Warning, said);
        }
        let mut v6 = facts();
        v6.network.defaults.v6 =
            Ok(vec![default_route(2, 1_024, "fe80::1"), default_route(3, 1_024, "fe80::1")]);
        found(&check(None, &v6), CHECK, Level::Ok, "");
        let mut one = facts();
        // Two next hops of one interface are one way out.
        one.network.defaults.v4 =
            Ok(vec![default_route(2, 0, "192.0.2.1"), default_route(2, 0, "192.0.2.2")]);
        found(&check(None, &one), CHECK, Level::Ok, "");
    }

    #[test]
    fn a_link_without_a_way_out_is_told() {
        let mut facts = facts();
        facts.network.defaults.v4.as_mut().unwrap().pop();
        found(
            &check(Some(&config("")), &facts),
            CHECK,
            Level::Fault,
            "wwan0 has an IPv4 address, but main has no",
        );
        found(&check(Some(&config("gateway = \"203.0.113.1\"\n")), &facts), CHECK, Level::Ok, "");
        let modem = config("[[modem]]\nlink = \"lte\"\nport = \"/dev/ttyS1\"\n");
        // Over the agent's own tables its targets answer.
        found(&check(Some(&modem), &facts), CHECK, Level::Ok, "");
        facts.reach[1].targets.as_mut().unwrap()[0].answer = Answer::Silent;
        found(&check(Some(&modem), &facts), CHECK, Level::Note, "modem's bearer");
    }

    #[test]
    fn a_router_that_does_not_listen_to_advertisements_is_told_why() {
        let mut facts = facts();
        facts.network.addresses.as_mut().unwrap().push(address(3, "2001:db8::10", 64));
        facts.sysctls.interfaces.get_mut("wwan0").unwrap().accept_ra = Some(1);
        let both = config("targets = [\"198.51.100.1\", \"2001:db8:f::1\"]\n");
        found(&check(Some(&both), &facts), CHECK, Level::Note, "net.ipv6.conf.wwan0.accept_ra = 2");
    }

    #[test]
    fn clients_and_leases_that_contradict_each_other_are_told() {
        let mut facts = facts();
        let process = |pid, line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            Process { pid, name: args[0].rsplit('/').next().unwrap().to_owned(), args }
        };
        facts.programs.processes = Ok(vec![
            process(5, "/sbin/dhclient -4 -pf /run/dhclient.pid eth0"),
            process(6, "udhcpc -i wwan0 -p /run/x"),
        ]);
        found(&check(None, &facts), CHECK, Level::Ok, "");
        facts.programs.processes.as_mut().unwrap().push(process(7, "udhcpc -i eth0"));
        found(&check(None, &facts), CHECK, Level::Warning, "dhclient and udhcpc ask for leases on eth0");

        let mut facts = super::super::super::testing::facts();
        let manager = "dhcpcd: [manager] [ip4] [ip6]".to_owned();
        let dhcpcd = Process { pid: 8, name: "dhcpcd".to_owned(), args: vec![manager] };
        facts.programs.processes = Ok(vec![dhcpcd, process(9, "udhcpc -i wwan0")]);
        found(&check(None, &facts), CHECK, Level::Warning, "dhcpcd and udhcpc ask for leases on wwan0");
        facts.programs.dhcpcd = Some("# all others\ndenyinterfaces wwan0\n".to_owned());
        found(&check(None, &facts), CHECK, Level::Ok, "");
        let of = |name: &str| Process {
            pid: 8,
            name: "dhcpcd".to_owned(),
            args: vec![format!("dhcpcd: {name} [ip4]")],
        };
        facts.programs.processes.as_mut().unwrap().push(of("wwan0"));
        found(&check(None, &facts), CHECK, Level::Warning, "dhcpcd and udhcpc ask for leases on wwan0");

        let mut facts = super::super::super::testing::facts();
        let networkd = Lease { interface: "eth0".to_owned(), client: "systemd-networkd", router: None };
        facts.programs.leases = vec![networkd];
        facts.programs.processes = Ok(vec![process(5, "/sbin/dhclient eth0")]);
        found(&check(None, &facts), CHECK, Level::Ok, "");
        let name = "systemd-network".to_owned();
        facts.programs.processes.as_mut().unwrap().push(Process { pid: 6, name, args: Vec::new() });
        found(
            &check(None, &facts),
            CHECK,
            Level::Warning,
            "dhclient and systemd-networkd ask for leases on eth0",
        );

        let mut facts = super::super::super::testing::facts();
        let router = Some("203.0.113.9".parse().unwrap());
        facts.programs.leases = vec![Lease { interface: "wwan0".to_owned(), client: "dhclient", router }];
        let config = config("gateway = \"203.0.113.1\"\n");
        found(&check(Some(&config), &facts), CHECK, Level::Warning, "names 203.0.113.9");
        facts.network.defaults.v4 = Err(Unread::Failed("no".to_owned()));
        found(&check(None, &facts), CHECK, Level::NotChecked, "IPv4 default routes");
    }
}
