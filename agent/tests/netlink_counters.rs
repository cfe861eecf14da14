//! The counters of an interface, by both ways in which a kernel can be asked for them.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod netns;

use netns::agent::{Agent, FIBER, on_gateway};
use shunt_decision::LinkId;
use std::net::UdpSocket;

/// No kernel knows this request (the last that Linux 6.18 knows is below 124).
const UNKNOWN: u16 = 254;

#[test]
fn a_kernel_that_does_not_know_the_small_request_is_asked_by_the_large_one() {
    on_gateway("a_kernel_that_does_not_know_the_small_request_is_asked_by_the_large_one", |wire, config| {
        let mut agent = Agent::open(config);
        // At least the question who has this address goes out.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(b"?", "192.0.2.99:9").unwrap();
        let small = agent.kernel.traffic(FIBER).unwrap();
        assert!(agent.kernel.asks_counters_alone(), "this kernel is asked by the large request");
        agent.kernel.ask_counters_by(UNKNOWN);
        let large = agent.kernel.traffic(FIBER).unwrap();
        assert!(!agent.kernel.asks_counters_alone(), "the kernel did not refuse");
        assert!(small.sent > 0 && large.sent >= small.sent && large.received >= small.received);
        assert_eq!(agent.kernel.traffic(LinkId(9)), None);
        // What is gone has no counters, and that is no reason to ask in another way.
        for kind in [UNKNOWN, GETSTATS] {
            agent.kernel.ask_counters_by(kind);
            assert!(agent.kernel.traffic(FIBER).is_some());
        }
        wire.remove("wan0");
        assert_eq!(agent.kernel.traffic(FIBER), None);
        assert!(agent.kernel.asks_counters_alone());
    });
}

/// `RTM_GETSTATS` of linux/rtnetlink.h.
const GETSTATS: u16 = 94;

/// CPU time of this thread, in nanoseconds: the kernel works on it while a request is sent.
fn cpu() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[test]
fn the_small_request_costs_less_than_the_large_one() {
    on_gateway("the_small_request_costs_less_than_the_large_one", |_, config| {
        const ROUNDS: u64 = 10;
        const CALLS: u64 = 1_000;
        let mut agent = Agent::open(config);
        // In turns, so that both meet the same weather.
        let mut spent = [0, 0];
        for _ in 0..ROUNDS {
            for (kind, spent) in [GETSTATS, UNKNOWN].into_iter().zip(&mut spent) {
                agent.kernel.ask_counters_by(kind);
                assert!(agent.kernel.traffic(FIBER).is_some());
                let start = cpu();
                for _ in 0..CALLS {
                    agent.kernel.traffic(FIBER).unwrap();
                }
                *spent += cpu() - start;
            }
        }
        let [small, large] = spent.map(|nanos| nanos as f64 / (ROUNDS * CALLS) as f64 / 1e3);
        println!("alone {small:.2} µs, with the interface {large:.2} µs: {:.2} times as much", large / small);
        assert!(small < large);
    });
}
