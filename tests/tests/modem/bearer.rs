//! In the laboratory the modem owns the LTE bearer.

use crate::bench::{DEADLINE, end, open};
use shunt_lab::modem::{Cure, Endpoint, Fault, Profile};
use shunt_lab::{Addressing, Lab, Plan, Policy, UplinkPlan, enter_or_reexec};
use shunt_modem::at::Final;
use std::time::Duration;

#[test]
fn without_a_bearer_no_packet_passes_and_the_interface_has_what_the_modem_was_given() {
    let test = "bearer::without_a_bearer_no_packet_passes_and_the_interface_has_what_the_modem_was_given";
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
