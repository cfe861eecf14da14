//! What probing costs: printed, and held to nothing but that all are answered.

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

use netns::far::{Far, TARGET_V4};
use netns::probes::{bound, expires};
use netns::within;
use shunt::clock;
use shunt_config::Target;
use shunt_decision::{LinkId, ProbeId, TargetId};
use std::thread;

/// CPU time of this thread, in nanoseconds.
fn cpu() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn cost(links: u8, targets: u8) {
    const ROUNDS: u64 = 200;
    let far = Far::new();
    let list = vec![Target::Icmp(TARGET_V4.into()); targets.into()];
    let mut prober = bound(&far, &vec![list; links.into()]);
    let mut outcomes = Vec::new();
    let (mut sending, mut draining, mut answered) = (0, 0, 0);
    for round in 0..ROUNDS + 1 {
        let start = cpu();
        for (id, (link, target)) in (0..).zip((0..links).flat_map(|l| (0..targets).map(move |t| (l, t)))) {
            prober.send(ProbeId(id), LinkId(link), TargetId(target), clock::now(), expires());
        }
        let sent = cpu();
        let spent = clock::now();
        while clock::now().since(spent).as_micros() < 500 {
            thread::yield_now();
        }
        let idle = cpu();
        prober.drain(clock::now(), &mut outcomes);
        let drained = cpu();
        // The first round pays for neighbour resolution and cold buffers.
        if round > 0 {
            sending += sent - start;
            draining += drained - idle;
            answered += outcomes.len() as u64;
        }
        outcomes.clear();
    }
    let probes = ROUNDS * u64::from(links) * u64::from(targets);
    println!(
        "{links} links x {targets} targets: send {:.2} us, drain {:.2} us a probe ({answered} of {probes} answered)",
        sending as f64 / probes as f64 / 1e3,
        draining as f64 / probes as f64 / 1e3,
    );
    assert_eq!(answered, probes);
}

#[test]
fn the_cost_of_probing_is_printed() {
    within("the_cost_of_probing_is_printed", || cost(2, 2));
    within("the_cost_of_probing_is_printed", || cost(64, 3));
}
