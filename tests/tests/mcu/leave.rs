//! How the agent leaves its MCU: with a lease, disarmed, or for another one.

use crate::bench::Bench;
use crate::common::DEADLINE;
use shunt::api::wire::EventKind;
use shunt_lab::enter_or_reexec;
use shunt_lab::mcu::{Habit, Seen, Stage, StandIn};
use shunt_wire::{Message, Seconds};
use std::process::Stdio;
use tempfile::TempDir;

#[test]
fn a_stop_asks_for_a_lease_and_a_stop_for_good_disarms() {
    let Some(_turn) = enter_or_reexec("leave::a_stop_asks_for_a_lease_and_a_stop_for_good_disarms") else {
        return;
    };
    let mut bench = Bench::guarded("");
    assert!(bench.agent.terminate().unwrap().success());
    let leased = |seen: &Seen| seen.heard.contains(&Message::Lease(Seconds(300)));
    let seen = bench.mcu.wait_for("the lease of the stop", DEADLINE, leased).unwrap();
    assert!(matches!(seen.stage, Some(Stage::Leased { .. })), "{seen:?}");
    // Its successor ends it by itself, and is guarded.
    bench.agent.start_again().unwrap();
    let seen = bench.guards();
    assert!(seen.heard.contains(&Message::Lease(Seconds(0))) && seen.changes.is_empty(), "{seen:?}");
    // The command waits until the agent is gone.
    bench.shows(&["stop", "--restore"]);
    bench.left_disarmed();
}

/// As when the package is removed: the service is stopped first.
#[test]
fn a_stop_for_good_disarms_when_no_agent_runs_and_tells_when_it_cannot() {
    let Some(_turn) =
        enter_or_reexec("leave::a_stop_for_good_disarms_when_no_agent_runs_and_tells_when_it_cannot")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    assert!(bench.agent.terminate().unwrap().success());
    let state = || std::fs::read_to_string(bench.agent.home().join("state/mcu.json")).unwrap();
    let port = format!("{:?}", bench.mcu.port());
    assert!(state().contains(&port), "{}", state());
    bench.mcu.set_habit(Habit::Silent).unwrap();
    let failed = bench.agent.command(&["stop", "--restore"]).output().unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    for part in ["failed to disarm the watchdog MCU on", "does not answer", "owned in the kernel is gone"] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(state().contains(&port), "it is known to be armed: {}", state());
    bench.mcu.set_habit(Habit::Sound).unwrap();
    let text = bench.shows(&["stop", "--restore"]);
    assert!(text.contains("is disarmed"), "{text}");
    bench.left_disarmed();
    assert!(!state().contains(&port), "{}", state());
}

/// Some service managers only ask for the stop: the agent is still ending when the package is removed.
#[test]
fn a_stop_for_good_waits_for_an_agent_that_is_still_ending_and_disarms_after_it() {
    let test = "leave::a_stop_for_good_waits_for_an_agent_that_is_still_ending_and_disarms_after_it";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let mut bench = Bench::guarded("");
    // The end waits for an MCU that does not answer.
    bench.mcu.set_habit(Habit::Silent).unwrap();
    let mut events = bench.agent.events().unwrap();
    bench.agent.ask_to_end().unwrap();
    // It says so as its last event, or ends whoever reads them before.
    while events
        .next(DEADLINE)
        .is_ok_and(|event| event.is_some_and(|event| event.kind != EventKind::Stopping))
    {}
    let command = bench.agent.command(&["stop", "--restore"]).stdout(Stdio::piped()).spawn().unwrap();
    assert!(bench.agent.terminate().unwrap().success());
    bench.mcu.set_habit(Habit::Sound).unwrap();
    let output = command.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("is disarmed"), "{output:?}");
    bench.left_disarmed();
}

#[test]
fn a_stop_for_good_that_an_mcu_does_not_hear_of_is_a_failure() {
    let Some(_turn) = enter_or_reexec("leave::a_stop_for_good_that_an_mcu_does_not_hear_of_is_a_failure")
    else {
        return;
    };
    let bench = Bench::guarded("");
    bench.mcu.set_habit(Habit::Silent).unwrap();
    let failed = bench.agent.command(&["stop", "--restore"]).output().unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    for part in ["owned in the kernel is gone, but", "does not answer", "run `shunt stop --restore` again"] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
}

#[test]
fn what_is_armed_and_configured_no_more_is_told_and_disarmed_by_the_next_start() {
    let Some(_turn) =
        enter_or_reexec("leave::what_is_armed_and_configured_no_more_is_told_and_disarmed_by_the_next_start")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    assert!(bench.agent.terminate().unwrap().success());
    let text = std::fs::read_to_string(bench.agent.config_file()).unwrap();
    std::fs::write(bench.agent.config_file(), text.replace("port = ", "#port = ")).unwrap();
    bench.mcu.set_habit(Habit::Silent).unwrap();
    bench.agent.start_again().unwrap();
    bench.warned("a watchdog MCU is armed that the config has no more: failed to disarm");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.left_disarmed();
    bench.calm();
    assert!(bench.agent.log().contains("is configured no more, and is disarmed"));
}

/// The new one is fed from the start, whatever becomes of those before it.
#[test]
fn an_mcu_that_takes_the_place_of_others_is_fed_while_these_are_disarmed() {
    let Some(_turn) =
        enter_or_reexec("leave::an_mcu_that_takes_the_place_of_others_is_fed_while_these_are_disarmed")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    let homes: [TempDir; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let others = homes.each_ref().map(|home| StandIn::start(home.path(), None).unwrap());
    let guards = |seen: &Seen| matches!(seen.stage, Some(Stage::Guarding { .. }));
    let mut port = bench.mcu.port().to_owned();
    bench.mcu.set_habit(Habit::Silent).unwrap();
    for other in &others {
        assert!(bench.agent.terminate().unwrap().success());
        let text = std::fs::read_to_string(bench.agent.config_file()).unwrap();
        let text = text.replace(port.to_str().unwrap(), other.port().to_str().unwrap());
        std::fs::write(bench.agent.config_file(), text).unwrap();
        bench.agent.start_again().unwrap();
        other.wait_for("an MCU that guards", DEADLINE, guards).unwrap();
        bench.warned("failed to disarm");
        port = other.port().to_owned();
        other.set_habit(Habit::Silent).unwrap();
    }
    // The last one is armed, two before it are, and nobody hears of the stop: that is told of each.
    let failed = bench.agent.command(&["stop", "--restore"]).output().unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(text.matches("it resets a gateway that does not feed it").count(), 2, "{text}");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    for mcu in others.iter().chain([&bench.mcu]) {
        mcu.set_habit(Habit::Sound).unwrap();
    }
    assert_eq!(bench.shows(&["stop", "--restore"]).matches("is disarmed").count(), 3);
    for mcu in others.iter().chain([&bench.mcu]) {
        mcu.wait_for("an MCU that is disarmed", DEADLINE, |seen| seen.stage.is_none()).unwrap();
    }
}

#[test]
fn a_reload_changes_the_times_and_disarms_what_is_configured_no_more() {
    let Some(_turn) =
        enter_or_reexec("leave::a_reload_changes_the_times_and_disarms_what_is_configured_no_more")
    else {
        return;
    };
    let bench = Bench::guarded("");
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(bench.agent.config_file()).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(bench.agent.config_file(), text.replace(from, to)).unwrap();
        bench.agent.reload().unwrap();
    };
    change("alert = \"20s\"", "alert = \"25s\"");
    let armed = |seen: &Seen| {
        let alert = |message: &Message| matches!(message, Message::Arm(times) if times.alert == Seconds(25));
        seen.heard.iter().any(alert) && matches!(seen.stage, Some(Stage::Guarding { .. }))
    };
    bench.mcu.wait_for("the new times", DEADLINE, armed).unwrap();
    // What leaves it alone does so.
    let before = bench.mcu.seen().unwrap().heard.len();
    change("[canary]", "[probe]\ninterval = \"500ms\"\n[canary]");
    let reloads = |part: &str| bench.agent.log().matches(part).count();
    bench.agent.wait_for("the reload", DEADLINE, |_| reloads("the new config is in force") == 2).unwrap();
    let hellos = |heard: &[Message]| heard.iter().any(|message| matches!(message, Message::Hello(_)));
    let seen = bench.fed(2);
    assert!(!hellos(&seen.heard[before..]), "{:?}", &seen.heard[before..]);
    change("port = ", "#port = ");
    bench.agent.wait_for("the reload", DEADLINE, |_| reloads("the new config is in force") == 3).unwrap();
    bench.left_disarmed();
    let refused = bench.agent.command(&["mcu", "status"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("add [watchdog.mcu] with its port"),
        "{refused:?}"
    );
}
