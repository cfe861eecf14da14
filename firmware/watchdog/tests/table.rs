//! The full (stage, event) table, and the story from a boot to the second reset.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use shunt_watchdog::{
    Backoff, Escalation, Event, Instant, ModemRail, NoCut, Outputs, Record, Settings, SettingsError, Span,
    Stage,
};

const SECOND: Span = Span::from_secs(1);

fn settings(rail: bool) -> Settings {
    Settings {
        boot_grace: Span::from_secs(100),
        feed_timeout: Span::from_secs(10),
        alert: Span::from_secs(20),
        modem_rail: ModemRail { escalate: rail, off: Span::from_secs(12), settle: Span::from_secs(30) },
        shutdown: Span::from_secs(40),
        reset_hold: Span::from_secs(5),
        backoff: Backoff {
            shortest: Span::from_secs(600),
            longest: Span::from_secs(1800),
            healthy: Span::from_secs(900),
        },
        most_resets: 0,
        longest_lease: Span::from_secs(3600),
    }
}

fn watchdog(rail: bool) -> Escalation {
    Escalation::new(settings(rail), Record::default(), Instant::ZERO).unwrap()
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
        Stage::ShutdownRequested { asked: false, .. } => "shutdown",
        Stage::ShutdownRequested { asked: true, .. } => "shutdown, asked",
        Stage::BackingOff { .. } => "backing off",
        Stage::HostReset { .. } => "reset",
    }
}

/// Lets the stage's time run out, and tells when that was.
fn run_out(watchdog: &mut Escalation) -> Instant {
    let now = watchdog.poll_timeout();
    watchdog.handle_timeout(now);
    now
}

/// A watchdog that was just brought to `wanted`, and the time.
fn bring_to(wanted: &str) -> (Escalation, Instant) {
    let (mut watchdog, mut now) = (watchdog(true), Instant::ZERO);
    match wanted {
        "guarding" => watchdog.handle_event(Event::Feed, now),
        "shutdown, asked" => {
            watchdog.handle_event(Event::Feed, now);
            for _ in 0..100 {
                now = now + SECOND;
                watchdog.handle_event(Event::Feed, now);
            }
            watchdog.handle_event(Event::Reset, now);
        }
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
    // Stage, then after: a feed, a lease, the end of a lease, the wish to be reset, its time's end.
    let table = [
        ("grace", "guarding", "leased", "grace", "grace", "alert"),
        ("guarding", "guarding", "leased", "guarding", "guarding", "alert"),
        ("leased", "leased", "leased", "guarding", "leased", "grace"),
        ("alert", "guarding", "leased", "alert", "shutdown, asked", "modem off"),
        ("modem off", "modem off, fed", "modem off, fed", "modem off", "modem off", "modem settling"),
        (
            "modem off, fed",
            "modem off, fed",
            "modem off, fed",
            "modem off, fed",
            "modem off, fed",
            "guarding",
        ),
        ("modem settling", "guarding", "leased", "modem settling", "shutdown, asked", "shutdown"),
        ("shutdown", "guarding", "shutdown", "shutdown", "shutdown", "reset"),
        (
            "shutdown, asked",
            "shutdown, asked",
            "shutdown, asked",
            "shutdown, asked",
            "shutdown, asked",
            "reset",
        ),
        ("backing off", "guarding", "backing off", "backing off", "backing off", "reset"),
        ("reset", "reset", "reset", "reset", "reset", "grace"),
    ];
    for (stage, fed, leased, lease_ended, reset, ran_out) in table {
        let events = [
            (Event::Feed, fed),
            (Event::Lease(SECOND), leased),
            (Event::Lease(Span::ZERO), lease_ended),
            (Event::Reset, reset),
        ];
        for (event, after) in events {
            let (mut watchdog, now) = bring_to(stage);
            let before = watchdog.stage();
            watchdog.handle_event(event, now);
            assert_eq!(name(watchdog.stage()), after, "{stage} and {event:?}");
            if after.starts_with("modem off") || matches!(after, "reset" | "shutdown" | "backing off") {
                assert_eq!(watchdog.stage().until(), before.until(), "the time of {stage} is kept");
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

/// Whoever obeys the request to shut down asks for the lease of every stop on the way, and is then off.
#[test]
fn a_host_that_was_asked_to_shut_down_gets_no_lease_on_its_way() {
    let lease = Event::Lease(Span::from_secs(600));
    let (mut watchdog, asked) = bring_to("shutdown");
    watchdog.handle_event(lease, asked + SECOND);
    run_out(&mut watchdog);
    assert_eq!(
        (name(watchdog.stage()), watchdog.outputs().host_reset),
        ("reset", true),
        "obeying puts nothing off"
    );
    // Nor one that feeds again before it goes, until it has had its time; then it stays.
    let (mut watchdog, asked) = bring_to("shutdown");
    let fed = asked + SECOND;
    watchdog.handle_event(Event::Feed, fed);
    for second in 1..60 {
        let now = fed + Span::from_secs(second);
        watchdog.handle_event(lease, now);
        assert_eq!(
            name(watchdog.stage()),
            if second < 40 { "guarding" } else { "leased" },
            "after {second} s"
        );
        watchdog.handle_event(Event::Feed, now);
    }
    // A host that boots after its reset may.
    let (mut watchdog, _) = bring_to("reset");
    let booting = run_out(&mut watchdog);
    watchdog.handle_event(lease, booting);
    assert_eq!(name(watchdog.stage()), "leased");
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
        ("shutdown, asked", level(true, true, true, false)),
        ("backing off", level(true, true, false, false)),
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
    assert_eq!(watchdog.record(), Record { host_resets: 5, in_a_row: 5, ..Record::default() });
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
    assert_eq!(watchdog.record(), Record { host_resets: 3, in_a_row: 0, ..Record::default() });
    let silent_since = now;
    while !watchdog.outputs().host_reset {
        now = run_out(&mut watchdog);
    }
    assert_eq!(now, silent_since + Span::from_secs(10 + 20 + 40));
}

#[test]
fn a_reset_of_the_mcu_itself_does_not_forget_the_back_off() {
    let record = Record { host_resets: 7, in_a_row: 2, ..Record::default() };
    let start = Instant::from_millis(5);
    let mut watchdog = Escalation::new(settings(false), record, start).unwrap();
    let mut now = start;
    while !watchdog.outputs().host_reset {
        now = run_out(&mut watchdog);
    }
    assert_eq!(now, start + Span::from_secs(1200));
    assert_eq!(watchdog.record(), Record { host_resets: 8, in_a_row: 3, ..Record::default() });
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
        (
            Settings { alert: Span::from_secs(8 * 24 * 3600), ..good },
            SettingsError::TooLong { name: "alert" },
        ),
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
        assert_eq!(Escalation::new(bad, Record::default(), Instant::ZERO).err(), Some(why));
    }
}

#[test]
fn after_the_most_resets_it_waits_and_feeds_lead_back() {
    let settings = Settings { most_resets: 2, ..settings(false) };
    let record = Record { in_a_row: 1, ..Record::default() };
    let mut watchdog = Escalation::new(settings, record, Instant::ZERO).unwrap();
    let mut now = Instant::ZERO;
    for _ in 0..50 {
        now = run_out(&mut watchdog);
    }
    assert_eq!((watchdog.record().host_resets, name(watchdog.stage())), (1, "backing off"));
    watchdog.handle_event(Event::Feed, now);
    assert_eq!(name(watchdog.stage()), "guarding");
}

#[test]
fn the_modem_is_cut_by_request_for_its_least_time_and_not_too_often() {
    let mut watchdog = watchdog(true);
    let mut now = Instant::ZERO;
    let mut cuts = 0;
    // A feed and a wish each second for three hours.
    for _ in 0..3 * 3600 {
        watchdog.handle_event(Event::Feed, now);
        if watchdog.cycle_modem(now).is_ok() {
            cuts += 1;
            assert!(!watchdog.outputs().modem_power);
            assert_eq!(watchdog.cycle_modem(now), Err(NoCut::NotNow));
            now = now + Span::from_secs(6);
            watchdog.handle_event(Event::Feed, now);
            now = now + Span::from_millis(5_999);
            watchdog.handle_event(Event::Feed, now);
            assert!(!watchdog.outputs().modem_power, "its least time off is kept");
            now = now + Span::from_millis(1);
            watchdog.handle_timeout(now);
            assert!(watchdog.outputs().modem_power);
            assert_eq!(watchdog.cycle_modem(now), Err(NoCut::TooSoon(Span::from_secs(30))));
        }
        now = now + SECOND;
    }
    // Six at once, and one for each whole hour since.
    assert_eq!((cuts, watchdog.record().modem_cycles), (9, 9));
}
