//! What the MCU remembers, read by the session: told once, over resets and losses of the supply of either.

use super::stuffed;
use super::world::{BOARD, World, session};
use crate::mcu::session::Output;
use shunt_watchdog::{Instant, Watchdog};
use shunt_wire::{Decoder, Frame, Happened, Message, Outcome, Received, ResetCause, Seconds, Stage, VERSION};

#[test]
fn a_reset_of_the_gateway_is_told_once_after_its_boot_with_what_led_to_it() {
    let mut world = World::new("");
    world.run(600);
    world.alive = false;
    // 30 s of silence, 30 s of alert, 60 s to shut down, 10 s of reset, and a boot.
    world.run(140);
    let mut world = world.reboot_host("");
    world.run(60);
    let noted = world.noted();
    let reset = noted.iter().find(|noted| matches!(noted.what, Happened::HostReset(_))).unwrap();
    assert_eq!((reset.what, reset.news), (Happened::HostReset(1), true));
    let silence = reset.silence.unwrap().as_secs();
    assert!((119..=122).contains(&silence), "{silence}");
    let age = reset.age.unwrap().as_secs();
    assert!((10..=22).contains(&age), "{age} s ago");
    let before: Vec<_> = noted.iter().filter(|noted| !noted.news).map(|noted| noted.what).collect();
    assert_eq!(before, [Happened::McuBooted(ResetCause::PowerOn), Happened::Armed, Happened::Fed]);
    let mut world = world.reboot_host("");
    world.run(60);
    assert_eq!(world.news(), []);
}

#[test]
fn a_reset_for_silence_is_told_as_such_also_after_one_that_was_asked_for() {
    let mut world = World::new("");
    world.run(600);
    assert_eq!(world.ask(Message::ResetHost), Some(Outcome::Done));
    world.run(80);
    let mut world = world.reboot_host("");
    world.run(900);
    world.alive = false;
    world.run(140);
    let mut world = world.reboot_host("");
    world.run(60);
    let noted = world.noted();
    let resets = noted.iter().filter(|noted| matches!(noted.what, Happened::HostReset(_)));
    let for_silence: Vec<_> = resets.map(|reset| reset.silence.is_some()).collect();
    assert_eq!(for_silence, [false, true]);
}

#[test]
fn what_was_forgotten_is_counted_and_another_mcu_begins_anew() {
    let mut world = World::new("");
    world.run(60);
    for _ in 0..10 {
        // Leases that are begun and ended: two entries each.
        assert_eq!(world.ask(Message::Lease(Seconds(60))), Some(Outcome::Done));
        assert_eq!(world.ask(Message::Lease(Seconds(0))), Some(Outcome::Done));
    }
    let told = world.session.status().unwrap().0.log_next;
    assert!(told > 20);
    let mut later = World::with(session("", Some(3), 9), world.mcu, world.now);
    later.run(20);
    assert!(later.outputs.contains(&Output::Forgotten(told - 12 - 3)), "{:?}", later.outputs);
    assert_eq!(later.news().len(), 12);
    let other = Watchdog::new(BOARD, None, ResetCause::PowerOn, Instant::from_millis(later.now));
    let mut replaced = World::with(session("", Some(told), 10), Some(other), later.now);
    replaced.run(20);
    assert_eq!(replaced.news(), [Happened::McuBooted(ResetCause::PowerOn), Happened::Armed, Happened::Fed]);
}

/// What it had in RAM alone is gone, and the numbers that this had; what is in its flash is not told again.
#[test]
fn an_mcu_whose_supply_was_lost_tells_nothing_twice_and_no_reset_unheard() {
    let mut world = World::new("");
    world.run(60);
    // In RAM alone: two entries each.
    for _ in 0..3 {
        assert_eq!(world.ask(Message::Lease(Seconds(60))), Some(Outcome::Done));
        assert_eq!(world.ask(Message::Lease(Seconds(0))), Some(Outcome::Done));
    }
    for _ in 0..2 {
        world.outputs.clear();
        world.power_cycle_mcu();
        world.run(90);
        assert_eq!(world.news(), [Happened::McuBooted(ResetCause::PowerOn), Happened::Fed]);
        assert_eq!(world.stage(), Some(Stage::Guarding));
    }
    // The gateway loses its supply as well, and needs two resets to start.
    world.alive = false;
    world.power_cycle_mcu();
    world.run(1_100);
    let mut world = world.reboot_host("");
    world.run(60);
    let resets = [Happened::HostReset(1), Happened::HostReset(2)];
    let told: Vec<_> = world.news().into_iter().filter(|what| resets.contains(what)).collect();
    assert_eq!(told, resets);
    assert!(
        !world.outputs.iter().any(|output| matches!(output, Output::Forgotten(_))),
        "{:?}",
        world.outputs
    );
}

/// What it says of one thing that it remembers is not known here; that is told, and all the rest is read.
#[test]
fn what_a_newer_firmware_remembers_is_passed_over_and_told() {
    let mut world = World::new("");
    // A lease is something new, longer than what is known.
    world.line = Box::new(|to_mcu, bytes| {
        let mut decoder = Decoder::new();
        let received = bytes.iter().find_map(|byte| decoder.receive(*byte));
        let Some(Received::Frame(Frame { sequence, message: Message::Log(log) })) = received else {
            return bytes;
        };
        assert!(!to_mcu && log.next < 128, "numbers of one byte");
        let [low, high] = sequence.to_le_bytes();
        let mut block =
            vec![VERSION, low, high, 11, log.first as u8, log.next as u8, log.entries.len() as u8];
        for entry in &log.entries {
            let at = u8::try_from(entry.at.0).unwrap();
            assert!(at < 128);
            block.push(at);
            match entry.what {
                Happened::Leased(_) => block.extend([99, 1, 2, 3]),
                Happened::McuBooted(cause) => block.extend([0, cause as u8]),
                Happened::Armed => block.push(1),
                Happened::Fed => block.push(3),
                other => panic!("{other:?}"),
            }
        }
        block.extend(shunt_wire::checksum(&block).to_le_bytes());
        stuffed(&block)
    });
    world.run(30);
    for seconds in [60, 0, 60, 0] {
        world.session.ask(Message::Lease(Seconds(seconds)), 99, world.time()).unwrap();
        world.run(2);
    }
    world.run(40);
    let what = [
        Happened::McuBooted(ResetCause::PowerOn),
        Happened::Armed,
        Happened::Fed,
        Happened::Fed,
        Happened::Fed,
    ];
    assert_eq!(world.news(), what);
    let strange = |output: &Output| if let Output::Strange(count) = output { *count } else { 0 };
    assert_eq!(world.outputs.iter().map(strange).sum::<u32>(), 2);
    assert!(world.outputs.contains(&Output::Told(7)), "{:?}", world.outputs);
    assert!(!world.outputs.iter().any(|output| matches!(output, Output::Forgotten(_))));
}

/// Its numbers of before the second loss are given again; what was told by them would count as told.
#[test]
fn an_mcu_whose_supply_bounces_tells_what_came_after_the_last_time() {
    for up in 1..20 {
        let mut world = World::new("");
        world.run(60);
        world.power_cycle_mcu();
        world.run(up);
        world.outputs.clear();
        world.power_cycle_mcu();
        world.run(30);
        assert_eq!(world.news(), [Happened::McuBooted(ResetCause::PowerOn), Happened::Fed], "up for {up} s");
        assert_eq!(world.stage(), Some(Stage::Guarding));
    }
}
