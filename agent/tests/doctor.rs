//! `shunt doctor` in a real kernel: a gateway on which all is well, and then one thing after the other spoilt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod netns;

use netns::agent::{Agent, FIBER, LTE};
use netns::far::{Far, sysctl};
use netns::nft::Table;
use netns::wire::{Wire, monitor, told_of_v4};
use netns::{within, without_network_rights};
use rtnetlink::packet_core::NLM_F_DUMP;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use serde_json::Value;
use shunt_decision::Family;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody is there, and nobody is.
const ANSWERS: &str = "10.9.9.9";
const SILENT: &str = "10.9.9.77";
const ROUTERS: [&str; 2] = ["10.0.1.2", "10.0.2.2"];

/// Two links on which everything is as it should be.
struct Gateway {
    _far: Far,
    wire: Wire,
    directory: tempfile::TempDir,
}

impl Gateway {
    fn new() -> Self {
        let far = Far::new();
        far.link(1);
        far.link(2);
        let mut wire = Wire::open();
        for (metric, router, name) in [(100, ROUTERS[0], "w1"), (200, ROUTERS[1], "w2")] {
            wire.default_route(metric, router, name);
            sysctl(&format!("ipv4/conf/{name}/rp_filter"), "2");
        }
        sysctl("ipv4/ip_forward", "1");
        Table::new().masquerade(&["w1", "w2"]).install().expect("nftables with masquerade");
        Self { _far: far, wire, directory: tempfile::tempdir().unwrap() }
    }

    fn config(&self, targets: &[&str]) -> PathBuf {
        let state = self.directory.path().join("state");
        let text = format!(
            "targets = {targets:?}\n[agent]\nstate_dir = {state:?}\n\
             [[link]]\nname = \"fiber\"\ninterface = \"w1\"\n\
             [[link]]\nname = \"lte\"\ninterface = \"w2\"\n"
        );
        let path = self.directory.path().join("shunt.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What the doctor says of it.
    fn examined(&self, targets: &[&str], more: &[&str]) -> Answer {
        examine(&self.config(targets), &self.directory.path().join("socket"), more)
    }

    /// As the kernel lists them.
    fn rules_of_v6(&mut self) -> Vec<Vec<u8>> {
        let mut filter = RuleMessage::default();
        filter.header.family = AddressFamily::Inet6;
        self.wire.ask(34, NLM_F_DUMP, &filter).unwrap()
    }

    fn spoilt(&self) -> Answer {
        self.examined(&[ANSWERS], &[])
    }
}

struct Answer {
    code: i32,
    report: Value,
}

fn examine(config: &Path, socket: &Path, more: &[&str]) -> Answer {
    answer(&mut doctor(config, socket, more))
}

fn doctor(config: &Path, socket: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shunt"));
    let (config, socket) = (config.to_str().unwrap(), socket.to_str().unwrap());
    command.args(["doctor", "--json", "--config", config, "--socket", socket]).args(more);
    command
}

fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    Answer { code: output.status.code().unwrap(), report }
}

impl Answer {
    fn findings(&self, check: &str) -> Vec<&Value> {
        let all = self.report["findings"].as_array().unwrap();
        all.iter().filter(|finding| finding["check"] == check).collect()
    }

    /// The check has nothing but good to say.
    #[track_caller]
    fn is_ok(&self, check: &str) {
        let findings = self.findings(check);
        assert!(!findings.is_empty(), "nothing of {check}: {:#}", self.report);
        assert!(findings.iter().all(|finding| finding["level"] == "ok"), "{findings:#?}");
    }

    /// One of the check's findings is at that level and says so.
    #[track_caller]
    fn says(&self, check: &str, level: &str, said: &str) {
        let findings = self.findings(check);
        let hit = |finding: &&&Value| {
            finding["level"] == level
                && (finding["what"].as_str().unwrap().contains(said)
                    || finding["mend"].as_str().is_some_and(|mend| mend.contains(said)))
        };
        assert!(findings.iter().find(hit).is_some(), "no {level} of {check} with {said:?}: {findings:#?}");
    }
}

#[test]
fn a_sound_gateway_is_told_so_and_nothing_is_changed() {
    within("a_sound_gateway_is_told_so_and_nothing_is_changed", || {
        let mut gateway = Gateway::new();
        let monitor = monitor();
        let rules = gateway.rules_of_v6();
        let answer = gateway.spoilt();
        assert_eq!(gateway.rules_of_v6(), rules);
        // An ordinary user may not open the device everywhere; then that is told.
        match File::options().read(true).write(true).open("/dev/net/tun") {
            Ok(_) => answer.is_ok("kernel"),
            Err(_) => answer.says("kernel", "not_checked", "whether the canary's interface can be made"),
        }
        for check in ["config", "interface", "routes", "paths", "mtu", "rp_filter", "forwarding"] {
            answer.is_ok(check);
        }
        for check in ["nat", "firewall", "offload", "numbers", "target"] {
            answer.is_ok(check);
        }
        answer.says("target", "ok", "10.9.9.9 in ");
        answer.says("daemon", "note", "No daemon runs");
        assert_eq!(answer.report["count"]["fault"], 0, "{:#}", answer.report);
        assert_eq!(told_of_v4(&monitor), Vec::<u16>::new(), "an address, a route or a rule was changed");
        let offline = gateway.examined(&[ANSWERS], &["--offline"]);
        offline.says("target", "not_checked", "--offline was given");
    });
}

#[test]
fn where_rights_are_wanting_and_nothing_is_at_fault_it_ends_with_4() {
    within("where_rights_are_wanting_and_nothing_is_at_fault_it_ends_with_4", || {
        let gateway = Gateway::new();
        let socket = gateway.directory.path().join("socket");
        let mut command = doctor(&gateway.config(&[ANSWERS]), &socket, &[]);
        without_network_rights(&mut command);
        let answer = answer(&mut command);
        answer.says("rights", "warning", "CAP_NET_ADMIN and CAP_NET_RAW are missing");
        answer.says("nat", "not_checked", "Run this as root.");
        assert_eq!(answer.report["count"]["fault"], 0, "{:#}", answer.report);
        assert_eq!(answer.code, 4, "{:#}", answer.report);
    });
}

#[test]
fn what_is_wrong_with_routes_and_settings_is_found() {
    within("what_is_wrong_with_routes_and_settings_is_found", || {
        let mut gateway = Gateway::new();
        sysctl("ipv4/conf/w2/rp_filter", "1");
        sysctl("ipv4/ip_forward", "0");
        // Two default routes of one metric, as two DHCP clients would leave them.
        gateway.wire.put(&Wire::route_message(254, 16, 100, ROUTERS[1], "w2"));
        let answer = gateway.spoilt();
        answer.says("rp_filter", "warning", "It is strict on w2 (by net.ipv4.conf.w2)");
        answer.says("forwarding", "fault", "net.ipv4.ip_forward = 0");
        answer.says("routes", "warning", "have the same metric (100)");
        assert_eq!(answer.code, 1);

        gateway.wire.no_default_route(100, ROUTERS[1], "w2");
        gateway.wire.no_default_route(200, ROUTERS[1], "w2");
        gateway.wire.down("w1");
        let answer = gateway.spoilt();
        answer.says("routes", "fault", "w2 has an IPv4 address, but main has no IPv4 default route");
        answer.says("interface", "fault", "ip link set w1 up");
        answer.says("target", "not_checked", "no interface, address or way out");
    });
}

#[test]
fn what_is_wrong_with_the_firewall_is_found() {
    within("what_is_wrong_with_the_firewall_is_found", || {
        let gateway = Gateway::new();
        Table::new().masquerade(&["w1"]).forward_only("lan0").install().unwrap();
        let answer = gateway.spoilt();
        answer.says("nat", "fault", "Nothing translates what leaves by w2");
        answer.says("firewall", "warning", "`inet test fwd` drops the canary");
        assert_eq!(answer.findings("nat").len(), 1, "{:#}", answer.report);
        assert_eq!(answer.code, 1);
        // Not each kernel has tables of flows.
        if Table::new().masquerade(&["w1", "w2"]).flows("w1").install().is_ok() {
            let answer = gateway.spoilt();
            answer.says("offload", "note", "(ft with w1)");
            answer.is_ok("nat");
        }
    });
}

#[test]
fn a_strangers_rule_before_ours_is_found() {
    within("a_strangers_rule_before_ours_is_found", || {
        let mut gateway = Gateway::new();
        let mut rule = RuleMessage::default();
        rule.header.family = AddressFamily::Inet;
        rule.header.action = RuleAction::ToTable;
        // The first link's table of the far side has a default route.
        rule.attributes.extend([RuleAttribute::Table(1_001), RuleAttribute::Priority(5_270)]);
        gateway.wire.add_rule(&rule);
        let answer = gateway.spoilt();
        answer.says("numbers", "fault", "The IPv4 rule 5270 of another program stands before");
        gateway.wire.delete_rule(&rule);
        rule.attributes[0] = RuleAttribute::Table(777);
        gateway.wire.add_rule(&rule);
        gateway.spoilt().is_ok("numbers");
        gateway.wire.delete_rule(&rule);
        // As a VPN that came up before Shunt would stand.
        rule.attributes[0] = RuleAttribute::Table(1_001);
        rule.attributes[1] = RuleAttribute::Priority(32_765);
        gateway.wire.add_rule(&rule);
        let answer = gateway.spoilt();
        answer.says(
            "numbers",
            "warning",
            "Shunt's rule 20600 goes before the IPv4 rule 32765 of another program",
        );
        gateway.wire.delete_rule(&rule);
        gateway.wire.put(&Wire::route_message(21_001, 4, 10, ROUTERS[0], "w1"));
        gateway.spoilt().says("numbers", "fault", "table 21001, which is Shunt's own");
    });
}

#[test]
fn targets_that_do_not_answer_are_found_with_where_it_ends() {
    within("targets_that_do_not_answer_are_found_with_where_it_ends", || {
        let gateway = Gateway::new();
        let answer = gateway.examined(&[ANSWERS, SILENT], &[]);
        answer.says("target", "warning", "10.9.9.77 answers over no link");
        answer.says("target", "ok", "10.9.9.9 in ");
        assert_eq!(answer.report["count"]["fault"], 0, "{:#}", answer.report);
        let answer = gateway.examined(&[SILENT], &["--strict"]);
        answer.says("target", "fault", "Its router 10.0.1.2 answers, so that it ends beyond it");
        assert_eq!(answer.code, 1);
    });
}

#[test]
fn beside_the_agents_rules_everything_is_as_without_them() {
    within("beside_the_agents_rules_everything_is_as_without_them", || {
        let gateway = Gateway::new();
        let config = shunt_config::load(&gateway.config(&[ANSWERS])).unwrap();
        let mut agent = Agent::open(&config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        let monitor = monitor();
        let answer = gateway.spoilt();
        for check in ["numbers", "routes", "nat", "target", "rp_filter"] {
            answer.is_ok(check);
        }
        answer.says("daemon", "warning", "its rules stand in the kernel");
        assert_eq!(told_of_v4(&monitor), Vec::<u16>::new(), "an address, a route or a rule was changed");
    });
}
