//! Probes over real sockets and real (virtual) links, in network namespaces.

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

mod support_probe;

use shunt::clock;
use shunt::netlink::Binding;
use shunt::probe::Prober;
use shunt_config::Target;
use shunt_decision::{Family, LinkId, Outcome, ProbeId, TargetId};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;
use support_probe::{
    DEADLINE, Far, TARGET_V4, TARGET_V6, addresses, binding, collect, expires, hops, in_namespace, mark, rtt,
    set_up, sysctl, table,
};

const FIRST: LinkId = LinkId(0);
const SECOND: LinkId = LinkId(1);

fn bound(far: &Far, links: &[Vec<Target>]) -> Prober {
    let mut prober = Prober::new(links);
    for n in 1..=links.len() as u8 {
        far.link(n);
        prober.bind(LinkId(n - 1), Family::V4, Some(binding(n, false)), clock::now()).unwrap();
        prober.bind(LinkId(n - 1), Family::V6, Some(binding(n, true)), clock::now()).unwrap();
    }
    prober
}

fn echo_targets() -> Vec<Target> {
    vec![Target::Icmp(TARGET_V4.into()), Target::Icmp(TARGET_V6.into())]
}

/// The outcomes of one probe to each target of the first link, in the order of the targets.
fn ask_all(prober: &mut Prober, count: u8) -> Vec<Outcome> {
    for target in 0..count {
        prober.send(ProbeId(target.into()), FIRST, TargetId(target), clock::now(), expires());
    }
    let mut outcomes = collect(count.into(), |now, outcomes| prober.drain(now, outcomes));
    outcomes.sort_by_key(|(id, _)| *id);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

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
    in_namespace("echo_over_raw_sockets_has_kernel_times", echo_round_trips);
}

#[test]
fn echo_over_datagram_sockets_has_kernel_times() {
    in_namespace("echo_over_datagram_sockets_has_kernel_times", || {
        sysctl("ipv4/ping_group_range", "0 0");
        echo_round_trips();
    });
}

#[test]
fn reading_late_does_not_lengthen_the_round_trip() {
    in_namespace("reading_late_does_not_lengthen_the_round_trip", || {
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
fn tcp_is_accepted_or_refused() {
    in_namespace("tcp_is_accepted_or_refused", || {
        let far = Far::new();
        let ports = [TARGET_V4.into(), TARGET_V6.into()].map(|ip: IpAddr| {
            far.run(move || {
                let listener = TcpListener::bind((ip, 0)).unwrap();
                let address = listener.local_addr().unwrap();
                thread::spawn(move || listener.incoming().for_each(drop));
                address
            })
        });
        let closed = SocketAddr::new(TARGET_V4.into(), 1);
        let hasty = far.run(|| {
            let listener = TcpListener::bind((TARGET_V4, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            // It resets what it has just accepted, before the prober looks.
            thread::spawn(move || {
                for connection in listener.incoming().flatten() {
                    SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
                }
            });
            address
        });
        let targets = [ports[0], ports[1], closed, hasty].map(Target::Tcp).to_vec();
        let mut prober = bound(&far, &[targets]);
        let outcomes = ask_all(&mut prober, 4);
        assert!(rtt(outcomes[0]) > Duration::ZERO);
        assert!(rtt(outcomes[1]) > Duration::ZERO);
        assert_eq!(outcomes[2], Outcome::Refused);
        assert!(rtt(outcomes[3]) > Duration::ZERO);
    });
}

/// Answers each query by what its first label says.
fn serve_dns(socket: &UdpSocket) {
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let mut answer = buffer[..length].to_vec();
        answer[2] |= 0x80;
        let v6 = from.is_ipv6();
        match &buffer[13..15] {
            b"ok" => {
                answer[7] = 1;
                answer.extend([
                    0xc0,
                    12,
                    0,
                    if v6 { 28 } else { 1 },
                    0,
                    1,
                    0,
                    0,
                    0,
                    9,
                    0,
                    if v6 { 16 } else { 4 },
                ]);
                answer.extend(if v6 { vec![1; 16] } else { vec![1; 4] });
            }
            b"se" => answer[3] |= 2,
            _ => {
                // Garbage, then another's id, and at last a failure as a mark that both were passed over.
                socket.send_to(&[0xff; 40], from).unwrap();
                let mut foreign = answer.clone();
                foreign[0] ^= 0xff;
                socket.send_to(&foreign, from).unwrap();
                answer[3] |= 5;
            }
        }
        socket.send_to(&answer, from).unwrap();
    }
}

#[test]
fn dns_answers_are_judged() {
    in_namespace("dns_answers_are_judged", || {
        let far = Far::new();
        let [v4, v6] = [TARGET_V4.into(), TARGET_V6.into()].map(|ip: IpAddr| {
            far.run(move || {
                let socket = UdpSocket::bind((ip, 53)).unwrap();
                thread::spawn(move || serve_dns(&socket));
                SocketAddr::new(ip, 53)
            })
        });
        let dns = |server, name: &str| Target::Dns { server, name: name.to_owned() };
        let silent = SocketAddr::new(TARGET_V4.into(), 54);
        let targets = vec![
            dns(v4, "ok.example"),
            dns(v6, "ok.example"),
            dns(v4, "servfail.example"),
            dns(v4, "garbage.example"),
            dns(silent, "nobody.example"),
        ];
        let mut prober = bound(&far, &[targets]);
        let outcomes = ask_all(&mut prober, 5);
        assert!(rtt(outcomes[0]) > Duration::ZERO);
        assert!(rtt(outcomes[1]) > Duration::ZERO);
        assert_eq!(outcomes[2..], [Outcome::Refused; 3]);
    });
}

/// A socket that sees every packet of the far side.
fn tap(far: &Far) -> Socket {
    far.run(|| {
        let every = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(every)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    })
}

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

fn written(buffer: &[MaybeUninit<u8>]) -> Vec<u8> {
    // SAFETY: the callers pass as many bytes as the kernel says it wrote.
    buffer.iter().map(|byte| unsafe { byte.assume_init() }).collect()
}

fn leak_targets() -> Vec<Target> {
    let mut targets = echo_targets();
    for ip in [IpAddr::from(TARGET_V4), TARGET_V6.into()] {
        targets.push(Target::Tcp((ip, 80).into()));
        targets.push(Target::Dns { server: (ip, 53).into(), name: "example.com".to_owned() });
    }
    targets
}

#[test]
fn a_probe_never_leaves_by_another_link() {
    in_namespace("a_probe_never_leaves_by_another_link", || {
        let far = Far::new();
        let mut prober = bound(&far, &[leak_targets(), leak_targets()]);
        let [_, by_second, ..] = addresses(2);
        // The uplink is the second link: an unbound packet would go by it.
        support_probe::main_route(std::net::Ipv4Addr::UNSPECIFIED, 0, by_second);
        let tap = tap(&far);
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
    in_namespace("the_mark_decides_the_table", || {
        let far = Far::new();
        let mut prober = bound(&far, &[leak_targets()]);
        let tap = tap(&far);
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
    in_namespace("what_cannot_be_bound_names_the_interface", || {
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
    in_namespace("sockets_that_could_not_be_opened_are_tried_again", || {
        let far = Far::new();
        let mut prober = Prober::new(&[echo_targets()]);
        let early = Binding { interface: "w1".to_owned(), index: 7, source: addresses(1)[0], mark: mark(1) };
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

#[test]
fn forged_and_repeated_replies_are_passed_over() {
    in_namespace("forged_and_repeated_replies_are_passed_over", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        let socket = far.run(|| {
            sysctl("ipv4/icmp_echo_ignore_all", "1");
            support_probe::add_address("lo", [10, 9, 9, 8].into(), 32);
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

#[test]
fn what_expired_is_forgotten() {
    in_namespace("what_expired_is_forgotten", || {
        let far = Far::new();
        let mut prober = bound(&far, &[echo_targets()]);
        let now = clock::now();
        prober.send(ProbeId(1), FIRST, TargetId(0), now, now);
        prober.send(ProbeId(2), FIRST, TargetId(0), now, expires());
        let outcomes = collect(1, |now, outcomes| prober.drain(now, outcomes));
        assert_eq!(outcomes.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
        assert_eq!(prober.dropped(), 0);
    });
}

#[test]
fn what_is_dropped_stays_counted() {
    in_namespace("what_is_dropped_stays_counted", || {
        let far = Far::new();
        // Nobody in the target's network answers, so that all handshakes stay open.
        let mut prober = bound(&far, &[vec![Target::Tcp((Ipv4Addr::new(10, 9, 9, 8), 1).into())]]);
        far.run(|| sysctl("ipv4/ip_forward", "0"));
        let now = clock::now();
        for id in 0..66 {
            prober.send(ProbeId(id), FIRST, TargetId(0), now, expires());
        }
        assert_eq!(prober.dropped(), 2);
        prober.bind(FIRST, Family::V4, None, now).unwrap();
        assert_eq!(prober.dropped(), 2);
    });
}

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
    in_namespace("the_cost_of_probing_is_printed", || cost(2, 2));
    in_namespace("the_cost_of_probing_is_printed", || cost(64, 3));
}
