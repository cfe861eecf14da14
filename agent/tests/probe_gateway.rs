//! Gateways asked on their own link, in network namespaces.

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

use netns::agent::{Agent, FIBER, LTE, config, gateway};
use netns::far::{Far, add_address, addresses, sysctl};
use netns::probes::{FIRST, SECOND, ask_all, bound, echo_targets, expires};
use netns::wire::{Wire, ip};
use netns::{DEADLINE, within};
use rtnetlink::LinkUnspec;
use shunt::clock;
use shunt::probe::{GatewayAnswer, Prober};
use shunt_config::Gateway;
use shunt_decision::{CheckId, Family, LinkId, Outcome, Timestamp};
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

/// A check that is not answered ends after this.
const SOON: Duration = Duration::from_millis(300);

/// Names of checks.
const ONE: CheckId = CheckId(1);
const TWO: CheckId = CheckId(2);

/// The far ends of link `n`.
fn routers(n: u8) -> [(Family, IpAddr); 2] {
    let [_, v4, _, v6] = addresses(n);
    [(Family::V4, v4), (Family::V6, v6)]
}

/// Drains until `count` checks are over.
fn answers(prober: &mut Prober, count: usize) -> Vec<GatewayAnswer> {
    let until = clock::now() + DEADLINE;
    let mut answers = Vec::new();
    while answers.len() < count {
        let now = clock::now();
        assert!(now < until, "only {answers:?} came");
        prober.gateway_answers(now, &mut answers);
        thread::yield_now();
    }
    answers
}

fn check(prober: &mut Prober, link: LinkId, router: IpAddr, expires: Timestamp) -> GatewayAnswer {
    prober.ask_gateway((ONE, link), router, clock::now(), expires);
    answers(prober, 1)[0]
}

fn carries(prober: &mut Prober, targets: u8) -> bool {
    ask_all(prober, targets).into_iter().all(|outcome| matches!(outcome, Outcome::Reply { .. }))
}

#[test]
fn a_gateway_that_is_there_answers() {
    within("a_gateway_that_is_there_answers", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        for (family, router) in routers(1) {
            let answer = check(&mut prober, FIRST, router, expires());
            assert_eq!(answer, GatewayAnswer { id: ONE, link: FIRST, family, answers: true });
        }
        // As router advertisements name it.
        let link_local = ip("fe80::2");
        far.run(move || add_address("f1", link_local, 64));
        assert!(check(&mut prober, FIRST, link_local, expires()).answers);
        assert_eq!(prober.poll_timeout(), None);
    });
}

#[test]
fn a_gateway_that_is_gone_does_not_though_the_kernel_remembers_it() {
    within("a_gateway_that_is_gone_does_not_though_the_kernel_remembers_it", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        assert!(carries(&mut prober, 2), "the kernel takes both gateways for reachable");
        let [_, _, _, v6] = addresses(1);
        far.run(move || {
            sysctl("ipv4/conf/f1/arp_ignore", "8");
            Wire::open().no_address("f1", &v6.to_string(), 64);
        });
        for (family, router) in routers(1) {
            let begun = clock::now();
            let answer = check(&mut prober, FIRST, router, begun + SOON);
            assert_eq!(answer, GatewayAnswer { id: ONE, link: FIRST, family, answers: false });
            assert!(clock::now() >= begun + SOON, "it was given its time");
        }
        // The IPv4 way still carries by the kernel's memory: only the question on the wire tells.
        assert!(carries(&mut prober, 1));
    });
}

#[test]
fn a_gateway_answers_on_its_own_link_only() {
    within("a_gateway_answers_on_its_own_link_only", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets(), echo_targets()]);
        // Linux answers for the addresses of all its interfaces, unless it is told not to.
        far.run(|| {
            for name in ["f1", "f2"] {
                sysctl(&format!("ipv4/conf/{name}/arp_ignore"), "1");
            }
        });
        for (family, router) in routers(1) {
            let ours = check(&mut prober, FIRST, router, expires());
            assert_eq!(ours, GatewayAnswer { id: ONE, link: FIRST, family, answers: true });
            let other = check(&mut prober, SECOND, router, clock::now() + SOON);
            assert_eq!(other, GatewayAnswer { id: ONE, link: SECOND, family, answers: false });
        }
    });
}

#[test]
fn one_check_at_a_time_and_none_where_nobody_is_asked() {
    within("one_check_at_a_time_and_none_where_nobody_is_asked", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets(), echo_targets()]);
        let [(_, router), (_, router6)] = routers(1);
        let (later, soon) = (expires(), clock::now() + SOON);
        for (id, until) in [(ONE, later), (TWO, soon)] {
            prober.ask_gateway((id, FIRST), router, clock::now(), until);
        }
        assert_eq!(prober.poll_timeout(), Some(soon), "the latest check is the one that goes on");
        let over = answers(&mut prober, 1);
        assert_eq!(over.iter().map(|answer| answer.id).collect::<Vec<_>>(), [TWO]);
        assert_eq!(prober.poll_timeout(), None);

        // A path that changes takes its check with it.
        prober.ask_gateway((ONE, FIRST), router6, clock::now(), later);
        prober.bind(FIRST, Family::V6, None, clock::now()).unwrap();
        assert_eq!(prober.poll_timeout(), None);
        prober.ask_gateway((ONE, FIRST), router6, clock::now(), later);
        assert_eq!(prober.poll_timeout(), None, "there is no path");

        // As on PPP and raw IP: this interface knows no such requests.
        Wire::open().set(&LinkUnspec::new_with_name("w2").arp(false).build());
        for (_, router) in routers(2) {
            prober.ask_gateway((ONE, SECOND), router, clock::now(), later);
        }
        assert_eq!(prober.poll_timeout(), None);
    });
}

#[test]
fn what_answered_an_earlier_check_is_no_answer_to_the_present_one() {
    within("what_answered_an_earlier_check_is_no_answer_to_the_present_one", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        let [_, _, _, v6] = addresses(1);
        for (_, router) in routers(1) {
            // The answer lies in the socket when this returns: a veth hands a packet over, and on, while it is sent.
            prober.ask_gateway((ONE, FIRST), router, clock::now(), expires());
        }
        far.run(move || {
            sysctl("ipv4/conf/f1/arp_ignore", "8");
            Wire::open().no_address("f1", &v6.to_string(), 64);
        });
        for (_, router) in routers(1) {
            prober.ask_gateway((TWO, FIRST), router, clock::now(), clock::now() + SOON);
        }
        let mut over = answers(&mut prober, 2);
        over.sort_by_key(|answer| answer.family != Family::V4);
        let silent = |family| GatewayAnswer { id: TWO, link: FIRST, family, answers: false };
        assert_eq!(over, Family::ALL.map(silent));
    });
}

#[test]
fn the_kernel_side_names_the_router_where_there_is_one() {
    within("the_kernel_side_names_the_router_where_there_is_one", || {
        let mut wire = Wire::open();
        gateway(&mut wire);
        let state = tempfile::tempdir().unwrap();
        let mut config = config(state.path());
        config.links[1].gateway = Some(Gateway::OnLink);
        let agent = Agent::open(&config);
        assert_eq!(agent.kernel.router(FIBER, Family::V4), Some(ip("192.0.2.1")));
        assert_eq!(agent.kernel.router(FIBER, Family::V6), Some(ip("2001:db8:a::1")));
        assert_eq!(agent.kernel.router(LTE, Family::V4), None, "point-to-point");
        assert_eq!(agent.kernel.router(LinkId(2), Family::V4), None);
    });
}
