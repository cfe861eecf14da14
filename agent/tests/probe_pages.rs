//! Page probes: what answers are taken for, by which link they go, and how names are looked up.

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

use netns::far::{Far, TARGET_V4, TARGET_V6, addresses, set_up};
use netns::pages::{Asker, serve_names, serve_pages, targets};
use netns::probes::{FIRST, SECOND, expires, rtt};
use netns::within;
use shunt::clock;
use shunt::probe::Prober;
use shunt_config::Target;
use shunt_decision::{Family, LinkId, Outcome, ProbeId, TargetId};
use std::net::IpAddr;
use std::time::Duration;

/// A prober whose links lead to the far side, with these resolvers for each.
fn asker(far: &Far, links: &[Vec<Target>], resolvers: &[IpAddr]) -> Asker {
    let resolvers = vec![resolvers.to_vec(); links.len()];
    let mut prober = Prober::new(links).resolving_by(&resolvers);
    for n in 1..=links.len() as u8 {
        far.link(n);
        for (family, v6) in [(Family::V4, false), (Family::V6, true)] {
            let binding = netns::far::binding(n, v6);
            prober.bind(LinkId(n - 1), family, Some(binding), clock::now()).unwrap();
        }
    }
    Asker::new(prober)
}

#[test]
fn pages_are_judged() {
    within("pages_are_judged", || {
        let far = Far::new();
        let (v4, requests) = serve_pages(&far, TARGET_V4.into());
        let (v6, _) = serve_pages(&far, TARGET_V6.into());
        let list = format!(
            "\"http://{v4}/good\", \"http://{v6}/good\", \"http://{v4}/empty\",
             {{ target = \"http://{v6}/empty\", status = 204 }},
             {{ target = \"http://{v4}/good\", body = \"a page\" }},
             {{ target = \"http://{v6}/good\", body = \"of Success\" }},
             {{ target = \"http://{v4}/pieces\", body = \"Success\" }},
             {{ target = \"http://{v4}/portal\", status = 302 }},
             \"http://{v4}/portal\",
             {{ target = \"http://{v4}/good\", body = \"failure\" }},
             {{ target = \"http://{v4}/endless\", body = \"Success\" }},
             {{ target = \"http://{v4}/empty\", status = 200 }},
             \"http://{v4}/ill\", \"http://{v4}/garbage\", \"http://{v4}/hang-up\", \"http://{TARGET_V4}:1/good\""
        );
        let mut asker = asker(&far, &[targets(&list)], &[]);
        let outcomes = asker.ask_all(FIRST, 16);
        for good in &outcomes[..8] {
            assert!(rtt(*good) > Duration::ZERO, "{outcomes:?}");
        }
        assert_eq!(outcomes[8..12], [Outcome::Intercepted; 4], "redirect, body, endless body, status");
        assert_eq!(outcomes[12..], [Outcome::Refused; 4], "ill, garbage, hung up, nobody there");
        let (_, request) = requests.recv().unwrap();
        assert!(request.contains(&format!("host: {v4}\r\n")), "{request}");
        assert!(request.contains("user-agent: shunt\r\n"), "{request}");
        assert!(!request.to_lowercase().contains("cookie"), "{request}");
    });
}

#[test]
fn what_goes_wrong_wakes_the_loop_and_what_goes_well_does_not() {
    within("what_goes_wrong_wakes_the_loop_and_what_goes_well_does_not", || {
        let far = Far::new();
        let (v4, _) = serve_pages(&far, TARGET_V4.into());
        let list = format!("\"http://{v4}/good\", \"http://{v4}/portal\"");
        let mut asker = asker(&far, &[targets(&list)], &[]);
        assert!(rtt(asker.ask_all(FIRST, 1)[0]) > Duration::ZERO);
        assert!(!asker.is_called(Duration::ZERO));
        asker.send(7, FIRST, 1, expires());
        assert!(asker.is_called(netns::DEADLINE));
        assert_eq!(asker.collect(1), [(ProbeId(7), Outcome::Intercepted)]);
    });
}

#[test]
fn a_burst_is_bounded_and_what_expired_gives_nothing() {
    within("a_burst_is_bounded_and_what_expired_gives_nothing", || {
        let far = Far::new();
        let (v4, _) = serve_pages(&far, TARGET_V4.into());
        let list = format!("\"http://{v4}/silent\", \"http://{v4}/good\"");
        let mut asker = asker(&far, &[targets(&list)], &[]);
        for id in 0..10 {
            asker.send(id, FIRST, 0, expires());
        }
        assert_eq!(asker.prober.dropped(), 2, "eight run at once");
        asker.prober.bind(FIRST, Family::V4, None, clock::now()).unwrap();
        assert_eq!(asker.prober.dropped(), 2);
        asker.prober.bind(FIRST, Family::V4, Some(netns::far::binding(1, false)), clock::now()).unwrap();
        asker.send(10, FIRST, 0, clock::now());
        asker.send(11, FIRST, 1, expires());
        let outcomes = asker.collect(1);
        assert_eq!(outcomes.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [11]);
    });
}

#[test]
fn names_and_pages_are_asked_for_over_their_own_link_only() {
    within("names_and_pages_are_asked_for_over_their_own_link_only", || {
        let far = Far::new();
        let (v4, requests) = serve_pages(&far, TARGET_V4.into());
        let questions = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let list = targets(&format!("\"http://page.example:{}/good\"", v4.port()));
        let mut asker = asker(&far, &[list.clone(), list], &[TARGET_V4.into()]);
        let [by_first, _, ..] = addresses(1);
        let [by_second, via_second, ..] = addresses(2);
        // The uplink is the second link: an unbound packet would go by it.
        netns::far::main_route(std::net::Ipv4Addr::UNSPECIFIED, 0, via_second);
        let peers = || requests.try_iter().map(|(peer, _)| peer.ip()).collect::<Vec<_>>();
        let askers = || questions.try_iter().map(|peer| peer.ip()).collect::<Vec<_>>();

        assert_eq!(asker.prober.stand_in(FIRST, TargetId(0)), None, "the name is not known yet");
        assert!(rtt(asker.ask_all(FIRST, 1)[0]) > Duration::ZERO);
        assert_eq!((askers(), peers()), (vec![by_first], vec![by_first]));
        assert!(rtt(asker.ask_all(FIRST, 1)[0]) > Duration::ZERO);
        assert_eq!((askers(), peers()), (vec![], vec![by_first]), "the answer is kept");
        assert_eq!(asker.prober.stand_in(FIRST, TargetId(0)), Some(Target::Tcp(v4.into())));

        // Without its link nothing goes out, neither for the known name nor, after a new path, for the unknown one.
        far.run(|| set_up("f1", false));
        asker.send(1, FIRST, 0, expires());
        let binding = netns::far::binding(1, false);
        asker.prober.bind(FIRST, Family::V4, Some(binding), clock::now()).unwrap();
        asker.send(2, FIRST, 0, expires());
        asker.send(3, SECOND, 0, expires());
        let outcomes = asker.until(|outcomes| outcomes.iter().any(|(id, _)| *id == ProbeId(3)));
        assert!(outcomes.iter().all(|(id, outcome)| id.0 == 3 || !matches!(outcome, Outcome::Reply { .. })));
        assert_eq!((askers(), peers()), (vec![by_second], vec![by_second]));
    });
}

#[test]
fn a_name_is_looked_up_in_its_own_family() {
    within("a_name_is_looked_up_in_its_own_family", || {
        let far = Far::new();
        let (v6, requests) = serve_pages(&far, TARGET_V6.into());
        let questions = serve_names(&far, TARGET_V6.into(), TARGET_V6.into());
        let list = format!(
            "{{ target = \"http://page.example:{0}/good\", family = \"v6\" }}, \"http://page.example:{0}/good\"",
            v6.port()
        );
        // The IPv4 name has nobody to be asked of, since the only IPv4 resolver is not there.
        let mut asker = asker(&far, &[targets(&list)], &[TARGET_V6.into(), TARGET_V4.into()]);
        let outcomes = asker.ask_all(FIRST, 2);
        assert!(rtt(outcomes[0]) > Duration::ZERO);
        assert_eq!(outcomes[1], Outcome::Unresolved);
        let [_, _, here6, _] = addresses(1);
        assert_eq!(questions.recv().unwrap().ip(), here6);
        assert_eq!(requests.recv().unwrap().0.ip(), here6);
    });
}

#[test]
fn a_name_that_does_not_exist_is_the_probes_own_failure() {
    within("a_name_that_does_not_exist_is_the_probes_own_failure", || {
        let far = Far::new();
        let questions = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let mut asker = asker(&far, &[targets("\"http://nobody.example/\"")], &[TARGET_V4.into()]);
        assert_eq!(asker.ask_all(FIRST, 1), [Outcome::Unresolved]);
        // For a second nobody is asked again.
        assert_eq!(asker.ask_all(FIRST, 1), [Outcome::Unresolved]);
        assert_eq!(questions.try_iter().count(), 1);
    });
}
