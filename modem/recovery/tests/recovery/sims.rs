//! PIN, PUK, no SIM, two SIMs, the data allowance.

use crate::model::{Card, Cure, Faults, Modem};
use crate::scenarios::{config, minutes, rungs, secs};
use crate::world::World;
use shunt_recovery::facts::{Fact, MobilityCause, SessionCause, Sim, SimState, Slot};
use shunt_recovery::{
    Allowance, Cause, Config, Event, Failure, Happening, Order, Pin, PinProblem, Readiness, SimConfig, Task,
};

fn with_pin(pin: &str) -> Config {
    let sims = vec![SimConfig { pin: Pin::parse(pin), ..SimConfig::default() }];
    Config { sims, ..config() }
}

fn wanting(wanted: Option<u64>) -> Config {
    Config { sims: vec![SimConfig { wanted, ..SimConfig::default() }], ..config() }
}

fn locked(pin: &str) -> Modem {
    let mut modem = Modem::new(1);
    modem.cards[0] = Card::new(1, Some(pin));
    modem
}

fn pin_problem(world: &World) -> Option<PinProblem> {
    match world.readiness() {
        Readiness::Failed(Failure::Barred(Cause::Pin(problem))) => Some(problem),
        _ => None,
    }
}

#[test]
fn the_right_pin_is_given_once_not_within_five_seconds_of_the_boot_and_on_record_before() {
    let mut world = World::new(with_pin("1234"), locked("1234"), 1);
    world.run_for(secs(4));
    assert_eq!((world.modem.cards[0].given.len(), world.disk.pins.len()), (0, 0));
    world.verified(secs(30)).expect("verified");
    assert_eq!(world.modem.cards[0].given, ["1234"]);
    assert_eq!(world.disk.pins.len(), 1);
    assert!(!format!("{:?}", world.disk).contains("1234\""));
}

#[test]
fn a_card_that_lost_its_supply_is_unlocked_again_by_the_pin_that_it_accepted() {
    let mut world = World::new(with_pin("1234"), locked("1234"), 1);
    world.verified(secs(30)).expect("verified");
    for times in 2..6 {
        let gone = world.modem.lose_supply();
        world.tell(Event::Fact(gone));
        if times % 2 == 0 {
            world.restart(true, secs(30));
        }
        world.verified(secs(60)).expect("verified");
        assert_eq!(world.modem.cards[0].given, vec!["1234"; times]);
    }
    assert_eq!(world.disk.pins.len(), 1);
    // A phone changes the PIN: the old one is refused once, and never given again.
    world.modem.cards[0].pin = Some("4321".to_owned());
    for _ in 0..3 {
        let gone = world.modem.lose_supply();
        world.tell(Event::Fact(gone));
        world.restart(true, secs(30));
        world.run_for(minutes(3 * 60));
        world.modem.cards[0].unlock();
        world.modem.cards[0].unlocked = false;
    }
    assert_eq!((world.modem.cards[0].given.len(), world.modem.cards[0].tries), (6, 3));
    assert_eq!(pin_problem(&world), Some(PinProblem::Tried));
}

#[test]
fn a_card_with_fewer_tries_than_when_it_accepted_the_pin_is_left_alone() {
    let mut world = World::new(with_pin("1234"), locked("1234"), 1);
    world.verified(secs(30)).expect("verified");
    assert_eq!(world.disk.pins[0].accepted, Some(3));
    world.modem.cards[0].tries = 2;
    let gone = world.modem.lose_supply();
    world.tell(Event::Fact(gone));
    world.run_for(minutes(3 * 60));
    assert_eq!(world.modem.cards[0].given, ["1234"]);
    assert_eq!(pin_problem(&world), Some(PinProblem::TriesFewer));
}

#[test]
fn an_attempt_is_spent_when_its_success_could_not_be_saved_or_its_answer_was_lost() {
    for saved in [true, false] {
        let mut world = World::new(with_pin("1234"), locked("1234"), 1);
        world.run_until(secs(30), |world| !world.modem.cards[0].given.is_empty()).expect("given");
        if saved {
            // The agent ends before the answer.
            world.restart(false, secs(1));
        } else {
            world.modem.faults.no_disk = true;
        }
        world.verified(secs(60)).expect("verified");
        world.modem.faults.no_disk = false;
        let gone = world.modem.lose_supply();
        world.tell(Event::Fact(gone));
        world.restart(true, secs(30));
        world.run_for(minutes(3 * 60));
        assert_eq!(world.modem.cards[0].given, ["1234"]);
        assert_eq!(pin_problem(&world), Some(PinProblem::Tried));
    }
}

#[test]
fn a_wrong_pin_is_given_once_ever_and_a_changed_one_once_more() {
    let mut world = World::new(with_pin("1111"), locked("1234"), 1);
    world.run_for(minutes(3 * 60));
    assert_eq!(world.modem.cards[0].given, ["1111"]);
    for reboot in [false, true, true] {
        world.restart(reboot, secs(20));
        world.run_for(minutes(3 * 60));
    }
    assert_eq!(world.modem.cards[0].given, ["1111"]);
    assert_eq!(pin_problem(&world), Some(PinProblem::Tried));
    world.config = with_pin("1234");
    world.restart(false, secs(1));
    world.verified(secs(30)).expect("verified");
    assert_eq!(world.modem.cards[0].given, ["1111", "1234"]);
}

#[test]
fn a_card_that_does_not_tell_its_number_is_not_taken_for_the_one_before() {
    let mut world = World::new(with_pin("1234"), Modem::new(1), 1);
    world.verified(secs(30)).expect("verified");
    world.modem.cards[0] = Card::new(2, Some("1234"));
    world.modem.faults.no_iccid = true;
    world.tell(Event::Fact(Fact::Sim(Sim::new(SimState::Pin))));
    world.run_for(minutes(3 * 60));
    assert_eq!(world.modem.cards[0].given.len(), 0);
    assert_eq!(pin_problem(&world), Some(PinProblem::CardUnknown));
}

#[test]
fn the_last_try_is_left_to_a_human() {
    let mut modem = locked("1234");
    modem.cards[0].tries = 1;
    let mut world = World::new(with_pin("1234"), modem, 1);
    world.run_for(minutes(3 * 60));
    assert_eq!(world.modem.cards[0].given.len(), 0);
    assert_eq!(pin_problem(&world), Some(PinProblem::TriesLow));
    assert_eq!(rungs(&world), []);
}

#[test]
fn without_a_disk_no_pin_is_given() {
    let mut world = World::new(with_pin("1234"), locked("1234"), 1);
    world.modem.faults.no_disk = true;
    world.run_for(secs(30));
    assert_eq!(world.modem.cards[0].given.len(), 0);
    assert_eq!(pin_problem(&world), Some(PinProblem::NotKept));
    world.modem.faults.no_disk = false;
    world.verified(minutes(80)).expect("verified");
    assert_eq!(world.modem.cards[0].given.len(), 1);
}

#[test]
fn a_puk_is_never_touched_and_no_rung_is_wasted_on_it() {
    let mut modem = locked("1234");
    modem.cards[0].tries = 0;
    let mut world = World::new(with_pin("1234"), modem, 1);
    world.run_for(minutes(24 * 60));
    assert_eq!(world.modem.cards[0].given.len(), 0);
    assert_eq!(world.readiness(), Readiness::Failed(Failure::Barred(Cause::Puk)));
    assert_eq!((rungs(&world), world.modem.resets), (vec![], 0));
}

#[test]
fn no_sim_makes_no_resets_and_an_inserted_one_is_used_at_once_or_within_the_hour() {
    for told in [true, false] {
        let mut world = World::new(config(), Modem::new(1), 1);
        world.modem.faults.no_sim = [true; 2];
        world.run_for(minutes(10 * 60));
        assert_eq!(world.readiness(), Readiness::NoSim);
        assert_eq!(world.modem.resets, 0);
        assert!(rungs(&world).iter().all(|rung| *rung == 4));
        world.modem.faults.no_sim = [false; 2];
        if told {
            world.tell(Event::Fact(Fact::Sim(Sim::new(SimState::Ready))));
        }
        let took = world.verified(minutes(80)).expect("verified");
        assert!(!told || took < secs(20), "{took:?}");
    }
}

/// How often the network was asked for the bearer.
fn asked(world: &World) -> usize {
    world.tasks.iter().filter(|task| matches!(task, Task::BearerUp(_))).count()
}

#[test]
fn an_agent_that_restarts_all_the_time_does_not_ask_a_network_again_that_refused() {
    for clock in [true, false] {
        let mut world = World::new(wanting(Some(1)), Modem::new(1), 1);
        world.modem.faults.refused = Some(SessionCause::UNKNOWN_APN);
        world.clock = clock;
        world.run_for(secs(60));
        let refused = Readiness::Failed(Failure::Barred(Cause::Bearer(SessionCause::UNKNOWN_APN)));
        assert_eq!((world.readiness(), asked(&world)), (refused, 1));
        for turn in 0..20 {
            world.restart(turn % 2 == 0, secs(30));
            world.run_for(secs(60));
            assert_eq!((world.readiness(), asked(&world)), (refused, 1), "{turn}");
        }
        // With a clock half an hour has passed already.
        world.run_for(minutes(if clock { 45 } else { 75 }));
        assert_eq!((world.readiness(), asked(&world)), (refused, 2));
        world.modem.faults.refused = None;
        world.verified(minutes(80)).expect("verified");
        // What is over does not come back.
        world.restart(false, secs(1));
        world.verified(secs(30)).expect("verified");
    }
}

#[test]
fn another_apn_or_another_card_is_tried_at_once_after_a_restart() {
    let refused = |wanted| {
        let mut world = World::new(wanting(wanted), Modem::new(1), 1);
        world.modem.faults.refused = Some(SessionCause::UNKNOWN_APN);
        world.run_for(secs(60));
        world.modem.faults.refused = None;
        world
    };
    let mut world = refused(Some(1));
    world.config = wanting(Some(2));
    world.restart(false, secs(1));
    world.verified(secs(30)).expect("verified");
    let mut world = refused(Some(1));
    world.modem.cards[0] = Card::new(2, None);
    world.restart(false, secs(1));
    world.verified(secs(30)).expect("verified");
    // Where nobody knows whether the APN is another, it may be.
    let mut world = refused(None);
    world.restart(false, secs(1));
    world.verified(secs(30)).expect("verified");
}

#[test]
fn a_sim_that_the_network_bars_stays_barred_over_a_restart_until_the_operator_says_otherwise() {
    let mut world = World::new(config(), Modem::new(1), 1);
    world.modem.faults.denied = Some(MobilityCause(3));
    world.run_for(secs(60));
    world.modem.faults.denied = None;
    world.restart(true, secs(20));
    world.run_for(minutes(5));
    let barred = Readiness::Failed(Failure::Barred(Cause::Network(MobilityCause(3))));
    assert_eq!(world.readiness(), barred);
    world.tell(Event::Order(Order::Retry));
    world.verified(secs(30)).expect("verified");
}

fn two_sims() -> Config {
    let sim = |slot| SimConfig { slot: Some(Slot(slot)), ..SimConfig::default() };
    Config { sims: vec![sim(1), sim(2)], return_after: Some(minutes(30)), ..config() }
}

fn two_slots() -> Modem {
    let mut modem = Modem::new(1);
    modem.slots = true;
    modem
}

#[test]
fn a_barred_sim_gives_way_to_the_other_and_is_returned_to_when_it_may_be_better() {
    let mut world = World::new(two_sims(), two_slots(), 1);
    world.verified(secs(30)).expect("verified");
    world.modem.faults.no_sim[0] = true;
    world.tell(Event::Fact(Fact::Sim(Sim::new(SimState::Absent))));
    world.verified(minutes(4)).expect("verified");
    assert_eq!((world.modem.slot, world.snapshot().slot), (1, Some(Slot(2))));
    assert_eq!(rungs(&world), [8]);
    world.modem.faults.no_sim[0] = false;
    world.run_for(minutes(80));
    assert_eq!((world.modem.slot, world.readiness()), (0, Readiness::Verified));
    assert_eq!(rungs(&world), [8, 8]);
}

#[test]
fn both_sims_barred_are_each_tried_once_an_hour() {
    let mut world = World::new(two_sims(), two_slots(), 1);
    world.modem.faults.denied = Some(MobilityCause(3));
    world.run_for(minutes(10 * 60));
    let switches = rungs(&world).iter().filter(|rung| **rung == 8).count();
    assert!((8..=24).contains(&switches), "{:?}", rungs(&world));
    assert_eq!(world.modem.resets, 0);
}

#[test]
fn the_other_sim_is_the_last_rung() {
    let mut world = World::new(two_sims(), two_slots(), 1);
    world.verified(secs(30)).expect("verified");
    world.journal.clear();
    // The network of the first card gives no address.
    world.modem.faults.no_address = true;
    let dropped = world.modem.drop_bearer();
    world.tell(Event::Fact(dropped));
    world.run_until(minutes(90), |world| world.modem.slot == 1).expect("the other slot");
    world.modem.faults.no_address = false;
    world.verified(minutes(4)).expect("verified");
    assert_eq!(rungs(&world), [2, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn an_operator_selects_a_slot() {
    let mut world = World::new(two_sims(), two_slots(), 1);
    world.verified(secs(30)).expect("verified");
    world.tell(Event::Order(Order::Select(Slot(2))));
    world.run_until(secs(60), |world| world.modem.slot == 1).expect("the other slot");
    world.verified(secs(60)).expect("verified");
    world.tell(Event::Order(Order::Select(Slot(7))));
    world.run_for(secs(5));
    assert_eq!(world.modem.slot, 1);
}

#[test]
fn the_allowance_is_counted_by_card_over_restarts_and_saved_seldom() {
    let allowance = Some(Allowance { bytes: 100 << 20, first_day: 1 });
    let sims = vec![SimConfig { allowance, ..SimConfig::default() }];
    let mut world = World::new(Config { sims, ..config() }, Modem::new(1), 1);
    world.verified(secs(30)).expect("verified");
    world.run_for(minutes(1));
    let used = |world: &World| world.snapshot().allowance.map(|known| (known.used >> 20, known.used_up));
    for _ in 0..60 {
        world.modem.carried += 1 << 20;
        world.run_for(minutes(1));
    }
    assert_eq!(used(&world), Some((60, false)));
    assert!(world.saves <= 13, "{}", world.saves);
    world.run_for(minutes(5));
    world.restart(true, secs(30));
    world.verified(secs(30)).expect("verified");
    world.run_for(minutes(1));
    assert_eq!(used(&world), Some((60, false)));
    // The modem's counter begins anew.
    world.modem.carried = 50 << 20;
    world.run_for(minutes(1));
    assert_eq!(used(&world), Some((110, true)));
    let told = |world: &World| {
        let entries = world.journal.iter();
        entries.filter(|entry| matches!(entry.what, Happening::Allowance { used_up: true, .. })).count()
    };
    assert_eq!(told(&world), 1);
    // The next month begins.
    world.run_for(minutes(32 * 24 * 60));
    assert_eq!(used(&world), Some((0, false)));
}

#[test]
fn a_pin_that_is_not_answered_counts_as_given() {
    let mut world = World::new(with_pin("1234"), locked("1234"), 1);
    world.run_until(secs(30), |world| world.tasks.iter().any(|task| matches!(task, Task::ReadSim))).unwrap();
    world.run_until(secs(30), |world| world.disk.pins.len() == 1).expect("on record");
    // The answer is lost, and so is the agent.
    let given = world.modem.cards[0].given.len();
    world.modem.cards[0].unlocked = false;
    world.modem.faults = Faults { hang: Some(Cure::Fence), ..Faults::NONE };
    world.restart(true, secs(30));
    world.run_for(minutes(2 * 60));
    assert!(given <= 1 && world.modem.cards[0].given.len() == given);
    assert_eq!(pin_problem(&world), Some(PinProblem::Tried));
}
