//! The dialects against the simulated modem, over a pty: what the table of its vendor asks is answered, what is answered is
//! read as what the modem and its network are, and each step does what it says.

use crate::bench::{Bench, DEADLINE, gone, urc};
use shunt_lab::modem::{Card, Cure, Fault, Modem, Network, Profile};
use shunt_modem::Session;
use shunt_modem::at::{Final, Outcome};
use shunt_modem::dialect::{
    Ask, Auth, Band, Cid, Context, Dialect, Need, PdpType, Query, Rat, Reading, Role, Step, TenthsOfCelsius,
    Told, Way,
};
use shunt_recovery::facts::{
    AccessTechnology, Addresses, Bearer, CmeError, Dbm, Domain, Iccid, Identity, IpSettings, Radio,
    RegistrationState, SessionCause, SimState, Slot, TenthsOfDb, Tries, Usage, V4Settings, V6Settings,
};
use std::path::PathBuf;

const CID: Cid = Cid(1);

/// The modem's dialect, by what it says of itself.
async fn dialect(session: &mut Session) -> &'static Dialect {
    let unknown = Dialect::of(&Identity::default(), None);
    let mut identity = Identity::default();
    for (query, place) in
        [(Query::Manufacturer, &mut identity.manufacturer), (Query::Model, &mut identity.model)]
    {
        *place = text(ask(unknown, session, query).await);
    }
    assert_eq!((identity.manufacturer.as_str(), identity.model.as_str()), ("Quectel", "EC25"));
    let known = Dialect::of(&identity, None);
    assert_eq!(known.name, Dialect::of(&Identity::default(), Some((0x2c7c, 0x0125))).name);
    known
}

/// Sends what a table wants sent, each in its time: the lines that came, and the end of the last command.
async fn talk(session: &mut Session, asks: impl IntoIterator<Item = Ask>) -> (Vec<String>, Final) {
    let (mut lines, mut answered, mut last) = (Vec::new(), false, Final::Ok);
    for ask in asks {
        if ask.need == Need::Otherwise && answered {
            continue;
        }
        let shown = format!("{ask:?}");
        let reply = session.command(ask.command, ask.timeout).await.unwrap();
        lines.extend(reply.lines);
        let Outcome::Final(end) = reply.outcome else { panic!("{shown}: {:?}", reply.outcome) };
        answered = matches!(end, Final::Ok | Final::Connect);
        last = end;
    }
    (lines, last)
}

async fn ask(dialect: &Dialect, session: &mut Session, query: Query) -> Option<Reading> {
    let (lines, _) = talk(session, dialect.ask(query, CID)).await;
    dialect.read(query, CID, &lines)
}

async fn act(dialect: &Dialect, session: &mut Session, step: Step<'_>) -> Final {
    talk(session, dialect.act(step).unwrap()).await.1
}

fn text(reading: Option<Reading>) -> String {
    match reading {
        Some(Reading::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn way(dialect: &Dialect, name: &str) -> &'static Way {
    dialect.ways().find(|way| way.name == name).unwrap()
}

async fn bearer(session: &mut Session, way: &Way) -> Bearer {
    let (lines, _) = talk(session, way.ask(CID)).await;
    way.read(CID, &lines).unwrap_or_else(|| panic!("{lines:?}"))
}

fn context(pdp: PdpType) -> Context {
    let (user, password) = ("me".to_owned(), "secret".to_owned());
    Context { cid: CID, apn: "internet".to_owned(), pdp, auth: Auth::Chap, user, password }
}

fn given(v4: bool, v6: bool) -> Addresses {
    let network = &Network::default().addresses[0];
    let (own_v4, own_v6) = (network.v4.map(|(address, _)| address), network.v6.map(|(address, _)| address));
    Addresses { v4: own_v4.filter(|_| v4), v6: own_v6.filter(|_| v6) }
}

#[tokio::test]
async fn it_is_read_as_what_it_is() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    let quectel = dialect(&mut session).await;
    assert_eq!(act(quectel, &mut session, Step::Watch).await, Final::Ok);
    bench.ask(|modem| modem.count_traffic(2_000, 1_000));
    for query in Query::ALL {
        let read = ask(quectel, &mut session, query).await.unwrap_or_else(|| panic!("{query:?}"));
        let wanted = match query {
            Query::Manufacturer => Reading::Text("Quectel".to_owned()),
            Query::Model => Reading::Text("EC25".to_owned()),
            Query::Revision => Reading::Text("EC25EFAR06A06M4G".to_owned()),
            Query::Imei => Reading::Text("001012345678902".to_owned()),
            Query::Imsi => Reading::Text("262010000000001".to_owned()),
            Query::Iccid => Reading::Iccid(Iccid::parse("8949000000000000017").unwrap()),
            Query::Radio => Reading::Radio(Radio::On),
            Query::Sim => Reading::Sim(SimState::Ready),
            Query::Tries => Reading::Tries(Tries { pin: Some(3), puk: Some(10) }),
            Query::Slot => Reading::Slot(Slot(1)),
            Query::Attached => Reading::Attached(true),
            Query::Temperature => Reading::Temperature(TenthsOfCelsius(380)),
            Query::Usage => Reading::Usage(Usage { received: 1_000, sent: 2_000 }),
            // LTE: who is registered has a context.
            Query::Bearer => Reading::Bearer(Bearer { active: true, addresses: given(true, true) }),
            Query::AccessPoint => Reading::AccessPoint("internet.mnc001.mcc262.gprs".to_owned()),
            Query::Ip => Reading::Ip(settings()),
            Query::Registration | Query::Operator | Query::Cells => {
                check_network(&read);
                continue;
            }
        };
        assert_eq!(read, wanted, "{query:?}");
    }
}

/// What the network gives, for an interface without DHCP.
fn settings() -> IpSettings {
    let network = &Network::default().addresses[0];
    let ((v4, prefix), (v6, prefix_v6)) = (network.v4.unwrap(), network.v6.unwrap());
    IpSettings {
        v4: Some(V4Settings { address: v4, prefix, gateway: network.gateway_v4 }),
        v6: Some(V6Settings { address: v6, prefix: prefix_v6, gateway: network.gateway_v6 }),
        served: false,
        dns: network.dns.clone(),
        mtu: Some(network.mtu),
    }
}

fn check_network(read: &Reading) {
    let network = Network::default();
    match read {
        Reading::Registrations(all) => {
            let domains: Vec<_> = all.iter().map(|known| known.domain).collect();
            assert_eq!(domains, [Domain::Eps, Domain::Packet, Domain::Circuit]);
            for known in all {
                assert_eq!(known.state, RegistrationState::Home, "{known:?}");
                assert_eq!(known.technology, Some(AccessTechnology::Lte), "{known:?}");
                let place = (known.area, known.cell);
                assert_eq!(place, (Some(network.tac.into()), Some(network.cell.into())), "{known:?}");
            }
        }
        Reading::Operator(operator) => {
            assert_eq!(operator.name.as_deref(), Some(network.operator.as_str()));
            assert_eq!(operator.plmn.map(|plmn| plmn.to_string()), Some(network.plmn()));
            assert_eq!(operator.technology, Some(AccessTechnology::Lte));
        }
        Reading::Cells(cells) => {
            let [cell] = cells.0.as_slice() else { panic!("{cells:?}") };
            assert_eq!((cell.role, cell.rat, cell.band), (Role::Primary, Some(Rat::Lte), Some(Band(3))));
            assert_eq!(cell.plmn.map(|plmn| plmn.to_string()), Some(network.plmn()));
            let place = (cell.id, cell.area, cell.pci, cell.channel);
            let truth = (network.cell.into(), network.tac.into(), network.pci, network.earfcn);
            assert_eq!(place, (Some(truth.0), Some(truth.1), Some(truth.2), Some(truth.3)));
            let signal = cells.signal();
            assert_eq!((signal.rssi, signal.rsrp), (Some(Dbm(-65)), Some(Dbm(-95))));
            assert_eq!((signal.rsrq, signal.sinr), (Some(TenthsOfDb(-90)), Some(TenthsOfDb(150))));
            assert_eq!(cells.technology(), Some(AccessTechnology::Lte));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bearer_goes_up_and_down_by_its_interface() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    let quectel = dialect(&mut session).await;
    assert_eq!(act(quectel, &mut session, Step::Watch).await, Final::Ok);
    for (pdp, v4, v6) in [(PdpType::V4, true, false), (PdpType::V6, false, true), (PdpType::V4V6, true, true)]
    {
        let way = quectel.ways().next().unwrap();
        assert_eq!(way.name, "+QNETDEVCTL");
        let plain = way_3gpp(quectel);
        assert_eq!(act(quectel, &mut session, Step::BearerDown(plain, CID)).await, Final::Ok);
        assert_eq!(act(quectel, &mut session, Step::Define(&context(pdp))).await, Final::Ok);
        assert_eq!(bearer(&mut session, way).await, Bearer::default());
        assert_eq!(act(quectel, &mut session, Step::BearerUp(way, CID)).await, Final::Ok);
        let up = Bearer { active: true, addresses: given(v4, v6) };
        assert_eq!(bearer(&mut session, way).await, up, "{pdp:?}");
        assert!(bench.ask(|modem| modem.bearer().passes), "{pdp:?}");
        assert_eq!(act(quectel, &mut session, Step::BearerDown(way, CID)).await, Final::Ok);
        assert_eq!(bearer(&mut session, way).await, Bearer::default(), "{pdp:?}");
        assert!(!bench.ask(|modem| modem.bearer().passes), "{pdp:?}");
    }
}

fn way_3gpp(dialect: &Dialect) -> &'static Way {
    way(dialect, "+CGACT")
}

#[tokio::test]
async fn a_context_goes_up_and_down_by_3gpp() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    let quectel = dialect(&mut session).await;
    let way = way_3gpp(quectel);
    for round in 0..3 {
        assert_eq!(act(quectel, &mut session, Step::BearerDown(way, CID)).await, Final::Ok);
        assert_eq!(bearer(&mut session, way).await, Bearer::default(), "{round}");
        assert_eq!(act(quectel, &mut session, Step::BearerUp(way, CID)).await, Final::Ok);
        let up = Bearer { active: true, addresses: given(true, true) };
        assert_eq!(bearer(&mut session, way).await, up, "{round}");
        // This module's interface does not follow the context.
        assert!(!bench.ask(|modem| modem.bearer().passes), "{round}");
    }
}

#[tokio::test]
async fn a_bearer_that_does_not_come_up_says_why_and_what_is_lost_is_told() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    let quectel = dialect(&mut session).await;
    assert_eq!(act(quectel, &mut session, Step::Watch).await, Final::Ok);
    bench.fault(Fault::NoBearer(Cure::Radio));
    for name in ["+QNETDEVCTL", "+CGACT"] {
        let way = way(quectel, name);
        assert_eq!(act(quectel, &mut session, Step::BearerDown(way, CID)).await, Final::Ok, "{name}");
        let cause = cause(act(quectel, &mut session, Step::BearerUp(way, CID)).await);
        assert_eq!(cause, Some(SessionCause(34)), "{name}: temporarily out of order");
        assert!(!bearer(&mut session, way).await.active, "{name}");
    }
    assert_eq!(act(quectel, &mut session, Step::RadioOff).await, Final::Ok);
    assert_eq!(ask(quectel, &mut session, Query::Radio).await, Some(Reading::Radio(Radio::Flight)));
    assert_eq!(act(quectel, &mut session, Step::RadioOn).await, Final::Ok);
    bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    let way = quectel.ways().next().unwrap();
    assert_eq!(act(quectel, &mut session, Step::BearerUp(way, CID)).await, Final::Ok);
    assert!(bearer(&mut session, way).await.active);

    bench.modem.act(|modem, now| modem.drop_bearer(now)).unwrap();
    let line = urc(&mut session, "+CGEV: NW PDN DEACT").await;
    assert_eq!(quectel.urc(&line), Some(Told::Context { cid: Some(CID), active: false }));
    assert_eq!(bearer(&mut session, way).await, Bearer::default());

    let narrow = Network { apns: vec!["other".into()], ..Network::default() };
    bench.modem.act(|modem, now| modem.set_network(narrow, now)).unwrap();
    assert_eq!(act(quectel, &mut session, Step::Define(&context(PdpType::V4V6))).await, Final::Ok);
    let cause = cause(act(quectel, &mut session, Step::BearerUp(way, CID)).await);
    assert_eq!(cause, Some(SessionCause::UNKNOWN_APN));
}

/// What the network said, by the modem's error.
fn cause(end: Final) -> Option<SessionCause> {
    match end {
        Final::Cme(Some(number)) => CmeError(number).session(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_leaves_the_network_and_comes_back() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    let quectel = dialect(&mut session).await;
    assert_eq!(act(quectel, &mut session, Step::Watch).await, Final::Ok);
    for (away, back) in [(Step::Detach, Step::Attach), (Step::Deregister, Step::Register)] {
        assert_eq!(act(quectel, &mut session, away).await, Final::Ok);
        assert_eq!(ask(quectel, &mut session, Query::Attached).await, Some(Reading::Attached(false)));
        assert_eq!(act(quectel, &mut session, back).await, Final::Ok);
        bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
        assert_eq!(ask(quectel, &mut session, Query::Attached).await, Some(Reading::Attached(true)));
    }
}

#[tokio::test]
async fn a_locked_card_tells_its_number_and_its_tries_and_is_unlocked() {
    let cards = [Some(Card::with_pin("4711")), Some(Card::other())];
    let bench = Bench::new(Profile { cards, ..Profile::quick() });
    let mut session = bench.session(0);
    let locked = |modem: &Modem, _: &[PathBuf]| format!("{:?}", modem.card_state()) == "Locked(Pin)";
    bench.modem.wait_for("the lock", DEADLINE, locked).unwrap();
    let quectel = dialect(&mut session).await;
    assert_eq!(act(quectel, &mut session, Step::Watch).await, Final::Ok);
    assert_eq!(ask(quectel, &mut session, Query::Sim).await, Some(Reading::Sim(SimState::Pin)));
    // Whoever gives a PIN must know to which card.
    let first = Iccid::parse(&Card::default().iccid).unwrap();
    assert_eq!(ask(quectel, &mut session, Query::Iccid).await, Some(Reading::Iccid(first)));
    assert_eq!(ask(quectel, &mut session, Query::Imsi).await, None);
    let tries = |pin| Some(Reading::Tries(Tries { pin: Some(pin), puk: Some(10) }));
    assert_eq!(ask(quectel, &mut session, Query::Tries).await, tries(3));
    assert_eq!(act(quectel, &mut session, Step::Pin("1111")).await, Final::Cme(Some(16)));
    assert_eq!(ask(quectel, &mut session, Query::Tries).await, tries(2));
    assert_eq!(act(quectel, &mut session, Step::Pin("4711")).await, Final::Ok);
    assert_eq!(ask(quectel, &mut session, Query::Sim).await, Some(Reading::Sim(SimState::Ready)));
    assert_eq!(ask(quectel, &mut session, Query::Tries).await, tries(3), "a success gives all back");

    assert_eq!(act(quectel, &mut session, Step::Slot(Slot(2))).await, Final::Ok);
    bench.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    assert_eq!(ask(quectel, &mut session, Query::Slot).await, Some(Reading::Slot(Slot(2))));
    let second = Iccid::parse(&Card::other().iccid).unwrap();
    assert_eq!(ask(quectel, &mut session, Query::Iccid).await, Some(Reading::Iccid(second)));
}

#[tokio::test]
async fn it_says_when_it_has_booted_and_when_it_is_off() {
    let bench = Bench::new(Profile::quick());
    let mut session = bench.registered();
    let quectel = dialect(&mut session).await;
    assert_eq!(act(quectel, &mut session, Step::Reset).await, Final::Ok);
    gone(&mut session).await;
    bench.modem.wait_for("the second boot", DEADLINE, |modem, _| modem.counts().boots == 2).unwrap();
    let mut session = bench.registered();
    assert_eq!(act(quectel, &mut session, Step::PowerOff).await, Final::Ok);
    let line = urc(&mut session, "POWERED DOWN").await;
    assert_eq!(quectel.urc(&line), Some(Told::PoweredOff));
    gone(&mut session).await;
}
