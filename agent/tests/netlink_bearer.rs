//! A modem's bearer on a real interface: put there, adopted, changed, repaired, taken away; `main` is never written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod netns;

use netns::agent::{Agent, FIBER, LTE, address, repaired, warnings};
use netns::wire::{OWN, Wire, index, ip};
use netns::within;
use rtnetlink::packet_route::AddressFamily::{Inet, Inet6};
use shunt::clock;
use shunt::netlink::{KernelError, Notice};
use shunt_config::Config;
use shunt_decision::{Family, Missing, PathState};
use shunt_recovery::facts::{Addresses, IpSettings, V4Settings, V6Settings};
use std::net::IpAddr;
use std::path::Path;

const V4: &str = "198.51.100.1";
const V6: &str = "2001:db8:f::1";
const MAIN: u32 = 254;

/// Fiber with what DHCP gave it; behind the LTE link's interface, which is down, is a modem.
fn on_gateway(test: &str, body: impl FnOnce(&mut Wire, &Config) + Send + 'static) {
    within(test, || {
        let mut wire = Wire::open();
        wire.veth("wan0");
        wire.wait_until_up("wan0");
        address(&mut wire, "wan0", "192.0.2.10", "2001:db8:a::10", 100);
        wire.veth("wan1");
        wire.wait_until_up("wan1");
        wire.down("wan1");
        let state = tempfile::tempdir().unwrap();
        body(&mut wire, &config(state.path(), true));
    });
}

fn config(state: &Path, modem: bool) -> Config {
    let modem = if modem { "[[modem]]\nlink = \"lte\"\nusb = \"2c7c:0125\"\n" } else { "" };
    let text = format!(
        "targets = [\"{V4}\", \"{V6}\"]\n[agent]\nstate_dir = \"{}\"\n[kernel]\nprotocol = {OWN}\n\
         [[link]]\nname = \"fiber\"\ninterface = \"wan0\"\n[[link]]\nname = \"lte\"\ninterface = \"wan1\"\n{modem}",
        state.display()
    );
    shunt_config::parse(&text, Path::new("test.toml")).unwrap()
}

fn settings(v4: &str) -> IpSettings {
    IpSettings {
        v4: Some(V4Settings { address: v4.parse().unwrap(), prefix: 29, gateway: None }),
        v6: Some(V6Settings {
            address: "2001:db8:b::10".parse().unwrap(),
            prefix: 64,
            gateway: Some("fe80::1".parse().unwrap()),
        }),
        mtu: Some(1_430),
        ..IpSettings::default()
    }
}

fn set(agent: &mut Agent, settings: &IpSettings) -> Result<Addresses, KernelError> {
    agent.kernel.set_bearer(LTE, settings, clock::now(), &mut agent.notices)
}

fn gone(agent: &mut Agent) {
    agent.kernel.no_bearer(LTE, clock::now(), &mut agent.notices).unwrap();
    agent.catch_up();
}

/// IPv4 of `wan1`, by which everything is told.
fn fours(wire: &mut Wire) -> Vec<(IpAddr, u8, Option<u8>)> {
    wire.addresses("wan1").into_iter().filter(|(ip, ..)| ip.is_ipv4()).collect()
}

type Routes = Vec<(u32, Option<u32>, Option<IpAddr>)>;

/// What is not the kernel's own in the tables `main`.
fn main(wire: &mut Wire) -> (Routes, Routes) {
    let v6 = wire.table(Inet6, MAIN).into_iter().filter(|route| route.2.is_some()).collect();
    (wire.table(Inet, MAIN), v6)
}

#[test]
fn a_bearer_is_put_onto_its_interface_and_main_is_not_written() {
    on_gateway("a_bearer_is_put_onto_its_interface_and_main_is_not_written", |wire, config| {
        let before = main(wire);
        let mut agent = Agent::open(config);
        assert_eq!(agent.path(LTE, Family::V4), Some(PathState::Missing(Missing::AdminUp)));
        let has = set(&mut agent, &settings("10.64.0.2")).unwrap();
        assert_eq!(has.v4, Some("10.64.0.2".parse().unwrap()));
        assert_eq!(has.v6, Some("2001:db8:b::10".parse().unwrap()));
        agent.catch_up();
        for family in Family::ALL {
            assert_eq!(agent.path(LTE, family), Some(PathState::Ready), "{:#?}", agent.notices);
        }
        assert_eq!(warnings(&agent.notices), Vec::<&str>::new());
        assert_eq!(fours(wire), [(ip("10.64.0.2"), 32, Some(OWN))]);
        assert_eq!(wire.mtu("wan1"), 1_430);
        assert_eq!(main(wire), before);
        let table = config.kernel.link_table(1);
        assert_eq!(wire.table(Inet, table)[0], (100, Some(index("wan1")), None));
        assert_eq!(wire.table(Inet6, table)[0], (100, Some(index("wan1")), Some(ip("fe80::1"))));
        for (family, target) in [(Family::V4, V4), (Family::V6, V6)] {
            agent.rank(family, &[FIBER, LTE]).unwrap();
            assert_eq!(wire.look_up(target, config.kernel.link_mark(1), None), Ok(index("wan1")));
            agent.rank(family, &[LTE, FIBER]).unwrap();
            assert_eq!(wire.look_up(target, 0, None), Ok(index("wan1")));
        }
        gone(&mut agent);
        assert_eq!(fours(wire), []);
        assert_eq!(wire.mtu("wan1"), 1_500);
        assert_eq!(agent.path(LTE, Family::V4), Some(PathState::Missing(Missing::Address)));
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan0")));
        assert_eq!(main(wire), before);
    });
}

#[test]
fn a_bearer_that_stays_is_left_alone_and_a_successor_adopts_it() {
    on_gateway("a_bearer_that_stays_is_left_alone_and_a_successor_adopts_it", |wire, config| {
        let mut first = Agent::open(config);
        set(&mut first, &settings("10.64.0.2")).unwrap();
        for family in Family::ALL {
            first.rank(family, &[LTE, FIBER]).unwrap();
        }
        first.catch_up();
        drop(first);
        let monitor = netns::wire::monitor();
        let mut second = Agent::open(config);
        assert_eq!(second.kernel.adopted(Family::V4), Some(LTE));
        for family in Family::ALL {
            assert_eq!(second.path(LTE, family), Some(PathState::Ready), "{:#?}", second.notices);
        }
        assert_eq!(second.kernel.host_addresses(LTE).v4, Some("10.64.0.2".parse().unwrap()));
        second.catch_up();
        for _ in 0..2 {
            set(&mut second, &settings("10.64.0.2")).unwrap();
            second.catch_up();
        }
        assert_eq!(netns::wire::told(&monitor).len(), 0, "something was changed");
        // The MTU that was before is known to the successor.
        gone(&mut second);
        assert_eq!(wire.mtu("wan1"), 1_500);
    });
}

#[test]
fn another_address_comes_before_the_old_one_goes() {
    on_gateway("another_address_comes_before_the_old_one_goes", |wire, config| {
        let mut agent = Agent::open(config);
        set(&mut agent, &settings("10.64.0.2")).unwrap();
        agent.rank(Family::V4, &[LTE, FIBER]).unwrap();
        agent.catch_up();
        let monitor = netns::wire::monitor();
        // Of the same network, by the modem's word: with it the kernel would take the new one away with the old one.
        set(&mut agent, &settings("10.64.0.3")).unwrap();
        let told = netns::wire::told(&monitor);
        let kinds: Vec<_> = told.iter().filter(|kind| matches!(kind, 20 | 21)).copied().collect();
        assert_eq!(kinds, [20, 21], "new before old, and nothing else");
        agent.catch_up();
        assert_eq!(fours(wire), [(ip("10.64.0.3"), 32, Some(OWN))]);
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        let bound = agent.notices.iter().rev().find_map(|notice| match notice {
            Notice::Path { link: LTE, family: Family::V4, binding, .. } => binding.as_ref(),
            _ => None,
        });
        assert_eq!(bound.unwrap().source, ip("10.64.0.3"));
        assert_eq!(repaired(&agent.notices), 0);
    });
}

#[test]
fn what_a_stranger_takes_off_is_put_back_and_an_operators_down_is_respected() {
    let test = "what_a_stranger_takes_off_is_put_back_and_an_operators_down_is_respected";
    on_gateway(test, |wire, config| {
        let mut agent = Agent::open(config);
        set(&mut agent, &settings("10.64.0.2")).unwrap();
        agent.catch_up();
        let before = wire.addresses("wan1");
        wire.no_address("wan1", "10.64.0.2", 32);
        agent.until("the v4 address", |notices| repaired(notices) == 1);
        wire.no_address("wan1", "2001:db8:b::10", 128);
        agent.until("the v6 address", |notices| repaired(notices) == 2);
        agent.catch_up();
        let sorted = |mut list: Vec<_>| {
            list.sort_unstable();
            list
        };
        assert_eq!(sorted(wire.addresses("wan1")), sorted(before));
        assert_eq!(agent.path(LTE, Family::V4), Some(PathState::Ready));
        wire.down("wan1");
        agent.until("down", |notices| {
            netns::agent::path(notices, LTE, Family::V6) == Some(PathState::Missing(Missing::AdminUp))
        });
        agent.catch_up();
        assert_eq!(agent.path(LTE, Family::V4), Some(PathState::Missing(Missing::AdminUp)));
        wire.up("wan1");
        let ready = Some(PathState::Ready);
        agent.until("up again", |notices| {
            Family::ALL.iter().all(|family| netns::agent::path(notices, LTE, *family) == ready)
        });
        assert_eq!(repaired(&agent.notices), 2, "an operator is no stranger: {:#?}", agent.notices);
    });
}

#[test]
fn where_the_modem_serves_dhcp_nothing_is_written_and_main_is_learned() {
    on_gateway("where_the_modem_serves_dhcp_nothing_is_written_and_main_is_learned", |wire, config| {
        let mut agent = Agent::open(config);
        let served = IpSettings { served: true, ..settings("10.64.0.2") };
        let served = IpSettings { dns: vec![ip("10.64.0.53")], ..served };
        assert_eq!(set(&mut agent, &served).unwrap(), Addresses::default());
        set(&mut agent, &served).unwrap();
        assert_eq!((fours(wire), wire.mtu("wan1")), (vec![], 1_500));
        wire.up("wan1");
        wire.wait_until_up("wan1");
        address(wire, "wan1", "203.0.113.10", "2001:db8:b::10", 200);
        agent.until("what DHCP gave", |notices| {
            netns::agent::path(notices, LTE, Family::V4) == Some(PathState::Ready)
        });
        assert_eq!(agent.kernel.host_addresses(LTE).v4, Some("203.0.113.10".parse().unwrap()));
        gone(&mut agent);
        let named = agent.notices.iter().filter_map(|notice| match notice {
            Notice::Resolvers { link: LTE, resolvers } => Some(resolvers.clone()),
            _ => None,
        });
        assert_eq!(named.collect::<Vec<_>>(), [vec![ip("10.64.0.53")], vec![]], "once each");
        assert_eq!(agent.path(LTE, Family::V4), Some(PathState::Ready));
        assert_eq!(fours(wire), [(ip("203.0.113.10"), 24, None)]);
    });
}

#[test]
fn an_interface_that_comes_later_gets_its_bearer() {
    on_gateway("an_interface_that_comes_later_gets_its_bearer", |wire, config| {
        wire.remove("wan1");
        let mut agent = Agent::open(config);
        let missing = set(&mut agent, &settings("10.64.0.2"));
        assert!(matches!(missing, Err(KernelError::NoInterface(_))), "{missing:?}");
        assert!(matches!(
            agent.kernel.set_bearer(FIBER, &settings("10.64.0.2"), clock::now(), &mut agent.notices),
            Err(KernelError::NoModem(FIBER))
        ));
        wire.veth("wan1");
        agent.until("the interface", |notices| {
            netns::agent::path(notices, LTE, Family::V4) == Some(PathState::Ready)
        });
        assert_eq!(fours(wire), [(ip("10.64.0.2"), 32, Some(OWN))]);
    });
}

#[test]
fn restore_and_a_config_without_the_modem_leave_nothing_behind() {
    on_gateway("restore_and_a_config_without_the_modem_leave_nothing_behind", |wire, with| {
        let before = main(wire);
        let without = config(&with.agent.state_dir, false);
        for way in 0..3 {
            let mut agent = Agent::open(with);
            set(&mut agent, &settings("10.64.0.2")).unwrap();
            agent.rank(Family::V4, &[LTE, FIBER]).unwrap();
            agent.catch_up();
            wire.address("wan1", "203.0.113.77", 24);
            match way {
                0 => agent.kernel.restore().unwrap(),
                1 => {
                    drop(agent);
                    shunt::netlink::restore(with).unwrap();
                }
                _ => {
                    drop(agent);
                    drop(Agent::open(&without));
                    shunt::netlink::restore(&without).unwrap();
                }
            }
            assert_eq!(fours(wire), [(ip("203.0.113.77"), 24, None)], "a stranger's stays");
            assert_eq!(wire.mtu("wan1"), 1_500);
            assert!(!wire.addresses("wan1").iter().any(|(ip, ..)| *ip == netns::wire::ip("2001:db8:b::10")));
            wire.no_address("wan1", "203.0.113.77", 24);
            assert_eq!(main(wire), before);
            assert_eq!(wire.own_rules(Inet).len(), 0);
        }
    });
}
