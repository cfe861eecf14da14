//! From a modem without power to a bearer that carries, and what becomes of it when the modem or its network goes.

use crate::bench::{Attached, DEADLINE, Gateway, modem, says};
use crate::common::{link, uplink};
use rtnetlink::packet_route::link::LinkAttribute;
use shunt::api::modem::{ModemStatus, Readiness};
use shunt::api::types::Verdict;
use shunt_lab::modem::Profile;
use shunt_lab::{TARGETS_V4, enter_or_reexec_beside};
use std::time::Instant;

/// The largest packet that the network names: smaller than the interface's own.
const MTU: u16 = 1_430;

#[test]
fn a_cold_modem_is_brought_up_to_a_verified_bearer() {
    let test = "bearer::a_cold_modem_is_brought_up_to_a_verified_bearer";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let mut gateway = Gateway::new(Profile::plain(), Attached::Line, "apn = \"internet\"");
    gateway.act(|modem, now| {
        modem.set_power(false, now);
        let mut network = modem.network().clone();
        network.addresses[0].mtu = MTU;
        modem.set_network(network, now);
    });
    // A name that only the resolver of the modem's network knows.
    gateway.config.links[1].keys =
        format!("targets = [\"{}\", \"far.example\"]\n[link.probe]\nquorum = 2", TARGETS_V4[0]);
    let agent = gateway.start();
    let waiting = gateway.shows(&agent, "that the modem is not there", |modem| modem.trouble.is_some());
    assert_eq!(waiting.readiness, Readiness::NoModem);
    let status =
        agent.wait_for("the fiber as uplink", DEADLINE, |status| uplink(status) == Some("fiber")).unwrap();
    assert_eq!(link(&status, "lte").verdict, Verdict::Failed, "{status:?}");

    let cold = Instant::now();
    gateway.act(|modem, now| modem.set_power(true, now));
    let status = gateway.stands_by(&agent);
    println!("from power to data that flows over a cold modem: {:.1} s", cold.elapsed().as_secs_f64());
    let targets = &link(&status, "lte").families.v4.as_ref().unwrap().targets;
    assert!(targets.len() == 2 && targets.iter().all(|target| target.alive), "{targets:?}");
    let shown = modem(&agent);
    let bearer = shown.bearer.as_ref().unwrap();
    assert_eq!((bearer.up, bearer.v4.as_deref(), bearer.mtu), (true, Some("198.51.100.2"), Some(MTU)));
    assert_eq!(bearer.dns, ["203.0.113.53"]);
    assert!(shown.data && shown.trouble.is_none(), "{shown:?}");

    let link_0 = gateway.lab.gateway.netlink().unwrap().link("lte0").unwrap();
    assert!(link_0.attributes.contains(&LinkAttribute::Mtu(MTU.into())), "{link_0:?}");
    let text = says(&agent, &["modem", "status"]);
    for part in ["bearer up, data flows", "198.51.100.2", "Shunt Mobile"] {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn a_modem_on_usb_is_found_again_under_other_names() {
    let Some(_turn) = enter_or_reexec_beside("bearer::a_modem_on_usb_is_found_again_under_other_names")
    else {
        return;
    };
    let gateway = Gateway::new(Profile::plain(), Attached::Usb, "");
    let agent = gateway.ready();
    let before = modem(&agent);
    assert_eq!(before.port.as_deref(), Some("/dev/ttyUSB2"));
    gateway.act(|modem, now| modem.rebind(now));
    let moved = |modem: &ModemStatus| modem.port.is_some() && modem.port != before.port;
    gateway.shows(&agent, "other ports", moved);
    let after = gateway.is(&agent, Readiness::Verified);
    assert_eq!((after.port.as_deref(), &after.device), (Some("/dev/ttyUSB4"), &before.device));
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.boots, counts.resets), (1, 0), "nothing was done to it");
    // What was counted meanwhile is shown to whoever asks.
    let shown: serde_json::Value =
        serde_json::from_str(&says(&agent, &["modem", "status", "--json"])).unwrap();
    let counted = |name: &str| shown[0]["counters"][name].as_u64().unwrap();
    assert_eq!(counted("gone"), 1, "{shown:#}");
    assert!(counted("commands") > 20 && counted("urcs") > 0, "{shown:#}");
}
