//! What a probe costs on the wire, held against what the budget is charged for it.

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

use netns::far::{Far, TARGET_V4, TARGET_V6};
use netns::pages::{Asker, serve_pages, targets};
use netns::probes::{FIRST, ask_all, bound, echo_targets, rtt, written};
use netns::{DEADLINE, within};
use shunt::clock;
use shunt_config::Target;
use socket2::Socket;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

/// Bytes to and from the target that came by within the deadline, or as soon as there were `enough`; in no more packets
/// than are taken for our own.
fn bytes(tap: &Socket, target: &Target, enough: u32) -> u32 {
    let (mut sent, mut received) = (0, 0);
    let until = clock::now() + DEADLINE;
    let mut buffer = [MaybeUninit::<u8>::uninit(); 2_048];
    let mut sum = 0;
    while sum < enough && clock::now() < until {
        let Ok(length) = tap.recv(&mut buffer) else {
            thread::yield_now();
            continue;
        };
        let packet = written(&buffer[..length]);
        let (from, to) = match (packet[0] >> 4, target.is_ipv4()) {
            (4, true) => (packet[12..16] == TARGET_V4.octets(), packet[16..20] == TARGET_V4.octets()),
            (6, false) => (packet[8..24] == TARGET_V6.octets(), packet[24..40] == TARGET_V6.octets()),
            _ => (false, false),
        };
        sent += u32::from(to);
        received += u32::from(from);
        sum += if from || to { u32::try_from(length).unwrap() } else { 0 };
    }
    let (most_sent, most_received) = target.packets();
    println!("{target}: {sent} packets of {most_sent} sent, {received} of {most_received} received");
    assert!(sent <= most_sent && received <= most_received, "{target}: {sent} sent, {received} received");
    sum
}

/// Eight addresses to each question, as the cost of a DNS probe supposes.
fn serve_dns(socket: &UdpSocket) {
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let mut answer = buffer[..length].to_vec();
        let (kind, address) = if from.is_ipv4() { (1, 4) } else { (28, 16) };
        answer[2] |= 0x80;
        answer[7] = 8;
        for _ in 0..8 {
            answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, address]);
            answer.extend(vec![1; address.into()]);
        }
        socket.send_to(&answer, from).unwrap();
    }
}

fn both(make: impl Fn(IpAddr) -> Target) -> Vec<Target> {
    [TARGET_V4.into(), TARGET_V6.into()].map(make).to_vec()
}

#[test]
fn echo_and_dns_cost_what_is_charged_to_the_byte() {
    within("echo_and_dns_cost_what_is_charged_to_the_byte", || {
        let far = Far::new();
        let dns = both(|ip| {
            let server = far.run(move || {
                let socket = UdpSocket::bind((ip, 0)).unwrap();
                let server = socket.local_addr().unwrap();
                thread::spawn(move || serve_dns(&socket));
                server
            });
            Target::Dns { server: server.into(), name: "www.example.com".to_owned(), answer: None }
        });
        let targets: Vec<_> = echo_targets().into_iter().chain(dns).collect();
        for (place, target) in targets.iter().enumerate() {
            let far_side = far.tap();
            let mut prober = bound_once(&far, place, target);
            rtt(ask_all(&mut prober, 1)[0]);
            assert_eq!(bytes(&far_side, target, target.cost()), target.cost(), "{target}");
        }
    });
}

/// A prober of one target; the link is made by the first.
fn bound_once(far: &Far, place: usize, target: &Target) -> shunt::probe::Prober {
    use netns::far::binding;
    use shunt_decision::Family;
    let targets = vec![target.clone()];
    if place == 0 {
        return bound(far, &[targets]);
    }
    let mut prober = shunt::probe::Prober::new(&[targets]);
    for (family, v6) in [(Family::V4, false), (Family::V6, true)] {
        prober.bind(FIRST, family, Some(binding(1, v6)), clock::now()).unwrap();
    }
    prober
}

#[test]
fn a_connection_costs_no_more_than_is_charged() {
    within("a_connection_costs_no_more_than_is_charged", || {
        let far = Far::new();
        let targets = both(|ip| {
            let address: SocketAddr = far.run(move || {
                let listener = TcpListener::bind((ip, 0)).unwrap();
                let address = listener.local_addr().unwrap();
                thread::spawn(move || listener.incoming().for_each(drop));
                address
            });
            Target::Tcp(address.into())
        });
        for (place, target) in targets.iter().enumerate() {
            let far_side = far.tap();
            let mut prober = bound_once(&far, place, target);
            assert!(rtt(ask_all(&mut prober, 1)[0]) > Duration::ZERO);
            // Six segments at least: an acknowledgement may go along with the other side's end.
            let ip = if target.is_ipv4() { 20 } else { 40 };
            let least = 2 * (ip + 40) + 4 * (ip + 32);
            let seen = bytes(&far_side, target, least);
            println!("{target}: {seen} bytes seen, {} charged", target.cost());
            assert!(seen >= least && seen <= target.cost(), "{target}: {seen}, {least}");
        }
    });
}

#[test]
fn a_small_page_costs_no_more_than_is_charged() {
    within("a_small_page_costs_no_more_than_is_charged", || {
        let far = Far::new();
        for (place, ip) in [TARGET_V4.into(), TARGET_V6.into()].into_iter().enumerate() {
            let (address, requests) = serve_pages(&far, ip);
            let target = targets(&format!("\"http://{address}/good\"")).remove(0);
            let far_side = far.tap();
            let mut asker = Asker::new(bound_once(&far, place, &target));
            assert!(rtt(asker.ask_all(FIRST, 1)[0]) > Duration::ZERO);
            let (_, request) = requests.recv().unwrap();
            // Handshake, request, answer, and the end from one side at least.
            let ip = if target.is_ipv4() { 20 } else { 40 };
            let least = 2 * (ip + 40) + 5 * (ip + 32) + u32::try_from(request.len()).unwrap();
            let seen = bytes(&far_side, &target, least);
            println!("{target}: {seen} bytes seen, {} charged", target.cost());
            assert!(seen >= least && seen <= target.cost(), "{target}: {seen}, {least}");
        }
    });
}
