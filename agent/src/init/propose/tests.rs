//! What is proposed for machines that are made up.

use super::*;
use shunt_modem::ports::{Bus, DeviceId};
use std::path::Path;

fn interface(name: &str, kind: Kind) -> Interface {
    Interface {
        name: name.into(),
        kind,
        physical: true,
        perhaps_modem: false,
        beneath: false,
        leased_by: None,
    }
}

fn route(interface: &str, last: u8, metric: u32) -> DefaultRoute {
    DefaultRoute { interface: interface.into(), gateway: Some([192, 0, 2, last].into()), metric }
}

fn stick(path: &str, interface: &str) -> Device {
    Device {
        path: path.into(),
        bus: Bus::Usb,
        id: Some(DeviceId { vendor: 0x2c7c, product: 0x0125 }),
        serial: None,
        ports: Vec::new(),
        interfaces: vec![interface.into()],
    }
}

fn survey() -> Survey {
    Survey {
        interfaces: vec![
            interface("eth0", Kind::Wired),
            interface("eth1", Kind::Wired),
            interface("eth2", Kind::Wired),
            interface("lo", Kind::Virtual),
            interface("ppp0", Kind::Dialled),
            interface("wg0", Kind::Virtual),
            interface("wlan0", Kind::Wireless),
            interface("wwan0", Kind::Cellular),
        ],
        defaults: vec![
            route("wlan0", 3, 600),
            route("eth1", 1, 100),
            route("ppp0", 2, 50),
            route("wg0", 9, 1),
        ],
        defaults6: vec!["eth1".into()],
        modems: vec![stick("devices/usb1/1-2", "wwan0")],
        modem_manager: false,
        pppoe: vec!["eth7".into()],
    }
}

fn config(draft: &Draft) -> shunt_config::Config {
    let text = draft.to_string();
    shunt_config::parse(&text, Path::new("proposed")).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

#[test]
fn ways_out_are_put_in_their_usual_order() {
    let draft = propose(&survey()).unwrap();
    let config = config(&draft);
    let links: Vec<_> =
        config.links.iter().map(|link| (link.name.as_str(), link.interface.as_str(), link.metered)).collect();
    assert_eq!(
        links,
        [("dsl", "ppp0", false), ("wan", "eth1", false), ("wifi", "wlan0", false), ("lte", "wwan0", true)]
    );
    assert_eq!(config.modems.len(), 1);
    assert!(config.links[0].targets.len() > 2, "IPv6 is there and is asked for");
    let told = draft.notes.join("\n");
    for part in ["eth0 has no default route", "eth2 has no default route", "wg0 has a default route, but"] {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
}

fn links(draft: &Draft) -> Vec<(String, String, bool)> {
    let links = config(draft).links;
    links.into_iter().map(|link| (link.name, link.interface, link.metered)).collect()
}

#[test]
fn a_modem_that_looks_like_ethernet_comes_last_and_is_metered() {
    let draft = propose(&Survey {
        interfaces: vec![interface("eth0", Kind::Wired), interface("usb0", Kind::Wired)],
        defaults: vec![route("usb0", 1, 50), route("eth0", 2, 100)],
        modems: vec![stick("devices/usb1/1-2", "usb0")],
        ..survey()
    })
    .unwrap();
    assert_eq!(links(&draft), [("wan".into(), "eth0".into(), false), ("lte".into(), "usb0".into(), true)]);
    // One without ports cannot be told from an adapter.
    let hilink = Interface { perhaps_modem: true, ..interface("eth1", Kind::Wired) };
    let survey = Survey { interfaces: vec![hilink], modems: Vec::new(), ..survey() };
    let told = propose(&survey).unwrap().notes.join("\n");
    assert!(told.contains("eth1 is plugged in by USB"), "{told}");
}

#[test]
fn a_session_beside_a_modem_is_the_modems_unless_it_is_pppoe() {
    let dialled =
        Survey { defaults: vec![route("eth1", 1, 100), route("ppp0", 2, 0)], pppoe: Vec::new(), ..survey() };
    let draft = propose(&dialled).unwrap();
    // The modem's own interface is not proposed as a second way over the same SIM.
    assert_eq!(links(&draft), [("wan".into(), "eth1".into(), false), ("lte".into(), "ppp0".into(), true)]);
    let told = draft.notes.join("\n");
    assert!(told.contains("ppp0 is taken for a session that pppd dials over the modem"), "{told}");
    // Without a modem, and with a session of PPPoE, it is DSL.
    let alone = propose(&Survey { modems: Vec::new(), ..dialled.clone() }).unwrap();
    assert_eq!(links(&alone)[0], ("dsl".into(), "ppp0".into(), false));
    let dsl = propose(&survey()).unwrap();
    assert_eq!(links(&dsl)[0], ("dsl".into(), "ppp0".into(), false));
    assert!(!dsl.notes.join("\n").contains("ppp0"), "{:#?}", dsl.notes);
    let mut both = survey();
    both.interfaces.push(interface("ppp1", Kind::Dialled));
    both.defaults.push(route("ppp1", 5, 700));
    let told = propose(&both).unwrap().notes.join("\n");
    assert!(told.contains("ppp1 is taken for DSL, but"), "{told}");
}

#[test]
fn a_port_beneath_something_is_not_taken_for_the_lan() {
    let mut survey = survey();
    survey.pppoe = vec!["eth0".into()];
    survey.interfaces[2].beneath = true;
    let told = propose(&survey).unwrap().notes.join("\n");
    assert!(!told.contains("taken for the LAN"), "{told}");
}

#[test]
fn without_ipv6_its_targets_are_left_out() {
    let draft = propose(&Survey { defaults6: Vec::new(), ..survey() }).unwrap();
    assert!(config(&draft).links.iter().all(|link| link.targets.len() == 2));
}

#[test]
fn two_modems_alike_are_told_apart_by_their_places() {
    let mut survey = survey();
    survey.interfaces.push(interface("wwan1", Kind::Cellular));
    survey.modems.push(stick("devices/usb1/1-3", "wwan1"));
    let text = propose(&survey).unwrap().to_string();
    assert!(text.contains("path = \"1-2\"") && text.contains("path = \"1-3\""), "{text}");
    assert!(text.contains("link = \"lte2\""), "{text}");
}

#[test]
fn what_is_doubtful_is_told() {
    let told = |survey: &Survey| propose(survey).unwrap().notes.join("\n");
    let held = told(&Survey { modem_manager: true, ..survey() });
    assert!(held.contains("ModemManager runs"), "{held}");
    let twins = told(&Survey { defaults: vec![route("eth1", 1, 100), route("eth2", 1, 200)], ..survey() });
    assert!(twins.contains("`wan` and `wan2` have routers of the same address, 192.0.2.1"), "{twins}");
    let alone = Survey { interfaces: vec![interface("eth1", Kind::Wired)], ..survey() };
    assert!(told(&alone).contains("one way out only"));
    let none = Survey { interfaces: vec![interface("eth9", Kind::Wired)], ..survey() };
    assert_eq!(propose(&none), Err(NothingFound));
}
