//! The image that ships, as it is, in a model of its part and in virtual time: the same promises as on the emulated
//! board, and those that only this part makes (flash, boot loader, stack).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers are part of the test"
)]

mod host;
/// The agent's own page on the part.
#[allow(dead_code, reason = "an upgrade needs more of it")]
#[path = "../../../../agent/src/mcu/flash/part.rs"]
mod part;
#[path = "../talk/mod.rs"]
mod talk;

use host::{Host, TIMES};
use shunt_model::{PIN_HOST_RESET, PIN_LAMP, PIN_MODEM_OFF, PIN_SHUTDOWN, PinChange, Reset, Stm32g030};
use shunt_wire::{
    BOOT_LOADER_KEY, Capabilities, Happened, HostResetCause, LOG_BLOCK, Message, Outcome, ResetCause, Role,
    Seconds, Stage, Timeouts,
};
use talk::Noise;

/// How late a pin may be: a feed's time on the line, a tick for each stage, and the time that a page's erasure takes.
const LATE_MILLIS: u64 = 100;
/// And how early: a feed is as old as the tick before it.
const TICK_MILLIS: u64 = 10;
/// Feeds come so often, as from the agent.
const FEED_SECONDS: u32 = 1;

/// The story of a host that fell silent: pins, levels, and the seconds after the last feed.
fn story() -> Vec<(u8, bool, u32)> {
    let mut at = TIMES.feed_timeout.0 + TIMES.alert.0;
    let mut then = |seconds: Seconds| {
        at += seconds.0;
        at
    };
    vec![
        (PIN_MODEM_OFF, true, then(Seconds(0))),
        (PIN_MODEM_OFF, false, then(TIMES.modem_off)),
        (PIN_SHUTDOWN, true, then(TIMES.modem_settle)),
        (PIN_SHUTDOWN, false, then(TIMES.shutdown)),
        (PIN_HOST_RESET, true, at),
        (PIN_HOST_RESET, false, at + TIMES.reset_hold.0),
    ]
}

fn assert_story(changes: &[PinChange], silent_since: u64) {
    let mut changes = changes.to_vec();
    // What changes in one turn may come in any order.
    changes.sort_by_key(|change| (change.at / LATE_MILLIS, change.pin));
    let seen: Vec<_> = changes.iter().map(|change| (change.pin, change.high)).collect();
    let expected = story();
    let wanted: Vec<_> = expected.iter().map(|(pin, high, _)| (*pin, *high)).collect();
    assert_eq!(seen, wanted, "{changes:?}");
    for (change, (_, _, seconds)) in changes.iter().zip(expected) {
        let due = silent_since + u64::from(seconds) * 1000;
        let in_time = due - TICK_MILLIS..=due + LATE_MILLIS;
        assert!(in_time.contains(&change.at), "due at {due}: {change:?}");
    }
}

#[test]
fn it_says_what_it_is_and_leaves_a_host_alone_that_never_armed_it() {
    let mut host = Host::new();
    let hello = host.greeting();
    assert_eq!((hello.role, hello.board.as_str(), hello.session), (Role::Mcu, "stm32g030", 1));
    let able = Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::BOOT_LOADER)
        .with(Capabilities::LASTING_MEMORY);
    assert_eq!(hello.capabilities, able);
    host.pass(100);
    let status = host.status();
    assert_eq!((status.stage, status.reset_cause), (Stage::Unarmed, ResetCause::PowerOn));
    assert_eq!(host.changes(), []);
    assert_eq!(host.part.take_resets(), [Reset::Power], "its own watchdog is kept calm");
    assert_ne!(host.lamp_changes, 0, "its lamp tells that it lives");
}

#[test]
fn feeds_keep_every_pin_calm_and_silence_leads_to_the_reset_on_time() {
    let mut host = Host::armed();
    let fed_at = host.feed_for(60, FEED_SECONDS);
    assert_eq!(host.changes(), []);
    assert_eq!(host.status().stage, Stage::Guarding);
    host.pass(17);
    assert_story(&host.changes(), fed_at);
    let status = host.status();
    assert_eq!((status.counts.host_resets, status.counts.modem_cycles), (1, 1));
    assert_eq!(status.last_host_reset, Some(HostResetCause::Silence));
    assert_eq!(host.part.take_resets(), [Reset::Power]);
}

#[test]
fn the_boot_grace_is_honoured_after_a_boot_of_the_host_and_of_the_mcu() {
    let mut host = Host::armed();
    let booted = host.part.millis();
    host.part.reset(Reset::Pin);
    host.greeting();
    assert_eq!(host.status().stage, Stage::Grace);
    host.pass(TIMES.boot_grace.0 - 1);
    assert_eq!(host.status().stage, Stage::Grace);
    assert_eq!(host.changes(), []);
    host.pass(20);
    let first = *host.changes().first().unwrap();
    let due = booted + u64::from(TIMES.boot_grace.0 + TIMES.alert.0) * 1000;
    assert_eq!((first.pin, first.high), (PIN_MODEM_OFF, true));
    assert!((due..due + 500).contains(&first.at), "{first:?}, due at {due}");
}

#[test]
fn an_mcu_that_hangs_is_reset_by_its_own_watchdog_and_tells_it() {
    let mut host = Host::armed();
    host.feed_for(5, FEED_SECONDS);
    host.part.take_resets();
    assert!(host.part.hang(), "the program has an endless loop to hang in");
    host.pass(3);
    assert_eq!(host.part.take_resets(), [], "not before its time");
    host.pass(2);
    assert_eq!(host.part.take_resets(), [Reset::Watchdog]);
    host.greeting();
    let status = host.status();
    assert_eq!(status.reset_cause, ResetCause::Watchdog);
    assert_eq!((status.counts.own_hangs, status.stage), (1, Stage::Grace), "and it guards on");
    assert_eq!(host.changes(), []);
}

/// What happened since flash was written is in RAM, and the number of an entry never means two things.
#[test]
fn what_happened_outlives_each_hang_and_no_number_is_given_twice() {
    let mut host = Host::armed();
    let (mut sessions, mut told) = (vec![1], host.status().log_next);
    for hangs in 1..=3 {
        host.feed_for(5, FEED_SECONDS);
        assert!(host.part.hang());
        host.pass(5);
        sessions.push(host.greeting().session);
        let status = host.status();
        assert_eq!((status.counts.own_hangs, status.counts.boots), (hangs, hangs + 1));
        assert_eq!(status.log_next, told + 2, "feeds that began, and the hang");
        told = status.log_next;
    }
    let whats: Vec<_> = host.log().into_iter().map(|entry| entry.what).collect();
    let hang = [Happened::Fed, Happened::McuBooted(ResetCause::Watchdog)];
    let first = [Happened::McuBooted(ResetCause::PowerOn), Happened::Armed];
    assert_eq!(whats, [&first[..], &hang, &hang, &hang].concat());
    assert!(sessions.is_sorted_by(|before, after| before < after), "{sessions:?}");
    assert_eq!(host.part.flash_wear(), (1, 0), "hangs cost no flash");

    // With the supply goes what was in RAM alone: the numbers go on above all that were given.
    for block in 1..=3 {
        host.part.reset(Reset::Power);
        sessions.push(host.greeting().session);
        let status = host.status();
        assert_eq!((status.log_next, status.counts.boots), (block * LOG_BLOCK + 1, block + 1));
        let kept = host.log();
        assert_eq!(kept.first().map(|entry| entry.what), Some(Happened::McuBooted(ResetCause::PowerOn)));
        assert_eq!(kept.len() as u32, 1 + 2 * block, "what was in flash, below the gap");
        host.feed_for(65, FEED_SECONDS);
        told = host.status().log_next;
        assert_eq!(told, block * LOG_BLOCK + 2, "and feeds");
    }
    assert!(sessions.is_sorted_by(|before, after| before < after), "{sessions:?}");
    assert_eq!(host.part.flash_wear(), (1, 0), "one record for each");
}

#[test]
fn noise_does_nothing_and_the_next_frame_is_heard() {
    let mut host = Host::armed();
    let mut noise = Noise::new();
    for round in 0..40 {
        let sent = noise.bytes(50);
        if round % 2 == 0 {
            host.part.host_sends(&sent)
        } else {
            host.part.line_breaks(&sent)
        }
        host.feed_for(1, FEED_SECONDS);
    }
    assert_eq!(host.changes(), []);
    let status = host.status();
    assert!(status.damaged_frames > 0);
    assert_eq!((status.stage, status.feeds), (Stage::Guarding, 40), "each feed was heard");
    assert_eq!(host.part.take_resets(), [Reset::Power]);
    assert_eq!(host.part.overruns(), 0);
}

/// As fast as the line is, and more answers than it can carry.
#[test]
fn a_flood_of_requests_costs_answers_and_nothing_else() {
    let mut host = Host::armed();
    for _ in 0..8 {
        for _ in 0..550 {
            host.say(Message::StatusRequest);
            host.say(Message::LogRequest { from: 0 });
        }
        host.feed_for(1, FEED_SECONDS);
    }
    assert_eq!(host.changes(), []);
    assert_eq!(host.part.take_resets(), [Reset::Power], "its own watchdog stays calm");
    let status = host.status();
    assert_eq!((status.stage, status.feeds, status.damaged_frames), (Stage::Guarding, 8, 0));
    assert_eq!(host.part.overruns(), 0);
}

#[test]
fn a_line_at_a_wrong_speed_is_told_when_it_lasts() {
    let mut host = Host::new();
    host.greeting();
    for _ in 0..62 {
        host.part.line_breaks(&[0xf8, 0x1e]);
        host.pass(1);
    }
    let log = host.log();
    assert!(log.iter().any(|entry| entry.what == Happened::LineStuck), "{log:?}");
}

#[test]
fn a_line_that_is_held_low_is_told_when_it_lasts() {
    let mut host = Host::new();
    host.greeting();
    host.part.line_is_low(true);
    host.pass(59);
    host.part.line_is_low(false);
    assert!(!host.log().iter().any(|entry| entry.what == Happened::LineStuck));
    host.part.line_is_low(true);
    host.pass(63);
    host.part.line_is_low(false);
    assert!(host.log().iter().any(|entry| entry.what == Happened::LineStuck));
}

#[test]
fn what_it_counts_and_its_times_outlive_the_supply() {
    let mut host = Host::armed();
    host.pass(60);
    let before = host.status();
    assert_eq!(before.counts.host_resets, 2);
    host.part.reset(Reset::Power);
    host.changes();
    assert_eq!(host.greeting().board.as_str(), "stm32g030");
    let after = host.status();
    assert_eq!(after.reset_cause, ResetCause::PowerOn);
    assert_eq!(after.counts.host_resets, before.counts.host_resets);
    assert_eq!(after.counts.modem_cycles, before.counts.modem_cycles);
    assert_eq!(after.stage, Stage::Grace, "it is armed");
    // Two in a row: the third keeps its distance, though the MCU does not know how long it was away.
    let booted = host.part.millis();
    host.pass(TIMES.backoff_longest.0 - 2);
    assert!(!host.changes().iter().any(|change| change.pin == PIN_HOST_RESET), "too close");
    host.pass(10);
    let third = host.changes().into_iter().find(|change| change.pin == PIN_HOST_RESET).unwrap();
    assert!(third.at >= booted + u64::from(TIMES.backoff_longest.0) * 1000 - 1000, "{third:?}");
}

#[test]
fn the_flash_is_written_in_turns_and_each_record_is_found_again() {
    let mut host = Host::new();
    host.greeting();
    host.hello();
    // More records than both pages hold, by as many sessions as it takes: each may change the times eight times.
    let mut kept = TIMES;
    for session in 0..3 {
        for round in 0..8 {
            kept = Timeouts { longest_lease: Seconds(100 + session * 10 + round), ..TIMES };
            let outcome = host.ask(Message::Arm(kept));
            assert_eq!(outcome, Outcome::Done, "session {session}, round {round}");
            host.feed_for(1, FEED_SECONDS);
        }
        host.part.reset(Reset::Power);
        host.greeting();
        host.hello();
        let asked = Message::Lease(Seconds(u32::MAX));
        assert_eq!(host.ask(asked), Outcome::Capped(kept.longest_lease), "the last times are kept");
    }
    assert_eq!(host.part.flash_wear(), (4, 0), "each page twice, and nothing over what was written");
}

#[test]
fn the_boot_loader_starts_in_a_lease_with_calm_pins_and_without_the_watchdog() {
    let mut host = Host::armed();
    host.feed_for(3, FEED_SECONDS);
    let key = Message::EnterBootLoader { key: BOOT_LOADER_KEY };
    assert_eq!(host.ask(key.clone()), Outcome::NotNow, "the host is judged");
    assert_eq!(host.ask(Message::Lease(Seconds(50))), Outcome::Done);
    assert_eq!(host.ask(Message::EnterBootLoader { key: 1 }), Outcome::WrongKey);
    assert!(!host.part.in_boot_loader() && host.part.watchdog_runs());
    assert_eq!(host.ask(key), Outcome::Done, "the answer is sent before it goes");
    host.pass(10);
    assert!(host.part.in_boot_loader() && !host.part.watchdog_runs());
    assert_eq!(host.part.take_resets(), [Reset::Power, Reset::Software]);
    assert!(host.changes().is_empty() && !host.part.is_high(PIN_LAMP));
    host.part.reset(Reset::Pin);
    host.greeting();
    let status = host.status();
    assert_eq!(
        (status.counts.boots, status.stage),
        (2, Stage::Grace),
        "and the next reset starts the program again"
    );
}

/// The agent's program that ends an upgrade, on the part itself: of an empty part too, which would go on taking itself for one.
#[test]
fn an_upgrade_ends_in_the_new_program_without_a_loss_of_the_supply() {
    let elf = std::fs::read(shunt_firmware::build(shunt_firmware::STM32G030).unwrap()).unwrap();
    let image = shunt_firmware::flash(&elf).unwrap();
    let mut host = Host::with(Stm32g030::with_flash(&[]));
    host.pass(1);
    assert!(host.part.in_boot_loader(), "an empty part starts it by itself");
    host.part.flash(&image);
    host.part.reset(Reset::Pin);
    host.pass(1);
    assert!(host.part.in_boot_loader(), "and does so until its supply goes");
    host.part.run_in_ram(part::FREE_RAM, &part::RESTART);
    assert_eq!(host.greeting().board.as_str(), part::BOARD);
    assert_eq!(host.part.take_resets(), [Reset::Power, Reset::Pin, Reset::Software]);
    assert_eq!(host.status().reset_cause, ResetCause::Software);
    // Page 0 goes first: a loss of the supply brings the boot loader back.
    host.part.flash(&[0xff; 2048]);
    host.part.reset(Reset::Power);
    host.pass(1);
    assert!(host.part.in_boot_loader());
}

/// Of everything that it does at its deepest: answers, records, log.
#[test]
fn the_stack_stays_within_what_is_set_aside_for_it() {
    let mut host = Host::armed();
    host.feed_for(2, FEED_SECONDS);
    for message in [Message::CycleModem, Message::Lease(Seconds(0)), Message::ResetHost] {
        host.ask(message);
    }
    host.log();
    host.pass(60);
    host.part.line_breaks(&[0; 200]);
    host.log();
    host.part.reset(Reset::Power);
    host.greeting();
    host.log();
    let (used, budget) = (host.part.stack_used(), shunt_firmware::STM32G030.budget.stack);
    println!("stack: {used} of {budget} bytes");
    assert!(u64::from(used) <= budget, "{used} bytes of stack, {budget} set aside");
}
