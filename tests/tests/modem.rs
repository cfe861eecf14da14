//! The simulated modem, driven by the agent's own session over its ptys: it works, and each fault shows what it should.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

use shunt_lab::modem::{Cure, Endpoint, Fault, Modem, Network, Profile, Service, Simulator, Timing};
use shunt_lab::{Addressing, Lab, Plan, Policy, UplinkPlan, enter_or_reexec};
use shunt_modem::at::{Class, Command, Echo, Final, Outcome, Payload};
use shunt_modem::{ModemError, Reply, Session};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Only a defect, or a machine that stands still, gets there.
const DEADLINE: Duration = Duration::from_secs(30);
/// Meant to pass; long enough that a modem in a hurry would have answered on a busy machine.
const SHORT: Duration = Duration::from_millis(400);

/// How the session fences here: quickly, for this modem answers quickly.
fn fences() -> shunt_modem::Timing {
    shunt_modem::Timing {
        drain: Duration::from_millis(100),
        fence: Duration::from_millis(800),
        quiet: Duration::from_millis(100),
        fences: 2,
        ..shunt_modem::Timing::default()
    }
}

struct Bench {
    modem: Simulator,
    home: TempDir,
}

impl Bench {
    fn new(profile: Profile) -> Self {
        let home = tempfile::Builder::new().prefix("shunt-modem-").tempdir().unwrap();
        let endpoints = vec![Endpoint::Pty(home.path().to_owned()), Endpoint::Pty(home.path().to_owned())];
        let modem = Simulator::start(profile, Network::default(), endpoints, None, 7).unwrap();
        Self { modem, home }
    }

    fn session(&self, port: usize) -> Session {
        open(&self.modem.wait_for_ports(DEADLINE).unwrap()[port])
    }

    fn registered(&self) -> Session {
        let session = self.session(0);
        self.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
        session
    }

    fn fault(&self, fault: Fault) {
        self.modem.act(move |modem, now| modem.fault(fault, now)).unwrap();
    }

    fn set_power(&self, on: bool) {
        self.modem.act(move |modem, now| modem.set_power(on, now)).unwrap();
    }

    fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&mut Modem) -> T + Send + 'static) -> T {
        self.modem.act(|modem, _| ask(modem)).unwrap()
    }
}

fn open(port: &Path) -> Session {
    Session::open(port, 115_200, Echo::On, fences()).unwrap()
}

fn command(text: &str) -> Command {
    let class = match text {
        "AT+CSQ" => Class::SingleLine("+CSQ:"),
        "AT+CPIN?" => Class::SingleLine("+CPIN:"),
        "AT+CEREG?" => Class::SingleLine("+CEREG:"),
        "AT+CGPADDR=1" => Class::SingleLine("+CGPADDR:"),
        "AT+QGDCNT?" => Class::SingleLine("+QGDCNT:"),
        "AT+QTEMP" => Class::SingleLine("+QTEMP:"),
        "AT+CGSN" => Class::Numeric,
        text if text.starts_with("AT+CMGL") => Class::Headed("+CMGL:"),
        text if text.starts_with("AT+CMGS") => Class::SingleLine("+CMGS:"),
        text if text.starts_with("AT+QENG") => Class::MultiLine("+QENG:"),
        _ => Class::NoResult,
    };
    Command::new(text, class).unwrap()
}

async fn say(session: &mut Session, text: &str) -> Reply {
    session.command(command(text), DEADLINE).await.unwrap()
}

async fn fails(session: &mut Session, text: &str) -> ModemError {
    session.command(command(text), SHORT).await.unwrap_err()
}

/// The only line of a reply that ended well.
async fn line(session: &mut Session, text: &str) -> String {
    let reply = say(session, text).await;
    assert_eq!((reply.outcome, reply.lines.len()), (Outcome::Final(Final::Ok), 1), "{text}: {reply:?}");
    reply.lines[0].clone()
}

async fn end(session: &mut Session, text: &str) -> Final {
    match say(session, text).await.outcome {
        Outcome::Final(end) => end,
        other => panic!("{text}: {other:?}"),
    }
}

async fn urc(session: &mut Session, wanted: &str) -> String {
    loop {
        let line = tokio::time::timeout(DEADLINE, session.next_urc()).await.unwrap().unwrap();
        if line.starts_with(wanted) {
            return line;
        }
    }
}

/// Waits for the port's end.
async fn gone(session: &mut Session) {
    let error = loop {
        if let Err(error) = tokio::time::timeout(DEADLINE, session.next_urc()).await.unwrap() {
            break error;
        }
    };
    assert!(matches!(error, ModemError::Gone { .. }), "{error}");
}

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
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905");
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
async fn a_port_that_hangs_leaves_the_other_and_is_mended_by_opening_it_again() {
    let bench = Bench::new(Profile::quick());
    let (mut first, mut second) = (bench.session(0), bench.session(1));
    bench.fault(Fault::PortHang(0, Cure::Reopen));
    assert!(matches!(fails(&mut first, "AT+CSQ").await, ModemError::Unresponsive { .. }));
    assert_eq!(line(&mut second, "AT+CGSN").await, "001012345678905");
    drop(first);
    let mut first = bench.session(0);
    assert_eq!(line(&mut first, "AT+CGSN").await, "001012345678905");
}

#[tokio::test]
async fn late_cut_and_spoilt_answers_are_never_taken_for_others() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905");
    bench.fault(Fault::Late { by: 2 * SHORT, count: 1 });
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905");

    bench.fault(Fault::Cut { count: 1 });
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905");

    bench.fault(Fault::Garbage { count: 1 });
    assert_eq!(line(&mut session, "AT+CSQ").await, "+CSQ: 24,99");
    bench.ask(|modem| modem.forget_echo());
    assert!(matches!(fails(&mut session, "AT+CSQ").await, ModemError::Timeout { .. }));
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905", "the fence asks for the echo again");

    bench.fault(Fault::Sluggish(SHORT, Cure::Reset));
    let begin = std::time::Instant::now();
    assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905");
    assert!(begin.elapsed() >= SHORT);
    assert!(bench.ask(|modem| modem.faults().len()) == 1, "the others have used themselves up");
}

#[tokio::test]
async fn a_storm_of_unsolicited_lines_hides_no_answer() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    bench.fault(Fault::Storm { count: 500, every: Duration::from_micros(200) });
    for _ in 0..20 {
        assert_eq!(line(&mut session, "AT+CGSN").await, "001012345678905");
    }
    assert_eq!(urc(&mut session, "+CSQ: 1,99").await, "+CSQ: 1,99");
}

#[tokio::test]
async fn a_card_is_busy_absent_locked_and_dead() {
    let cards = [Some(shunt_lab::modem::Card::with_pin("4711")), Some(shunt_lab::modem::Card::other())];
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
    assert_eq!(line_of(&mut session, "AT+CIMI").await, "262030000000002");
    bench.modem.act(|modem, now| modem.insert(1, None, now)).unwrap();
    assert_eq!(end(&mut session, "AT+CPIN?").await, Final::Cme(Some(10)));
}

/// The first line of a numeric reply.
async fn line_of(session: &mut Session, text: &str) -> String {
    let command = Command::new(text, Class::Numeric).unwrap();
    session.command(command, DEADLINE).await.unwrap().lines[0].clone()
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

    assert!(bench.modem.act(|modem, now| modem.deliver("+491700000008", "OK", now)).unwrap());
    assert_eq!(urc(&mut session, "+CMTI:").await, "+CMTI: \"ME\",0");
    let list = say(&mut session, "AT+CMGL=4").await;
    assert_eq!(list.lines[0], "+CMGL: 0,0,,21");
    assert_eq!(end(&mut session, "AT+CMGF=1").await, Final::Ok);
    let list = say(&mut session, "AT+CMGL=\"ALL\"").await;
    assert!(list.lines[0].starts_with("+CMGL: 0,\"REC READ\",\"+491700000008\",,\"26/"), "{list:?}");
    assert_eq!(list.lines[1], "OK", "a text may look like a final code");
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

#[test]
fn without_a_bearer_no_packet_passes_and_the_interface_has_what_the_modem_was_given() {
    let test = "without_a_bearer_no_packet_passes_and_the_interface_has_what_the_modem_was_given";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let policy = Policy::delay(Duration::from_millis(1));
    let uplinks = vec![UplinkPlan::relayed("fiber", policy.clone()), UplinkPlan::relayed("lte", policy)];
    let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 1 }).unwrap();
    let home = tempfile::tempdir().unwrap();
    let endpoints = vec![Endpoint::Pty(home.path().to_owned()); 2];
    let modem = lab.modem("lte", Profile::quick(), endpoints, Addressing::Dhcp).unwrap();
    let port = modem.wait_for_ports(DEADLINE).unwrap()[0].clone();
    modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    let passes = || passes(&lab);
    let carrier = || lab.gateway.netlink().unwrap().carrier("lte0").unwrap();
    assert!(!passes() && !carrier(), "registered is not connected");

    let say = |text: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { end(&mut open(&port), text).await })
    };
    assert_eq!(say("AT+QNETDEVCTL=1,1"), Final::Ok);
    assert!(passes() && carrier());
    modem.act(|modem, now| modem.fault(Fault::Stall(Cure::Bearer), now)).unwrap();
    assert!(!passes() && carrier(), "it looks well");
    assert_eq!(say("AT+QNETDEVCTL=0,1"), Final::Ok);
    assert!(!carrier());
    assert_eq!(say("AT+QNETDEVCTL=1,1"), Final::Ok);
    assert!(passes());
    modem.act(|modem, now| modem.drop_bearer(now)).unwrap();
    modem.wait_for("no bearer", DEADLINE, |modem, _| modem.bearer().addresses.is_none()).unwrap();
    assert!(!passes() && !carrier());
}

/// Whether a connection through the LTE uplink comes about, and from the address that the modem was given.
fn passes(lab: &Lab) -> bool {
    let target = std::net::SocketAddr::from((shunt_lab::TARGETS_V4[0], 443));
    lab.gateway
        .run(|| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind_device(Some(b"lte0")).unwrap();
            let connected = socket.connect_timeout(&target.into(), Duration::from_secs(2)).is_ok();
            let own = socket.local_addr().ok().and_then(|address| address.as_socket_ipv4());
            assert!(!connected || own.is_some_and(|own| own.ip().octets() == [198, 51, 100, 2]), "{own:?}");
            connected
        })
        .unwrap()
}
