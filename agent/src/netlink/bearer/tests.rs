//! The pure part, by tables.

use super::*;
use shunt_recovery::facts::{V4Settings, V6Settings};

const OLD: &str = "10.0.0.2";
const NEW: &str = "10.0.0.9";
const SIX: &str = "2001:db8::9";
const MARK: u8 = 201;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn four(address: &str, gateway: Option<&str>) -> IpSettings {
    let gateway = gateway.map(|text| text.parse().unwrap());
    let v4 = V4Settings { address: address.parse().unwrap(), prefix: 30, gateway };
    IpSettings { v4: Some(v4), ..IpSettings::default() }
}

fn six(address: &str, gateway: Option<&str>) -> IpSettings {
    let gateway = gateway.map(|text| text.parse().unwrap());
    let v6 = V6Settings { address: address.parse().unwrap(), prefix: 64, gateway };
    IpSettings { v6: Some(v6), ..IpSettings::default() }
}

#[test]
fn what_a_modem_says_is_what_is_wanted() {
    let via = |text| Way::Via(ip(text));
    for (settings, wanted) in [
        (four(OLD, Some("10.0.0.1")), Some((OLD, via("10.0.0.1"), false))),
        (four(OLD, None), Some((OLD, Way::OnLink, false))),
        // Some modems name the address as its own gateway, or none by zeros.
        (four(OLD, Some(OLD)), Some((OLD, Way::OnLink, false))),
        (four(OLD, Some("0.0.0.0")), Some((OLD, Way::OnLink, false))),
        (four("0.0.0.0", None), None),
        (four("255.255.255.255", None), None),
        (six(SIX, Some("fe80::1")), Some((SIX, via("fe80::1"), false))),
        (six(SIX, None), Some((SIX, Way::OnLink, true))),
        (six("fe80::9", None), None),
        (six("::", None), None),
        (IpSettings { served: true, ..four(OLD, None) }, None),
        (IpSettings::default(), None),
    ] {
        let setup = Setup::of(&settings);
        let offer = setup.and_then(|setup| setup.offers.v4.or(setup.offers.v6));
        let wanted = wanted.map(|(address, way, guessed)| Offer { address: ip(address), way, guessed });
        assert_eq!(offer, wanted, "{settings:?}");
    }
}

#[test]
fn packets_are_no_smaller_than_a_family_allows() {
    for (settings, said, wanted) in [
        (four(OLD, None), None, None),
        (four(OLD, None), Some(1_430), Some(1_430)),
        (four(OLD, None), Some(576), Some(576)),
        (four(OLD, None), Some(0), None),
        (six(SIX, None), Some(1_000), Some(1_280)),
        (six(SIX, None), Some(0), None),
    ] {
        let setup = Setup::of(&IpSettings { mtu: said, ..settings.clone() }).unwrap();
        assert_eq!(setup.mtu, wanted, "{settings:?} {said:?}");
    }
}

fn interface(admin_up: bool, mtu: u32) -> Interface {
    Interface {
        index: 7,
        name: "wwan0".into(),
        admin_up,
        carrier: admin_up,
        point_to_point: false,
        mtu,
        traffic: None,
    }
}

fn address(index: u32, text: &str, protocol: Option<u8>) -> Address {
    Address {
        index,
        address: ip(text),
        global: true,
        secondary: false,
        deprecated: false,
        tentative: false,
        prefix: whole(ip(text)),
        protocol,
    }
}

fn ours(text: &str) -> Address {
    address(7, text, Some(MARK))
}

struct Case {
    wanted: Option<IpSettings>,
    up: bool,
    may_raise: bool,
    mtu: u32,
    before: Option<u32>,
    addresses: Vec<Address>,
    steps: Vec<Step>,
}

fn case() -> Case {
    Case {
        wanted: Some(four(NEW, None)),
        up: true,
        may_raise: true,
        mtu: 1_500,
        before: None,
        addresses: Vec::new(),
        steps: Vec::new(),
    }
}

fn check(case: &Case) {
    let interface = interface(case.up, case.mtu);
    let there = There {
        interface: &interface,
        addresses: &case.addresses,
        mtu_before: case.before,
        may_raise: case.may_raise,
    };
    let setup = case.wanted.as_ref().and_then(Setup::of);
    let steps = steps(setup.as_ref(), there, |address| address.protocol == Some(MARK));
    assert_eq!(steps, case.steps);
}

#[test]
fn addresses_come_before_others_go_and_strangers_stay() {
    let add = |text| Step::Add(ip(text));
    check(&Case { steps: vec![add(NEW)], ..case() });
    check(&Case { addresses: vec![ours(NEW)], ..case() });
    check(&Case { addresses: vec![ours(OLD)], steps: vec![add(NEW), Step::Delete(ours(OLD))], ..case() });
    // Put there by a stranger it serves, and is not ours to delete.
    check(&Case { addresses: vec![address(7, NEW, None)], ..case() });
    check(&Case { wanted: None, addresses: vec![address(7, NEW, None)], ..case() });
    check(&Case { wanted: None, addresses: vec![ours(OLD)], steps: vec![Step::Delete(ours(OLD))], ..case() });
    // Of another interface.
    check(&Case { addresses: vec![address(8, NEW, Some(MARK))], steps: vec![add(NEW)], ..case() });
    let both = IpSettings { v6: six(SIX, None).v6, ..four(NEW, None) };
    check(&Case { wanted: Some(both), steps: vec![add(NEW), add(SIX)], ..case() });
}

#[test]
fn an_interface_is_put_up_once_and_an_operators_down_is_respected() {
    let add = Step::Add(ip(NEW));
    check(&Case { up: false, steps: vec![Step::Up, add], ..case() });
    check(&Case { up: false, may_raise: false, ..case() });
    check(&Case { up: false, wanted: None, ..case() });
    check(&Case {
        up: false,
        may_raise: false,
        wanted: None,
        addresses: vec![ours(OLD)],
        steps: vec![Step::Delete(ours(OLD))],
        ..case()
    });
}

#[test]
fn packets_become_smaller_and_as_large_as_they_were_again() {
    let with = |mtu| Some(IpSettings { mtu: Some(mtu), ..four(NEW, None) });
    let there = || vec![ours(NEW)];
    let mtu = |mtu| vec![Step::Mtu(mtu)];
    check(&Case { wanted: with(1_430), addresses: there(), steps: mtu(1_430), ..case() });
    check(&Case { wanted: with(1_430), addresses: there(), mtu: 1_430, before: Some(1_500), ..case() });
    // Larger, but never larger than it was.
    check(&Case {
        wanted: with(1_450),
        addresses: there(),
        mtu: 1_430,
        before: Some(1_500),
        steps: mtu(1_450),
        ..case()
    });
    check(&Case {
        wanted: with(9_000),
        addresses: there(),
        mtu: 1_430,
        before: Some(1_500),
        steps: mtu(1_500),
        ..case()
    });
    check(&Case { wanted: with(9_000), addresses: there(), ..case() });
    // Smaller by an operator's hand.
    check(&Case { wanted: with(1_430), addresses: there(), mtu: 1_400, ..case() });
    check(&Case { wanted: None, mtu: 1_430, before: Some(1_500), steps: mtu(1_500), ..case() });
    check(&Case { wanted: None, mtu: 1_400, ..case() });
}
