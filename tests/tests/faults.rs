//! Each fault is laid at the right door.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, healthy_with, settled, two_uplinks, uplink};
use shunt::api::types::{Fault, Status};
use shunt_lab::{Agent, AgentConfig, Filter, TARGETS_V4, enter_or_reexec};

fn fault_of(agent: &Agent, incidents: usize, fault: Fault) -> Status {
    let is_told = |status: &Status| {
        status.incidents.len() == incidents && status.incidents.last().is_some_and(|i| i.fault == Some(fault))
    };
    agent.wait_for(&format!("incident {incidents} to be laid at the {fault:?}"), DEADLINE, is_told).unwrap()
}

#[test]
fn an_incident_says_where_the_link_is_broken() {
    let Some(_turn) = enter_or_reexec("an_incident_says_where_the_link_is_broken") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab).with("[failback]\nhold_down = \"1s\""));
    let fiber = &lab.uplinks[0];

    fiber.black_hole().unwrap();
    fault_of(&agent, 1, Fault::Provider);
    fiber.restore().unwrap();
    healthy_with(&agent, "fiber");

    fiber.filter(Filter::Everything).unwrap();
    fault_of(&agent, 2, Fault::Gateway);
    fiber.restore().unwrap();
    healthy_with(&agent, "fiber");

    fiber.set_carrier(false).unwrap();
    fault_of(&agent, 3, Fault::Carrier);
}

#[test]
fn a_target_that_is_silent_on_all_links_is_blamed_and_left_out_of_the_quorum() {
    let test = "a_target_that_is_silent_on_all_links_is_blamed_and_left_out_of_the_quorum";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(true);
    // Both targets must answer, so that without the blame both links would be dead.
    let agent = settled(&lab, &AgentConfig::new(&lab).with("[probe]\nquorum = 2"));
    let moves = agent.status().unwrap().counters.moves;
    let blamed = |status: &Status, wanted: bool| {
        let second =
            |link: &shunt::api::types::LinkStatus| link.families.v4.as_ref().unwrap().targets[1].blamed;
        status.links.iter().all(|link| second(link) == wanted)
    };
    for uplink in &lab.uplinks {
        uplink.filter(Filter::Addresses(vec![TARGETS_V4[1].into()])).unwrap();
    }
    agent.wait_for("the second target to be blamed", DEADLINE, |status| blamed(status, true)).unwrap();
    let status = healthy_with(&agent, "fiber");
    assert!(status.incidents.is_empty(), "{status:?}");
    for uplink in &lab.uplinks {
        uplink.restore().unwrap();
    }
    let status =
        agent.wait_for("the second target to count again", DEADLINE, |status| blamed(status, false)).unwrap();
    assert_eq!((uplink(&status), status.counters.moves), (Some("fiber"), moves), "{status:?}");
}
