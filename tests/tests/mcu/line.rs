//! Lines that are spoilt, strangers on them, and silence.

use crate::bench::{Bench, warns};
use crate::common::DEADLINE;
use shunt_lab::enter_or_reexec;
use shunt_lab::mcu::Habit;

#[test]
fn a_spoilt_line_is_told_and_stirs_nothing() {
    let Some(_turn) = enter_or_reexec("line::a_spoilt_line_is_told_and_stirs_nothing") else { return };
    let bench = Bench::guarded("");
    // Noise costs frames, and nothing else.
    bench.mcu.set_habit(Habit::Noisy).unwrap();
    assert_eq!(bench.fed(8).changes, []);
    // A flood keeps neither the feeds nor the operators waiting.
    bench.mcu.set_habit(Habit::Flood).unwrap();
    bench.warned("floods its line");
    assert_eq!(bench.fed(3).changes, []);
    bench.mcu.set_habit(Habit::Sound).unwrap();
    // The firmware hangs: it is armed again.
    bench.mcu.hang().unwrap();
    let _hello = bench.guards();
    // The port goes, and comes back as another one.
    bench.mcu.plug(false).unwrap();
    bench.warned("cannot be reached: failed to");
    assert!(bench.status().identity.is_none());
    bench.mcu.plug(true).unwrap();
    assert_eq!(bench.fed(2).changes, []);
    bench.agent.wait_for("the port", DEADLINE, |status| !warns(status, "cannot be reached")).unwrap();
}

#[test]
fn strangers_and_silence_are_told_and_an_mcu_that_comes_is_met() {
    let Some(_turn) = enter_or_reexec("line::strangers_and_silence_are_told_and_an_mcu_that_comes_is_met")
    else {
        return;
    };
    let bench = Bench::start(Habit::Silent, "");
    bench.warned("does not answer");
    let refused = bench.agent.command(&["mcu", "cycle-modem"]).output().unwrap();
    assert!(!refused.status.success());
    bench.mcu.set_habit(Habit::NewerVersion).unwrap();
    bench.warned("speaks version 2 of the frames");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.guards();
    bench.calm();
    let bench = Bench::start(Habit::Console, "");
    bench.warned("sends what is no frame");
    assert!(bench.agent.log().matches("sends what is no frame").count() == 1, "told once");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.guards();
}

/// One that hears nothing says nothing: the speed is named all the same, and once it boots it is known.
#[test]
fn another_speed_is_told_and_left_behind_when_it_is_mended() {
    let Some(_turn) = enter_or_reexec("line::another_speed_is_told_and_left_behind_when_it_is_mended") else {
        return;
    };
    let bench = Bench::start(Habit::WrongSpeed, "");
    bench.warned(
        "does not answer; is it connected, has it power and Shunt's firmware, is its speed 115200 baud",
    );
    bench.mcu.hang().unwrap();
    bench.warned("sends what is no frame; is its speed 115200 baud");
    let seen = bench.mcu.seen().unwrap();
    assert!(seen.heard.is_empty() && seen.feeds == 0 && seen.changes.is_empty(), "{seen:?}");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.guards();
    bench.calm();
}
