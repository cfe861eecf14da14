//! A link's probe budget over restarts of the whole agent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, link, program, two_uplinks};
use shunt_lab::{Agent, AgentConfig, enter_or_reexec};

/// What LTE's probes may cost: a reserve of 100 kB, and 30 kB gained a day.
const BUDGET: &str = "probe_budget = \"1 MB/month\"";
/// A 32nd of the reserve, which an end out of order costs.
const STEP: u64 = 3_125;
/// What is gained and spent in the time that a test takes: a few probes at most.
const MEANWHILE: u64 = 2_000;

/// What LTE's budget has in reserve, once the agent answers.
fn reserve(agent: &Agent) -> u64 {
    let told = agent.wait_for("a budget", DEADLINE, |status| link(status, "lte").budget.is_some()).unwrap();
    link(&told, "lte").budget.as_ref().unwrap().reserve_bytes
}

#[test]
fn an_agent_that_is_killed_again_and_again_is_given_no_new_reserve() {
    let Some(_turn) = enter_or_reexec("an_agent_that_is_killed_again_and_again_is_given_no_new_reserve")
    else {
        return;
    };
    let lab = two_uplinks(true);
    let mut config = AgentConfig::new(&lab);
    config.links[1].keys = BUDGET.to_owned();
    let mut agent = Agent::start(&program(), &lab.gateway, &config).unwrap();
    let mut had = reserve(&agent);
    assert!((50_000 - MEANWHILE..=50_000).contains(&had), "half of it at the very first: {had}");
    for _ in 0..3 {
        agent.kill().unwrap();
        agent.start_again().unwrap();
        let has = reserve(&agent);
        assert!(
            has + STEP <= had + MEANWHILE && has + STEP + MEANWHILE >= had,
            "{has} after a kill with {had}"
        );
        had = has;
    }
    // A reload and an end in order take nothing away.
    agent.reload().unwrap();
    agent.wait_for("the reload", DEADLINE, |_| agent.log().contains("the new config is in force")).unwrap();
    let has = reserve(&agent);
    assert!(has <= had + MEANWHILE && has + MEANWHILE >= had, "{has} after a reload with {had}");
    assert!(agent.terminate().unwrap().success());
    agent.start_again().unwrap();
    let has = reserve(&agent);
    assert!(has <= had + MEANWHILE && has + MEANWHILE >= had, "{has} after a stop with {had}");
}
