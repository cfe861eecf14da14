//! The watchdog from byte to pin: what the board drives, led by a host on the other end of the line.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are part of the test"
)]

mod bench;

use bench::{BOARD, Bench, TIMES, heard, stuffed};
use proptest::prelude::*;
use shunt_watchdog::{Instant, Led, SAVED_BYTES, Saved, Span, Watchdog};
use shunt_wire::{
    BOOT_LOADER_KEY, Happened, Hello, HostResetCause, LOG_BLOCK, LOG_SETTLED, Line, Log, Message, Outcome,
    ResetCause, Role, Seconds, Stage, Status, Timeouts, VERSION,
};

#[test]
fn an_mcu_that_was_never_armed_leaves_the_host_alone() {
    let mut bench = Bench::boot(None, ResetCause::PowerOn);
    let calm = bench.watchdog.outputs();
    bench.pass(1_000_000);
    assert_eq!(bench.watchdog.outputs(), calm);
    assert_eq!((calm.led, bench.status().stage), (Led::Idle, Stage::Unarmed));
}

#[test]
fn a_board_that_measures_its_supply_tells_it() {
    let mut bench = Bench::boot(None, ResetCause::PowerOn);
    assert_eq!(bench.status().supply, None);
    bench.watchdog.set_supply(3_294);
    assert_eq!(bench.status().supply, Some(3_294));
}

#[test]
fn silence_leads_to_a_reset_that_is_told_after_the_boot() {
    let mut bench = Bench::armed();
    bench.feed_for(200);
    bench.pass(10 + 20 + 12 + 30 + 40 - 2);
    assert!(!bench.watchdog.outputs().pins.host_reset);
    bench.pass(1);
    assert!(bench.watchdog.outputs().pins.host_reset);
    bench.pass(60);
    bench.greet(2);
    let status = bench.status();
    assert_eq!((status.counts.host_resets, status.last_host_reset), (1, Some(HostResetCause::Silence)));
    assert_eq!(
        bench.log(),
        [
            Happened::McuBooted(ResetCause::PowerOn),
            Happened::Armed,
            Happened::Fed,
            Happened::Alert,
            Happened::ModemCut,
            Happened::ShutdownRequested,
            Happened::HostReset(1),
        ]
    );
}

#[test]
fn a_repeated_request_cuts_the_modem_once() {
    let mut bench = Bench::armed();
    bench.sequence = 500;
    bench.say(Message::Feed);
    let first = bench.send(500, Message::CycleModem);
    assert_eq!(first, Some(Message::Answer { sequence: 500, outcome: Outcome::Done }));
    for _ in 0..100 {
        bench.feed_for(1);
        assert_eq!(bench.send(500, Message::CycleModem), first);
    }
    assert!(bench.watchdog.outputs().pins.modem_power);
    assert_eq!(bench.status().counts.modem_cycles, 1);
}

#[test]
fn a_new_request_is_carried_out_when_the_sequences_have_wrapped() {
    let mut bench = Bench::armed();
    assert_eq!(bench.ask(Message::CycleModem), Outcome::Done);
    let asked = bench.sequence;
    while bench.sequence.wrapping_add(1) != asked {
        bench.say(Message::Feed);
        bench.now = bench.now + Span::from_millis(100);
    }
    assert_eq!(bench.ask(Message::CycleModem), Outcome::Done);
    assert_eq!((bench.sequence, bench.status().counts.modem_cycles), (asked, 2));
}

#[test]
fn a_repeat_over_a_reset_of_the_mcu_is_not_carried_out_before_a_hello() {
    let mut bench = Bench::armed();
    bench.send(500, Message::CycleModem);
    let saved = Saved::from_bytes(&bench.watchdog.saved().to_bytes());
    let mut bench = Bench::boot(saved, ResetCause::Watchdog);
    let again = bench.send(500, Message::CycleModem);
    assert_eq!(again, Some(Message::Answer { sequence: 500, outcome: Outcome::HelloFirst }));
    let status = bench.status();
    assert_eq!((status.counts.modem_cycles, status.counts.own_hangs, status.stage), (1, 1, Stage::Grace));
}

#[test]
fn a_host_that_asks_is_reset_once_the_grace_is_over() {
    let mut bench = Bench::armed();
    bench.feed_for(30);
    assert_eq!(bench.ask(Message::ResetHost), Outcome::TooSoon(Seconds(70)));
    bench.feed_for(70);
    assert_eq!(bench.ask(Message::ResetHost), Outcome::Done);
    bench.feed_for(39);
    assert!(bench.watchdog.outputs().pins.shutdown_request, "feeds do not call it off");
    bench.feed_for(1);
    assert!(bench.watchdog.outputs().pins.host_reset);
    bench.pass(5);
    assert_eq!(bench.status().last_host_reset, Some(HostResetCause::Asked));
}

#[test]
fn the_boot_loader_needs_its_key_a_lease_and_the_modems_supply() {
    let mut bench = Bench::armed();
    let key = Message::EnterBootLoader { key: BOOT_LOADER_KEY };
    assert_eq!(bench.ask(Message::EnterBootLoader { key: 1 }), Outcome::WrongKey);
    bench.say(Message::Feed);
    assert_eq!(bench.ask(key.clone()), Outcome::NotNow, "a host that is judged");
    bench.pass(11);
    assert_eq!(bench.ask(key.clone()), Outcome::NotNow, "an escalation");
    assert_eq!(bench.ask(Message::Lease(Seconds(600))), Outcome::Done);
    assert_eq!(bench.ask(Message::CycleModem), Outcome::Done);
    assert_eq!(bench.ask(key.clone()), Outcome::NotNow, "the modem is off");
    bench.pass(12);
    assert!(!bench.watchdog.wants_boot_loader());
    assert_eq!(bench.ask(key.clone()), Outcome::Done);
    assert!(bench.watchdog.wants_boot_loader());

    let mut unarmed = Bench::boot(None, ResetCause::PowerOn);
    assert_eq!(unarmed.ask(key.clone()), Outcome::HelloFirst);
    unarmed.greet(1);
    assert_eq!(unarmed.ask(key), Outcome::Done, "nothing is guarded");
}

#[test]
fn a_lease_is_capped_ends_and_a_disarmed_mcu_stays_so_over_its_boots() {
    let mut bench = Bench::armed();
    assert_eq!(bench.ask(Message::Lease(Seconds(u32::MAX))), Outcome::Capped(Seconds(3_600)));
    bench.pass(3_599);
    assert_eq!(bench.status().stage, Stage::Leased);
    bench.pass(1);
    assert_eq!(bench.status().stage, Stage::Grace);
    assert_eq!(bench.ask(Message::Disarm), Outcome::Done);
    let saved = Saved::from_bytes(&bench.watchdog.saved().to_bytes());
    let mut bench = Bench::boot(saved, ResetCause::PowerOn);
    assert_eq!(bench.status().stage, Stage::Unarmed);
}

/// Nobody feeds while the agent is stopped: without the lease the host would be reset after the grace.
#[test]
fn a_hang_of_the_mcu_ends_no_lease_and_many_do_not_prolong_it_for_ever() {
    let hang = |bench: Bench| {
        let saved = Saved::from_bytes(&bench.watchdog.saved().to_bytes());
        Bench::boot(saved, ResetCause::Watchdog)
    };
    let leased = |bench: &mut Bench| bench.status().stage == Stage::Leased;
    let mut bench = Bench::armed();
    assert_eq!(bench.ask(Message::Lease(Seconds(600))), Outcome::Done);
    bench.pass(500);
    let mut bench = hang(bench);
    assert!(leased(&mut bench) && bench.status().counts.own_hangs == 1);
    bench.pass(599);
    assert!(leased(&mut bench));
    bench.pass(1);
    assert_eq!(bench.status().stage, Stage::Grace, "it ends");
    let mut bench = hang(hang({
        let mut bench = Bench::armed();
        bench.ask(Message::Lease(Seconds(600)));
        bench
    }));
    assert!(!leased(&mut bench), "once");
    // One that was ended is over, and one before a loss of the supply as well: the host booted, too.
    let mut ended = Bench::armed();
    ended.ask(Message::Lease(Seconds(600)));
    ended.ask(Message::Lease(Seconds(0)));
    assert!(!leased(&mut hang(ended)));
    let mut lost = Bench::armed();
    lost.ask(Message::Lease(Seconds(600)));
    let saved = Saved::from_bytes(&lost.watchdog.saved().to_bytes());
    assert!(!leased(&mut Bench::boot(saved, ResetCause::PowerOn)));
}

#[test]
fn a_flood_of_changes_does_not_wear_the_flash() {
    let mut bench = Bench::armed();
    let mut writes = 0;
    let mut flash = bench.watchdog.saved().lasting();
    for round in 0..1_000 {
        let feed_timeout = Seconds(10 + round % 2);
        bench.ask(Message::Arm(Timeouts { feed_timeout, ..TIMES }));
        bench.feed_for(1);
        if bench.watchdog.saved().lasting() != flash {
            writes += 1;
            flash = bench.watchdog.saved().lasting();
        }
    }
    assert!((1..=8).contains(&writes), "{writes} writes");
    assert_eq!(bench.ask(Message::Arm(Timeouts { boot_grace: Seconds(1), ..TIMES })), Outcome::BadTimes);
}

#[test]
fn garbage_is_no_feed_and_is_told_when_it_lasts() {
    let mut bench = Bench::armed();
    bench.pass(99);
    bench.say(Message::Feed);
    for second in 0..112 {
        bench.line(&[0xf8, 0x00, 0x1e, second as u8]);
        bench.pass(1);
        assert_eq!(bench.watchdog.outputs().led == Led::LineStuck, second >= 60);
    }
    assert!(bench.watchdog.outputs().pins.host_reset);
    assert!(bench.log().contains(&Happened::LineStuck));
    assert_eq!(bench.status().line, Line::Good, "a whole frame ends it");
}

#[test]
fn a_newer_message_is_answered_and_an_echo_is_not() {
    let mut bench = Bench::armed();
    // Version 1, sequence 7, message 0x63; the CRC worked out apart.
    let newer = [0x00, 0x03, 0x01, 0x07, 0x04, 0x63, 0x7d, 0x22, 0x00];
    let crc = shunt_wire::checksum(&[1, 7, 0, 0x63]).to_le_bytes();
    let mut newer = newer;
    newer[6..8].copy_from_slice(&crc);
    assert_eq!(bench.line(&newer), Some(Message::NotUnderstood { sequence: 7 }));
    assert_eq!(bench.say(Message::NotUnderstood { sequence: 7 }), None);
    assert_eq!(bench.say(Message::Answer { sequence: 7, outcome: Outcome::Done }), None);
    let hello = heard(&Bench::boot(None, ResetCause::PowerOn).watchdog.poll_frame(bench.now).unwrap());
    assert_eq!(bench.say(hello), None, "its own hello, which a looped line brings back");
}

/// It answers what it does not understand as well, in a version that is not understood here.
#[test]
fn a_peer_of_another_version_is_answered_once_a_second() {
    let mut bench = Bench::armed();
    let newer = stuffed(&[VERSION + 1, 7, 9, 0x63]);
    let mut answers = 0;
    for _ in 0..100 {
        for _ in 0..50 {
            answers += usize::from(bench.line(&newer) == Some(Message::NotUnderstood { sequence: 0x0907 }));
        }
        bench.now = bench.now + Span::from_millis(100);
    }
    assert_eq!(answers, 10, "one for each of ten seconds");
}

#[test]
fn after_a_boot_it_says_hello_and_then_each_change_once() {
    let mut bench = Bench::boot(None, ResetCause::PowerOn);
    let hello = bench.watchdog.poll_frame(bench.now).unwrap();
    assert!(matches!(heard(&hello), Message::Hello(Hello { session: 1, role: Role::Mcu, .. })));
    assert_eq!(bench.watchdog.poll_frame(bench.now), None);
    bench.greet(1);
    bench.ask(Message::Arm(TIMES));
    let status = bench.watchdog.poll_frame(bench.now).unwrap();
    assert!(matches!(heard(&status), Message::Status(Status { stage: Stage::Grace, .. })));
    bench.feed_for(50);
    assert!(bench.watchdog.poll_frame(bench.now).is_some());
    assert_eq!(bench.watchdog.poll_frame(bench.now), None);
}

/// The record that flash had, over a loss of the supply; what came after it was in RAM.
#[test]
fn after_a_loss_of_the_supply_numbers_go_on_in_a_new_block_and_what_was_kept_stays_below_it() {
    let mut bench = Bench::armed();
    let flash = bench.watchdog.saved().to_bytes();
    let kept = bench.watchdog.saved().lasting();
    for _ in 0..5 {
        bench.feed_for(20);
        bench.ask(Message::Lease(Seconds(5)));
        bench.ask(Message::Lease(Seconds(0)));
    }
    assert_eq!(bench.watchdog.saved().lasting(), kept, "nothing of that is worth a write");
    let given = bench.status().log_next;

    let mut recalled = Saved::from_bytes(&flash).unwrap();
    recalled.lose_supply();
    let mut bench = Bench::boot(Some(recalled), ResetCause::PowerOn);
    bench.greet(2);
    assert!(given < LOG_BLOCK);
    let part = |bench: &mut Bench, from| match bench.say(Message::LogRequest { from }) {
        Some(Message::Log(Log { first, next, entries })) => (first, next, entries.len()),
        other => panic!("no log, but {other:?}"),
    };
    assert_eq!(part(&mut bench, 0), (0, LOG_BLOCK + 1, 2), "a gap ends a part");
    assert_eq!(part(&mut bench, 2), (LOG_BLOCK, LOG_BLOCK + 1, 1));
    assert_eq!(bench.log()[..2], [Happened::McuBooted(ResetCause::PowerOn), Happened::Armed]);
    bench.feed_for(LOG_SETTLED.0 - 1);
    assert_eq!(bench.watchdog.saved().lasting(), kept, "a supply that bounces wears nothing out");
    // Who hears that the MCU is up for so long may read the log and remember that.
    bench.pass(1);
    assert_eq!(bench.status().uptime, LOG_SETTLED);
    let settled = bench.watchdog.saved().lasting();
    assert_ne!(settled, kept, "the block is kept");
    let mut again = Saved::from_bytes(&bench.watchdog.saved().to_bytes()).unwrap();
    assert_eq!(again.lasting(), settled);
    bench.feed_for(10_000);
    assert_eq!(bench.watchdog.saved().lasting(), settled, "once");
    again.lose_supply();
    let mut bench = Bench::boot(Some(again), ResetCause::PowerOn);
    assert_eq!(bench.status().log_next, 2 * LOG_BLOCK + 1);
}

#[test]
fn what_is_damaged_in_memory_is_not_taken() {
    let bytes = Bench::armed().watchdog.saved().to_bytes();
    let saved = Saved::from_bytes(&bytes).unwrap();
    assert_eq!(saved.to_bytes(), bytes);
    let used = usize::from(bytes[1]) + 4;
    for bit in 0..used * 8 {
        let mut damaged = bytes;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Saved::from_bytes(&damaged), None, "bit {bit}");
    }
    for empty in [&[0xff; SAVED_BYTES][..], &[0; SAVED_BYTES], &[]] {
        assert_eq!(Saved::from_bytes(empty), None);
    }
}

/// What a host may do to the line.
#[derive(Debug, Clone)]
enum Deed {
    Says(Message),
    Repeats(Message),
    Noise(Vec<u8>),
    McuResets,
}

fn deed() -> impl Strategy<Value = Deed> {
    let message = prop_oneof![
        6 => Just(Message::Feed),
        1 => any::<u32>().prop_map(|seconds| Message::Lease(Seconds(seconds >> (seconds % 32)))),
        1 => Just(Message::CycleModem),
        1 => Just(Message::ResetHost),
        1 => Just(Message::Arm(TIMES)),
        1 => Just(Message::StatusRequest),
        1 => any::<u32>().prop_map(|from| Message::LogRequest { from }),
    ];
    prop_oneof![
        8 => message.clone().prop_map(Deed::Says),
        1 => message.prop_map(Deed::Repeats),
        2 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Deed::Noise),
        1 => Just(Deed::McuResets),
    ]
}

proptest! {
    /// Whatever the host does: the log, the counts and what is kept agree with the pins, over resets of the MCU.
    #[test]
    fn what_is_told_is_what_the_pins_did(deeds in proptest::collection::vec((0u32..200, deed()), 0..80)) {
        let mut bench = Bench::armed();
        let (mut resets, mut was, mut session) = (0, false, 1);
        let mut before = bench.watchdog.saved().clone();
        for (wait, deed) in deeds {
            let then = bench.now + Span::from_secs(wait);
            while bench.now < then {
                bench.pass(1);
                let held = bench.watchdog.outputs().pins.host_reset;
                resets += u32::from(held && !was);
                was = held;
            }
            match deed {
                Deed::Says(message) => drop(bench.say(message)),
                Deed::Repeats(message) => drop(bench.send(bench.sequence, message)),
                Deed::Noise(bytes) => drop(bench.line(&bytes)),
                Deed::McuResets => {
                    let now = bench.now;
                    let saved = Saved::from_bytes(&bench.watchdog.saved().to_bytes());
                    prop_assert_eq!(saved.as_ref(), Some(bench.watchdog.saved()));
                    bench.watchdog = Watchdog::new(BOARD, saved, ResetCause::Watchdog, now);
                    session += 1;
                    bench.greet(session);
                }
            }
            let held = bench.watchdog.outputs().pins.host_reset;
            resets += u32::from(held && !was);
            was = held;
            prop_assert_eq!(bench.status().counts.host_resets, resets);
            let saved = bench.watchdog.saved();
            prop_assert_eq!(*saved == before, saved.mark() == before.mark(), "what changed is seen by its mark");
            before.clone_from(saved);
            prop_assert!(bench.log().len() <= shunt_watchdog::LOG_KEPT);
            prop_assert!(bench.watchdog.poll_timeout().is_some_and(|due| due > bench.now));
        }
    }
}

/// All that is kept fits at its longest, and what the MCU holds in RAM stays small.
#[test]
fn sizes_are_bounded() {
    let longest =
        Timeouts { feed_timeout: Seconds(7 * 24 * 3600), boot_grace: Seconds(7 * 24 * 3600), ..TIMES };
    let mut bench = Bench::boot(None, ResetCause::PowerOn);
    bench.greet(1);
    assert_eq!(bench.ask(Message::Arm(longest)), Outcome::Done);
    bench.now = Instant::from_millis(u64::MAX / 2);
    for round in 0..40 {
        if round > 30 {
            // Each entry beyond a gap of its own.
            let mut saved = bench.watchdog.saved().clone();
            saved.lose_supply();
            bench.watchdog = Watchdog::new(BOARD, Some(saved), ResetCause::PowerOn, Instant::ZERO);
            bench.greet(round);
        }
        assert_eq!(bench.ask(Message::Lease(Seconds(3_600))), Outcome::Done);
        bench.say(Message::Lease(Seconds(0)));
        bench.pass(1);
    }
    assert!(Saved::from_bytes(&bench.watchdog.saved().to_bytes()).is_some());
    assert!(core::mem::size_of::<Watchdog>() <= 1024, "{}", core::mem::size_of::<Watchdog>());
}
