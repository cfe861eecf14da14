//! A gateway on which everything is as it should be, for the checks' tests to spoil.

use super::facts::{
    Answer, DaemonFacts, Disk, Facts, Machine, Network, OfInterface, Programs, Reach, Seen, Socket, Sysctls,
    TargetReach, Unread,
};
use super::finding::{Check, Finding, Level};
use super::firewall::{Firewall, samples};
use super::report::Report;
use crate::netlink::{Address, DefaultRoute, FoundRule, Interface, Neighbour, Rule, Selector, Way};
use shunt_config::Config;
use shunt_decision::{Family, PerFamily};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// Fiber and LTE, with one IPv4 target.
pub(super) fn config(extra: &str) -> Config {
    let text = format!(
        "targets = [\"198.51.100.1\"]\n\
         [[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n\
         [[link]]\nname = \"lte\"\ninterface = \"wwan0\"\nmetered = true\n{extra}"
    );
    shunt_config::parse(&text, Path::new("test.toml")).unwrap()
}

/// Writes a file of a machine that is made up below `root`.
pub(super) fn put(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn interface(index: u32, name: &str) -> Seen {
    let interface = Interface {
        index,
        name: name.to_owned(),
        admin_up: true,
        carrier: true,
        point_to_point: false,
        mtu: 1_500,
        traffic: None,
    };
    Seen { interface, parent: None, device: None, socket: Socket::default() }
}

pub(super) fn address(index: u32, text: &str, prefix: u8) -> Address {
    Address {
        index,
        address: ip(text),
        global: true,
        secondary: false,
        deprecated: false,
        tentative: false,
        prefix,
        protocol: None,
    }
}

pub(super) fn default_route(index: u32, metric: u32, router: &str) -> DefaultRoute {
    let family = if ip(router).is_ipv4() { Family::V4 } else { Family::V6 };
    DefaultRoute { family, metric, index, way: Way::Via(ip(router)), source: None }
}

pub(super) fn neighbour(index: u32, address: &str, last: u8) -> Neighbour {
    Neighbour { index, address: ip(address), hardware: vec![2, 0, 0, 0, 0, last] }
}

/// A rule of another program for all packets.
pub(super) fn rule(priority: u32, selector: Selector, table: u32) -> FoundRule {
    FoundRule::own(Rule { family: Family::V4, priority, selector, table, suppress: false }, 3)
}

/// What is read of a gateway for [`config`] on which all is well.
pub(super) fn facts() -> Facts {
    let nothing = Unread::Failed("this is a test".to_owned());
    let network = Network {
        interfaces: Ok(vec![interface(1, "lo"), interface(2, "eth0"), interface(3, "wwan0")]),
        addresses: Ok(vec![address(2, "192.0.2.10", 24), address(3, "203.0.113.10", 24)]),
        defaults: PerFamily {
            v4: Ok(vec![default_route(2, 100, "192.0.2.1"), default_route(3, 200, "203.0.113.1")]),
            v6: Ok(Vec::new()),
        },
        rules: PerFamily { v4: Ok(vec![rule(32_766, Selector::All, 254)]), v6: Ok(Vec::new()) },
        neighbours: Ok(vec![neighbour(2, "192.0.2.1", 1), neighbour(3, "203.0.113.1", 2)]),
        ..Network::unread(&nothing)
    };
    let loose = OfInterface { rp_filter: Some(2), accept_ra: Some(2), disable_ipv6: Some(0) };
    let reach = |link| Reach {
        link,
        family: Family::V4,
        targets: Ok(vec![TargetReach {
            target: "198.51.100.1".to_owned(),
            answer: Answer::Replies { rtt: Duration::from_millis(12), lost: 0, sent: 3 },
        }]),
        router: None,
    };
    Facts {
        machine: Machine {
            release: "6.6.1".to_owned(),
            ipv6: true,
            linkdown: PerFamily { v4: true, v6: true },
            conntrack: Ok(true),
            tun: Ok(true),
            capabilities: Ok(u64::MAX),
            time: 1_800_000_000,
            synchronised: true,
            systemd: true,
        },
        network,
        sysctls: Sysctls {
            rp_filter_all: Some(0),
            forward_v4: Some(1),
            forward_v6: Some(1),
            interfaces: ["eth0", "wwan0"].map(|name| (name.to_owned(), loose.clone())).into(),
        },
        firewall: Firewall { rules: Ok(samples::masquerading(&["eth0", "wwan0"])), legacy: Ok(Vec::new()) },
        programs: Programs {
            processes: Ok(Vec::new()),
            mwan3: None,
            networkd: Vec::new(),
            firewall: None,
            network_manager: Vec::new(),
            dhcpcd: None,
            leases: Vec::new(),
            unread: Vec::new(),
        },
        daemon: DaemonFacts::Running { version: env!("CARGO_PKG_VERSION").to_owned(), warnings: Vec::new() },
        disk: Some(Ok(Disk {
            directory: "/var/lib/shunt".into(),
            exists: true,
            writable: true,
            free: 1 << 30,
            free_files: 10_000,
            recorded: 0,
            read_only: false,
            kind: Some("ext4".to_owned()),
        })),
        modems: Vec::new(),
        reach: vec![reach(0), reach(1)],
    }
}

/// The worst level, and all that was said.
pub(super) fn worst(findings: &[Finding]) -> (Level, String) {
    let level = findings.iter().map(|finding| finding.level).max().unwrap();
    let said = |finding: &Finding| {
        format!(
            "{:?} {} {} {}\n",
            finding.level,
            finding.about.as_deref().unwrap_or_default(),
            finding.what,
            finding.mend.as_deref().unwrap_or_default()
        )
    };
    (level, findings.iter().map(said).collect())
}

/// Asserts that these findings of a spoilt gateway are as bad as that, say so, and are all of one check.
#[track_caller]
pub(super) fn found(findings: &[Finding], check: Check, level: Level, said: &str) {
    let (worst, text) = worst(findings);
    assert!(findings.iter().all(|finding| finding.check == check), "{text}");
    assert!(worst == level && text.contains(said), "not {level:?} with {said:?}:\n{text}");
}

/// One check that is content, and one fault.
pub(crate) fn report() -> Report {
    let mut facts = facts();
    facts.firewall.rules = Ok(samples::masquerading(&["eth0"]));
    let all = super::checks::all(&super::ConfigFile::Valid(&config("")), &facts);
    Report::of(all.into_iter().filter(|f| matches!(f.check, Check::Kernel | Check::Nat)).collect())
}
