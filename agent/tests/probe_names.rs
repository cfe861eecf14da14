//! Targets with names, of every kind: where their probes go, and what becomes of them while nobody knows the name.

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

use netns::far::{Far, TARGET_V4, TARGET_V6, add_address, addresses, binding};
use netns::pages::{Asker, serve_names, targets};
use netns::probes::{FIRST, SECOND, expires, rtt};
use netns::{DEADLINE, within};
use shunt::clock;
use shunt::netlink::Binding;
use shunt::probe::{Prober, Spent};
use shunt_config::Target;
use shunt_decision::{Family, Outcome, Packets, ProbeId, TargetId};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

/// A prober of one link with these targets, which asks for names at the far end.
fn asker(far: &Far, list: &str, resolvers: &[IpAddr]) -> Asker {
    let mut prober = Prober::new(&[targets(list)]).resolving_by(&[resolvers.to_vec()]);
    far.link(1);
    for (family, v6) in [(Family::V4, false), (Family::V6, true)] {
        prober.bind(FIRST, family, Some(binding(1, v6)), clock::now()).unwrap();
    }
    Asker::new(prober)
}

/// A port of the far end on which connections are accepted, by its backlog alone.
fn listener(far: &Far, ip: IpAddr) -> TcpListener {
    far.run(move || TcpListener::bind((ip, 0)).unwrap())
}

fn every_kind(far: &Far, ip: IpAddr, family: &str) {
    let questions = serve_names(far, ip, ip);
    let open = listener(far, ip);
    let port = open.local_addr().unwrap().port();
    let list = ["page.example", &format!("tcp://page.example:{port}"), "dns://page.example/page.example"]
        .map(|target| format!("{{ target = \"{target}\", family = \"{family}\" }}"));
    let mut asker = asker(far, &list.join(", "), &[ip]);
    assert_eq!(asker.prober.stand_in(FIRST, TargetId(0)), None, "the name is not known yet");
    for _ in 0..2 {
        let outcomes = asker.ask_all(FIRST, 3);
        assert!(outcomes.iter().all(|outcome| rtt(*outcome) > Duration::ZERO), "{outcomes:?}");
    }
    // One look-up for all of them, which may be repeated on a busy machine, and the two queries of the DNS target; all
    // from the link.
    let [v4, _, v6, _] = addresses(1);
    let here: IpAddr = if ip.is_ipv4() { v4 } else { v6 };
    let asked: Vec<_> = questions.try_iter().map(|peer| peer.ip()).collect();
    assert!((3..=4).contains(&asked.len()) && asked.iter().all(|peer| *peer == here), "{asked:?}");
    let stand_ins: Vec<_> = (0..3).map(|n| asker.prober.stand_in(FIRST, TargetId(n)).unwrap()).collect();
    let server = SocketAddr::new(ip, 53).into();
    let dns = Target::Dns { server, name: "page.example".to_owned(), answer: None };
    let tcp = Target::Tcp(SocketAddr::new(ip, port).into());
    assert_eq!(stand_ins, [Target::Icmp(ip.into()), tcp, dns]);
}

#[test]
fn every_kind_goes_to_the_address_of_its_name() {
    within("every_kind_goes_to_the_address_of_its_name", || every_kind(&Far::new(), TARGET_V4.into(), "v4"));
}

#[test]
fn every_kind_goes_to_the_ipv6_address_of_its_name() {
    within("every_kind_goes_to_the_ipv6_address_of_its_name", || {
        every_kind(&Far::new(), TARGET_V6.into(), "v6");
    });
}

#[test]
fn a_look_up_is_told_with_what_it_may_cost() {
    within("a_look_up_is_told_with_what_it_may_cost", || {
        let far = Far::new();
        let _questions = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let resolvers: [IpAddr; 2] = [TARGET_V4.into(), TARGET_V6.into()];
        let list = format!("\"page.example\", \"{TARGET_V4}\"");
        let mut asker = asker(&far, &list, &resolvers);
        let spent = [0, 0, 1]
            .map(|target| asker.prober.send(ProbeId(9), FIRST, TargetId(target), clock::now(), expires()));
        // The second comes while the first is looked up.
        let one = targets(&list)[0].look_up_cost(&resolvers);
        assert_eq!((spent.map(|spent| spent.bytes), one), ([one, 0, 0], 4 * (46 + 12) + 8 * 16));
        asker.collect(3);
        assert_eq!(spent[0].packets, Packets { sent: 3, received: 1 });
        let again = asker.prober.send(ProbeId(10), FIRST, TargetId(0), clock::now(), expires());
        assert_eq!(again, Spent::default(), "it is known");
    });
}

#[test]
fn an_unknown_name_fails_alone_and_wakes_the_loop() {
    within("an_unknown_name_fails_alone_and_wakes_the_loop", || {
        let far = Far::new();
        let _questions = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let list = format!("\"nobody.example\", \"tcp://nobody.example:1\", \"{TARGET_V4}\"");
        let mut asker = asker(&far, &list, &[TARGET_V4.into()]);
        for _ in 0..2 {
            let outcomes = asker.ask_all(FIRST, 3);
            assert_eq!(outcomes[..2], [Outcome::Unresolved; 2]);
            assert!(rtt(outcomes[2]) > Duration::ZERO);
        }
        while asker.is_called(Duration::ZERO) {}
        asker.send(7, FIRST, 0, expires());
        assert!(asker.is_called(DEADLINE));
        assert_eq!(asker.collect(1), [(ProbeId(7), Outcome::Unresolved)]);
    });
}

#[test]
fn a_known_name_wakes_the_loop_for_the_probe_that_waits() {
    within("a_known_name_wakes_the_loop_for_the_probe_that_waits", || {
        let far = Far::new();
        let _questions = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let mut asker = asker(&far, "\"page.example\"", &[TARGET_V4.into()]);
        asker.send(1, FIRST, 0, expires());
        assert!(asker.is_called(DEADLINE));
        assert!(rtt(asker.collect(1)[0].1) < DEADLINE);
        // What expires while it waits gives nothing, and is not sent.
        asker.prober.bind(FIRST, Family::V4, Some(binding(1, false)), clock::now()).unwrap();
        asker.send(2, FIRST, 0, clock::now());
        asker.send(3, FIRST, 0, expires());
        assert_eq!(asker.collect(1).iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [3]);
    });
}

#[test]
fn other_resolvers_are_asked_from_now_on() {
    within("other_resolvers_are_asked_from_now_on", || {
        let far = Far::new();
        let questions = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let nobody: IpAddr = "127.0.0.53".parse().unwrap();
        let mut asker = asker(&far, "\"page.example\"", &[nobody]);
        asker.prober.resolve_by(FIRST, &[TARGET_V4.into()]);
        assert!(rtt(asker.ask_all(FIRST, 1)[0]) > Duration::ZERO);
        assert_eq!(questions.try_iter().count(), 1);
    });
}

#[test]
fn a_name_that_is_at_this_end_of_the_link_is_refused() {
    within("a_name_that_is_at_this_end_of_the_link_is_refused", || {
        let far = Far::new();
        far.link(1);
        far.link(2);
        let list =
            ["v4", "v6"].map(|family| format!("{{ target = \"page.example\", family = \"{family}\" }}"));
        let mut asker = Asker::new(Prober::new(&[targets(&list.join(", ")), Vec::new()]));
        asker.prober.bind(SECOND, Family::V4, Some(binding(2, false)), clock::now()).unwrap();
        let ([own, router, own6, router6], [others, beyond, ..]) = (addresses(1), addresses(2));
        let told =
            [(own, false), (router, false), (others, false), (beyond, true), (own6, false), (router6, false)];
        for (number, (at, good)) in (10..).zip(told) {
            let v6 = at.is_ipv6();
            let server: IpAddr =
                if v6 { format!("fd00:9::{number}") } else { format!("10.9.9.{number}") }.parse().unwrap();
            far.run(move || add_address("lo", server, if v6 { 128 } else { 32 }));
            let _questions = serve_names(&far, server, at);
            asker.prober.resolve_by(FIRST, &[server]);
            let (family, target) = if v6 { (Family::V6, 1) } else { (Family::V4, 0) };
            asker.prober.bind(FIRST, family, Some(binding(1, v6)), clock::now()).unwrap();
            asker.send(number, FIRST, target, expires());
            let outcomes = asker.collect(1);
            let resolved = !matches!(outcomes[..], [(_, Outcome::Unresolved)]);
            assert_eq!(resolved, good, "{at}: {outcomes:?}");
            if good {
                assert!(rtt(outcomes[0].1) > Duration::ZERO);
            }
        }
    });
}

#[test]
fn a_name_whose_address_becomes_this_machines_own_is_asked_for_again() {
    within("a_name_whose_address_becomes_this_machines_own_is_asked_for_again", || {
        let far = Far::new();
        far.link(2);
        let [_, others, ..] = addresses(2);
        let _questions = serve_names(&far, TARGET_V4.into(), others);
        let mut asker = Asker::new(
            Prober::new(&[targets("\"page.example\""), Vec::new()]).resolving_by(&[vec![TARGET_V4.into()]]),
        );
        far.link(1);
        asker.prober.bind(FIRST, Family::V4, Some(binding(1, false)), clock::now()).unwrap();
        asker.send(1, FIRST, 0, expires());
        assert!(rtt(asker.collect(1)[0].1) > Duration::ZERO);
        // The far end hands its own address to the other link.
        let moved = Binding { source: others, ..binding(2, false) };
        let _refused_or_not = asker.prober.bind(SECOND, Family::V4, Some(moved), clock::now());
        asker.send(2, FIRST, 0, expires());
        assert_eq!(asker.collect(1), [(ProbeId(2), Outcome::Unresolved)]);
    });
}
