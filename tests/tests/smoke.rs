//! What any build of the agent must do, whatever processor it is for: `.ci/shipped` has the shipped binaries do it. No time
//! is measured here.
//!
//! Binaries for other processors do the second test only, in qemu's user mode: it hands on neither rules (RTM_NEWRULE) nor
//! firewall marks (SO_MARK), without which the agent sends no probe.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::monitor::{all_routes, best_uplink, rules, wait_until};
use common::{DEADLINE, healthy_with, link, moved_to, program, settled, two_uplinks, uplink};
use shunt::api::types::{Status, Verdict};
use shunt_lab::{Agent, AgentConfig, enter_or_reexec};

/// What a command of the agent's says; it must end well.
fn says(agent: &Agent, arguments: &[&str]) -> String {
    let output = agent.command(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_build_of_the_agent_probes_moves_and_obeys() {
    let Some(_turn) = enter_or_reexec("a_build_of_the_agent_probes_moves_and_obeys") else { return };
    let lab = two_uplinks(true);
    let (routes_before, rules_before) = (all_routes(&lab), rules(&lab));
    let config = AgentConfig::new(&lab).with_v6();

    // Probes: each target of each link is answered, in both families; netlink: rules and tables are there.
    let mut agent = settled(&lab, &config);
    let answered = |status: &Status| {
        let families = status.links.iter().flat_map(|link| [&link.families.v4, &link.families.v6]);
        let mut targets = families.flatten().flat_map(|path| &path.targets);
        targets.all(|target| target.rtt_ms.is_some())
    };
    agent.wait_for("answers of all targets", DEADLINE, answered).unwrap();
    assert_ne!(rules(&lab), rules_before);
    assert!(says(&agent, &["check"]).contains("fiber"));
    assert!(says(&agent, &["status"]).contains("fiber"));

    // A silent failure, found by probes alone, and the way back once the link is well.
    lab.uplinks[0].black_hole().unwrap();
    let status = moved_to(&agent, "lte");
    assert_eq!(link(&status, "fiber").verdict, Verdict::Failed);
    lab.uplinks[0].restore().unwrap();
    healthy_with(&agent, "lte");

    // Orders, each asked for and shown by the command line.
    says(&agent, &["force", "fiber", "--for", "10m"]);
    moved_to(&agent, "fiber");
    let status: Status = serde_json::from_str(&says(&agent, &["status", "--json"])).unwrap();
    assert_eq!(status.forced.map(|forced| forced.link), Some("fiber".into()));
    says(&agent, &["release"]);

    // The kernel's own notice.
    lab.uplinks[0].set_carrier(false).unwrap();
    let status = moved_to(&agent, "lte");
    assert_eq!(link(&status, "fiber").carrier, Some(false));
    assert!(says(&agent, &["events"]).contains("lte"));
    lab.uplinks[0].set_carrier(true).unwrap();
    healthy_with(&agent, "lte");

    // Everything is given back.
    says(&agent, &["stop", "--restore"]);
    wait_until("the agent's end", || agent.ended().unwrap().is_some());
    assert!(agent.ended().unwrap().unwrap().success());
    assert_eq!((all_routes(&lab), rules(&lab)), (routes_before, rules_before));
}

#[test]
fn a_build_of_the_agent_hears_the_kernel_writes_routes_and_obeys() {
    let test = "a_build_of_the_agent_hears_the_kernel_writes_routes_and_obeys";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(false);
    let index = |link: &str| lab.gateway.netlink().unwrap().index(&format!("{link}0")).unwrap();
    let led_by = |link: &str| {
        let led = || best_uplink(&lab).is_some_and(|(_, interface)| interface == index(link));
        wait_until(&format!("the kernel's uplink {link}"), led);
    };
    let mut agent = Agent::start(&program(), &lab.gateway, &AgentConfig::new(&lab)).unwrap();
    moved_to(&agent, "fiber");
    led_by("fiber");
    assert!(says(&agent, &["check"]).contains("fiber"));
    assert!(says(&agent, &["status"]).contains("fiber"));

    // An order moves the routes, and is shown.
    says(&agent, &["force", "lte", "--for", "10m", "--strict"]);
    moved_to(&agent, "lte");
    led_by("lte");
    let status: Status = serde_json::from_str(&says(&agent, &["status", "--json"])).unwrap();
    assert_eq!(status.forced.map(|forced| forced.link), Some("lte".into()));
    assert!(says(&agent, &["events"]).contains("lte"));

    // The kernel's notices.
    for up in [false, true] {
        lab.uplinks[0].set_carrier(up).unwrap();
        let seen = |status: &Status| link(status, "fiber").carrier == Some(up);
        agent.wait_for("the carrier of the fiber", DEADLINE, seen).unwrap();
    }

    // Killed, it leaves the routes and its lease to its successor.
    agent.kill().unwrap();
    led_by("lte");
    agent.start_again().unwrap();
    let status = agent.wait_for("the successor", DEADLINE, |status| status.forced.is_some()).unwrap();
    assert_eq!(uplink(&status), Some("lte"));
    says(&agent, &["release"]);
    agent.reload().unwrap();
    wait_until("the reload", || agent.log().contains("the new config is in force"));
    says(&agent, &["stop"]);
    wait_until("the agent's end", || agent.ended().unwrap().is_some());
    assert!(agent.ended().unwrap().unwrap().success());
    assert!(best_uplink(&lab).is_some(), "the end of the agent took the routes along");
}
