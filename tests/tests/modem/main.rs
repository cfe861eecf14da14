//! The simulated modem, driven by the agent's own session over its ptys: it works, and each fault shows what it should.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod bearer;
mod bench;
mod dialect;

use bench::{Bench, DEADLINE, SHORT, command, end, fails, gone, line, open, say, urc};
use shunt_lab::modem::{Card, Cure, Fault, Modem, Network, Profile, Service, Timing};
use shunt_modem::ModemError;
use shunt_modem::at::{Final, Outcome, Payload};
use shunt_modem::ports::{DevicePort, Finder, Probing, Selector, Sysfs};
use std::path::PathBuf;
use std::time::Duration;

#[tokio::test]
async fn it_boots_registers_and_tells_what_it_is() {
    let timing = Timing { boot: Duration::from_secs(2), ..Timing::quick() };
    let bench = Bench::new(Profile { timing, ..Profile::quick() });
    bench.modem.wait_for("the ports", DEADLINE, |_, ports| !ports.is_empty()).unwrap();
    let mut session = open(&bench.modem.ports().unwrap()[0]);
    for wanted in ["RDY", "+CPIN: READY", "+QIND: SMS DONE"] {
        urc(&mut session, wanted).await;
    }
    bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902");
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99");
    assert_eq!(line(&mut session, "AT+CEREG?").await, "+CEREG: 0,1");
    assert_eq!(end(&mut session, "AT+CEREG=2").await, Final::Ok);
    assert_eq!(line(&mut session, "AT+CEREG?").await, "+CEREG: 2,1,\"1A2B\",\"1D30F02\",7");
    assert!(line(&mut session, "AT+QENG=\"servingcell\"").await.contains("\"LTE\",\"FDD\",262,01,"));
    assert_eq!(line(&mut session, "AT+QTEMP").await, "+QTEMP: 38,38,36");
    bench.ask(|modem| modem.count_traffic(1_000, 2_000));
    assert_eq!(line(&mut session, "AT+QGDCNT?").await, "+QGDCNT: 1000,2000");
}

#[tokio::test]
async fn a_hang_that_a_rebind_ends_and_one_that_only_a_power_cut_ends() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99");
    let old = bench.modem.ports().unwrap();
    bench.fault(Fault::Hang(Cure::Rebind));
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Unresponsive { .. }));
    bench.modem.act(|modem, now| modem.rebind(now)).unwrap();
    gone(&mut session).await;
    let mut session = bench.session(0);
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99");
    let new = bench.modem.ports().unwrap();
    assert!(new.iter().all(|port| !old.contains(port)), "{old:?} {new:?}");
    assert!(bench.ask(|modem| modem.registered()), "it went on meanwhile");

    bench.fault(Fault::Hang(Cure::PowerCut));
    bench.modem.act(|modem, now| modem.rebind(now)).unwrap();
    let mut session = bench.session(0);
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Unresponsive { .. }));
    bench.set_power(false);
    bench.set_power(true);
    let mut session = bench.registered();
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99");
    let counts = bench.ask(|modem| modem.counts());
    assert_eq!((counts.boots, counts.power_cuts, counts.abrupt_cuts), (2, 1, 1));
}

#[tokio::test]
async fn it_is_found_again_under_other_names() {
    let bench = Bench::new(Profile::quick());
    bench.modem.wait_for_ports(DEADLINE).unwrap();
    let sysfs = Sysfs::at(bench.home.path().join("sys"), bench.home.path().join("dev"));
    let imei = Selector::Imei("001012345678902".parse().unwrap());
    let mut finder = Finder::new(sysfs, imei, Probing::default());
    let before = finder.find().await.unwrap();
    assert_eq!((before.ports.len(), before.model.as_slice()), (2, ["EC25".to_owned()].as_slice()));
    bench.modem.act(|modem, now| modem.rebind(now)).unwrap();
    bench.modem.wait_for_ports(DEADLINE).unwrap();
    let after = finder.find().await.unwrap();
    assert_eq!(after.device.path, before.device.path);
    let same = |one: &DevicePort, other: &DevicePort| one.place == other.place && one.node != other.node;
    assert!(
        before.ports.iter().zip(&after.ports).all(|(one, other)| same(one, other)),
        "{before:?} {after:?}"
    );
}

#[tokio::test]
async fn a_port_that_hangs_leaves_the_other_and_is_mended_by_opening_it_again() {
    let bench = Bench::new(Profile::quick());
    let (mut first, mut second) = (bench.session(0), bench.session(1));
    bench.fault(Fault::PortHang(0, Cure::Reopen));
    assert!(matches!(fails(&mut first, "AT+CSQ").await, ModemError::Unresponsive { .. }));
    assert_eq!(line(&mut second, "AT+CGSN").await, "001012345678902");
    drop(first);
    let mut first = bench.session(0);
    assert_eq!(line(&mut first, "AT+CGSN").await, "001012345678902");
}

#[tokio::test]
async fn late_cut_and_spoilt_answers_are_never_taken_for_others() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902");
    bench.fault(Fault::Late { by: 2 * SHORT, count: 1 });
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902");

    bench.fault(Fault::Cut { count: 1 });
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902");

    bench.fault(Fault::Garbage { count: 1 });
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99");
    bench.ask(|modem| modem.forget_echo());
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902", "the fence asks for the echo again");

    bench.fault(Fault::Sluggish(SHORT, Cure::Reset));
    let begin = std::time::Instant::now();
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902");
    assert!(begin.elapsed() >= SHORT);
    assert!(bench.ask(|modem| modem.faults().len()) == 1, "the others have used themselves up");
}

#[tokio::test]
async fn a_storm_of_unsolicited_lines_hides_no_answer() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    bench.fault(Fault::Storm { count: 500, every: Duration::from_micros(200) });
    for _ in 0..20 {
        assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678902");
    }
    assert_eq!(urc(&mut session, "+CSQ: 1,99").await, "+CSQ: 1,99");
}

#[tokio::test]
async fn a_card_is_busy_absent_locked_and_dead() {
    let cards = [Some(Card::with_pin("4711")), Some(Card::other())];
    let bench = Bench::new(Profile { cards, ..Profile::quick() });
    let mut session = bench.session(0);
    let locked = |modem: &Modem, _: &[PathBuf]| format!("{:?}", modem.card_state()) == "Locked(Pin)";
    bench.modem.wait_for("the lock", DEADLINE, locked).unwrap();
    assert_eq!(line(&mut session, "AT+CPIN?").await, "+CPIN: SIM PIN");
    assert_eq!(end(&mut session, "AT+CPIN=\"1111\"").await, Final::Cme(Some(16)));
    assert_eq!(end(&mut session, "AT+CIMI").await, Final::Cme(Some(11)));
    assert_eq!(end(&mut session, "AT+CPIN=\"4711\"").await, Final::Ok);
    bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    assert_eq!(bench.ask(|modem| (modem.counts().pins, modem.counts().wrong_pins)), (2, 1));

    bench.fault(Fault::CardBusy(Cure::Radio));
    assert_eq!(end(&mut session, "AT+CPIN?").await, Final::Cme(Some(14)));
    assert!(!bench.ask(|modem| modem.registered()));
    assert_eq!(end(&mut session, "AT+CFUN=4").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+CFUN=1").await, Final::Ok);
    bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();

    bench.fault(Fault::CardLost(Cure::Never));
    assert_eq!(end(&mut session, "AT+CPIN?").await, Final::Cme(Some(10)));
    bench.modem.act(|modem, now| modem.mend(now)).unwrap();
    assert_eq!(end(&mut session, "AT+QUIMSLOT=2").await, Final::Ok);
    bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    assert_eq!(line(&mut session, "AT+CIMI").await, "262030000000002");
    bench.modem.act(|modem, now| modem.insert(1, None, now)).unwrap();
    assert_eq!(end(&mut session, "AT+CPIN?").await, Final::Cme(Some(10)));
}

#[tokio::test]
async fn a_refusal_has_its_cause_and_a_lost_registration_is_told() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(end(&mut session, "AT+CEREG=3").await, Final::Ok);
    let denied = |cause| Network { service: Service::Denied(cause), ..Network::default() };
    bench.modem.act(move |modem, now| modem.set_network(denied(11), now)).unwrap();
    assert_eq!(urc(&mut session, "+CEREG: 3").await, "+CEREG: 3,,,,0,11");
    assert_eq!(line(&mut session, "AT+CEREG?").await, "+CEREG: 3,3,,,,0,11");
    bench.modem.act(|modem, now| modem.set_network(Network::default(), now)).unwrap();
    urc(&mut session, "+CEREG: 1,").await;

    bench.fault(Fault::Lost(Cure::Detach));
    assert_eq!(urc(&mut session, "+CEREG: 2").await, "+CEREG: 2");
    assert_eq!(end(&mut session, "AT+COPS=2").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+COPS=0").await, Final::Ok);
    urc(&mut session, "+CEREG: 1,").await;
}

#[tokio::test]
async fn a_bearer_comes_is_dropped_and_stalls() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(end(&mut session, "AT+CGEREP=2,1").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+CGDCONT=1,\"IP\",\"internet\"").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+CGACT=0,1").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+QNETDEVCTL=1,1,1").await, Final::Ok);
    assert_eq!(line(&mut session, "AT+CGPADDR=1").await, "+CGPADDR: 1,\"198.51.100.2\"");
    assert!(bench.ask(|modem| modem.bearer().passes));
    bench.modem.act(|modem, now| modem.drop_bearer(now)).unwrap();
    urc(&mut session, "+CGEV: NW PDN DEACT 1").await;
    assert!(!bench.ask(|modem| modem.bearer().passes));

    assert_eq!(end(&mut session, "AT+QNETDEVCTL=1,1,1").await, Final::Ok);
    bench.fault(Fault::Stall(Cure::Bearer));
    let bearer = bench.ask(|modem| modem.bearer());
    assert!(bearer.addresses.is_some() && !bearer.passes, "it looks well, and nothing passes");
    assert_eq!(end(&mut session, "AT+QNETDEVCTL=0,1,1").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+QNETDEVCTL=1,1,1").await, Final::Ok);
    assert!(bench.ask(|modem| modem.bearer().passes));

    let narrow = Network { apns: vec!["other".into()], ..Network::default() };
    bench.modem.act(|modem, now| modem.set_network(narrow, now)).unwrap();
    assert_eq!(end(&mut session, "AT+CGACT=0,1").await, Final::Ok);
    assert_eq!(end(&mut session, "AT+CGACT=1,1").await, Final::Cme(Some(127)), "an unknown name");
}

#[tokio::test]
async fn a_call_connects_and_ends_with_the_port() {
    let bench = Bench::new(Profile::quick());
    let (mut session, mut data) = (bench.registered(), bench.session(1));
    assert_eq!(end(&mut data, "ATD*99***1#").await, Final::Connect);
    assert!(bench.ask(|modem| modem.bearer().passes));
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99", "the other port goes on");
    drop(data);
    bench.modem.wait_for("the call's end", DEADLINE, |modem, _| modem.bearer().addresses.is_none()).unwrap();
}

#[tokio::test]
async fn messages_go_out_and_come_in() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(end(&mut session, "AT+CMGF=0").await, Final::Ok);
    // "hellohello" to +46708251358, behind the card's own service centre.
    let tpdu = "11000B916407281553F80000AA0AE8329BFD4697D9EC37";
    let send = command(&format!("AT+CMGS={}", tpdu.len() / 2));
    let payload = Payload::new(&format!("00{tpdu}")).unwrap();
    let reply = session.command_with_payload(send, payload, DEADLINE).await.unwrap();
    assert_eq!(reply.lines, ["+CMGS: 0"]);
    let sent = bench.ask(|modem| modem.sent().to_vec());
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str()), ("+46708251358", "hellohello"));
    let wrong = command("AT+CMGS=99");
    let payload = Payload::new(&format!("00{tpdu}")).unwrap();
    let reply = session.command_with_payload(wrong, payload, DEADLINE).await.unwrap();
    assert_eq!(reply.outcome, Outcome::Final(Final::Cms(Some(304))), "the length is not that of the PDU");

    assert!(bench.modem.act(|modem, now| modem.deliver("+491700000008", "hello", now)).unwrap());
    assert_eq!(urc(&mut session, "+CMTI:").await, "+CMTI: \"ME\",0");
    let list = say(&mut session, "AT+CMGL=4").await;
    assert_eq!(list.lines[0], "+CMGL: 0,0,,24");
    assert_eq!(end(&mut session, "AT+CMGF=1").await, Final::Ok);
    let list = say(&mut session, "AT+CMGL=\"ALL\"").await;
    assert!(list.lines[0].starts_with("+CMGL: 0,\"REC READ\",\"+491700000008\",,\"26/"), "{list:?}");
    // The session takes only a PDU for a message: what is no hexadecimal number may have come between.
    assert_eq!(list.lines.len(), 1, "{list:?}");
    assert_eq!(urc(&mut session, "hello").await, "hello");
    assert_eq!(end(&mut session, "AT+CMGD=0").await, Final::Ok);
    assert!(say(&mut session, "AT+CMGL=\"ALL\"").await.lines.is_empty());
}

#[tokio::test]
async fn resets_and_switching_off_take_the_ports_away() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(end(&mut session, "AT+CFUN=1,1").await, Final::Ok);
    gone(&mut session).await;
    bench.modem.wait_for("the second boot", DEADLINE, |modem, _| modem.counts().boots == 2).unwrap();
    let mut session = bench.registered();
    assert_eq!(end(&mut session, "AT+QPOWD=1").await, Final::Ok);
    urc(&mut session, "POWERED DOWN").await;
    gone(&mut session).await;
    bench.modem.wait_for("no ports", DEADLINE, |_, ports| ports.is_empty()).unwrap();
    bench.set_power(false);
    bench.set_power(true);
    bench.registered();
    let counts = bench.ask(|modem| modem.counts());
    assert_eq!((counts.boots, counts.resets, counts.power_cuts, counts.abrupt_cuts), (3, 1, 1, 0));
    assert!(bench.home.path().exists());
}
