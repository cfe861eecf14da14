//! How the agent starts, reloads, ends, and meets those who talk nonsense to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::monitor::{Monitor, all_routes, routes, rules, wait_until};
use common::{
    DEADLINE, healthy_with, may_make_tun, moved_to, probed, settled, streaming, two_uplinks, uplink,
};
use rtnetlink::packet_route::RouteNetlinkMessage as Change;
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use shunt::api::types::{CanaryKind, Status, Verdict};
use shunt::api::wire::{Done, ErrorCode, Event, EventKind, Line, MAX_REQUEST, Request};
use shunt_lab::{Agent, AgentConfig, Lab, RouteTo, enter_or_reexec};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::Path;

const FAST: &str = "[probe]\ninterval = \"100ms\"";

/// What the agent sets on the WAN interfaces.
fn sysctls(lab: &Lab) -> Vec<String> {
    let mut values = Vec::new();
    for interface in ["fiber0", "lte0"] {
        for key in ["rp_filter", "ignore_routes_with_linkdown"] {
            values.push(lab.gateway.sysctl(&format!("ipv4/conf/{interface}/{key}")).unwrap());
        }
    }
    values
}

#[test]
fn a_good_config_is_taken_over_without_touching_forwarding() {
    let Some(_turn) = enter_or_reexec("a_good_config_is_taken_over_without_touching_forwarding") else {
        return;
    };
    let lab = two_uplinks(false);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    agent.force("lte", Some(600)).unwrap();
    healthy_with(&agent, "lte");
    let stream =
        shunt_lab::Stream::start(&lab.client, &lab.far, shunt_lab::STREAM_TARGET_V4.into(), 1_000).unwrap();
    stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    stream.take_report().unwrap();
    let before = (routes(&lab), rules(&lab));
    let mut monitor = Monitor::start(&lab.gateway);

    let mut config = AgentConfig::new(&lab).with(FAST);
    config.targets.push(shunt_lab::TARGETS_V4[2].to_string());
    std::fs::write(agent.config_file(), config.to_toml(agent.home())).unwrap();
    agent.reload().unwrap();
    let status = agent
        .wait_for("three targets on each link, all healthy", DEADLINE, |status| {
            status.links.iter().all(|link| {
                let path = link.families.v4.as_ref().unwrap();
                path.targets.len() == 3 && link.verdict == Verdict::Healthy
            })
        })
        .unwrap();
    assert!(agent.log().contains("the new config is in force"), "{}", agent.log());
    assert_eq!(uplink(&status), Some("lte"));
    assert_eq!(status.forced.map(|forced| forced.link), Some("lte".into()));
    probed(&agent, 30);
    let changes = monitor.changes();
    assert!(changes.is_empty(), "forwarding was touched: {changes:#?}");
    assert_eq!((routes(&lab), rules(&lab)), before);
    let report = stream.stop().unwrap();
    assert_eq!((report.lost, report.moves.len()), (0, 0), "{report}");
}

#[test]
fn a_bad_config_is_refused_by_line_and_the_old_one_stays() {
    let Some(_turn) = enter_or_reexec("a_bad_config_is_refused_by_line_and_the_old_one_stays") else {
        return;
    };
    let lab = two_uplinks(false);
    let agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    let good = std::fs::read_to_string(agent.config_file()).unwrap();
    let before = (routes(&lab), rules(&lab));
    let mut monitor = Monitor::start(&lab.gateway);
    let broken = [
        (good.replace("interval = \"100ms\"", "intervall = \"100ms\""), "intervall"),
        (good.replace("[[link]]", "[[link]"), "[[link]"),
        (good.replace("lte0", "fiber0"), "interface = \"fiber0\""),
    ];
    for (number, (text, fault)) in (1..).zip(broken) {
        let line = 1 + text.lines().position(|line| line.contains(fault)).unwrap();
        std::fs::write(agent.config_file(), text).unwrap();
        agent.reload().unwrap();
        let refused = || agent.log().matches("the new config is refused").count();
        wait_until("the refusal", || refused() == number);
        let log = agent.log();
        let (_, refusal) = log.rsplit_once("the new config is refused").unwrap();
        // Of two links that clash, either may be named.
        let named = (line..line + 8).any(|line| refusal.contains(&format!("shunt.toml:{line}")));
        assert!(named, "line {line} of {fault:?} is not named: {refusal}");
    }
    // What only a restart can give is refused too.
    std::fs::write(agent.config_file(), good.replace("[probe]", "[kernel]\nprotocol = 201\n[probe]"))
        .unwrap();
    agent.reload().unwrap();
    wait_until("the refusal of [kernel]", || agent.log().contains("[kernel] cannot change"));
    let status = probed(&agent, 20);
    assert_eq!(uplink(&status), Some("fiber"));
    assert!(status.links.iter().all(|link| link.verdict == Verdict::Healthy), "{status:?}");
    assert_eq!(monitor.changes(), Vec::new());
    assert_eq!((routes(&lab), rules(&lab)), before);
}

#[test]
fn an_agent_that_is_terminated_leaves_forwarding_as_it_is() {
    let Some(_turn) = enter_or_reexec("an_agent_that_is_terminated_leaves_forwarding_as_it_is") else {
        return;
    };
    let lab = two_uplinks(false);
    let mut agent = settled(&lab, &AgentConfig::new(&lab));
    let stream = streaming(&lab, 1_000);
    let before = (routes(&lab), rules(&lab), sysctls(&lab));
    assert!(!before.0.is_empty() && !before.1.is_empty());
    let mut monitor = Monitor::start(&lab.gateway);
    assert!(agent.terminate().unwrap().success());
    assert_eq!((routes(&lab), rules(&lab), sysctls(&lab)), before);
    agent.start_again().unwrap();
    healthy_with(&agent, "fiber");
    assert_eq!((routes(&lab), rules(&lab), sysctls(&lab)), before);
    assert_eq!(monitor.changes(), Vec::new(), "it did not adopt what it had left");
    let report = stream.stop().unwrap();
    assert_eq!((report.lost, report.moves.len()), (0, 0), "{report}");
}

#[test]
fn a_stop_with_restore_leaves_nothing_behind() {
    let Some(_turn) = enter_or_reexec("a_stop_with_restore_leaves_nothing_behind") else { return };
    let lab = two_uplinks(true);
    let everything = || {
        let mut netlink = lab.gateway.netlink().unwrap();
        (all_routes(&lab), netlink.rules().unwrap(), sysctls(&lab))
    };
    lab.gateway.set_sysctl("ipv4/conf/lte0/rp_filter", "1").unwrap();
    let before = everything();
    // By the running agent, and by the command alone after it was killed.
    for killed in [false, true] {
        let mut agent = settled(&lab, &AgentConfig::new(&lab).with_v6());
        assert_ne!(everything(), before);
        assert_eq!(lab.gateway.sysctl("ipv4/conf/lte0/rp_filter").unwrap(), "2");
        if killed {
            agent.kill().unwrap();
        }
        // Something is missing that an agent would put back.
        let rule = rules(&lab).remove(0);
        if killed {
            lab.gateway.netlink().unwrap().delete_rule(rule).unwrap();
        }
        let mut monitor = Monitor::start(&lab.gateway);
        let output = agent.command(&["stop", "--restore"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let changes = monitor.changes();
        let adds = |change: &&Change| matches!(change, Change::NewRule(_) | Change::NewRoute(_));
        assert_eq!(changes.iter().find(adds), None, "killed before: {killed}");
        assert!(changes.iter().any(|change| matches!(change, Change::DelRule(_))));
        if !killed {
            wait_until("the agent's end", || agent.ended().unwrap().is_some());
            assert!(agent.ended().unwrap().unwrap().success());
        }
        assert_eq!(everything(), before, "killed before: {killed}");
        assert!(lab.gateway.netlink().unwrap().index("shunt0").is_err(), "the canary's interface stayed");
    }
}

/// The texts of the events of a kind that the agent tells of the past.
fn told(agent: &Agent, kind: EventKind) -> Vec<String> {
    let output = agent.command(&["events", "--json"]).output().unwrap();
    let events = String::from_utf8(output.stdout).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Event>(line).unwrap());
    events.filter(|event| event.kind == kind).map(|event| event.text).collect()
}

#[test]
fn a_warning_goes_from_the_status_when_its_cause_is_gone() {
    let Some(_turn) = enter_or_reexec("a_warning_goes_from_the_status_when_its_cause_is_gone") else {
        return;
    };
    let lab = two_uplinks(false);
    let agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    let mut netlink = lab.gateway.netlink().unwrap();
    let priority = 32_000;
    let rule = |rule: &RuleMessage| rule.attributes.contains(&RuleAttribute::Priority(priority));
    let about = format!("The IPv4 rule {priority} of another program");
    for round in 1..=2 {
        // A mark within those of the probes.
        netlink.add_mark_rule(priority, 1 << 24, 254).unwrap();
        agent
            .wait_for("the warning", DEADLINE, |status| {
                status.warnings.iter().any(|text| text.starts_with(&about))
            })
            .unwrap();
        for stranger in netlink.rules().unwrap().into_iter().filter(rule) {
            netlink.delete_rule(stranger).unwrap();
        }
        agent
            .wait_for("no such warning", DEADLINE, |status| {
                !status.warnings.iter().any(|text| text.starts_with(&about))
            })
            .unwrap();
        let count = |kind| told(&agent, kind).iter().filter(|text| text.contains(&about)).count();
        assert_eq!((count(EventKind::Warning), count(EventKind::Mended)), (round, round));
    }
}

#[test]
fn a_lease_that_cannot_be_kept_is_told_until_one_can() {
    let Some(_turn) = enter_or_reexec("a_lease_that_cannot_be_kept_is_told_until_one_can") else { return };
    let lab = two_uplinks(false);
    let agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    // Where the draft of the file would be written lies a directory.
    let draft = agent.home().join("state/force.new");
    std::fs::create_dir(&draft).unwrap();
    let about = "it will not survive a restart of the agent";
    let done = agent.force("lte", Some(600)).unwrap();
    assert!(done.text.contains(about), "{}", done.text);
    let warned = |status: &Status| status.warnings.iter().any(|text| text.contains(about));
    agent.wait_for("the warning", DEADLINE, warned).unwrap();
    agent.reload().unwrap();
    wait_until("the reload", || agent.log().contains("the new config is in force"));
    agent.wait_for("the warning after a reload", DEADLINE, warned).unwrap();
    std::fs::remove_dir(&draft).unwrap();
    let done = agent.force("lte", Some(600)).unwrap();
    assert!(!done.text.contains(about), "{}", done.text);
    agent.wait_for("no such warning", DEADLINE, |status| !warned(status)).unwrap();
    let count = |kind| told(&agent, kind).iter().filter(|text| text.contains(about)).count();
    assert_eq!((count(EventKind::Warning), count(EventKind::Mended)), (1, 1));
}

#[test]
fn a_canary_that_had_to_be_local_is_forwarded_when_it_can_be() {
    let Some(_turn) = enter_or_reexec("a_canary_that_had_to_be_local_is_forwarded_when_it_can_be") else {
        return;
    };
    if !may_make_tun() {
        eprintln!("/dev/net/tun may not be opened here, so there is no forwarded canary to be tested");
        return;
    }
    let lab = two_uplinks(true);
    let mut netlink = lab.gateway.netlink().unwrap();
    // Somebody else has a route to the canary's address.
    let lan = netlink.index("lan0").unwrap();
    let stranger = RouteTo::to(Ipv4Addr::new(198, 19, 255, 254).into(), 32, None, lan);
    netlink.put_route(&stranger).unwrap();
    let agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    let kind = |status: &Status| status.canary.v4.as_ref().map(|canary| canary.kind);
    let warned =
        |status: &Status| status.warnings.iter().any(|text| text.contains("proved by a local probe"));
    let status = agent.status().unwrap();
    assert!(kind(&status) == Some(CanaryKind::Local) && warned(&status), "{status:?}");
    netlink.delete_route(&stranger).unwrap();
    agent
        .wait_for("forwarded canaries and no warning", DEADLINE, |status| {
            kind(status) == Some(CanaryKind::Forwarded) && !warned(status)
        })
        .unwrap();
    lab.uplinks[0].set_carrier(false).unwrap();
    agent
        .wait_for("the incident, verified", DEADLINE, |status| {
            status.incidents.last().is_some_and(|incident| incident.verified_ms.is_some())
        })
        .unwrap();
    assert!(!agent.log().contains("cannot be proved"), "{}", agent.log());
}

#[test]
fn a_second_daemon_refuses_to_start_and_says_who_is_there() {
    let Some(_turn) = enter_or_reexec("a_second_daemon_refuses_to_start_and_says_who_is_there") else {
        return;
    };
    let lab = two_uplinks(false);
    let mut agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    let mut monitor = Monitor::start(&lab.gateway);
    let output = agent.command(&["run"]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = format!("another shunt daemon runs already (process {})", agent.process());
    assert!(said.contains(&expected), "{said}");
    let output = agent.command(&["check"]).arg(agent.config_file()).output().unwrap();
    assert!(output.status.success(), "a check needs no lock: {output:?}");
    assert_eq!(monitor.changes(), Vec::new());
    assert!(agent.ended().unwrap().is_none());
    assert_eq!(uplink(&probed(&agent, 10)), Some("fiber"));
}

#[test]
fn garbage_on_the_socket_gets_an_error_and_harms_nobody() {
    let Some(_turn) = enter_or_reexec("garbage_on_the_socket_gets_an_error_and_harms_nobody") else { return };
    let lab = two_uplinks(false);
    let mut agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    let deep = format!("{}\n", "[".repeat(MAX_REQUEST - 1));
    let garbage: [&[u8]; 9] = [
        b"\n",
        b"\0\xff\xfe\x80\n",
        b"status\n",
        b"{\"command\":\"status\"\n",
        b"{\"command\":\"reboot\"}\n",
        b"{\"command\":\"force\"}\n",
        b"{\"command\":\"force\",\"link\":\"lte\",\"for_s\":-1}\n",
        b"{\"command\":\"status\",\"surprise\":1}\n",
        deep.as_bytes(),
    ];
    for bytes in garbage {
        assert_eq!(answer(&agent.socket(), bytes), ErrorCode::BadRequest, "{bytes:?}");
    }
    let unknown = b"{\"command\":\"force\",\"link\":\"dsl\",\"for_s\":600}\n";
    assert_eq!(answer(&agent.socket(), unknown), ErrorCode::UnknownLink);
    let endless = vec![b'x'; 64 * MAX_REQUEST];
    let mut stream = connect(&agent.socket());
    // The agent hangs up in the middle of it.
    let _broken_pipe = stream.write_all(&endless);
    assert_eq!(code(stream), Some(ErrorCode::BadRequest));
    // Those who say half a word and leave, and those who say nothing and stay.
    for _ in 0..100 {
        connect(&agent.socket()).write_all(b"{\"command\":\"sta").unwrap();
    }
    let silent: Vec<_> = (0..40).map(|_| connect(&agent.socket())).collect();
    drop(silent);
    let status = agent
        .wait_for("an answer to an honest client", DEADLINE, |status| uplink(status) == Some("fiber"))
        .unwrap();
    assert_eq!(status.forced, None);
    assert!(agent.ended().unwrap().is_none());
    agent.force("lte", Some(600)).unwrap();
    moved_to(&agent, "lte");
    let told: Done = agent.ask(&Request::Release {}).unwrap();
    assert!(!told.text.is_empty());
}

fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// The code of the error that `bytes` get.
fn answer(socket: &Path, bytes: &[u8]) -> ErrorCode {
    let mut stream = connect(socket);
    stream.write_all(bytes).unwrap();
    code(stream).expect("an answer")
}

/// The code of the error line that is read; `None`: the agent hung up without one.
fn code(stream: UnixStream) -> Option<ErrorCode> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok().filter(|length| *length > 0)?;
    match serde_json::from_str::<Line<Done>>(&line).unwrap() {
        Line::Error(error) => Some(error.code),
        other => panic!("not an error: {other:?}"),
    }
}

/// Names, sizes and times of all files beneath a directory.
fn files(directory: &Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let (entry, path) = entry.map(|entry| (entry.metadata().unwrap(), entry.path())).unwrap();
        if path.ends_with("state/recording") {
            continue;
        }
        if entry.is_dir() {
            found.extend(files(&path));
        }
        found.push((path, entry.len(), entry.modified().unwrap()));
    }
    found.sort();
    found
}

/// Flash wears out, and years of probing must not be what does it: neither state nor log grows. (The recording does, a
/// block a minute at most: `agent/tests/recording/keeping.rs`.)
#[test]
fn the_steady_state_writes_nothing_to_disk() {
    let Some(_turn) = enter_or_reexec("the_steady_state_writes_nothing_to_disk") else { return };
    let lab = two_uplinks(false);
    let agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    // The first proof is no steady state, and its end is told. Without a TUN interface a local probe gives it.
    wait_until("the first proof", || !told(&agent, EventKind::Verified).is_empty());
    wait_until("the recording's beginning", || agent.home().join("state/recording").exists());
    probed(&agent, 40);
    let before = files(agent.home());
    assert!(before.len() > 2, "{before:?}");
    probed(&agent, 200);
    assert_eq!(files(agent.home()), before, "{}", agent.log());
}
