//! The watchdog's firmware in an emulator: the image as it is built for the LM3S6965, in QEMU, with its UART, its
//! output pins and its own hardware watchdog, in real time.
//!
//! Where QEMU or the target is missing, the tests fail and say what to install.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are part of the test"
)]

mod line;
#[path = "../talk/mod.rs"]
mod talk;

use line::Line;
use shunt_model::{Emulator, Output};
use shunt_wire::{
    Capabilities, Happened, LogEntry, Message, Outcome, ResetCause, Role, Seconds, Stage, Timeouts,
};
use std::time::{Duration, Instant};
use talk::Noise;

/// Short, since the tests wait for them in real time; the silence that is allowed is longer than a busy machine may
/// hold up a feed.
const TIMES: Timeouts = Timeouts {
    boot_grace: Seconds(6),
    feed_timeout: Seconds(5),
    alert: Seconds(1),
    cut_modem: true,
    modem_off: Seconds(2),
    modem_settle: Seconds(1),
    shutdown: Seconds(2),
    reset_hold: Seconds(1),
    backoff_shortest: Seconds(60),
    backoff_longest: Seconds(60),
    backoff_healthy: Seconds(60),
    most_resets: 0,
    longest_lease: Seconds(60),
};
/// Feeds, and how far apart: longer than the boot grace and the longest silence together.
const FEEDS: usize = 60;
const FEED_EVERY: Duration = Duration::from_millis(200);
/// The log tells whole seconds, and a loaded emulator's clock misses ticks: never early, and late by no more than this.
const LATE_SECONDS: u32 = 5;

/// The emulator with an MCU that has booted and was armed, its line, and the session that it told.
fn armed() -> (Emulator, Line, u32) {
    let (emulator, stream) = Emulator::lm3s6965().unwrap_or_else(|error| panic!("{error}"));
    let mut line = Line::new(stream);
    let first = greeting(&mut line);
    line.send(Message::Hello(line::hello()));
    assert_eq!(greeting(&mut line), first, "a hello is answered, and it has not booted in between");
    assert_eq!(line.ask(Message::Arm(TIMES)), Outcome::Done);
    (emulator, line, first)
}

/// Waits for the MCU's hello, looks at it, and gives its session.
fn greeting(line: &mut Line) -> u32 {
    let hello = line.wait_for(|message| match message {
        Message::Hello(hello) => Some(hello),
        _ => None,
    });
    assert_eq!((hello.role, hello.board.as_str()), (Role::Mcu, "lm3s6965"));
    let all = Capabilities::MODEM_RAIL.with(Capabilities::SHUTDOWN_LINE).with(Capabilities::HOST_RESET);
    assert_eq!(hello.capabilities, all);
    hello.session
}

fn feed(line: &mut Line, feeds: usize) {
    for _ in 0..feeds {
        line.send(Message::Feed);
        line.expect_calm(FEED_EVERY);
    }
}

#[test]
fn feeds_keep_the_pins_calm_and_silence_moves_them_in_order_and_on_time() {
    let (mut emulator, mut line, _) = armed();
    feed(&mut line, FEEDS);
    assert_eq!(emulator.changes(), [], "feeds keep it calm");
    assert_eq!(line.status().stage, Stage::Guarding);

    // The feeds have stopped.
    let story = [
        (Output::Alert, true),
        (Output::ModemOff, true),
        (Output::ModemOff, false),
        (Output::Shutdown, true),
        (Output::Shutdown, false),
        (Output::HostReset, true),
        (Output::Alert, false),
        (Output::HostReset, false),
    ];
    // What changes within one write to the port is told in the order of the pins.
    assert_eq!(moved(&mut emulator, story.len()), story, "each step once, in order");
    let status = line.status();
    assert_eq!((status.counts.host_resets, status.counts.modem_cycles), (1, 1));
    assert_on_time(&line.log());
}

/// The next changes of the outputs.
fn moved(emulator: &mut Emulator, count: usize) -> Vec<(Output, bool)> {
    let changes = emulator.wait_for_changes(count).unwrap_or_else(|error| panic!("{error}"));
    changes.into_iter().map(|change| (change.output, change.high)).collect()
}

/// Each step at its time after the one before, by the MCU's own clock.
fn assert_on_time(log: &[LogEntry]) {
    let at = |wanted: fn(&Happened) -> bool| {
        log.iter().find(|entry| wanted(&entry.what)).map(|entry| entry.at.0).expect("it is in the log")
    };
    let steps = [
        (at(|what| matches!(what, Happened::Alert)), TIMES.alert.0),
        (at(|what| matches!(what, Happened::ModemCut)), TIMES.modem_off.0 + TIMES.modem_settle.0),
        (at(|what| matches!(what, Happened::ShutdownRequested)), TIMES.shutdown.0),
        (at(|what| matches!(what, Happened::HostReset(1))), 0),
    ];
    for pair in steps.windows(2) {
        let [(from, after), (to, _)] = pair else { panic!("windows of two") };
        let took = to - from;
        // Whole seconds are cut off at both ends.
        assert!((after - 1..=after + LATE_SECONDS).contains(&took), "{took} s in place of {after}: {log:?}");
    }
}

#[test]
fn the_boot_grace_is_honoured() {
    let (mut emulator, mut line, first) = armed();
    let booted = Instant::now();
    emulator.reset().unwrap();
    assert!(greeting(&mut line) > first);
    let status = line.status();
    assert_eq!(status.stage, Stage::Grace, "what it was armed with outlived the reset");
    let first = moved(&mut emulator, 1);
    let grace = Duration::from_secs(TIMES.boot_grace.0.into());
    assert_eq!(first, [(Output::Alert, true)]);
    assert!(booted.elapsed() >= grace, "alert after {:?}", booted.elapsed());
}

#[test]
fn an_mcu_that_hangs_is_reset_by_its_own_watchdog_and_tells_it() {
    let (mut emulator, mut line, first) = armed();
    feed(&mut line, 5);
    emulator.hang().unwrap();
    emulator.wait_for_event("WATCHDOG").unwrap();
    assert!(greeting(&mut line) > first, "it has booted anew");
    let status = line.status();
    assert_eq!(status.reset_cause, ResetCause::Watchdog);
    assert_eq!(
        (status.counts.own_hangs, status.counts.host_resets),
        (1, 0),
        "what it knew outlived the reset"
    );
    assert_eq!(status.stage, Stage::Grace, "and it guards on");
    assert_eq!(emulator.changes(), []);
}

#[test]
fn noise_does_nothing_and_the_next_frame_is_heard() {
    let (mut emulator, mut line, _) = armed();
    let before = line.status();
    let mut noise = Noise::new();
    for _ in 0..30 {
        let sent = noise.bytes(40);
        line.send_noise(&sent);
        feed(&mut line, 1);
    }
    assert_eq!(emulator.changes(), []);
    let status = line.status();
    assert_eq!((status.stage, status.feeds), (Stage::Guarding, before.feeds + 30), "each feed was heard");
    assert!(status.damaged_frames > before.damaged_frames);
    assert_eq!(status.counts.boots, before.counts.boots, "it has not booted in between");
}
