//! What belongs to a card and not to the modem: its PIN's attempts, what it carried, what its network refused.

use crate::model::{Card, Modem};
use crate::scenarios::{config, minutes, secs};
use crate::world::World;
use shunt_recovery::facts::{
    Counter, Fact, Iccid, Identity, Ports, SessionCause, Sim, SimState, Slot, Tries, Usage,
};
use shunt_recovery::{
    Action, Allowance, Block, Cause, Config, Elsewhere, End, Event, Failure, Order, Pin, PinProblem,
    Readiness, Recovery, Rung, Saved, SimConfig, Stage, Task, Timestamp, UnixTime,
};
use std::time::Duration;

fn at(secs: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(secs)
}

fn sim(n: u8, state: SimState) -> Sim {
    let iccid = Iccid::parse(&format!("894902000001234567{n}"));
    Sim { state, slot: Some(Slot(n)), iccid, tries: Tries { pin: Some(3), puk: None } }
}

fn two_sims(wanted: [Option<u64>; 2]) -> Config {
    let sim = |(slot, wanted)| SimConfig { slot: Some(Slot(slot)), wanted, ..SimConfig::default() };
    Config { sims: (1..).zip(wanted).map(sim).collect(), ..config() }
}

/// Goes up to the reading of the SIM with which the PIN was accepted; with `stale`, a look at the SIM that was asked for
/// before the PIN was sent is told after it; with `order`, that comes while the PIN is on its way.
fn unlock(stale: bool, order: Option<Order>) -> Saved {
    let sims = vec![SimConfig { pin: Pin::parse("4711"), ..SimConfig::default() }];
    let mut recovery = Recovery::new(Config { sims, ..config() }, &Saved::default(), 1, at(1));
    let (mut given, mut disk) = (false, Saved::default());
    for now in 1..200 {
        recovery.handle_timeout(at(now));
        while let Some(action) = recovery.poll_action() {
            let (id, facts) = match action {
                Action::Save { id, saved } => {
                    disk = saved;
                    (id, vec![])
                }
                Action::Do { id, task: Task::FindPorts, .. } => (id, vec![Fact::Ports(Ports::Open)]),
                Action::Do { id, task: Task::Identify, .. } => {
                    (id, vec![Fact::Identity(Identity::default())])
                }
                Action::Do { id, task: Task::ReadSim, .. } => {
                    (id, vec![Fact::Sim(sim(1, if given { SimState::Ready } else { SimState::Pin }))])
                }
                Action::Do { id, task: Task::EnterPin(_), .. } => {
                    assert!(!recovery.awaits_save());
                    given = true;
                    order.into_iter().for_each(|order| recovery.handle_event(Event::Order(order), at(now)));
                    (id, stale.then(|| Fact::Sim(sim(1, SimState::Pin))).into_iter().collect())
                }
                Action::Do { task: Task::ReadRadio | Task::Reset | Task::SetRadio(_), .. } => return disk,
                Action::Do { task, .. } => panic!("{task:?}"),
                Action::Journal(_) => continue,
            };
            for fact in facts {
                recovery.handle_event(Event::Fact(fact), at(now));
            }
            recovery.handle_event(Event::Ended { id, end: End::Done }, at(now));
        }
    }
    panic!("{:?}", recovery.snapshot());
}

#[test]
fn a_pin_that_was_accepted_is_known_to_be_though_an_older_look_is_told_after_it_was_sent() {
    for stale in [false, true] {
        assert_eq!(unlock(stale, None).pins[0].accepted, Some(3), "{stale}");
    }
}

/// Reset before the card is seen to be open, nobody would know what came of its PIN, and it would never be given it again.
#[test]
fn an_order_that_comes_while_a_pin_is_on_its_way_waits_for_what_comes_of_it() {
    for rung in [Rung::Reset, Rung::Radio] {
        assert_eq!(unlock(false, Some(Order::Run(rung))).pins[0].accepted, Some(3), "{rung:?}");
    }
}

#[test]
fn a_pin_that_another_modem_gave_in_vain_is_not_given_again_by_this_one() {
    let sims = vec![SimConfig { pin: Pin::parse("1111"), ..SimConfig::default() }];
    let with_pin = Config { sims, ..config() };
    let locked = || {
        let mut modem = Modem::new(1);
        modem.cards[0] = Card::new(1, Some("1234"));
        modem
    };
    let mut first = World::new(with_pin.clone(), locked(), 1);
    first.run_for(minutes(10));
    assert_eq!(first.modem.cards[0].given, ["1111"]);
    let elsewhere = Elsewhere { pins: first.disk.pins.clone(), ..Elsewhere::default() };
    // Known before this modem is begun, or told while it runs without a card.
    for told in [false, true] {
        let known = if told { Elsewhere::default() } else { elsewhere.clone() };
        let mut second = World::new(Config { elsewhere: known, ..with_pin.clone() }, locked(), 2);
        if told {
            second.tell(Event::Elsewhere(elsewhere.clone()));
        }
        second.run_for(minutes(3 * 60));
        assert!(second.modem.cards[0].given.is_empty());
        let tried = Readiness::Failed(Failure::Barred(Cause::Pin(PinProblem::Tried)));
        assert_eq!(second.readiness(), tried);
    }
}

fn used(recovery: &Recovery) -> u64 {
    recovery.snapshot().allowance.unwrap().used
}

fn count(recovery: &mut Recovery, counter: Counter, received: u64, secs: u64) {
    recovery.handle_event(Event::Fact(Fact::Usage(counter, Usage { received, sent: 0 })), at(secs));
}

#[test]
fn what_a_modem_counted_before_it_was_ever_seen_is_not_this_months() {
    let allowance = Some(Allowance { bytes: 5_000_000_000, first_day: 1 });
    let sims = vec![SimConfig { allowance, ..SimConfig::default() }];
    let mut recovery = Recovery::new(Config { sims, ..config() }, &Saved::default(), 1, at(1));
    recovery.handle_event(Event::Fact(Fact::Sim(sim(1, SimState::Ready))), at(1));
    count(&mut recovery, Counter::Modem, 500_000_000_000, 2);
    assert_eq!((used(&recovery), recovery.snapshot().allowance.unwrap().used_up), (0, false));
    count(&mut recovery, Counter::Modem, 501_000_000_000, 3);
    // The host's counter has seen more of it; none of it counts twice.
    count(&mut recovery, Counter::Host, 3_000_000_000, 4);
    count(&mut recovery, Counter::Host, 3_000_000_500, 5);
    count(&mut recovery, Counter::Modem, 501_000_000_700, 6);
    assert_eq!(used(&recovery), 1_000_000_500);
}

#[test]
fn what_one_sim_carried_is_saved_at_the_end_and_is_not_the_other_sims() {
    let mut recovery = Recovery::new(two_sims([None; 2]), &Saved::default(), 1, at(1));
    recovery.handle_event(Event::Fact(Fact::Sim(sim(1, SimState::Ready))), at(1));
    count(&mut recovery, Counter::Host, 0, 1);
    // Four minutes at full speed: too early for a save.
    count(&mut recovery, Counter::Host, 1_000_000_000, 241);
    let saves = std::iter::from_fn(|| recovery.poll_action()).filter(|it| matches!(it, Action::Save { .. }));
    assert_eq!(saves.count(), 0);
    let disk = recovery.farewell();
    let mut recovery = Recovery::new(two_sims([None; 2]), &disk, 2, at(1));
    recovery.handle_event(Event::Fact(Fact::Sim(sim(2, SimState::Ready))), at(1));
    count(&mut recovery, Counter::Host, 1_000_000_100, 2);
    assert_eq!(used(&recovery), 0);
    recovery.handle_event(Event::Fact(Fact::Sim(sim(1, SimState::Ready))), at(3));
    assert_eq!(used(&recovery), 1_000_000_000);
    // And what it carried in another modem counts as well.
    let cards = disk.cards.clone();
    recovery.handle_event(Event::Elsewhere(Elsewhere { cards, ..Elsewhere::default() }), at(4));
    assert_eq!(used(&recovery), 2_000_000_000);
}

#[test]
fn what_the_network_refused_of_one_sim_stands_whichever_was_used_last() {
    let cause = Cause::Bearer(SessionCause::UNKNOWN_APN);
    let block = Block {
        slot: Some(Slot(1)),
        iccid: sim(1, SimState::Ready).iccid.unwrap(),
        cause,
        wanted: Some(111),
        left: Duration::from_secs(3600),
    };
    let saved = Saved { blocks: vec![block], ..Saved::default() };
    for (wanted, stage) in [(111, Stage::Blocked), (112, Stage::Radio)] {
        let mut recovery = Recovery::new(two_sims([Some(wanted), Some(222)]), &saved, 1, at(1));
        let facts = [
            Fact::Ports(Ports::Open),
            Fact::Identity(Identity::default()),
            Fact::Sim(sim(1, SimState::Ready)),
        ];
        for fact in facts {
            recovery.handle_event(Event::Fact(fact), at(1));
        }
        assert_eq!(recovery.snapshot().stage, stage);
        assert_eq!(recovery.farewell().blocks.len(), usize::from(stage == Stage::Blocked));
    }
}

#[test]
fn each_sim_is_brought_up_in_its_own_context() {
    let mut modem = Modem::new(1);
    modem.slots = true;
    // The modem comes with the second SIM in use, before anybody asked which it is.
    modem.slot = 1;
    let mut world = World::new(two_sims([None; 2]), modem, 1);
    let contexts = |world: &World| -> Vec<usize> {
        let tasks = world.tasks.iter();
        tasks.filter_map(|task| if let Task::BearerUp(sim) = task { Some(*sim) } else { None }).collect()
    };
    world.verified(secs(30)).expect("verified");
    assert_eq!(contexts(&world), [1]);
    world.tell(Event::Order(shunt_recovery::Order::Select(Slot(1))));
    world.run_until(secs(60), |world| world.modem.slot == 0).expect("the other slot");
    world.verified(secs(60)).expect("verified");
    assert_eq!(contexts(&world), [1, 0]);
}

#[test]
fn a_clock_that_is_put_right_lifts_no_caps() {
    // The clock of the image; three resets; saved with that clock. NTP puts it right: five months on.
    let saved = Saved {
        at: Some(UnixTime(1_767_225_600)),
        resets: vec![Duration::from_secs(60); 3],
        ..Saved::default()
    };
    let mut recovery = Recovery::new(config(), &saved, 1, at(1));
    let right = UnixTime(1_780_000_000);
    recovery.handle_event(Event::Clock(right), at(1));
    assert_eq!(recovery.snapshot().resets.0, 3);
    // From here on the clock is right, and an hour without anybody is an hour.
    let disk = std::iter::from_fn(|| recovery.poll_action()).find_map(|action| match action {
        Action::Save { saved, .. } => Some(saved),
        _ => None,
    });
    let disk = disk.expect("saved");
    assert_eq!(disk.at, Some(right));
    let mut recovery = Recovery::new(config(), &disk, 1, at(1));
    recovery.handle_event(Event::Clock(UnixTime(right.0 + 3_600)), at(1));
    assert_eq!(recovery.snapshot().resets, (0, 3));
}
