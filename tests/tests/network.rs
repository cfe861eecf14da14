//! The laboratory itself, without the agent: what the other tests rely on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

use shunt_lab::{
    DNS_TARGET_V4, Filter, Lab, Namespace, Plan, Policy, STREAM_TARGET_V4, Stream, TARGETS_V4, TARGETS_V6,
    UplinkPlan, enter_or_reexec,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn two_uplinks(masquerade: bool, policy: Policy) -> Lab {
    let uplinks = vec![UplinkPlan::relayed("fiber", policy.clone()), UplinkPlan::relayed("lte", policy)];
    Lab::build(&Plan { uplinks, masquerade, seed: 1 }).unwrap()
}

/// One echo over one interface (or the route's own); `None`: no reply within the time.
fn ping(from: &Namespace, interface: Option<&str>, to: IpAddr, wait: Duration) -> Option<Duration> {
    from.run(|| {
        let (domain, protocol, kind) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol)).unwrap();
        socket.bind_device(interface.map(str::as_bytes)).unwrap();
        socket.connect(&SocketAddr::new(to, 0).into()).unwrap();
        // Type, code, checksum (the kernel computes that of ICMPv6), identifier, number.
        let mut echo = [kind, 0, 0, 0, 0x12, 0x34, 0, 1];
        let sum: u32 = echo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        echo[2..4].copy_from_slice(&folded.to_be_bytes());
        let begin = Instant::now();
        socket.send(&echo).unwrap();
        let mut socket = socket;
        let mut buffer = [0; 256];
        loop {
            let left = wait.checked_sub(begin.elapsed()).filter(|left| !left.is_zero())?;
            socket.set_read_timeout(Some(left)).unwrap();
            let length = match socket.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return None;
                }
                Err(error) => panic!("{error}"),
            };
            // A raw IPv4 socket shows the IP header, a raw IPv6 socket does not.
            let icmp = if to.is_ipv4() { &buffer[20..length] } else { &buffer[..length] };
            if matches!(icmp[0], 0 | 129) && icmp[4..8] == [0x12, 0x34, 0, 1] {
                return Some(begin.elapsed());
            }
        }
    })
    .unwrap()
}

#[test]
fn every_target_answers_through_both_isps_in_both_families() {
    let Some(_turn) = enter_or_reexec("every_target_answers_through_both_isps_in_both_families") else {
        return;
    };
    let lab = two_uplinks(true, Policy::default());
    let targets = TARGETS_V4.map(IpAddr::V4).into_iter().chain(TARGETS_V6.map(IpAddr::V6));
    for target in targets {
        for uplink in &lab.uplinks {
            let reply = ping(&lab.gateway, Some(uplink.interface()), target, SECOND);
            assert!(reply.is_some(), "{target} through {}", uplink.name());
        }
        assert!(ping(&lab.client, None, target, SECOND).is_some(), "{target} from the client");
    }
}

#[test]
fn the_far_end_answers_dns_and_tcp() {
    let Some(_turn) = enter_or_reexec("the_far_end_answers_dns_and_tcp") else { return };
    let lab = two_uplinks(true, Policy::default());
    let answer = lab
        .client
        .run(|| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            socket.set_read_timeout(Some(SECOND / 4)).unwrap();
            socket.connect((DNS_TARGET_V4, 53)).unwrap();
            let question =
                b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
            let mut answer = [0; 512];
            // As a resolver does: the first packets over a link that was just raised may be lost.
            let length = (0..20).find_map(|_| {
                socket.send(question).unwrap();
                socket.recv(&mut answer).ok()
            });
            answer[..length.expect("the far end answers one of 20 questions")].to_vec()
        })
        .unwrap();
    assert!(answer.starts_with(&[0x12, 0x34]));
    assert!(answer.ends_with(&DNS_TARGET_V4.octets()));
    let target = SocketAddr::from((TARGETS_V4[0], 443));
    lab.client.run(|| TcpStream::connect_timeout(&target, SECOND).map(drop)).unwrap().unwrap();
    // The far end counts once it has answered, which the client may learn first.
    wait_for(|| lab.answered() >= 2);
}

#[test]
fn a_relay_delays_loses_and_swallows_as_told() {
    let Some(_turn) = enter_or_reexec("a_relay_delays_loses_and_swallows_as_told") else { return };
    let lab = two_uplinks(true, Policy::delay(Duration::from_millis(20)));
    let fiber = lab.uplink("fiber").unwrap();
    let target = IpAddr::V4(TARGETS_V4[0]);
    let through_fiber = |wait| ping(&lab.gateway, Some("fiber0"), target, wait);
    through_fiber(SECOND).unwrap(); // neighbours are known from here on
    let rtt = (0..5).filter_map(|_| through_fiber(SECOND)).min().unwrap();
    assert!((Duration::from_millis(40)..Duration::from_millis(48)).contains(&rtt), "{rtt:?}");

    let short = Duration::from_millis(150);
    let router = fiber.router()[0];
    fiber.black_hole().unwrap();
    assert_eq!(through_fiber(short), None);
    assert!(ping(&lab.gateway, Some("fiber0"), router, SECOND).is_some(), "the router itself still answers");
    assert!(ping(&lab.gateway, Some("lte0"), target, SECOND).is_some(), "the other line is not concerned");
    fiber.filter(Filter::Everything).unwrap();
    assert_eq!(ping(&lab.gateway, Some("fiber0"), router, short), None);
    fiber.filter(Filter::V6).unwrap();
    assert!(through_fiber(SECOND).is_some());
    assert_eq!(ping(&lab.gateway, Some("fiber0"), TARGETS_V6[0].into(), short), None);
    fiber.filter(Filter::Addresses(vec![TARGETS_V4[1].into()])).unwrap();
    assert!(through_fiber(SECOND).is_some());
    assert_eq!(ping(&lab.gateway, Some("fiber0"), TARGETS_V4[1].into(), short), None);
    fiber.restore().unwrap();
    assert!(through_fiber(SECOND).is_some());
    assert_eq!(fiber.relay().unwrap().counts().unwrap().refused, 0);
}

#[test]
fn the_stream_counts_every_packet() {
    let Some(_turn) = enter_or_reexec("the_stream_counts_every_packet") else { return };
    // Behind the ISPs' back: without masquerade, so that nothing but the relay touches the packets.
    let lab = two_uplinks(false, Policy::delay(Duration::from_millis(2)));
    let fiber = lab.uplink("fiber").unwrap();
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), 1_000).unwrap();
    stream.wait_for_path(fiber.far_index(), 5 * SECOND).unwrap();
    wait_for(|| stream.report().unwrap().received >= 500);
    assert_eq!(stream.take_report().unwrap().lost, 0);

    fiber.set(Policy::default().with_loss(0.3)).unwrap();
    wait_for(|| stream.report().unwrap().received >= 1_000);
    fiber.restore().unwrap();
    // What was thrown away just before is known to be lost when later packets have come.
    wait_for(|| stream.report().unwrap().received >= 1_050);
    let lossy = stream.take_report().unwrap();
    let share = lossy.lost as f64 / (lossy.lost + lossy.received) as f64;
    assert!((0.22..0.38).contains(&share), "{share}");

    wait_for(|| stream.report().unwrap().received >= 200);
    let rest = stream.stop().unwrap();
    assert_eq!((rest.lost, rest.duplicates, rest.moves.len()), (0, 0, 0), "{rest}");
}

#[test]
fn a_pulled_cable_is_seen_and_the_path_is_told() {
    let Some(_turn) = enter_or_reexec("a_pulled_cable_is_seen_and_the_path_is_told") else { return };
    for direct in [false, true] {
        let plan = |name| {
            if direct { UplinkPlan::direct(name) } else { UplinkPlan::relayed(name, Policy::default()) }
        };
        let uplinks = vec![plan("fiber"), plan("lte")];
        let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 1 }).unwrap();
        for scope in ["all", "fiber0", "lte0"] {
            let key = format!("ipv4/conf/{scope}/ignore_routes_with_linkdown");
            lab.gateway.set_sysctl(&key, "1").unwrap();
        }
        let [fiber, lte] = [&lab.uplinks[0], &lab.uplinks[1]];
        let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), 1_000).unwrap();
        stream.wait_for_path(fiber.far_index(), 5 * SECOND).unwrap();
        fiber.set_carrier(false).unwrap();
        assert!(!lab.gateway.netlink().unwrap().carrier("fiber0").unwrap());
        let report = stream.wait_for_path(lte.far_index(), 5 * SECOND).unwrap();
        assert_eq!(report.moves.len(), 1);
        fiber.set_carrier(true).unwrap();
        stream.wait_for_path(fiber.far_index(), 5 * SECOND).unwrap();
    }
}

#[test]
fn a_fast_stream_fits_through_the_relay() {
    let Some(_turn) = enter_or_reexec("a_fast_stream_fits_through_the_relay") else { return };
    let lab = two_uplinks(false, Policy::delay(Duration::from_millis(5)));
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), 20_000).unwrap();
    // A machine that is busy with something else loses packets in some second; a relay that is too slow, in each.
    let mut refused = 0;
    wait_for(|| {
        if stream.report().unwrap().received < 20_000 {
            return false;
        }
        let before = refused;
        refused = lab.uplinks[0].relay().unwrap().counts().unwrap().refused;
        stream.take_report().unwrap().lost == 0 && refused == before
    });
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < 30 * SECOND, "the condition did not come about within 30 s");
        std::thread::yield_now();
    }
}
