//! Each fault, and how it is got over.

use crate::model::{Cure, Faults, Modem};
use crate::world::World;
use shunt_recovery::facts::{
    Domain, Fact, MobilityCause, Ports, Registration, RegistrationState, SessionCause,
};
use shunt_recovery::{
    Cause, Config, Event, Failure, Fault, Happening, Hardware, Order, Readiness, Rung, RungResult, Task,
};
use std::time::Duration;

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) fn config() -> Config {
    let hardware = Hardware { sibling: true, reset: true, usb: true, power: true };
    Config { hardware, ..Config::default() }
}

/// A modem that has been well for a while.
pub(crate) fn well() -> World {
    let mut world = World::new(config(), Modem::new(1), 1);
    assert!(world.verified(secs(30)).is_some(), "{:?}", world.snapshot());
    world.run_for(minutes(12));
    world.journal.clear();
    world.tasks.clear();
    world
}

pub(crate) fn rungs(world: &World) -> Vec<u8> {
    let began = world.journal.iter().filter_map(|entry| match entry.what {
        Happening::RungBegan { rung, .. } => Some(rung.number()),
        _ => None,
    });
    began.collect()
}

fn last_result(world: &World) -> Option<(Rung, RungResult)> {
    world.journal.iter().rev().find_map(|entry| match entry.what {
        Happening::RungEnded { rung, result, .. } => Some((rung, result)),
        _ => None,
    })
}

fn readiness(world: &World) -> Vec<Readiness> {
    let told = world.journal.iter().filter_map(|entry| match entry.what {
        Happening::Readiness { to, .. } => Some(to),
        _ => None,
    });
    told.collect()
}

fn alarms(world: &World) -> Vec<Cause> {
    let told = world.journal.iter().filter_map(|entry| match entry.what {
        Happening::Alarm { cause, .. } => Some(cause),
        _ => None,
    });
    told.collect()
}

#[test]
fn from_nothing_to_data() {
    let mut world = World::new(config(), Modem::new(1), 1);
    let took = world.verified(secs(30)).expect("verified");
    assert!(took < secs(10), "{took:?}");
    assert_eq!(rungs(&world), []);
    assert_eq!(
        readiness(&world),
        [Readiness::Searching, Readiness::Registered, Readiness::BearerUp, Readiness::Verified]
    );
}

/// A fault that one rung mends, the rungs that are tried, and what the last of them may take until data flows:
/// its budget, and the way up after it (a boot of 20 s in the model, and some questions).
struct Case {
    name: &'static str,
    faults: Faults,
    rungs: &'static [u8],
    budget: Duration,
}

fn cases() -> Vec<Case> {
    use Cure::{Bearer, Fence, Power, Radio, Register, Reopen, Reset, Usb};
    let hang = |cure| Faults { hang: Some(cure), stalled: Some(cure), ..Faults::NONE };
    let stalled = |cure| Faults { stalled: Some(cure), ..Faults::NONE };
    let deaf = |cure| Faults { deaf: Some(cure), ..Faults::NONE };
    let busy = |cure| Faults { sim_busy: Some(cure), deaf: Some(cure), ..Faults::NONE };
    let vanished = |cure| Faults { vanished: Some(cure), ..Faults::NONE };
    let case = |name, faults, rungs, budget| Case { name, faults, rungs, budget: secs(budget) };
    vec![
        case("AT slow", Faults { hang: Some(Fence), ..Faults::NONE }, &[0], 9),
        case("hang, until the port is reopened", hang(Reopen), &[0, 1], 5 + 10),
        case("hang, until off USB", hang(Usb), &[0, 1, 6], 30 + 60),
        case("hang, until the power is cut", hang(Power), &[0, 1, 6, 7], 120 + 60),
        case("no port, until off USB", vanished(Usb), &[6], 30 + 60),
        case("no port, until the power is cut", vanished(Power), &[6, 7], 120 + 60),
        case("data stalled, until a new bearer", stalled(Bearer), &[2], 150),
        case("data stalled, until registered anew", stalled(Register), &[2, 2, 3], 180),
        case("data stalled, until the radio was off", stalled(Radio), &[2, 2, 3, 4], 195),
        case("data stalled, until a reset", stalled(Reset), &[2, 2, 3, 4, 5], 75 + 60),
        case("not registered, until registered anew", deaf(Register), &[3], 180),
        case("not registered, until the radio was off", deaf(Radio), &[3, 4], 195),
        case("not registered, until a reset", deaf(Reset), &[3, 4, 5], 75 + 60),
        case("SIM busy, until the radio was off", busy(Radio), &[4], 195),
        case("SIM busy, until a reset", busy(Reset), &[4, 5], 75 + 60),
    ]
}

#[test]
fn each_fault_is_got_over_within_its_rungs_budget() {
    println!("{:45} {:24} {:>10} {:>10} {:>12}", "fault", "rungs", "last rung", "budget", "from fault");
    for case in cases() {
        let mut world = well();
        world.modem.faults = case.faults.clone();
        if case.faults.vanished.is_some() {
            world.modem.open = false;
            world.tell(Event::Fact(Fact::Ports(Ports::Gone)));
        }
        if case.faults.sim_busy.is_some() {
            // It came back from a boot of its own with a SIM that does not answer.
            world.tell(Event::Fact(Fact::Booted));
        }
        let began = world.now;
        // A slow port alone costs no readiness.
        world.run_until(minutes(2), |world| !world.journal.is_empty()).expect("noticed");
        let took = world.verified(minutes(40)).map(|_| world.now.since(began));
        let took =
            took.unwrap_or_else(|| panic!("{}: {:?} {:?}", case.name, rungs(&world), world.snapshot()));
        assert_eq!(rungs(&world), case.rungs, "{}", case.name);
        let ended = world.journal.iter().rev().find_map(|entry| match entry.what {
            Happening::RungEnded { took, result: RungResult::Helped, .. } => Some(took),
            _ => None,
        });
        let rung = ended.unwrap_or_else(|| panic!("{}: no result", case.name));
        println!(
            "{:45} {:24} {:>8.1} s {:>8} s {:>10.1} s",
            case.name,
            format!("{:?}", case.rungs),
            rung.as_secs_f64(),
            case.budget.as_secs(),
            took.as_secs_f64()
        );
        assert!(rung <= case.budget, "{}: {rung:?}", case.name);
    }
}

#[test]
fn a_supply_is_never_cut_without_a_gentle_off_before() {
    let mut world = well();
    let cut = Some(Cure::Power);
    world.modem.faults = Faults { hang: cut, stalled: cut, ..Faults::NONE };
    world.verified(minutes(40)).expect("verified");
    let place = world.tasks.iter().position(|task| matches!(task, Task::CutPower(_))).expect("cut");
    assert_eq!(world.tasks[place - 1], Task::PowerOff);
    let Task::CutPower(off) = world.tasks[place] else { panic!() };
    assert!(off >= secs(10));
}

#[test]
fn a_port_that_comes_back_by_itself_needs_no_rung() {
    let mut world = well();
    world.modem.open = false;
    world.tell(Event::Fact(Fact::Ports(Ports::Gone)));
    assert_eq!(world.readiness(), Readiness::NoModem);
    let took = world.verified(secs(30)).expect("verified");
    assert!(took < secs(10), "{took:?}");
    assert_eq!(rungs(&world), []);
}

#[test]
fn a_bearer_that_drops_is_brought_up_at_once() {
    let mut world = well();
    let dropped = world.modem.drop_bearer();
    world.tell(Event::Fact(dropped));
    assert_eq!(world.readiness(), Readiness::Registered);
    let took = world.verified(secs(30)).expect("verified");
    assert!(took < secs(10), "{took:?}");
    assert_eq!(rungs(&world), []);
}

#[test]
fn a_bearer_that_outlives_its_registration_is_never_thought_gone() {
    let mut world = well();
    let registered = |state| Registration {
        domain: Domain::Eps,
        state,
        technology: None,
        area: None,
        cell: None,
        cause: None,
    };
    for state in [RegistrationState::Searching, RegistrationState::Home] {
        world.tell(Event::Fact(Fact::Registration(registered(state))));
        for _ in 0..200 {
            world.run_for(Duration::from_millis(50));
            assert!(world.snapshot().bearer.is_some_and(|bearer| bearer.active), "{:?}", world.snapshot());
        }
    }
    assert!(world.verified(secs(30)).is_some(), "{:?}", world.snapshot());
    assert_eq!(rungs(&world), []);
}

#[test]
fn a_bearer_that_drops_without_a_word_is_noticed_by_the_watch() {
    let mut world = well();
    let _unheard = world.modem.drop_bearer();
    world.modem.faults.stalled = None;
    let took = world.verified(secs(60)).expect("verified");
    assert!(took < secs(40), "{took:?}");
}

#[test]
fn a_network_that_is_away_is_waited_for_before_anything_is_done() {
    let mut world = well();
    world.modem.faults.no_network = true;
    for fact in world.modem.registrations() {
        world.tell(Event::Fact(fact));
    }
    world.run_for(secs(179));
    assert_eq!(rungs(&world), []);
    world.modem.faults.no_network = false;
    assert!(world.verified(secs(20)).is_some());
    assert_eq!(rungs(&world), []);
}

#[test]
fn a_temporary_denial_is_asked_again_and_a_permanent_one_is_not() {
    let mut world = well();
    world.modem.faults.denied = Some(MobilityCause(15));
    world.run_for(minutes(4));
    assert!(rungs(&world) == [3], "{:?}", rungs(&world));
    assert_eq!(alarms(&world), []);
    world.modem.faults.denied = None;
    assert!(world.verified(minutes(5)).is_some());

    let mut world = well();
    let barred = MobilityCause(11);
    world.modem.faults.denied = Some(barred);
    world.run_for(minutes(50));
    assert_eq!(rungs(&world), []);
    assert_eq!(alarms(&world), [Cause::Network(barred)]);
    assert_eq!(world.readiness(), Readiness::Failed(Failure::Barred(Cause::Network(barred))));
    world.run_for(minutes(10 * 60));
    assert!(rungs(&world).iter().all(|rung| *rung == 3), "{:?}", rungs(&world));
    assert!((8..=10).contains(&rungs(&world).len()), "{:?}", rungs(&world));
    world.modem.faults.denied = None;
    let took = world.verified(minutes(75)).expect("verified");
    assert!(took > secs(60), "{took:?}");
}

#[test]
fn an_unknown_apn_and_a_failed_login_are_not_looped_on() {
    for cause in [SessionCause::UNKNOWN_APN, SessionCause::AUTH_FAILED] {
        let mut world = well();
        world.modem.faults.refused = Some(cause);
        let dropped = world.modem.drop_bearer();
        world.tell(Event::Fact(dropped));
        world.run_for(minutes(59));
        let attempts = world.tasks.iter().filter(|task| matches!(task, Task::BearerUp(_))).count();
        assert_eq!((attempts, rungs(&world)), (1, vec![]));
        assert_eq!(alarms(&world), [Cause::Bearer(cause)]);
        world.modem.faults.refused = None;
        assert!(world.verified(minutes(20)).is_some());
    }
}

#[test]
fn what_carries_data_is_not_cut_for_the_sake_of_its_port() {
    let mut world = well();
    world.modem.faults.hang = Some(Cure::Power);
    world.run_for(minutes(6 * 60));
    assert_eq!((world.readiness(), world.snapshot().fault), (Readiness::Verified, Some(Fault::Silent)));
    assert!(
        world.journal.iter().any(|entry| matches!(entry.what, Happening::Resting { withheld: true, .. }))
    );
    assert!(rungs(&world).iter().all(|rung| *rung < 2), "{:?}", rungs(&world));
    // Once it carries nothing, there is nothing to spare.
    world.modem.faults.stalled = Some(Cure::Power);
    let took = world.run_until(minutes(60), |world| world.modem.power_cuts > 0).expect("a cut");
    assert!(took < minutes(5), "{took:?}");
    assert!(world.verified(minutes(5)).is_some());
    assert_eq!(last_result(&world), Some((Rung::Power, RungResult::Helped)));
}

#[test]
fn what_nothing_mends_is_tried_for_ever_at_the_slowest_pace() {
    let mut world = well();
    world.modem.faults.no_address = true;
    let dropped = world.modem.drop_bearer();
    world.tell(Event::Fact(dropped));
    world.run_for(minutes(24 * 60));
    let waits: Vec<_> = world
        .journal
        .iter()
        .filter_map(|entry| match entry.what {
            Happening::Resting { wait, fault: Fault::NoAddress, .. } => Some(wait.as_secs() / 60),
            _ => None,
        })
        .collect();
    assert_eq!(waits.len(), waits.iter().filter(|wait| **wait >= 1).count());
    assert!(waits.windows(2).all(|pair| pair[1] + 12 >= pair[0]), "{waits:?}");
    assert!(waits[5..].iter().all(|wait| (60..72).contains(wait)), "{waits:?}");
    assert!(world.resets.len() <= 10, "{}", world.resets.len());
    world.modem.faults.no_address = false;
    assert!(world.verified(minutes(90)).is_some());
}

#[test]
fn an_operator_need_not_wait() {
    let mut world = well();
    world.modem.faults.no_address = true;
    let dropped = world.modem.drop_bearer();
    world.tell(Event::Fact(dropped));
    world.run_for(minutes(10 * 60));
    world.modem.faults.no_address = false;
    world.tell(Event::Order(Order::Retry));
    assert!(world.verified(minutes(5)).is_some());
    let before = rungs(&world).len();
    world.tell(Event::Order(Order::Run(Rung::Radio)));
    world.run_for(secs(1));
    assert_eq!(rungs(&world)[before..], [4]);
    assert_eq!(world.readiness(), Readiness::Searching);
    assert!(world.verified(minutes(2)).is_some());
}

#[test]
fn a_network_that_takes_no_bearers_for_a_while_is_asked_again_before_the_ladders_next_turn() {
    let mut world = well();
    // Insufficient resources: congestion.
    world.modem.faults.refused = Some(SessionCause(26));
    let dropped = world.modem.drop_bearer();
    world.tell(Event::Fact(dropped));
    world.run_for(minutes(40));
    assert!(world.snapshot().waiting_until.is_some(), "{:?}", world.snapshot());
    let resets = world.snapshot().resets;
    let before = rungs(&world).len();
    // The next turn is ten minutes away at least.
    let left = world.snapshot().waiting_until.unwrap().since(world.snapshot().at);
    assert!(left > minutes(2), "{left:?}");
    world.modem.faults.refused = None;
    // Looked at twice a minute, and asked for with every other look.
    assert!(world.verified(secs(120)).is_some(), "{:?}", world.snapshot());
    assert_eq!((rungs(&world).len(), world.snapshot().resets), (before, resets), "no rung was needed");
}
