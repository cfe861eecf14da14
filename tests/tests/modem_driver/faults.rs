//! Each fault of the simulated modem: mended by the rung that mends it, within the time of that rung, and by nothing
//! harsher.

use crate::bench::{Bench, DEADLINE, SPEED, Setup};
use shunt_lab::modem::{Cure, Fault, Modem, Network, Service, Simulator};
use shunt_modem::driver::api::Order;
use shunt_recovery::facts::{MobilityCause, SessionCause};
use shunt_recovery::{Cause, Failure, Happening, Readiness, Rung, RungResult};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// How long a rung may take until data flows again, in the machine's time: its own budget, and the way up from where it
/// leads.
fn budget(rung: Rung) -> Duration {
    let way_up = secs(60);
    way_up
        + match rung {
            Rung::Fence => secs(15) * 2,
            Rung::Reopen => secs(5),
            Rung::Bearer => secs(160),
            Rung::Register => secs(150),
            Rung::Radio => secs(195),
            Rung::Reset => secs(15 + 60),
            Rung::Usb => secs(30 + 60),
            Rung::Power => secs(60 + 15 + 60),
            Rung::Slot => secs(240),
        }
}

/// Orders `fault` on a modem that is well, and waits until `rung` has helped.
async fn mended(fault: Fault, rung: Rung) -> Bench {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    bench.until("the second port", |state| state.ports.len() == 2).await;
    bench.act(move |modem, now| modem.fault(fault, now));
    bench.order(Order::Data { flows: false }).await;
    let took = bench.helped(0, rung).await;
    bench.verified().await;
    println!("{fault:?}: {rung:?} took {took:?} of the machine's time, which runs {SPEED} times as fast");
    assert!(took <= budget(rung), "{took:?}");
    let harsher =
        |what: &Happening| matches!(what, Happening::RungBegan { rung: begun, .. } if *begun > rung);
    assert!(!bench.journal().iter().any(|entry| harsher(&entry.what)), "{:#?}", bench.journal());
    bench
}

#[tokio::test]
async fn a_port_that_hangs_is_left_for_its_sibling() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    bench.until("the second port", |state| state.ports.len() == 2).await;
    let ports = bench.state.borrow().ports.clone();
    let hung = bench.modem.ports().unwrap().iter().position(|port| Some(port) == ports.first()).unwrap();
    bench.act(move |modem, now| modem.fault(Fault::PortHang(hung, Cure::Never), now));
    let took = bench.helped(0, Rung::Fence).await;
    assert!(took <= budget(Rung::Fence), "{took:?}");
    bench.until("the other port", |state| state.ports.first() == ports.get(1)).await;
    bench.verified().await;
    assert_eq!(bench.act(|modem, _| modem.counts().boots), 1);
    assert_eq!(bench.heard.lock().unwrap().bearers.len(), 1, "the data went on meanwhile");
}

#[tokio::test]
async fn a_hang_is_ended_off_usb() {
    let bench = mended(Fault::Hang(Cure::Rebind), Rung::Usb).await;
    assert_eq!(bench.act(|modem, _| (modem.counts().boots, modem.counts().power_cuts)), (1, 0));
}

#[tokio::test]
async fn a_modem_that_cannot_be_taken_off_usb_is_as_it_was_and_no_reset_is_counted() {
    let power = shunt_modem::driver::api::Power::None;
    let bench = Bench::new(Setup { power, ..Setup::default() });
    bench.verified().await;
    // Nobody can write to a directory, whoever he is.
    let switch = bench.home.path().join("authorized");
    std::fs::rename(&switch, bench.home.path().join("away")).unwrap();
    std::fs::create_dir(&switch).unwrap();
    let from = bench.journal().len();
    bench.order(Order::Run(Rung::Usb)).await;
    let refused = |what: &Happening| {
        matches!(what, Happening::RungEnded { rung: Rung::Usb, result: RungResult::Refused, .. })
    };
    bench.told(from, "the refusal", refused).await;
    bench.verified().await;
    let resets = bench.state.borrow().machine.resets;
    assert_eq!((resets, bench.act(|modem, _| modem.counts().boots)), ((0, 0), 1));
    let counted: Vec<_> = bench.heard.lock().unwrap().saved.iter().map(|saved| saved.resets.len()).collect();
    assert_eq!(counted, [1, 0], "it was on record before, and taken off it again");
    // The next time it works.
    std::fs::remove_dir(&switch).unwrap();
    std::fs::rename(bench.home.path().join("away"), &switch).unwrap();
    let from = bench.journal().len();
    bench.order(Order::Run(Rung::Usb)).await;
    bench.helped(from, Rung::Usb).await;
}

#[tokio::test]
async fn a_hang_until_the_power_is_cut_is_ended_so() {
    let bench = mended(Fault::Hang(Cure::PowerCut), Rung::Power).await;
    assert_eq!(bench.act(|modem, _| (modem.counts().boots, modem.counts().power_cuts)), (2, 1));
    let saved = bench.heard.lock().unwrap().saved.clone();
    assert!(saved.iter().any(|saved| !saved.resets.is_empty()), "a reset is on record before it is made");
}

#[tokio::test]
async fn a_stall_is_ended_by_a_new_bearer() {
    let bench = mended(Fault::Stall(Cure::Bearer), Rung::Bearer).await;
    let bearers = bench.heard.lock().unwrap().bearers.len();
    assert!(bearers >= 2, "the interface is set again");
}

#[tokio::test]
async fn a_stall_is_ended_by_a_new_registration_by_the_radio_and_by_a_reset() {
    let bench = mended(Fault::Stall(Cure::Detach), Rung::Register).await;
    assert_eq!(bench.act(|modem, _| modem.counts().radio_cycles), 0);
    let bench = mended(Fault::Stall(Cure::Radio), Rung::Radio).await;
    assert_eq!(bench.act(|modem, _| (modem.counts().radio_cycles, modem.counts().resets)), (1, 0));
    let bench = mended(Fault::Stall(Cure::Reset), Rung::Reset).await;
    assert_eq!(bench.act(|modem, _| (modem.counts().resets, modem.counts().power_cuts)), (1, 0));
}

#[tokio::test]
async fn a_modem_is_switched_off_before_its_supply_is_cut() {
    let bench = mended(Fault::Stall(Cure::PowerCut), Rung::Power).await;
    assert_eq!(bench.act(|modem, _| (modem.counts().power_cuts, modem.counts().abrupt_cuts)), (1, 0));
}

#[tokio::test]
async fn a_lost_registration_is_waited_for_and_then_asked_anew() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    bench.act(|modem, now| modem.fault(Fault::Lost(Cure::Detach), now));
    bench.readiness(Readiness::Searching).await;
    let took = bench.helped(0, Rung::Register).await;
    assert!(took <= budget(Rung::Register), "{took:?}");
    assert_eq!(bench.act(|modem, _| modem.counts().radio_cycles), 0);
}

#[tokio::test]
async fn a_bearer_that_does_not_come_up_is_mended_by_a_new_registration() {
    let bench = Bench::new(Setup::default());
    bench.act(|modem, now| modem.fault(Fault::NoBearer(Cure::Detach), now));
    bench.helped(0, Rung::Register).await;
    bench.verified().await;
}

#[tokio::test]
async fn a_bearer_that_drops_comes_back_without_a_rung() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    bench.act(|modem, now| modem.drop_bearer(now));
    bench
        .told(0, "the loss", |what| matches!(what, Happening::Readiness { from: Readiness::Verified, .. }))
        .await;
    bench.verified().await;
    assert!(bench.act(|modem, _| modem.bearer().passes));
    let bearers = bench.heard.lock().unwrap().bearers.clone();
    assert!(matches!(&bearers[..], [Some(_), None, Some(_)]), "{bearers:?}");
    let rung = |what: &Happening| matches!(what, Happening::RungBegan { .. });
    assert!(!bench.journal().iter().any(|entry| rung(&entry.what)), "{:#?}", bench.journal());
}

#[tokio::test]
async fn a_modem_that_comes_back_under_other_names_is_found() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    let old = bench.state.borrow().ports.clone();
    bench.act(|modem, now| modem.rebind(now));
    bench.until("other ports", |state| !state.ports.is_empty() && state.ports != old).await;
    bench.verified().await;
    assert_eq!(bench.state.borrow().counters.gone, 1);
    assert_eq!(bench.act(|modem, _| modem.counts().boots), 1);
}

#[tokio::test]
async fn late_cut_and_spoilt_answers_lost_echoes_and_storms_cost_no_bearer() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    let late = Duration::from_millis(300);
    for fault in [
        Fault::Late { by: late, count: 1 },
        Fault::Cut { count: 1 },
        Fault::Garbage { count: 2 },
        Fault::Storm { count: 200, every: Duration::from_millis(1) },
        Fault::Sluggish(Duration::from_millis(20), Cure::After(secs(1))),
    ] {
        let commands = bench.state.borrow().counters.commands;
        bench.act(move |modem, now| modem.fault(fault, now));
        bench.until("many more commands", |state| state.counters.commands >= commands + 20).await;
        bench.verified().await;
    }
    bench.act(|modem, _| modem.forget_echo());
    let commands = bench.state.borrow().counters.commands;
    bench.until("many more commands", |state| state.counters.commands >= commands + 20).await;
    bench.verified().await;
    let counts = bench.act(|modem, _| modem.counts());
    assert_eq!((counts.boots, counts.radio_cycles, counts.resets, counts.power_cuts), (1, 0, 0, 0));
    let bearers = bench.heard.lock().unwrap().bearers.len();
    assert_eq!(bearers, 1, "{:#?}", bench.journal());
}

#[tokio::test]
async fn a_refusal_for_good_is_an_alarm_until_the_network_thinks_better_of_it() {
    let denied = Network { service: Service::Denied(11), ..Network::default() };
    let bench = Bench::new(Setup { network: denied, ..Setup::default() });
    let cause = Cause::Network(MobilityCause(11));
    bench
        .told(0, "the alarm", |what| matches!(what, Happening::Alarm { cause: told, .. } if *told == cause))
        .await;
    bench.readiness(Readiness::Failed(Failure::Barred(cause))).await;
    bench.act(|modem, now| modem.set_network(Network::default(), now));
    bench.verified().await;
    assert_eq!(bench.act(|modem, _| modem.counts().resets), 0);
}

#[tokio::test]
async fn an_unknown_apn_is_an_alarm() {
    let network = Network { apns: vec!["other".into()], ..Network::default() };
    let bench = Bench::new(Setup { network, apn: "wrong", ..Setup::default() });
    let cause = Cause::Bearer(SessionCause::UNKNOWN_APN);
    bench
        .told(0, "the alarm", |what| matches!(what, Happening::Alarm { cause: told, .. } if *told == cause))
        .await;
    assert_eq!(bench.act(|modem, _| (modem.counts().resets, modem.counts().radio_cycles)), (0, 0));
}

#[tokio::test]
async fn a_modem_that_is_not_there_at_first_is_found_when_it_comes() {
    let bench = Bench::new(Setup::default());
    bench.act(|modem, now| modem.set_power(false, now));
    bench.until("trouble", |state| state.trouble.is_some() && state.ports.is_empty()).await;
    bench.act(|modem, now| modem.set_power(true, now));
    bench.verified().await;
}

#[tokio::test]
async fn a_modem_that_hung_before_the_agent_came_is_brought_back() {
    for (cure, rung) in [(Cure::Rebind, Rung::Usb), (Cure::PowerCut, Rung::Power)] {
        let bench = Bench::new(Setup::default());
        // No answer was given yet: the modem has not even its ports.
        bench.act(move |modem, now| modem.fault(Fault::Hang(cure), now));
        bench.helped(0, rung).await;
        bench.verified().await;
    }
}

/// Takes the modem from its bus, or puts it back, as anybody may.
fn set_switch(bench: &Bench, text: &str) {
    let switch = std::fs::OpenOptions::new().write(true).open(bench.home.path().join("authorized"));
    switch.unwrap().write_all(text.as_bytes()).unwrap();
}

/// Waits until the modem is on its bus, or is not.
async fn on_bus(modem: &Arc<Simulator>, wanted: bool) {
    let modem = modem.clone();
    let seen = move || {
        modem.wait_for("its place on the bus", DEADLINE, move |modem, _| modem.is_authorized() == wanted)
    };
    tokio::task::spawn_blocking(seen).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_agent_that_stops_while_the_modem_is_off_usb_brings_it_back_before() {
    // Off USB for a quarter of a second.
    let bench = Bench::new(Setup { speed: 4, ..Setup::default() });
    bench.verified().await;
    bench.order(Order::Run(Rung::Usb)).await;
    on_bus(&bench.modem, false).await;
    let Bench { modem, orders, driver, home: _home, .. } = bench;
    drop(orders);
    driver.await.unwrap();
    on_bus(&modem, true).await;
}

#[tokio::test]
async fn a_modem_that_was_left_off_usb_is_brought_back_at_the_start() {
    let power = shunt_modem::driver::api::Power::None;
    let bench = Bench::new(Setup { power, ..Setup::default() });
    // The driver does nothing before the first wait.
    bench.modem.wait_for_ports(DEADLINE).unwrap();
    set_switch(&bench, "0");
    let gone = |modem: &Modem, ports: &[PathBuf]| !modem.is_authorized() && ports.is_empty();
    bench.modem.wait_for("no ports", DEADLINE, gone).unwrap();
    bench.verified().await;
    assert_eq!(bench.state.borrow().machine.resets, (0, 0));
}
