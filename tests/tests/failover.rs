//! The uplink fails in each of the ways in which uplinks fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::monitor::wait_until;
use common::{DEADLINE, link, may_make_tun, settled, streaming, two_uplinks, uplink};
use shunt::api::types::{CanaryKind, Status, Verdict};
use shunt_lab::{AgentConfig, Filter, STREAM_TARGET_V4, Stream, enter_or_reexec};
use std::time::Duration;

#[test]
fn a_pulled_cable_moves_the_traffic_at_once() {
    let Some(_turn) = enter_or_reexec("a_pulled_cable_moves_the_traffic_at_once") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    let stream = streaming(&lab, 1_000);
    stream.take_report().unwrap();
    lab.uplinks[0].set_carrier(false).unwrap();
    let report = stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    let status = agent
        .wait_for("the switch's incident", DEADLINE, |status| {
            status.incidents.last().is_some_and(|incident| incident.verified_ms.is_some())
        })
        .unwrap();
    assert_eq!(uplink(&status), Some("lte"));
    assert_eq!(link(&status, "fiber").carrier, Some(false));
    // The kernel moves in 0.2 ms; a busy test machine is granted a hundred times that.
    let gap = report.longest_gap().unwrap();
    assert!(gap < Duration::from_millis(50), "{gap:?}");
}

/// With NAT by any canary; where the provider routes the LAN, by one from the LAN, and no other comes back.
#[test]
fn a_forwarded_canary_proves_a_path_with_nat_and_without() {
    let test = "a_forwarded_canary_proves_a_path_with_nat_and_without";
    let Some(_turn) = enter_or_reexec(test) else { return };
    if !may_make_tun() {
        eprintln!("/dev/net/tun may not be opened here, so there is no forwarded canary to be tested");
        return;
    }
    for (masquerade, from_the_lan) in [(true, false), (false, true), (false, false)] {
        let lab = two_uplinks(masquerade);
        let mut config = AgentConfig::new(&lab);
        assert_eq!(config.canary_source.is_some(), !masquerade);
        if !from_the_lan {
            config.canary_source = None;
        }
        let agent = settled(&lab, &config);
        let kind = agent.status().unwrap().canary.v4.map(|canary| canary.kind);
        assert_eq!(kind, Some(CanaryKind::Forwarded));
        if !masquerade && !from_the_lan {
            let said = "no forwarded packet has ever come back over any link";
            wait_until("the lost canary is told", || agent.log().contains(said));
            assert!(agent.log().contains("by [canary] source"), "the mend is missing: {}", agent.log());
            continue;
        }
        wait_until("the fiber is proved", || agent.log().contains("fiber (IPv4) is proved"));
        lab.uplinks[0].set_carrier(false).unwrap();
        let status = agent
            .wait_for("the incident, verified", DEADLINE, |status| {
                status.incidents.last().is_some_and(|incident| incident.verified_ms.is_some())
            })
            .unwrap();
        let incident = status.incidents.last().unwrap();
        assert!(incident.restored_ms.is_some_and(|at| Some(at) <= incident.verified_ms), "{incident:?}");
        assert!(agent.log().contains("lte (IPv4) is proved"), "{}", agent.log());
        assert!(!agent.log().contains("cannot be proved"), "{}", agent.log());
    }
}

#[test]
fn a_silent_black_hole_is_found_and_left() {
    let Some(_turn) = enter_or_reexec("a_silent_black_hole_is_found_and_left") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    let stream = streaming(&lab, 1_000);
    stream.take_report().unwrap();
    lab.uplinks[0].black_hole().unwrap();
    let report = stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    let status = agent
        .wait_for("the switch's incident, verified", DEADLINE, |status| {
            status.incidents.last().is_some_and(|incident| incident.verified_ms.is_some())
        })
        .unwrap();
    let incident = status.incidents.last().unwrap();
    assert_eq!((incident.link.as_deref(), incident.to.as_deref()), (Some("fiber"), Some("lte")));
    let stages =
        [Some(incident.detected_ms), incident.decided_ms, incident.switched_ms, incident.restored_ms];
    assert!(stages.iter().all(Option::is_some), "{incident:?}");
    assert!(stages.is_sorted_by(|a, b| a <= b), "{incident:?}");
    let gap = report.longest_gap().unwrap();
    assert!(gap < Duration::from_millis(1_500), "{gap:?}");
}

/// Between two steady probes of the uplink lie 10 s here, and the cut comes right after one was answered. So nothing but
/// the stall of the users' packets can have raised the suspicion within 5 s.
#[test]
fn a_stall_of_users_packets_shows_a_black_hole_long_before_a_probe_does() {
    let test = "a_stall_of_users_packets_shows_a_black_hole_long_before_a_probe_does";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(true);
    let (fiber, lte) = (lab.uplinks[0].far_index(), lab.uplinks[1].far_index());
    let agent = settled(&lab, &AgentConfig::new(&lab).with("[probe]\ninterval = \"20s\""));
    let stream = Stream::start_answered(&lab.client, &lab.far, STREAM_TARGET_V4.into(), 500).unwrap();
    stream.wait_for_path(fiber, DEADLINE).unwrap();
    // The counters are read along with the uplink's steady probes, of which one comes from each link at a time. With the
    // second one it is known that packets go both ways.
    let counted = agent.status().unwrap().counters;
    for steady in 1..=2 {
        let sent = |status: &Status| status.counters.probes >= counted.probes + 2 * steady;
        agent.wait_for("steady probes of both links", DEADLINE, sent).unwrap();
    }
    stream.take_report().unwrap();
    stream.wait_for_packets(100, DEADLINE).unwrap();
    assert_eq!(agent.status().unwrap().counters.bursts, counted.bursts, "something else was suspicious");
    lab.uplinks[0].black_hole().unwrap();
    let report = stream.wait_for_path(lte, DEADLINE).unwrap();
    let gap = report.longest_gap().unwrap();
    assert!(gap < Duration::from_secs(5), "{gap:?}: only a probe can have shown it");
    let incident = |status: &Status| status.incidents.last().is_some_and(|i| i.verified_ms.is_some());
    let status = agent.wait_for("the switch's incident, verified", DEADLINE, incident).unwrap();
    let incident = status.incidents.last().unwrap();
    assert_eq!((incident.link.as_deref(), incident.to.as_deref()), (Some("fiber"), Some("lte")));
    assert!(incident.detected_ms < 5_000.0, "{incident:?}");
}

#[test]
fn a_router_that_is_gone_while_the_carrier_stays_is_left() {
    let Some(_turn) = enter_or_reexec("a_router_that_is_gone_while_the_carrier_stays_is_left") else {
        return;
    };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    lab.uplinks[0].filter(Filter::Everything).unwrap();
    let status = agent.wait_for("the move to lte", DEADLINE, |s| uplink(s) == Some("lte")).unwrap();
    assert_eq!(link(&status, "fiber").carrier, Some(true));
}

#[test]
fn thirty_percent_loss_is_found_and_left() {
    let Some(_turn) = enter_or_reexec("thirty_percent_loss_is_found_and_left") else { return };
    let lab = two_uplinks(true);
    let config = AgentConfig::new(&lab).with("[probe]\ninterval = \"100ms\"");
    let agent = settled(&lab, &config);
    lab.uplinks[0].set(lab.uplinks[0].plan().clone().with_loss(0.3)).unwrap();
    let status = agent.wait_for("the move to lte", 2 * DEADLINE, |s| uplink(s) == Some("lte")).unwrap();
    assert_ne!(link(&status, "fiber").verdict, Verdict::Healthy);
}

#[test]
fn a_far_end_that_is_gone_on_all_links_moves_nothing() {
    let Some(_turn) = enter_or_reexec("a_far_end_that_is_gone_on_all_links_moves_nothing") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    let moves = agent.status().unwrap().counters.moves;
    for uplink in &lab.uplinks {
        uplink.black_hole().unwrap();
    }
    let status = agent
        .wait_for("both links failed", DEADLINE, |status| {
            status.links.iter().all(|link| link.verdict == Verdict::Failed)
        })
        .unwrap();
    assert_eq!(uplink(&status), Some("fiber"), "nothing is better, so nothing moves");
    for uplink in &lab.uplinks {
        uplink.restore().unwrap();
    }
    let status = agent
        .wait_for("both links healthy again", 2 * DEADLINE, |status| {
            status.links.iter().all(|link| link.verdict == Verdict::Healthy)
        })
        .unwrap();
    assert_eq!(uplink(&status), Some("fiber"));
    assert!(status.counters.moves <= moves, "it switched around: {status:?}");
}
