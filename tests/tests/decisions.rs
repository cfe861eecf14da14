//! What the agent decides when links, targets and families come and go, and what the operator's word is worth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::monitor::{UPLINK_TABLE, routes, table, wait_until};
use common::{
    DEADLINE, healthy_with, link, may_make_tun, moved_to, probed, settled, streaming, two_uplinks, uplink,
};
use shunt::api::types::{CanaryKind, IncidentStatus, Status, Verdict};
use shunt_lab::{
    AgentConfig, Filter, Lab, Plan, Policy, STREAM_TARGET_V4, Stream, TARGETS_V4, UplinkPlan, enter_or_reexec,
};
use std::time::Duration;

/// Ten probes a second: what takes many probes is over soon.
const FAST: &str = "[probe]\ninterval = \"100ms\"";
const SHORT_HOLD: &str = "[failback]\nhold_down = \"1s\"";

fn fast(lab: &Lab) -> AgentConfig {
    AgentConfig::new(lab).with(FAST).with(SHORT_HOLD)
}

fn line(name: &str) -> UplinkPlan {
    UplinkPlan::relayed(name, Policy::delay(Duration::from_millis(5)))
}

/// Whether the target at `place` of the config is alive on a link.
fn alive(status: &Status, name: &str, place: usize) -> bool {
    link(status, name).families.v4.as_ref().unwrap().targets[place].alive
}

/// How long the failed link was healthy again before the traffic went back to it.
fn held(incident: &IncidentStatus) -> f64 {
    incident.ended_ms.unwrap() - incident.recovered_ms.unwrap()
}

fn warns_of_local_proof(status: &Status) -> bool {
    status.warnings.iter().any(|warning| warning.contains("proved by a local probe"))
}

#[test]
fn one_dead_target_moves_nothing_even_when_only_one_link_is_left() {
    let test = "one_dead_target_moves_nothing_even_when_only_one_link_is_left";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    let moves = agent.status().unwrap().counters.moves;
    for uplink in &lab.uplinks {
        uplink.filter(Filter::Addresses(vec![TARGETS_V4[1].into()])).unwrap();
    }
    agent
        .wait_for("the second target dead on both links", DEADLINE, |status| {
            !alive(status, "fiber", 1) && !alive(status, "lte", 1)
        })
        .unwrap();
    let status = probed(&agent, 60);
    assert_eq!((uplink(&status), status.counters.moves), (Some("fiber"), moves), "{status:?}");
    healthy_with(&agent, "fiber");

    lab.uplinks[1].set_carrier(false).unwrap();
    agent
        .wait_for("the loss of lte", DEADLINE, |status| link(status, "lte").verdict == Verdict::Failed)
        .unwrap();
    let status = probed(&agent, 30);
    assert_eq!((uplink(&status), status.counters.moves), (Some("fiber"), moves), "{status:?}");
    assert_eq!(link(&status, "fiber").verdict, Verdict::Healthy);
    assert!(status.incidents.is_empty(), "{status:?}");
}

#[test]
fn a_loss_of_thirty_percent_is_called_degraded_in_the_incident() {
    let Some(_turn) = enter_or_reexec("a_loss_of_thirty_percent_is_called_degraded_in_the_incident") else {
        return;
    };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    let mut lossy = lab.uplinks[0].plan().clone();
    lossy.up.loss = 0.3;
    lab.uplinks[0].set(lossy).unwrap();
    let status = agent
        .wait_for("fiber degraded and lte as uplink", DEADLINE, |status| {
            uplink(status) == Some("lte") && link(status, "fiber").verdict == Verdict::Degraded
        })
        .unwrap();
    let incident = status.incidents.last().unwrap();
    assert_eq!((incident.link.as_deref(), incident.to.as_deref()), (Some("fiber"), Some("lte")));
    assert!(incident.cause.contains("% of the probes are lost"), "{incident:?}");
}

#[test]
fn a_forced_link_is_the_uplink_until_its_lease_ends() {
    let Some(_turn) = enter_or_reexec("a_forced_link_is_the_uplink_until_its_lease_ends") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    let stream = streaming(&lab, 500);
    agent.force("lte", Some(3)).unwrap();
    let status = moved_to(&agent, "lte");
    let forced = status.forced.unwrap();
    assert_eq!((forced.link.as_str(), forced.until.is_some()), ("lte", true));
    stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    // Fiber never failed, so that it owes no hold-down.
    let status = moved_to(&agent, "fiber");
    assert_eq!(status.forced, None);
    stream.wait_for_path(lab.uplinks[0].far_index(), DEADLINE).unwrap();
    assert!(status.incidents.is_empty(), "a planned move is no incident: {status:?}");
}

#[test]
fn a_lease_survives_a_restart_and_a_kill() {
    let Some(_turn) = enter_or_reexec("a_lease_survives_a_restart_and_a_kill") else { return };
    let lab = two_uplinks(true);
    let mut agent = settled(&lab, &AgentConfig::new(&lab));
    agent.force("lte", Some(600)).unwrap();
    moved_to(&agent, "lte");
    wait_until("the lease on disk", || agent.home().join("state/force.json").exists());
    for kill in [false, true] {
        if kill {
            agent.kill().unwrap();
        } else {
            assert!(agent.terminate().unwrap().success());
        }
        agent.start_again().unwrap();
        let status = healthy_with(&agent, "lte");
        let forced = status.forced.unwrap();
        assert_eq!((forced.link.as_str(), forced.until.is_some()), ("lte", true), "killed: {kill}");
    }
    agent.release().unwrap();
    moved_to(&agent, "fiber");
    wait_until("the lease gone from disk", || !agent.home().join("state/force.json").exists());
}

#[test]
fn a_forced_link_that_dies_is_given_up_loudly() {
    let Some(_turn) = enter_or_reexec("a_forced_link_that_dies_is_given_up_loudly") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    agent.force("lte", None).unwrap();
    healthy_with(&agent, "lte");
    lab.uplinks[1].black_hole().unwrap();
    let status = moved_to(&agent, "fiber");
    assert_eq!(status.forced, None);
    let log = agent.log();
    let line = log.lines().find(|line| line.contains("the operator's lease on lte is given up"));
    assert!(line.is_some_and(|line| line.contains("WARN")), "{log}");
}

#[test]
fn traffic_returns_to_the_better_link_after_its_hold_down() {
    let Some(_turn) = enter_or_reexec("traffic_returns_to_the_better_link_after_its_hold_down") else {
        return;
    };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    let stream = streaming(&lab, 500);
    lab.uplinks[0].black_hole().unwrap();
    moved_to(&agent, "lte");
    stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    lab.uplinks[0].restore().unwrap();
    moved_to(&agent, "fiber");
    stream.wait_for_path(lab.uplinks[0].far_index(), DEADLINE).unwrap();
    let status = agent.status().unwrap();
    let incident = status.incidents.last().unwrap();
    assert!(held(incident) >= 1_000.0, "{incident:?}");
}

#[test]
fn a_link_that_flaps_must_stay_good_for_twice_as_long() {
    let Some(_turn) = enter_or_reexec("a_link_that_flaps_must_stay_good_for_twice_as_long") else { return };
    let lab = two_uplinks(true);
    let config = AgentConfig::new(&lab).with(FAST).with("[failback]\nhold_down = \"2s\"");
    let agent = settled(&lab, &config);
    for _ in 0..2 {
        lab.uplinks[0].black_hole().unwrap();
        let first = moved_to(&agent, "lte").uptime_s;
        lab.uplinks[0].restore().unwrap();
        moved_to(&agent, "fiber");
        // Failures within five seconds are one flap.
        agent
            .wait_for("the time that makes it another flap", DEADLINE, |status| {
                status.uptime_s > first + 6 && status.incidents.iter().all(|i| i.ended_ms.is_some())
            })
            .unwrap();
    }
    let incidents = agent.status().unwrap().incidents;
    assert_eq!(incidents.len(), 2, "{incidents:?}");
    assert!(held(&incidents[0]) >= 2_000.0, "{incidents:?}");
    assert!(held(&incidents[1]) >= 3_900.0, "{incidents:?}");
}

#[test]
fn a_loose_plug_moves_the_traffic_once_and_not_with_each_contact() {
    let test = "a_loose_plug_moves_the_traffic_once_and_not_with_each_contact";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab).with(FAST));
    let moves = agent.status().unwrap().counters.moves;
    let fiber = &lab.uplinks[0];
    for _ in 0..5 {
        for up in [false, true] {
            fiber.set_carrier(up).unwrap();
            agent
                .wait_for("the carrier", DEADLINE, |status| link(status, "fiber").carrier == Some(up))
                .unwrap();
        }
    }
    agent
        .wait_for("fiber healthy", DEADLINE, |status| link(status, "fiber").verdict == Verdict::Healthy)
        .unwrap();
    let status = probed(&agent, 20);
    assert_eq!((uplink(&status), status.counters.moves), (Some("lte"), moves + 1), "{status:?}");
    assert!(status.uplink_reason.v4.contains("must stay good"), "{}", status.uplink_reason.v4);
}

#[test]
fn a_failure_of_ipv6_alone_moves_only_ipv6() {
    let Some(_turn) = enter_or_reexec("a_failure_of_ipv6_alone_moves_only_ipv6") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab).with_v6());
    agent
        .wait_for("fiber as the uplink of both families", DEADLINE, |status| {
            let v6 = |name| link(status, name).families.v6.as_ref().map(|path| path.verdict);
            status.uplink.v6.as_deref() == Some("fiber")
                && ["fiber", "lte"].iter().all(|name| v6(name) == Some(Verdict::Healthy))
        })
        .unwrap();
    lab.uplinks[0].filter(Filter::V6).unwrap();
    let uplinks = |status: &Status| (status.uplink.v4.clone(), status.uplink.v6.clone());
    let apart = (Some("fiber".to_owned()), Some("lte".to_owned()));
    agent.wait_for("IPv6 on lte", DEADLINE, |status| status.uplink.v6 == apart.1).unwrap();
    let status = probed(&agent, 40);
    assert_eq!(uplinks(&status), apart);
    assert_eq!(link(&status, "fiber").families.v4.as_ref().unwrap().verdict, Verdict::Healthy);
    assert_eq!(status.incidents.len(), 1, "{:?}", status.incidents);
    lab.uplinks[0].restore().unwrap();
    agent.wait_for("IPv6 on fiber again", DEADLINE, |status| status.uplink.v6 == apart.0).unwrap();
}

#[test]
fn a_link_without_a_router_fails_over_and_back_like_any_other() {
    let Some(_turn) = enter_or_reexec("a_link_without_a_router_fails_over_and_back_like_any_other") else {
        return;
    };
    let fiber = UplinkPlan { router: false, ..line("fiber") };
    let lab = Lab::build(&Plan { uplinks: vec![fiber, line("lte")], masquerade: true, seed: 1 }).unwrap();
    let agent = settled(&lab, &fast(&lab));
    let stream = streaming(&lab, 500);
    lab.uplinks[0].black_hole().unwrap();
    stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    lab.uplinks[0].restore().unwrap();
    stream.wait_for_path(lab.uplinks[0].far_index(), DEADLINE).unwrap();
    healthy_with(&agent, "fiber");
}

#[test]
fn traffic_flows_again_by_whichever_link_comes_back_first() {
    let Some(_turn) = enter_or_reexec("traffic_flows_again_by_whichever_link_comes_back_first") else {
        return;
    };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    let stream = streaming(&lab, 500);
    let [fiber, lte] = [&lab.uplinks[0], &lab.uplinks[1]];
    fiber.set_carrier(false).unwrap();
    moved_to(&agent, "lte");
    lte.set_carrier(false).unwrap();
    agent
        .wait_for("both links failed", DEADLINE, |status| {
            status.links.iter().all(|link| link.verdict == Verdict::Failed)
        })
        .unwrap();
    assert!(routes(&lab).iter().any(|route| table(route) == UPLINK_TABLE), "the uplink table is empty");
    lte.set_carrier(true).unwrap();
    stream.wait_for_path(lte.far_index(), DEADLINE).unwrap();
    agent
        .wait_for("lte healthy and the uplink", DEADLINE, |status| {
            uplink(status) == Some("lte") && link(status, "lte").verdict == Verdict::Healthy
        })
        .unwrap();
    fiber.set_carrier(true).unwrap();
    healthy_with(&agent, "fiber");
    stream.wait_for_path(fiber.far_index(), DEADLINE).unwrap();

    // And the preferred one first.
    lte.set_carrier(false).unwrap();
    fiber.set_carrier(false).unwrap();
    agent
        .wait_for("both links failed again", DEADLINE, |status| {
            status.links.iter().all(|link| link.verdict == Verdict::Failed)
        })
        .unwrap();
    fiber.set_carrier(true).unwrap();
    lte.set_carrier(true).unwrap();
    healthy_with(&agent, "fiber");
    stream.take_report().unwrap();
    stream.wait_for_path(fiber.far_index(), DEADLINE).unwrap();
}

#[test]
fn a_new_path_is_proved_by_a_packet_that_was_forwarded_and_translated() {
    let test = "a_new_path_is_proved_by_a_packet_that_was_forwarded_and_translated";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    lab.uplinks[0].black_hole().unwrap();
    let status = agent
        .wait_for("the verified incident", DEADLINE, |status| {
            status.incidents.last().is_some_and(|incident| incident.verified_ms.is_some())
        })
        .unwrap();
    let incident = status.incidents.last().unwrap();
    assert!(incident.restored_ms.is_some_and(|at| at >= incident.decided_ms.unwrap()), "{incident:?}");
    assert!(incident.verified_ms >= incident.restored_ms, "{incident:?}");
    assert!(agent.log().contains("lte (IPv4) is proved: a packet came back"), "{}", agent.log());
    let kind = status.canary.v4.as_ref().map(|canary| canary.kind);
    assert_eq!(kind, Some(if may_make_tun() { CanaryKind::Forwarded } else { CanaryKind::Local }));
    if may_make_tun() {
        assert_eq!(status.warnings, Vec::<String>::new());
    } else {
        assert!(warns_of_local_proof(&status), "{:?}", status.warnings);
    }
}

#[test]
fn a_backup_that_answers_probes_but_forwards_nothing_is_left_for_the_next() {
    let test = "a_backup_that_answers_probes_but_forwards_nothing_is_left_for_the_next";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let uplinks = vec![line("fiber"), line("lte"), line("dsl")];
    let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 1 }).unwrap();
    let agent = settled(&lab, &fast(&lab));
    if !may_make_tun() {
        // Nothing can be seen of it then, and the agent must say so.
        let status = agent.status().unwrap();
        assert!(warns_of_local_proof(&status), "{:?}", status.warnings);
        println!("{test} proves the warning only, because this user may not open /dev/net/tun");
        return;
    }
    wait_until("the proof of fiber", || agent.log().contains("fiber (IPv4) is proved"));
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), 500).unwrap();
    // What comes in by lte is for this host or for nobody: probes succeed, users' replies are dropped.
    lab.gateway.set_sysctl("ipv4/conf/lte0/forwarding", "0").unwrap();
    lab.uplinks[0].black_hole().unwrap();
    let status = moved_to(&agent, "dsl");
    stream.wait_for_path(lab.uplinks[2].far_index(), DEADLINE).unwrap();
    let log = agent.log();
    assert!(log.contains("IPv4 uplink is now lte, was fiber"), "{log}");
    assert!(log.contains("no forwarded packet came back over lte"), "{log}");
    assert_eq!(link(&status, "lte").verdict, Verdict::Healthy, "{status:?}");
}
