//! The canary, forwarded between two network namespaces.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod netns;

use netns::far::{Far, TARGET_V4, TARGET_V6, addresses, main_route, sysctl};
use netns::probes::{collect, expires, rtt};
use netns::within;
use shunt::clock;
use shunt::probe::{Canary, LocalBecause};
use shunt_config::Target;
use shunt_decision::{Family, Outcome, ProbeId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc;
use std::thread;

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);

fn config(enabled: bool) -> shunt_config::Canary {
    shunt_config::Canary { enabled, interface: "shunt0".to_owned(), source: SOURCE }
}

/// A gateway: forwarding on, one link, the default route by it. The far side knows the way back to the client.
fn gateway() -> Far {
    sysctl("ipv4/ip_forward", "1");
    let far = Far::new();
    far.link(1);
    let [here, there, ..] = addresses(1);
    main_route(Ipv4Addr::UNSPECIFIED, 0, there);
    far.run(move || main_route(SOURCE, 32, here));
    far
}

fn ask(canary: &mut Canary, target: &Target) -> Outcome {
    canary.send(ProbeId(1), target, clock::now(), expires());
    let outcomes = collect(1, |now, outcomes| canary.drain(now, outcomes));
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].0, ProbeId(1));
    outcomes[0].1
}

fn failure(canary: &Canary) -> String {
    match canary.local_because(Family::V4) {
        Some(LocalBecause::Failed(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Opens it, or says why the device may not be opened here (it belongs to the machine's own root).
fn forwarded() -> Option<Canary> {
    let canary = Canary::open(&config(true));
    if canary.local_because(Family::V4).is_some() {
        let error = failure(&canary);
        let file = std::fs::File::options().read(true).write(true).open("/dev/net/tun");
        assert!(file.is_err(), "/dev/net/tun can be opened, and yet: {error}");
        eprintln!("only the local canary can be tested here: {error}");
        return None;
    }
    assert!(matches!(canary.local_because(Family::V6), Some(LocalBecause::Ipv6)));
    assert!(canary.descriptor().is_some());
    Some(canary)
}

#[test]
fn a_canary_goes_as_a_clients_packet() {
    within("a_canary_goes_as_a_clients_packet", || {
        for filter in ["0", "1", "2"] {
            sysctl("ipv4/conf/default/rp_filter", filter);
        }
        sysctl("ipv4/conf/all/rp_filter", "1");
        let far = gateway();
        let Some(mut canary) = forwarded() else { return };
        rtt(ask(&mut canary, &Target::Icmp(TARGET_V4.into())));

        // DNS: the server sees the client's address, and is believed when it fails.
        let (seen, senders) = mpsc::channel();
        far.run(move || {
            let socket = UdpSocket::bind((TARGET_V4, 53)).unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 512];
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let answer = &mut buffer[..length];
                    answer[2] |= 0x80;
                    answer[3] |= 2;
                    socket.send_to(answer, from).unwrap();
                    let _ = seen.send(from.ip());
                }
            });
        });
        let server = SocketAddr::new(TARGET_V4.into(), 53);
        let dns = Target::Dns { server: server.into(), name: "example.com".to_owned(), answer: None };
        assert_eq!(ask(&mut canary, &dns), Outcome::Refused);
        assert_eq!(senders.recv().unwrap(), IpAddr::from(SOURCE));

        // TCP: accepted and refused.
        let open = far.run(|| {
            let listener = TcpListener::bind((TARGET_V4, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            thread::spawn(move || listener.incoming().for_each(drop));
            address
        });
        rtt(ask(&mut canary, &Target::Tcp(open.into())));
        assert_eq!(ask(&mut canary, &Target::Tcp((TARGET_V4, 1).into())), Outcome::Refused);
    });
}

#[test]
fn a_canary_needs_forwarding() {
    within("a_canary_needs_forwarding", || {
        let _far = gateway();
        let Some(mut canary) = forwarded() else { return };
        sysctl("ipv4/ip_forward", "0");
        let target = Target::Icmp(TARGET_V4.into());
        canary.send(ProbeId(1), &target, clock::now(), expires());
        sysctl("ipv4/ip_forward", "1");
        canary.send(ProbeId(2), &target, clock::now(), expires());
        let outcomes = collect(1, |now, outcomes| canary.drain(now, outcomes));
        assert_eq!(outcomes.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_local_canary_follows_the_routes() {
    within("a_local_canary_follows_the_routes", || {
        let _far = gateway();
        let mut canary = Canary::open(&config(false));
        assert!(matches!(canary.local_because(Family::V4), Some(LocalBecause::SwitchedOff)));
        assert!(canary.descriptor().is_none());
        rtt(ask(&mut canary, &Target::Icmp(TARGET_V4.into())));
        assert_eq!(ask(&mut canary, &Target::Tcp((TARGET_V4, 1).into())), Outcome::Refused);
        // No IPv6 default route: it cannot leave.
        assert_eq!(ask(&mut canary, &Target::Icmp(TARGET_V6.into())), Outcome::Unsendable);
    });
}

#[test]
fn a_name_in_use_is_told_and_the_local_canary_serves() {
    within("a_name_in_use_is_told_and_the_local_canary_serves", || {
        let _far = gateway();
        let taken = shunt_config::Canary { interface: "w1".to_owned(), ..config(true) };
        let mut canary = Canary::open(&taken);
        let error = failure(&canary);
        assert!(error.contains("w1"), "{error}");
        rtt(ask(&mut canary, &Target::Icmp(TARGET_V4.into())));
    });
}

#[test]
fn a_strangers_route_to_the_canarys_address_stays() {
    within("a_strangers_route_to_the_canarys_address_stays", || {
        let _far = gateway();
        if forwarded().is_none() {
            return;
        }
        let [_, there, ..] = addresses(1);
        main_route(SOURCE, 32, there);
        let mut canary = Canary::open(&config(true));
        let error = failure(&canary);
        assert!(error.contains("canary.source"), "{error}");
        assert!(!canary.reopen(&config(true)));
        assert_eq!(failure(&canary), error);
        let wire = UdpSocket::bind("0.0.0.0:0").unwrap();
        wire.connect((SOURCE, 9)).unwrap();
        assert_eq!(wire.local_addr().unwrap().ip(), addresses(1)[0]);
    });
}

#[test]
fn an_interface_that_could_not_be_made_is_made_later() {
    within("an_interface_that_could_not_be_made_is_made_later", || {
        let far = gateway();
        let Some(first) = forwarded() else { return };
        // The name is taken as long as the first lives.
        let mut canary = Canary::open(&config(true));
        assert!(failure(&canary).contains("shunt0"));
        assert!(!canary.reopen(&config(true)));
        drop(first);
        assert!(canary.reopen(&config(true)));
        assert!(canary.local_because(Family::V4).is_none() && canary.descriptor().is_some());
        assert!(!canary.reopen(&config(true)), "there is nothing to be tried again");
        rtt(ask(&mut canary, &Target::Icmp(TARGET_V4.into())));
        drop(far);
    });
}
