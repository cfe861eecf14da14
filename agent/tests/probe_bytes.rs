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
use netns::pages::{Asker, request, serve_pages, targets};
use netns::probes::{FIRST, ask_all, bound, echo_targets, rtt};
use netns::seen::{Seen, no_more_than_charged};
use netns::{DEADLINE, within};
use shunt::clock;
use shunt::probe::Spent;
use shunt_config::Target;
use shunt_decision::Outcome;
use socket2::Socket;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Bytes to and from the target that came by within the deadline, or as soon as there were `enough`; in no more packets
/// than are taken for our own.
fn bytes(tap: &Socket, target: &Target, enough: u32) -> u32 {
    let until = clock::now() + DEADLINE;
    let mut seen = Seen::default();
    while seen.bytes < enough && clock::now() < until {
        if !seen.next(tap, target) {
            thread::yield_now();
        }
    }
    let (most_sent, most_received) = target.packets();
    let Seen { sent, received, bytes } = seen;
    println!("{target}: {sent} packets of {most_sent} sent, {received} of {most_received} received");
    assert!(sent <= most_sent && received <= most_received, "{target}: {sent} sent, {received} received");
    bytes
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

/// Serves answers of a megabyte and worse; tells when a connection is over.
fn serve_too_much(far: &Far, ip: IpAddr) -> (SocketAddr, Receiver<()>) {
    let (sender, over) = mpsc::channel();
    let address = far.run(move || {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                // It ends with an error when the prober has had enough.
                let _ = pour(&mut connection);
                let _ = connection.read_to_end(&mut Vec::new());
                drop(connection);
                let _ = sender.send(());
            }
        });
        address
    });
    (address, over)
}

fn pour(connection: &mut TcpStream) -> std::io::Result<()> {
    let request = request(connection);
    let head = match request.split(' ').nth(1).unwrap_or_default() {
        "/portal" => "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 1000000\r\n\r\n",
        "/page" => "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        "/head" => "HTTP/1.1 200 OK\r\nX-Long: ",
        // Silence, until the prober gives up.
        _ => return Ok(()),
    };
    connection.write_all(head.as_bytes())?;
    (0..250).try_for_each(|_| connection.write_all(&[b'.'; 4_000]))
}

/// One probe, until its connection is over: what became of it, and what was billed for it.
fn asked(asker: &mut Asker, over: &Receiver<()>, patience: Duration) -> (Option<Outcome>, Spent) {
    let patient = patience >= DEADLINE;
    asker.send(1, FIRST, 0, clock::now() + patience);
    let mut connection_over = false;
    let outcomes = asker.until(|outcomes| {
        connection_over |= over.try_recv().is_ok();
        connection_over && (!patient || !outcomes.is_empty())
    });
    let billed: Vec<_> = asker.prober.billed().collect();
    assert!(billed.iter().all(|(link, _)| *link == FIRST), "{billed:?}");
    let bill = billed.first().map_or_else(Spent::default, |(_, spent)| *spent);
    (outcomes.first().map(|(_, outcome)| *outcome), bill)
}

#[test]
fn what_a_page_takes_beyond_its_price_is_billed() {
    within("what_a_page_takes_beyond_its_price_is_billed", || {
        let far = Far::new();
        for (round, ip) in [TARGET_V4.into(), TARGET_V6.into()].into_iter().enumerate() {
            let (address, over) = serve_too_much(&far, ip);
            let list = format!(
                "\"http://{address}/portal\", {{ target = \"http://{address}/page\", body = \"Success\" }},
                 \"http://{address}/head\", \"http://{address}/page\", \"http://{address}/silent\""
            );
            let wrong = [Outcome::Intercepted, Outcome::Intercepted, Outcome::Refused];
            for (place, target) in targets(&list).iter().enumerate() {
                let tap = far.tap();
                let mut asker = Asker::new(bound_once(&far, round + place, target));
                let silent = target.to_string().ends_with("/silent");
                // Silence is given up; it must last for longer than what may be a round trip.
                let patience = if silent { Duration::from_millis(400) } else { DEADLINE * 2 };
                let (outcome, bill) = asked(&mut asker, &over, patience);
                match (wrong.get(place), outcome) {
                    (Some(wrong), outcome) => assert_eq!(outcome.as_ref(), Some(wrong), "{target}"),
                    (None, Some(outcome)) => assert!(!silent && rtt(outcome) > Duration::ZERO, "{target}"),
                    (None, None) => assert!(silent && bill.bytes == 0, "{target}: {bill:?}"),
                }
                let mut seen = Seen::default();
                while seen.next(&tap, target) {}
                no_more_than_charged(target, &seen, bill, outcome.is_some());
            }
        }
    });
}
