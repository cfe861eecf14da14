//! The full (stage, event) table, and the story from a boot to the second reset.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use shunt_watchdog::{
    Backoff, Event, Instant, ModemRail, Outputs, Record, Settings, SettingsError, Span, Stage, Watchdog,
};

const SECOND: Span = Span::from_secs(1);

fn settings(rail: bool) -> Settings {
    Settings {
        boot_grace: Span::from_secs(100),
        feed_timeout: Span::from_secs(10),
        alert: Span::from_secs(20),
        modem_rail: rail.then_some(ModemRail { off: Span::from_secs(12), settle: Span::from_secs(30) }),
        shutdown: Span::from_secs(40),
        reset_hold: Span::from_secs(5),
        backoff: Backoff {
            shortest: Span::from_secs(600),
            longest: Span::from_secs(1800),
            healthy: Span::from_secs(900),
        },
        longest_lease: Span::from_secs(3600),
    }
}

fn watchdog(rail: bool) -> Watchdog {
    Watchdog::new(settings(rail), Record::default(), Instant::ZERO).unwrap()
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Grace { .. } => "grace",
        Stage::Guarding { .. } => "guarding",
        Stage::Leased { .. } => "leased",
        Stage::Alert { .. } => "alert",
        Stage::ModemOff { fed: false, .. } => "modem off",
        Stage::ModemOff { fed: true, .. } => "modem off, fed",
        Stage::ModemSettling { .. } => "modem settling",
        Stage::ShutdownRequested { .. } => "shutdown",
        Stage::BackingOff { .. } => "backing off",
        Stage::HostReset { .. } => "reset",
    }
}

/// Lets the stage's time run out, and tells when that was.
fn run_out(watchdog: &mut Watchdog) -> Instant {
    let now = watchdog.poll_timeout();
    watchdog.handle_timeout(now);
    now
}

/// A watchdog that was just brought to `wanted`, and the time.
fn bring_to(wanted: &str) -> (Watchdog, Instant) {
    let (mut watchdog, mut now) = (watchdog(true), Instant::ZERO);
    match wanted {
        "guarding" => watchdog.handle_event(Event::Feed, now),
        "leased" => watchdog.handle_event(Event::Lease(Span::from_secs(60)), now),
        _ => {
            // Silence leads through all others, in turn.
            for _ in 0..20 {
                if name(watchdog.stage()) == wanted {
                    break;
                }
                now = run_out(&mut watchdog);
                if wanted == "modem off, fed" && name(watchdog.stage()) == "modem off" {
                    watchdog.handle_event(Event::Feed, now);
                }
            }
        }
    }
    assert_eq!(name(watchdog.stage()), wanted);
    (watchdog, now)
}

#[test]
fn every_stage_takes_every_event_as_written_here() {
    // Stage, then after: a feed, a lease, the end of a lease, its time's end.
    let table = [
        ("grace", "guarding", "leased", "grace", "alert"),
        ("guarding", "guarding", "leased", "guarding", "alert"),
        ("leased", "leased", "leased", "guarding", "grace"),
        ("alert", "guarding", "leased", "alert", "modem off"),
        ("modem off", "modem off, fed", "modem off, fed", "modem off", "modem settling"),
        ("modem off, fed", "modem off, fed", "modem off, fed", "modem off, fed", "guarding"),
        ("modem settling", "guarding", "leased", "modem settling", "shutdown"),
        ("shutdown", "guarding", "leased", "shutdown", "reset"),
        ("backing off", "guarding", "leased", "backing off", "reset"),
        ("reset", "reset", "reset", "reset", "grace"),
    ];
    for (stage, fed, leased, lease_ended, ran_out) in table {
        let events =
            [(Event::Feed, fed), (Event::Lease(SECOND), leased), (Event::Lease(Span::ZERO), lease_ended)];
        for (event, after) in events {
            let (mut watchdog, now) = bring_to(stage);
            let before = watchdog.stage();
            watchdog.handle_event(event, now);
            assert_eq!(name(watchdog.stage()), after, "{stage} and {event:?}");
            if after.starts_with("modem off") || after == "reset" {
                assert_eq!(watchdog.stage().until(), before.until(), "the least time of {stage} is kept");
            }
        }
        let (mut watchdog, _) = bring_to(stage);
        run_out(&mut watchdog);
        assert_eq!(name(watchdog.stage()), ran_out, "{stage} at its end");
        let (mut watchdog, now) = bring_to(stage);
        let before = watchdog.stage();
        watchdog.handle_timeout(now);
        assert_eq!(watchdog.stage(), before, "{stage} does not end early");
    }
}

#[test]
fn the_outputs_are_as_written_here() {
    let level = |alert, modem_power, shutdown_request, host_reset| Outputs {
        alert,
        modem_power,
        shutdown_request,
        host_reset,
    };
    for (stage, outputs) in [
        ("grace", level(false, true, false, false)),
        ("guarding", level(false, true, false, false)),
        ("leased", level(false, true, false, false)),
        ("alert", level(true, true, false, false)),
        ("modem off", level(true, false, false, false)),
        ("modem off, fed", level(true, false, false, false)),
        ("modem settling", level(true, true, false, false)),
        ("shutdown", level(true, true, true, false)),
        ("backing off", level(true, true, true, false)),
        ("reset", level(true, true, false, true)),
    ] {
        assert_eq!(bring_to(stage).0.outputs(), outputs, "{stage}");
    }
}

#[test]
fn a_silent_host_is_reset_at_growing_distances() {
    let mut watchdog = watchdog(false);
    let (mut resets, mut names) = (Vec::new(), Vec::new());
    while resets.len() < 5 {
        let now = run_out(&mut watchdog);
        names.push(name(watchdog.stage()));
        if watchdog.outputs().host_reset {
            resets.push(now.as_millis() / 1000);
        }
    }
    // Grace 100, alert 20, shutdown 40; then 600, 1200, 1800, 1800 apart.
    assert_eq!(resets, [160, 760, 1960, 3760, 5560]);
    assert_eq!(
        names[..8],
        ["alert", "shutdown", "reset", "grace", "alert", "shutdown", "backing off", "reset"]
    );
    assert_eq!(watchdog.record(), Record { host_resets: 5, in_a_row: 5 });
}

#[test]
fn health_makes_the_next_reset_prompt_again() {
    let mut watchdog = watchdog(false);
    let mut now = Instant::ZERO;
    while watchdog.record().host_resets < 3 {
        now = run_out(&mut watchdog);
    }
    now = now + Span::from_secs(5);
    watchdog.handle_timeout(now);
    for _ in 0..=900 {
        now = now + SECOND;
        watchdog.handle_event(Event::Feed, now);
    }
    assert_eq!(watchdog.record(), Record { host_resets: 3, in_a_row: 0 });
    let silent_since = now;
    while !watchdog.outputs().host_reset {
        now = run_out(&mut watchdog);
    }
    assert_eq!(now, silent_since + Span::from_secs(10 + 20 + 40));
}

#[test]
fn a_reset_of_the_mcu_itself_does_not_forget_the_back_off() {
    let record = Record { host_resets: 7, in_a_row: 2 };
    let start = Instant::from_millis(5);
    let mut watchdog = Watchdog::new(settings(false), record, start).unwrap();
    let mut now = start;
    while !watchdog.outputs().host_reset {
        now = run_out(&mut watchdog);
    }
    assert_eq!(now, start + Span::from_secs(1200));
    assert_eq!(watchdog.record(), Record { host_resets: 8, in_a_row: 3 });
}

#[test]
fn a_lease_is_capped_and_an_overdue_step_comes_before_a_late_event() {
    let mut watchdog = watchdog(true);
    watchdog.handle_event(Event::Lease(Span::from_secs(u32::MAX)), Instant::ZERO);
    assert_eq!(watchdog.poll_timeout(), Instant::ZERO + Span::from_secs(3600));
    let late = Instant::ZERO + Span::from_secs(4000);
    watchdog.handle_event(Event::Feed, late);
    assert_eq!(watchdog.stage(), Stage::Guarding { until: late + Span::from_secs(10) });
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    assert_eq!(Settings::default().check(), Ok(()));
    let good = settings(true);
    assert_eq!(good.check(), Ok(()));
    for (bad, why) in [
        (Settings { alert: Span::ZERO, ..good }, SettingsError::Zero { name: "alert" }),
        (Settings { boot_grace: SECOND, ..good }, SettingsError::GraceBelowFeedTimeout),
        (
            Settings { backoff: Backoff { longest: SECOND, ..good.backoff }, ..good },
            SettingsError::BackoffReversed,
        ),
        (
            Settings { backoff: Backoff { healthy: SECOND, ..good.backoff }, ..good },
            SettingsError::HealthyBelowBackoff,
        ),
    ] {
        assert_eq!(Watchdog::new(bad, Record::default(), Instant::ZERO).err(), Some(why));
    }
}
