//! Echo probes in real kernels: their times, and whose replies count.

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

use netns::far::{Far, TARGET_V4, binding, sysctl};
use netns::probes::{FIRST, ask_all, bound, collect, echo_targets, expires, rtt, written};
use netns::{DEADLINE, within};
use shunt::clock;
use shunt::netlink::Binding;
use shunt::probe::Prober;
use shunt_decision::{Family, Outcome, ProbeId, TargetId};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

fn echo_round_trips() {
    let far = Far::new();
    let mut prober = bound(&far, &[echo_targets()]);
    let mut sum = [0, 0];
    for _ in 0..20 {
        let before = clock::now();
        let outcomes = ask_all(&mut prober, 2);
        // The reply lies in the socket for a while: the kernel's stamp does not grow old.
        let after = clock::now();
        for (sum, outcome) in sum.iter_mut().zip(outcomes) {
            let Outcome::Reply { rtt, at } = outcome else { panic!("no reply: {outcome:?}") };
            assert!(!rtt.is_zero() && rtt <= after.since(before), "{rtt:?}");
            assert!(at >= before && at <= after, "{at}");
            *sum += rtt.as_nanos() as u64;
        }
    }
    println!("mean round trip: v4 {} ns, v6 {} ns", sum[0] / 20, sum[1] / 20);
}

#[test]
fn echo_over_raw_sockets_has_kernel_times() {
    within("echo_over_raw_sockets_has_kernel_times", echo_round_trips);
}

#[test]
fn echo_over_datagram_sockets_has_kernel_times() {
    within("echo_over_datagram_sockets_has_kernel_times", || {
        sysctl("ipv4/ping_group_range", "0 0");
        echo_round_trips();
    });
}

#[test]
fn reading_late_does_not_lengthen_the_round_trip() {
    within("reading_late_does_not_lengthen_the_round_trip", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        // The kernel begins to stamp a moment after the first socket asked for it, later on a busy machine.
        let until = clock::now() + DEADLINE;
        while late_round_trips(&mut prober, 1) >= LATE {
            assert!(clock::now() < until, "the kernel gives no stamps");
        }
        assert!(late_round_trips(&mut prober, 50) < LATE);
    });
}

const LATE: Duration = Duration::from_millis(20);

#[test]
fn another_router_of_the_link_costs_no_probe_under_way() {
    within("another_router_of_the_link_costs_no_probe_under_way", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        let sent = clock::now();
        prober.send(ProbeId(1), FIRST, TargetId(0), sent, expires());
        for router in [Some("192.0.2.250".parse().unwrap()), None] {
            let binding = Binding { router, ..binding(1, false) };
            prober.bind(FIRST, Family::V4, Some(binding), clock::now()).unwrap();
        }
        let outcomes = collect(1, |now, outcomes| prober.drain(now, outcomes));
        assert!(matches!(outcomes[0].1, Outcome::Reply { .. }), "{outcomes:?}");
    });
}

/// The longest round trip of `count` probes to each target whose replies are left lying for [`LATE`].
fn late_round_trips(prober: &mut Prober, count: u64) -> Duration {
    for target in 0..2 {
        for id in 0..count {
            prober.send(ProbeId(id), FIRST, TargetId(target), clock::now(), expires());
        }
    }
    let sent = clock::now();
    while clock::now().since(sent) < LATE {
        thread::yield_now();
    }
    let outcomes = collect(2 * count as usize, |now, outcomes| prober.drain(now, outcomes));
    outcomes.into_iter().map(|(_, outcome)| rtt(outcome)).max().unwrap()
}

#[test]
fn forged_and_repeated_replies_are_passed_over() {
    within("forged_and_repeated_replies_are_passed_over", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        let socket = far.run(|| {
            sysctl("ipv4/icmp_echo_ignore_all", "1");
            netns::far::add_address("lo", [10, 9, 9, 8].into(), 32);
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            socket
        });
        prober.send(ProbeId(1), FIRST, TargetId(0), clock::now(), expires());
        let mut buffer = [MaybeUninit::<u8>::uninit(); 512];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let packet = written(&buffer[..length]);
        let mut genuine = packet[20..].to_vec();
        genuine[0] = 0;
        // Each byte that must match, turned in its turn: identifier, sequence, cookie, number, and one byte more or less.
        let answer = |source: [u8; 4], bytes: &[u8]| {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
            socket.bind(&SockAddr::from(SocketAddr::from((source, 0)))).unwrap();
            let mut bytes = bytes.to_vec();
            bytes[2..4].fill(0);
            let sum = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0)));
            let sum = sum.sum::<u32>();
            let folded = (sum & 0xffff) + (sum >> 16);
            bytes[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
            socket.send_to(&bytes, &from).unwrap();
        };
        let forgeries: Vec<Vec<u8>> = (4..genuine.len())
            .map(|place| {
                let mut forged = genuine.clone();
                forged[place] ^= 1;
                forged
            })
            .chain([genuine[..genuine.len() - 1].to_vec(), [&genuine[..], &[0]].concat()])
            .collect();
        // A thread of the far namespace opens the answering sockets.
        thread::scope(|scope| {
            scope.spawn(|| {
                join(&far);
                forgeries.iter().for_each(|forged| answer(TARGET_V4.octets(), forged));
                answer([10, 9, 9, 8], &genuine);
            });
        });
        let mut outcomes = Vec::new();
        prober.drain(clock::now(), &mut outcomes);
        assert_eq!(outcomes, [], "forged");
        thread::scope(|scope| {
            scope.spawn(|| {
                join(&far);
                (0..3).for_each(|_| answer(TARGET_V4.octets(), &genuine));
            });
        });
        let outcomes = collect(1, |now, outcomes| prober.drain(now, outcomes));
        assert_eq!(outcomes.len(), 1, "repeated: {outcomes:?}");
        rtt(outcomes[0].1);
        // The next probe's outcome is the only one that follows.
        prober.send(ProbeId(2), FIRST, TargetId(1), clock::now(), expires());
        let outcomes = collect(1, |now, outcomes| prober.drain(now, outcomes));
        assert_eq!(outcomes.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
    });
}

/// Takes the calling thread into the far namespace.
fn join(far: &Far) {
    // SAFETY: it concerns the calling thread only.
    assert_eq!(unsafe { libc::setns(far.descriptor(), libc::CLONE_NEWNET) }, 0);
}
