//! Small promises that no scenario makes obvious.

use crate::model::{Cure, Faults, Modem};
use crate::scenarios::{config, minutes, rungs, secs, well};
use crate::world::World;
use shunt_recovery::{
    Action, Config, End, Event, Fault, Happening, Hardware, Order, Readiness, Reason, Recovery, Refusal,
    Rung, Saved, Task, Timestamp,
};
use std::time::Duration;

#[test]
fn a_driver_that_says_nothing_is_taken_to_have_run_out_of_time() {
    let mut now = Timestamp::from_nanos(1);
    let mut recovery = Recovery::new(config(), &Saved::default(), 1, now);
    let mut tasks = Vec::new();
    while now < Timestamp::ZERO + minutes(60) {
        while let Some(action) = recovery.poll_action() {
            if let Action::Do { task, .. } = action {
                tasks.push(task);
            }
        }
        let timer = recovery.poll_timeout().unwrap();
        assert!(timer > now, "{timer} {:?}", recovery.snapshot());
        now = timer;
        recovery.handle_timeout(now);
    }
    assert!(tasks.contains(&Task::UsbReset) && tasks.iter().any(|task| matches!(task, Task::CutPower(_))));
    assert!(recovery.snapshot().resets.0 <= 3);
}

/// The world looks at the disk when a reset is made; here there is none.
#[test]
fn a_modem_whose_reset_cannot_be_kept_is_brought_back_all_the_same() {
    let mut world = well();
    world.modem.faults = Faults { no_disk: true, stalled: Some(Cure::Reset), ..Faults::NONE };
    world.verified(minutes(30)).expect("verified");
    assert!(world.journal.iter().any(|entry| entry.what == Happening::NotKept));
}

#[test]
fn a_reset_that_could_not_be_made_does_not_count() {
    let mut now = Timestamp::from_nanos(1);
    let hardware = Hardware { usb: true, ..Hardware::default() };
    let mut recovery = Recovery::new(Config { hardware, ..config() }, &Saved::default(), 1, now);
    let (mut tried, mut disk) = (0, Saved::default());
    // A modem that is not there: nothing is on USB that could be taken off it.
    while now < Timestamp::ZERO + minutes(3 * 60) {
        while let Some(action) = recovery.poll_action() {
            let (id, end) = match action {
                Action::Do { id, task: Task::UsbReset, .. } => {
                    tried += 1;
                    (id, End::Refused(Refusal::Unsupported))
                }
                Action::Do { id, .. } => (id, End::Refused(Refusal::Other)),
                Action::Save { id, saved } => {
                    disk = saved;
                    (id, End::Done)
                }
                Action::Journal(_) => continue,
            };
            recovery.handle_event(Event::Ended { id, end }, now);
        }
        now = recovery.poll_timeout().unwrap();
        recovery.handle_timeout(now);
    }
    assert!(tried >= 3, "{tried}");
    assert_eq!((recovery.snapshot().resets, disk.resets.len()), ((0, 0), 0));
}

#[test]
fn the_back_off_is_cleared_by_ten_healthy_minutes_and_not_before() {
    let mut world = well();
    let stall = |world: &mut World| {
        world.modem.faults.stalled = Some(Cure::Reset);
        world.run_until(secs(90), |world| world.readiness() != Readiness::Verified).expect("noticed");
        world.verified(minutes(60)).expect("verified");
    };
    stall(&mut world);
    assert_eq!(rungs(&world), [2, 2, 3, 4, 5]);
    world.run_for(minutes(2));
    // Soft rungs may be used again, those that hurt may not.
    stall(&mut world);
    assert_eq!(rungs(&world)[5..], [2, 2, 3, 6]);
    world.run_for(minutes(70));
    stall(&mut world);
    assert_eq!(rungs(&world)[9..], [2, 2, 3, 4, 5]);
}

/// A world in which data stopped, nothing that the board has helps, and the third wait has begun: five minutes at least.
fn waiting() -> World {
    let mut world = well();
    let bare = Hardware { sibling: false, reset: false, usb: false, power: false };
    world.config.hardware = bare;
    world.tell(Event::Hardware(bare));
    world.modem.faults = Faults { stalled: Some(Cure::Power), ..Faults::NONE };
    let waited = world.run_until(minutes(90), |world| world.disk.rounds == 3 && waits(world));
    assert!(waited.is_some(), "all was tried");
    world
}

fn waits(world: &World) -> bool {
    world.snapshot().waiting_until.is_some()
}

#[test]
fn an_agent_that_restarts_all_the_time_waits_all_the_same_and_no_longer() {
    for clock in [true, false] {
        let mut world = waiting();
        world.clock = clock;
        let (tried, began) = (rungs(&world).len(), world.now);
        for _ in 0..3 {
            world.restart(false, secs(1));
            // Long enough to find that no data flows.
            world.run_for(secs(80));
            assert_eq!(rungs(&world).len(), tried, "{clock}");
        }
        world.run_until(minutes(3), |world| rungs(world).len() > tried).expect("it goes on");
        let waited = world.now.since(began);
        assert!((minutes(5)..minutes(6) + secs(80)).contains(&waited), "{clock}: {waited:?}");
    }
}

#[test]
fn an_order_a_start_of_the_host_and_data_that_flows_end_a_wait_for_the_next_start_too() {
    let mut by_order = waiting();
    by_order.tell(Event::Order(Order::Retry));
    by_order.restart(false, secs(1));
    let mut by_boot = waiting();
    by_boot.restart(true, secs(1));
    let mut by_data = waiting();
    by_data.modem.faults = Faults::NONE;
    by_data.verified(minutes(10)).expect("verified");
    by_data.run_for(secs(61));
    assert_eq!(by_data.disk.rest, Duration::ZERO);
    by_data.restart(false, secs(1));
    assert!(![by_order, by_boot, by_data].iter().any(waits));
}

#[test]
fn a_steady_state_saves_nothing_and_asks_little() {
    let mut world = well();
    let saves = world.saves;
    world.run_for(minutes(24 * 60));
    assert_eq!(world.saves, saves);
    // Four questions twice a minute.
    assert!(world.tasks.len() <= 24 * 60 * 8 + 8, "{}", world.tasks.len());
    assert_eq!(world.journal, []);
}

#[test]
fn orders_that_come_while_a_task_is_in_hand_are_all_carried_out_in_their_order() {
    let mut world = well();
    for order in [Order::Run(Rung::Radio), Order::Run(Rung::Reset), Order::Retry, Order::Run(Rung::Reset)] {
        world.tell(Event::Order(order));
    }
    world.run_for(minutes(5));
    assert_eq!(rungs(&world), [4, 5]);
}

#[test]
fn a_board_without_means_still_tries_what_it_can() {
    let bare = Hardware { sibling: false, reset: false, usb: false, power: false };
    let mut world = World::new(Config { hardware: bare, ..config() }, Modem::new(1), 1);
    world.verified(secs(30)).expect("verified");
    let for_ever = Some(Cure::Power);
    world.modem.faults = Faults { hang: for_ever, stalled: for_ever, ..Faults::NONE };
    world.run_for(minutes(24 * 60));
    assert!(rungs(&world).iter().all(|rung| *rung < 5), "{:?}", rungs(&world));
    assert_eq!(world.snapshot().reason, Reason::Fault(Fault::Silent));
    world.modem.faults = Faults::NONE;
    world.verified(minutes(80)).expect("verified");
}
