//! Probes leave by their link or not at all.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod netns;

use netns::far::{Far, TARGET_V4, TARGET_V6, addresses, binding, hops, mark, set_up, table};
use netns::probes::{FIRST, SECOND, ask_all, bound, collect, echo_targets, expires, rtt, written};
use netns::{DEADLINE, within};
use shunt::clock;
use shunt::netlink::Binding;
use shunt::probe::Prober;
use shunt_config::Target;
use shunt_decision::{Family, Outcome, ProbeId, TargetId};
use socket2::Socket;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

/// Hop limits of the packets to the targets that the tap saw since it was asked last.
fn seen(tap: &Socket) -> Vec<u8> {
    let mut hops = Vec::new();
    let mut buffer = [MaybeUninit::<u8>::uninit(); 2_048];
    loop {
        let length = match tap.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return hops,
            Err(error) => panic!("{error}"),
        };
        let packet = written(&buffer[..length]);
        if packet.get(16..20) == Some(&TARGET_V4.octets()) {
            hops.push(packet[8]);
        } else if packet.get(24..40) == Some(&TARGET_V6.octets()) {
            hops.push(packet[7]);
        }
    }
}

fn leak_targets() -> Vec<Target> {
    let mut targets = echo_targets();
    for ip in [IpAddr::from(TARGET_V4), TARGET_V6.into()] {
        targets.push(Target::Tcp((ip, 80).into()));
        let name = "example.com".to_owned();
        targets.push(Target::Dns { server: (ip, 53).into(), name, answer: None });
    }
    targets
}

#[test]
fn a_probe_never_leaves_by_another_link() {
    within("a_probe_never_leaves_by_another_link", || {
        let far = Far::new();
        let mut prober = bound(&far, &[leak_targets(), leak_targets()]);
        let [_, by_second, ..] = addresses(2);
        // The uplink is the second link: an unbound packet would go by it.
        netns::far::main_route(std::net::Ipv4Addr::UNSPECIFIED, 0, by_second);
        let tap = far.tap();
        ask_all(&mut prober, 2);
        assert!(seen(&tap).len() >= 2, "the tap sees probes");

        // Without carrier, then down, then without its route: none leaves, and the second link still carries its own.
        far.run(|| set_up("f1", false));
        let mut outcomes = Vec::new();
        for stage in ["no carrier", "down", "no address"] {
            if stage == "down" {
                set_up("w1", false);
            }
            if stage == "no address" {
                prober.bind(FIRST, Family::V4, None, clock::now()).unwrap();
                prober.bind(FIRST, Family::V6, None, clock::now()).unwrap();
            }
            seen(&tap);
            for target in 0..6 {
                let id = ProbeId(100 + u64::from(target));
                prober.send(id, FIRST, TargetId(target), clock::now(), expires());
            }
            prober.drain(clock::now(), &mut outcomes);
            // A probe by the second link, sent after, and answered: whatever leaked would have been seen by now.
            for target in 0..2 {
                prober.send(ProbeId(u64::from(target)), SECOND, TargetId(target), clock::now(), expires());
            }
            let answered = |outcomes: &[(ProbeId, Outcome)]| {
                outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Reply { .. })).count()
            };
            let until = clock::now() + DEADLINE;
            outcomes.clear();
            while answered(&outcomes) < 2 {
                assert!(clock::now() < until, "{stage}: {outcomes:?}");
                prober.drain(clock::now(), &mut outcomes);
                thread::yield_now();
            }
            assert!(outcomes.iter().all(|(id, outcome)| id.0 < 100 || *outcome == Outcome::Unsendable));
            assert_eq!(seen(&tap), [hops(2); 2], "{stage}");
        }
    });
}

#[test]
fn the_mark_decides_the_table() {
    within("the_mark_decides_the_table", || {
        let far = Far::new();
        let mut prober = bound(&far, &[leak_targets()]);
        let tap = far.tap();
        // The same device and source with the mark of another table: each kind of probe is routed by it.
        table(50, 1);
        for (n, wanted) in [(1, hops(1)), (50, hops(50))] {
            for v6 in [false, true] {
                let family = if v6 { Family::V6 } else { Family::V4 };
                let marked = Binding { mark: mark(n), ..binding(1, v6) };
                prober.bind(FIRST, family, Some(marked), clock::now()).unwrap();
            }
            seen(&tap);
            assert!(!ask_all(&mut prober, 6).contains(&Outcome::Unsendable));
            assert_eq!(seen(&tap), [wanted; 6]);
        }
    });
}

#[test]
fn what_cannot_be_bound_names_the_interface() {
    within("what_cannot_be_bound_names_the_interface", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        let gone = Binding { interface: "wwan7".to_owned(), ..binding(1, false) };
        let error = prober.bind(FIRST, Family::V4, Some(gone), clock::now()).unwrap_err().to_string();
        assert!(error.contains("wwan7"), "{error}");
        prober.send(ProbeId(1), FIRST, TargetId(0), clock::now(), expires());
        let outcomes = collect(1, |now, outcomes| prober.drain(now, outcomes));
        assert_eq!(outcomes, [(ProbeId(1), Outcome::Unsendable)]);
    });
}

#[test]
fn sockets_that_could_not_be_opened_are_tried_again() {
    within("sockets_that_could_not_be_opened_are_tried_again", || {
        let far = Far::new();
        let mut prober = Prober::new(&[echo_targets()]);
        let (source, router) = (addresses(1)[0], None);
        let early = Binding { interface: "w1".to_owned(), index: 7, source, router, mark: mark(1) };
        let bound = clock::now();
        assert!(prober.bind(FIRST, Family::V4, Some(early), bound).is_err());
        far.link(1);
        let mut ask = |now| {
            prober.send(ProbeId(1), FIRST, TargetId(0), now, expires());
            collect(1, |now, outcomes| prober.drain(now, outcomes))[0].1
        };
        assert_eq!(ask(bound), Outcome::Unsendable, "not more than once a second");
        rtt(ask(bound + Duration::from_secs(1)));
    });
}
