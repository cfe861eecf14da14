//! SIMs: busy, absent, locked; a PIN that was not accepted is given once, ever.

use crate::bench::{Bench, Setup};
use shunt_lab::modem::{Card, Cure, Fault, Profile};
use shunt_modem::driver::api::{Answer, Order, Told};
use shunt_recovery::facts::Slot;
use shunt_recovery::{Cause, Config, Happening, Pin, PinProblem, Readiness, Rung, SimConfig};
use std::time::Duration;

fn with_pin(pin: &str) -> Config {
    let sim = SimConfig { pin: Pin::parse(pin), ..SimConfig::default() };
    Config { sims: vec![sim], watch: Duration::from_secs(5), ..Config::default() }
}

fn locked() -> Profile {
    Profile { cards: [Some(Card::with_pin("4711")), None], ..Profile::quick() }
}

async fn alarm(bench: &Bench, cause: Cause) {
    let wanted =
        move |what: &Happening| matches!(what, Happening::Alarm { cause: told, .. } if *told == cause);
    bench.told(0, &format!("the alarm {cause:?}"), wanted).await;
}

#[tokio::test]
async fn the_right_pin_is_on_record_before_it_is_given() {
    let bench = Bench::new(Setup { profile: locked(), recovery: with_pin("4711"), ..Setup::default() });
    bench.verified().await;
    assert_eq!(bench.act(|modem, _| (modem.counts().pins, modem.counts().wrong_pins)), (1, 0));
    let pins = bench.heard.lock().unwrap().saved.first().map(|saved| saved.pins.len());
    assert_eq!(pins, Some(1));
    // The reset takes the card's supply: it accepted this PIN, so it is given it again.
    bench.order(Order::Run(Rung::Reset)).await;
    bench.helped(0, Rung::Reset).await;
    assert_eq!(bench.act(|modem, _| (modem.counts().pins, modem.counts().wrong_pins)), (2, 0));
}

#[tokio::test]
async fn a_wrong_pin_is_given_once_ever() {
    let setup = || Setup { profile: locked(), recovery: with_pin("1111"), ..Setup::default() };
    let bench = Bench::new(setup());
    alarm(&bench, Cause::Pin(PinProblem::Wrong)).await;
    let saved = bench.heard.lock().unwrap().saved.last().cloned().unwrap();
    // Ordered to try again, the modem restarted, the agent restarted: it stays at one.
    bench.order(Order::Retry).await;
    alarm(&bench, Cause::Pin(PinProblem::Tried)).await;
    bench.order(Order::Run(Rung::Reset)).await;
    let again = |what: &Happening| matches!(what, Happening::RungBegan { rung: Rung::Reset, .. });
    bench.told(0, "the reset", again).await;
    bench
        .modem
        .wait_for("the second boot", crate::bench::DEADLINE, |modem, _| modem.counts().boots == 2)
        .unwrap();
    bench.until("the block", |state| state.machine.stage == shunt_recovery::Stage::Blocked).await;
    assert_eq!(bench.act(|modem, _| modem.counts().pins), 1);
    drop(bench);

    let bench = Bench::new(Setup { saved, ..setup() });
    alarm(&bench, Cause::Pin(PinProblem::Tried)).await;
    assert_eq!(bench.act(|modem, _| modem.counts().pins), 0);
    // The operator has the right one.
    bench.order(Order::Unlock(Pin::parse("4711").unwrap())).await;
    bench.verified().await;
    assert_eq!(bench.act(|modem, _| modem.counts().wrong_pins), 0);
}

#[tokio::test]
async fn without_a_record_no_pin_is_given() {
    let bench = Bench::new(Setup { profile: locked(), recovery: with_pin("4711"), ..Setup::default() });
    bench.heard.lock().unwrap().disk_full = true;
    alarm(&bench, Cause::Pin(PinProblem::NotKept)).await;
    assert_eq!(bench.act(|modem, _| modem.counts().pins), 0);
}

/// What is decided is decided by what is known: while it is being put on record, nothing else is asked of the modem.
#[tokio::test]
async fn nothing_is_asked_of_a_modem_while_its_pin_is_put_on_record() {
    // The record must be there within 10 s of the machine's time.
    let (profile, recovery) = (locked(), with_pin("4711"));
    let bench = Bench::new(Setup { profile, recovery, speed: 2, ..Setup::default() });
    bench.heard.lock().unwrap().hold =
        Some(|told| matches!(told, Told::Save { saved, .. } if !saved.pins.is_empty()));
    let Told::Save { done, .. } = bench.held("the attempt to be put on record").await else { panic!() };
    bench.heard.lock().unwrap().hold = None;
    let before = bench.state.borrow().counters;
    // An operator asks, and reports of the network call for a look at it.
    let (answer, mut reply) = Answer::new();
    bench.order(Order::At { line: "AT+CSQ".parse().unwrap(), limit: Duration::from_secs(5), answer }).await;
    bench.act(|modem, now| {
        modem.fault(Fault::Storm { count: 10, every: Duration::from_millis(1) }, now);
    });
    bench.until("the reports", |state| state.counters.urcs >= before.urcs + 10).await;
    let counted = bench.state.borrow().counters.commands;
    assert_eq!((counted, bench.act(|modem, _| modem.counts().pins)), (before.commands, 0));
    assert!(reply.try_recv().is_err(), "the operator waits");
    done.give(());
    bench.verified().await;
    tokio::time::timeout(crate::bench::DEADLINE, reply).await.unwrap().unwrap().unwrap();
    assert_eq!(bench.act(|modem, _| (modem.counts().pins, modem.counts().wrong_pins)), (1, 0));
}

#[tokio::test]
async fn a_puk_and_an_unknown_pin_are_for_somebody_to_see_to() {
    let mut card = Card::with_pin("4711");
    card.pin_tries = 0;
    let profile = Profile { cards: [Some(card), None], ..Profile::quick() };
    let bench = Bench::new(Setup { profile, recovery: with_pin("4711"), ..Setup::default() });
    alarm(&bench, Cause::Puk).await;
    assert_eq!(bench.act(|modem, _| modem.counts().pins), 0);

    let bench = Bench::new(Setup { profile: locked(), ..Setup::default() });
    alarm(&bench, Cause::Pin(PinProblem::NotConfigured)).await;

    let mut card = Card::with_pin("4711");
    card.pin_tries = 1;
    let profile = Profile { cards: [Some(card), None], ..Profile::quick() };
    let bench = Bench::new(Setup { profile, recovery: with_pin("4711"), ..Setup::default() });
    alarm(&bench, Cause::Pin(PinProblem::TriesLow)).await;
    assert_eq!(bench.act(|modem, _| modem.counts().pins), 0);
}

#[tokio::test]
async fn a_sim_that_is_not_there_is_an_alarm_and_used_when_it_is_put_in() {
    let profile = Profile { cards: [None, None], ..Profile::quick() };
    let bench = Bench::new(Setup { profile, ..Setup::default() });
    alarm(&bench, Cause::NoSim).await;
    bench.readiness(Readiness::NoSim).await;
    bench.act(|modem, now| modem.insert(0, Some(Card::default()), now));
    bench.verified().await;
}

#[tokio::test]
async fn a_sim_that_stays_busy_is_mended_by_the_radio() {
    let bench = Bench::new(Setup::default());
    bench.act(|modem, now| modem.fault(Fault::CardBusy(Cure::Radio), now));
    bench.helped(0, Rung::Radio).await;
    bench.verified().await;
    assert_eq!(bench.act(|modem, _| modem.counts().resets), 0);
}

#[tokio::test]
async fn the_other_sim_is_used_by_order() {
    let profile = Profile { cards: [Some(Card::default()), Some(Card::other())], ..Profile::quick() };
    let sims = [1, 2].map(|slot| SimConfig { slot: Some(Slot(slot)), ..SimConfig::default() });
    let recovery = Config { sims: sims.to_vec(), watch: Duration::from_secs(5), ..Config::default() };
    let bench = Bench::new(Setup { profile, recovery, ..Setup::default() });
    bench.verified().await;
    assert_eq!(bench.state.borrow().machine.slot, Some(Slot(1)));
    bench.order(Order::SwitchSim(Slot(2))).await;
    bench.helped(0, Rung::Slot).await;
    bench.verified().await;
    assert_eq!(bench.state.borrow().machine.slot, Some(Slot(2)));
    assert_eq!(bench.act(|modem, _| modem.card().map(|card| card.iccid.clone())), Some(Card::other().iccid));
}

/// The slot in use, and the access point that the modem's context has now.
async fn slot_and_apn(bench: &Bench) -> (Option<Slot>, String) {
    let (answer, reply) = Answer::new();
    let line = "AT+CGDCONT?".parse().unwrap();
    bench.order(Order::At { line, limit: Duration::from_secs(5), answer }).await;
    let lines = tokio::time::timeout(crate::bench::DEADLINE, reply).await.unwrap().unwrap().unwrap().lines;
    let own = lines.iter().find(|line| line.starts_with("+CGDCONT: 1,")).unwrap();
    let apn = own.split(',').nth(2).unwrap().trim_matches('"').to_owned();
    (bench.state.borrow().machine.slot, apn)
}

#[tokio::test]
async fn two_sims_come_up_each_by_the_access_point_of_its_provider() {
    let profile = Profile { cards: [Some(Card::default()), Some(Card::other())], ..Profile::quick() };
    // The second is the preferred one: the modem comes up with the first, and the agent goes back and forth.
    let sims = [2, 1].map(|slot| SimConfig { slot: Some(Slot(slot)), ..SimConfig::default() });
    let recovery = Config { sims: sims.to_vec(), watch: Duration::from_secs(5), ..Config::default() };
    let setup =
        Setup { profile, recovery, apn: "two.example", more_apns: vec!["one.example"], ..Setup::default() };
    let bench = Bench::new(setup);
    bench.verified().await;
    assert_eq!(slot_and_apn(&bench).await, (Some(Slot(1)), "one.example".to_owned()));
    for (slot, name) in [(2, "two.example"), (1, "one.example")] {
        let from = bench.journal().len();
        bench.order(Order::SwitchSim(Slot(slot))).await;
        bench.helped(from, Rung::Slot).await;
        bench.verified().await;
        assert_eq!(slot_and_apn(&bench).await, (Some(Slot(slot)), name.to_owned()));
    }
}
