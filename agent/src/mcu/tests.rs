//! The session against the MCU's own decisions, over a line that does what lines do, in virtual time.

mod record;
mod task;
mod world;

use super::flash::tests::rom::Rom;
use super::session::Output;
use super::trouble::Trouble;
use super::words;
use shunt_decision::Timestamp;
use shunt_watchdog::{Board, Instant, Saved, Settings, Watchdog};
use shunt_wire::{
    Capabilities, Decoder, Frame, Happened, Message, Outcome, Received, ResetCause, Seconds, Stage, VERSION,
};
use std::time::Duration;
use world::{BOARD, Line, TICK, World, config, session};

#[test]
fn any_valid_config_is_taken_by_the_firmware() {
    for keys in [
        "",
        "feed_timeout = \"5s\"\nboot_grace = \"30s\"\nalert = \"1s\"\nmodem_off = \"1s\"\nmodem_settle = \"1s\"\n\
         shutdown = \"1s\"\nreset_hold = \"1s\"\nbackoff_shortest = \"1m\"\nbackoff_longest = \"1m\"\n\
         backoff_healthy = \"1m\"\nlongest_lease = \"1m\"\nstop_lease = \"1m\"",
        "feed_timeout = \"10m\"\nboot_grace = \"1h\"\nalert = \"1h\"\nmodem_off = \"15s\"\nmodem_settle = \"1h\"\n\
         shutdown = \"1h\"\nreset_hold = \"60s\"\nbackoff_shortest = \"7d\"\nbackoff_longest = \"7d\"\n\
         backoff_healthy = \"7d\"\nlongest_lease = \"1d\"\nstop_lease = \"1d\"\nmost_resets = 255\ncut_modem = true",
    ] {
        assert_eq!(Settings::from_wire(&super::times(&config(keys))).map(drop), Ok(()), "{keys}");
    }
    let defaults = Settings::from_wire(&super::times(&config(""))).unwrap();
    assert_eq!(defaults, Settings::default(), "the config's defaults are the firmware's");
}

#[test]
fn it_is_met_armed_and_fed_and_no_pin_stirs() {
    let mut world = World::new("");
    world.run(3_600);
    assert_eq!((world.stage(), world.stirred, world.armed()), (Some(Stage::Guarding), 0, 1));
    assert_eq!(world.session.trouble(), None);
    assert_eq!(world.news(), [Happened::McuBooted(ResetCause::PowerOn), Happened::Armed, Happened::Fed]);
    assert!(world.noted().iter().all(|noted| noted.age.is_some_and(|age| age < Duration::from_secs(31))));
    // A feed each 5 s, a look each 30 s, and what it took to meet.
    assert!(world.sent < 720 + 120 + 20, "{} frames", world.sent);
}

#[test]
fn a_request_whose_answer_is_lost_is_carried_out_once() {
    let mut world = World::new("");
    world.run(60);
    let mut lose = 3;
    world.line = Box::new(move |to_mcu, bytes| {
        // Answers are message 13 (`Answer`), behind the zero, the stuffing's code, the version and the sequence.
        let answer = !to_mcu && bytes.len() < 14;
        if answer && lose > 0 {
            lose -= 1;
            return Vec::new();
        }
        bytes
    });
    world.outputs.clear();
    assert_eq!(world.ask(Message::CycleModem), Some(Outcome::Done));
    let cycles = world.mcu.as_ref().unwrap().saved();
    assert_ne!(cycles, &Saved::default());
    world.run(60);
    assert_eq!(world.session.status().unwrap().0.counts.modem_cycles, 1);
    assert!(
        matches!(world.ask(Message::CycleModem), Some(Outcome::TooSoon(_))),
        "the modem must settle first"
    );
}

#[test]
fn noise_on_the_line_stirs_nothing() {
    let mut world = World::new("");
    let mut state = 1_u32;
    world.line = Box::new(move |_, mut bytes| {
        let mut chance = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        match chance() % 8 {
            0 => {
                let place = chance() as usize % bytes.len();
                bytes[place] ^= 1 << (chance() % 8);
            }
            1 => {
                let noise = (0..chance() % 40).map(|_| chance() as u8);
                bytes.splice(0..0, noise.collect::<Vec<_>>());
            }
            _ => {}
        }
        bytes
    });
    world.run(3 * 3_600);
    assert_eq!((world.stage(), world.stirred), (Some(Stage::Guarding), 0));
    world.line = Box::new(|_, bytes| bytes);
    world.run(60);
    assert_eq!(world.session.trouble(), None);
    assert!(world.session.status().unwrap().0.damaged_frames > 100, "there was noise");
}

/// The wire to the MCU alone is spoilt: it hears no feed, and says why before it does anything.
#[test]
fn a_line_that_brings_the_mcu_no_frames_for_long_is_told_by_it() {
    let mut world = World::new("");
    world.run(400);
    assert_eq!(world.stage(), Some(Stage::Guarding));
    world.outputs.clear();
    // At a wrong speed a frame is a few bytes of anything.
    world.line = Box::new(|to_mcu, bytes| if to_mcu { vec![0x5a; 3] } else { bytes });
    world.run(75);
    world.line = Box::new(|_, bytes| bytes);
    world.run(60);
    let news = world.news();
    let at = |what: &Happened| news.iter().position(|told| told == what);
    let (alert, stuck) = (at(&Happened::Alert), at(&Happened::LineStuck));
    assert!(alert.is_some() && stuck.is_some(), "{news:?}");
    assert!(!news.iter().any(|what| matches!(what, Happened::HostReset(_))), "{news:?}");
    let noted = world.noted().into_iter().find(|noted| noted.what == Happened::LineStuck).unwrap();
    assert!(words::is_told(&noted) && words::text(&noted).contains("no frames on its line"));
    let (status, _) = world.session.status().unwrap();
    assert_eq!((status.stage, status.line), (Stage::Guarding, shunt_wire::Line::Good), "a frame ends it");
}

#[test]
fn a_silent_line_is_told_and_asked_slowly_until_somebody_answers() {
    let mut world = World::with(session("", None, 7), None, 0);
    world.run(4);
    assert_eq!(world.session.trouble(), None, "an MCU may be starting");
    world.run(3_596);
    assert_eq!(world.session.trouble(), Some(&Trouble::Silent));
    assert!((720..1_500).contains(&world.sent), "{} hellos and feeds in an hour", world.sent);
    assert_eq!(world.session.ask(Message::CycleModem, 1, world.time()), Err(Trouble::Silent));
    world.mcu = Some(Watchdog::new(BOARD, None, ResetCause::PowerOn, Instant::from_millis(world.now)));
    world.run(10);
    assert_eq!((world.session.trouble(), world.stage()), (None, Some(Stage::Guarding)));
    // And away again.
    world.mcu = None;
    world.run(60);
    assert_eq!((world.session.trouble(), world.session.peer().is_none()), (Some(&Trouble::Silent), true));
}

#[test]
fn strangers_on_the_line_are_told_apart() {
    let console = b"login: \r\nPassword: \0\r\n".to_vec();
    // A part without a program: it takes the first byte for the speed, and is deaf when that was not one.
    let (mut rom, mut answers) = (Rom::new(&[]), Vec::new());
    let loader: Line = Box::new(move |to_mcu, bytes| {
        if to_mcu {
            answers.extend(bytes.into_iter().flat_map(|byte| rom.receive(byte)));
            return Vec::new();
        }
        std::mem::take(&mut answers)
    });
    let rows: [(Line, Trouble); 4] = [
        (loader, Trouble::Loader),
        (Box::new(move |to_mcu, _| if to_mcu { Vec::new() } else { console.clone() }), Trouble::Garbage),
        (Box::new(|_, bytes| bytes), Trouble::Echo),
        (
            Box::new(|_, bytes| {
                // A frame of the next version, in good order.
                let mut block = vec![VERSION + 1, bytes[1], 0, 0];
                block.extend(shunt_wire::checksum(&block).to_le_bytes());
                stuffed(&block)
            }),
            Trouble::Version(VERSION + 1),
        ),
    ];
    for (mut line, trouble) in rows {
        let mut session = session("", None, 7);
        session.opened(Timestamp::ZERO);
        let mut sent = 0;
        for tick in 0..600 {
            let now = Timestamp::ZERO + Duration::from_millis(tick * TICK);
            session.handle_timeout(now);
            while let Some(output) = session.poll_output() {
                if let Output::Send(bytes) = output {
                    // Each frame brings one back, also from those who did not understand ours.
                    sent += 1;
                    assert!(sent <= 60, "{trouble:?} is answered for ever: {sent} frames after {tick} ticks");
                    let _heard = line(true, bytes.clone());
                    session.receive(&line(false, bytes), now);
                }
            }
        }
        assert_eq!(session.trouble(), Some(&trouble));
        assert!(session.peer().is_none());
    }
}

/// COBS for a block without zeros beyond the first bytes, by the paper.
fn stuffed(block: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    for run in block.split(|byte| *byte == 0) {
        out.push(u8::try_from(run.len() + 1).unwrap());
        out.extend(run);
    }
    out.push(0);
    out
}

#[test]
fn an_mcu_that_hung_is_met_again_and_a_request_survives_that() {
    let mut world = World::new("");
    world.run(60);
    world.outputs.clear();
    world.reboot_mcu();
    world.run(2);
    assert_eq!((world.armed(), world.stage()), (1, Some(Stage::Grace)));
    assert_eq!(world.news(), [Happened::McuBooted(ResetCause::Watchdog)]);
    world.run(300);
    assert_eq!((world.stage(), world.stirred), (Some(Stage::Guarding), 0));
    // Its hello is lost: it takes no request before one, and gets it.
    world.outputs.clear();
    world.reboot_mcu();
    let mcu = world.mcu.as_mut().unwrap();
    let _lost = mcu.poll_frame(Instant::from_millis(world.now));
    assert_eq!(world.ask(Message::CycleModem), Some(Outcome::Done));
}

#[test]
fn the_lease_of_a_stop_ends_with_the_first_feed_and_an_operators_goes_on() {
    for (lease, stage) in [(600, Stage::Guarding), (1_800, Stage::Leased)] {
        let mut world = World::new("");
        world.run(60);
        assert_eq!(world.ask(Message::Lease(Seconds(lease))), Some(Outcome::Done));
        let mut world = world.reboot_host("");
        world.feeding = false;
        world.run(20);
        assert_eq!(world.stage(), Some(Stage::Leased), "nothing is fed yet");
        world.feeding = true;
        world.run(60);
        assert_eq!(world.stage(), Some(stage), "{lease} s");
        assert_eq!(world.session.longer_lease().is_some(), stage == Stage::Leased);
        // One that is asked for now is the operator's, however short.
        assert_eq!(world.ask(Message::Lease(Seconds(120))), Some(Outcome::Done));
        world.run(60);
        assert_eq!(world.stage(), Some(Stage::Leased));
    }
}

/// The lease of a stop right after the start, when how the MCU stands is not known yet.
#[test]
fn a_lease_that_is_asked_for_before_the_first_look_is_answered_is_not_ended_as_an_old_one() {
    let mut world = World::new("");
    world.run(60);
    let mut world = world.reboot_host("");
    // Of what the MCU says all comes but its status.
    world.session.closed();
    world.line = Box::new(|to_mcu, bytes| {
        let mut decoder = Decoder::new();
        let is_status =
            |received| matches!(received, Received::Frame(Frame { message: Message::Status(_), .. }));
        let status = bytes.iter().filter_map(|byte| decoder.receive(*byte)).any(is_status);
        if to_mcu || !status { bytes } else { Vec::new() }
    });
    world.session.opened(world.time());
    world.session.feed(world.time());
    world.pump();
    assert!(world.session.peer().is_some() && world.session.status().is_none());
    assert_eq!(world.ask(Message::Lease(Seconds(600))), Some(Outcome::Done));
    world.line = Box::new(|_, bytes| bytes);
    world.feeding = false;
    world.run(60);
    assert_eq!(world.stage(), Some(Stage::Leased));
}

/// It tells at once that it is unarmed now, and may boot after that: neither is a reason to arm it, for nobody feeds any more.
#[test]
fn what_is_disarmed_for_good_is_not_armed_again() {
    let mut world = World::new("");
    world.run(60);
    world.feeding = false;
    assert_eq!(world.ask(Message::Disarm), Some(Outcome::Done));
    world.run(60);
    world.reboot_mcu();
    world.run(600);
    assert_eq!((world.stage(), world.armed(), world.stirred), (Some(Stage::Unarmed), 0, 0));
}

#[test]
fn times_that_are_refused_are_told_and_those_that_come_too_soon_offered_again() {
    let bare = Board { capabilities: Capabilities::HOST_RESET, ..BOARD };
    let mcu = Watchdog::new(bare, None, ResetCause::PowerOn, Instant::ZERO);
    let mut world = World::with(session("cut_modem = true", None, 7), Some(mcu), 0);
    world.run(60);
    assert_eq!(world.session.trouble(), Some(&Trouble::Arm(Outcome::NotFitted)));
    assert_eq!((world.armed(), world.stage()), (0, Some(Stage::Unarmed)));

    let mut world = World::new("");
    world.run(10);
    for alert in 1..9 {
        let keys = format!("alert = \"{alert}s\"");
        world = World::with(session(&keys, None, 100 + alert), world.mcu, world.now);
        world.run(10);
    }
    let Some(Trouble::ArmLater(wait)) = world.session.trouble().cloned() else {
        panic!("{:?}", world.session.trouble())
    };
    assert_eq!(world.armed(), 0);
    world.run(wait.as_secs() + 2);
    assert_eq!((world.session.trouble(), world.armed(), world.stirred), (None, 1, 0));
}

#[test]
fn who_waits_is_answered_when_the_port_goes_and_no_more_wait_than_may() {
    let mut world = World::new("");
    world.run(10);
    world.line = Box::new(|_, _| Vec::new());
    let now = world.time();
    let asked =
        (0..100).filter(|ticket| world.session.ask(Message::CycleModem, *ticket, now).is_ok()).count();
    assert!((16..=17).contains(&asked), "{asked}");
    world.session.closed();
    world.pump();
    let unanswered =
        world.outputs.iter().filter(|output| matches!(output, Output::Answered(_, None))).count();
    assert_eq!(unanswered, asked);
}
