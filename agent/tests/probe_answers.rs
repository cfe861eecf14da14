//! What TCP and DNS probes make of answers, and what becomes of those that are not answered.

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

use netns::far::{Far, TARGET_V4, TARGET_V6, sysctl};
use netns::probes::{FIRST, ask_all, bound, collect, echo_targets, expires, rtt};
use netns::within;
use shunt::clock;
use shunt_config::Target;
use shunt_decision::{Family, Outcome, ProbeId, TargetId};
use socket2::SockRef;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

#[test]
fn tcp_is_accepted_or_refused() {
    within("tcp_is_accepted_or_refused", || {
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
        let targets = [ports[0], ports[1], closed, hasty].map(|socket| Target::Tcp(socket.into())).to_vec();
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
    within("dns_answers_are_judged", || {
        let far = Far::new();
        let [v4, v6] = [TARGET_V4.into(), TARGET_V6.into()].map(|ip: IpAddr| {
            far.run(move || {
                let socket = UdpSocket::bind((ip, 53)).unwrap();
                thread::spawn(move || serve_dns(&socket));
                SocketAddr::new(ip, 53)
            })
        });
        let dns = |server: SocketAddr, name: &str| Target::Dns {
            server: server.into(),
            name: name.to_owned(),
            answer: None,
        };
        let expecting = |server: SocketAddr, answer: &str| {
            let answer = Some(answer.parse().unwrap());
            Target::Dns { server: server.into(), name: "ok.example".to_owned(), answer }
        };
        let silent = SocketAddr::new(TARGET_V4.into(), 54);
        let targets = vec![
            dns(v4, "ok.example"),
            dns(v6, "ok.example"),
            dns(v4, "servfail.example"),
            dns(v4, "garbage.example"),
            dns(silent, "nobody.example"),
            expecting(v4, "1.1.1.1"),
            expecting(v6, "101:101:101:101:101:101:101:101"),
            expecting(v4, "192.0.2.7"),
            expecting(v6, "2001:db8::7"),
        ];
        let mut prober = bound(&far, &[targets]);
        let outcomes = ask_all(&mut prober, 9);
        for good in [0, 1, 5, 6] {
            assert!(rtt(outcomes[good]) > Duration::ZERO);
        }
        assert_eq!(outcomes[2..5], [Outcome::Refused; 3]);
        assert_eq!(outcomes[7..], [Outcome::Intercepted; 2], "another address than expected");
    });
}

#[test]
fn what_expired_is_forgotten() {
    within("what_expired_is_forgotten", || {
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
    within("what_is_dropped_stays_counted", || {
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
