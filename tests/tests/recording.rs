//! The real agent's recording, whatever becomes of the agent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::monitor::wait_until;
use common::{DEADLINE, program, settled, two_uplinks};
use serde_json::Value;
use shunt_lab::{AgentConfig, enter_or_reexec};
use std::process::Command;

/// What `shunt replay --json` prints.
fn replayed(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_agent_killed_in_an_incident_has_recorded_it() {
    let Some(_turn) = enter_or_reexec("an_agent_killed_in_an_incident_has_recorded_it") else { return };
    let lab = two_uplinks(true);
    let mut agent = settled(&lab, &AgentConfig::new(&lab));
    lab.uplinks[0].black_hole().unwrap();
    agent
        .wait_for("the switch's incident, verified", DEADLINE, |status| {
            status.incidents.last().is_some_and(|incident| incident.verified_ms.is_some())
        })
        .unwrap();
    let recording = agent.home().join("state/recording");
    let recording = recording.to_str().unwrap();
    // It is written within a second of what happened, and the agent goes on meanwhile.
    let replay = || {
        let mut command = program().command(&lab.gateway);
        command.args(["replay", recording, "--json"]);
        replayed(&mut command)
    };
    let has_moved = |report: &Value| {
        let moves = report["happened"]["moves"].as_array().unwrap();
        moves.last().is_some_and(|last| last["to"] == "lte" && last["failover"] == true)
    };
    wait_until("the move in the recording", || has_moved(&replay()));
    agent.kill().unwrap();
    let report = replay();
    assert!(has_moved(&report), "{report:#}");
    assert_eq!(report["same"]["difference"], Value::Null, "{report:#}");
    assert_eq!(report["spans"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["happened"]["families"][0]["false_failovers"], 0, "{report:#}");
    // The command names the agent's own config: an estimate, of the same move.
    let report = replayed(&mut agent.command(&["replay", recording, "--json"]));
    assert_eq!(report["same"], Value::Null, "{report:#}");
    assert_eq!(report["replayed"]["families"][0]["failovers"], 1, "{report:#}");

    // The next run begins a stretch of its own beside it.
    agent.start_again().unwrap();
    agent.wait_for("an uplink", DEADLINE, |status| status.uplink.v4.is_some()).unwrap();
    assert!(agent.terminate().unwrap().success());
    let report = replay();
    assert_eq!(report["same"]["difference"], Value::Null, "{report:#}");
    assert_eq!(report["spans"].as_array().unwrap().len(), 2, "{report:#}");
}
