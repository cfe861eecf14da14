//! The fast path in a real kernel: rankings without a gap, carrier loss, lost notices, refusals.

#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod netns;

use netns::agent::{Agent, FIBER, LTE, carrier, config, on_gateway, warnings};
use netns::wire::{Wire, index, ip};
use netns::within;
use rtnetlink::packet_route::AddressFamily::Inet;
use shunt::clock;
use shunt::netlink::{Notice, Subject};
use shunt_decision::{Family, PathState};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const V4: &str = "198.51.100.1";
const V6: &str = "2001:db8:f::1";
/// Moves under continuous look-ups.
const MOVES: usize = 1_000;
/// Far more than a look-up takes, and far less than any two moves of the agent lie apart.
const BETWEEN_MOVES: Duration = Duration::from_millis(1);

#[test]
fn a_thousand_rankings_never_leave_a_moment_without_a_default() {
    on_gateway("a_thousand_rankings_never_leave_a_moment_without_a_default", |wire, config| {
        // Without the defaults in `main`, that nothing else could answer.
        let mut config = config.clone();
        for (link, v4, v6) in [(0, "192.0.2.1", "2001:db8:a::1"), (1, "203.0.113.1", "2001:db8:b::1")] {
            config.links[link].gateway = Some(shunt_config::Gateway::Via(v4.parse().unwrap()));
            config.links[link].gateway6 = Some(shunt_config::Gateway::Via(v6.parse().unwrap()));
        }
        for (name, metric, routers) in
            [("wan0", 100, ["192.0.2.1", "2001:db8:a::1"]), ("wan1", 200, ["203.0.113.1", "2001:db8:b::1"])]
        {
            for router in routers {
                wire.no_default_route(metric, router, name);
            }
        }
        for (family, target) in [(Family::V4, V4), (Family::V6, V6)] {
            let mut agent = Agent::open(&config);
            agent.rank(family, &[FIBER, LTE]).unwrap();
            let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
            // The thread is born in this thread's namespace.
            let looker = std::thread::spawn({
                let (stop, looks) = (Arc::clone(&stop), Arc::clone(&looks));
                move || {
                    let mut wire = Wire::open();
                    let mut lost = 0;
                    while !stop.load(Ordering::Relaxed) {
                        lost += u64::from(wire.look_up(target, 0, None).is_err());
                        looks.fetch_add(1, Ordering::Relaxed);
                    }
                    lost
                }
            });
            let mut times = Vec::with_capacity(MOVES);
            for turn in 0..MOVES {
                let order = if turn % 2 == 0 { [LTE, FIBER] } else { [FIBER, LTE] };
                let before = clock::now();
                agent.rank(family, &order).unwrap();
                times.push(clock::now().since(before));
                let first = if turn % 2 == 0 { "wan1" } else { "wan0" };
                // A look-up that is in flight on another processor through two rankings may find both of its routes gone. The
                // agent never moves twice within microseconds, but a processor may be taken away for that long.
                std::thread::sleep(BETWEEN_MOVES);
                assert_eq!(wire.look_up(target, 0, None), Ok(index(first)));
            }
            agent.catch_up();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(looker.join().unwrap(), 0, "look-ups without a route");
            times.sort_unstable();
            println!(
                "{family:?}: {} look-ups; ranking took {:?} median, {:?} p95",
                looks.load(Ordering::Relaxed),
                times[MOVES / 2],
                times[MOVES * 95 / 100]
            );
            let odd = |notice: &&Notice| matches!(notice, Notice::Repaired(_) | Notice::Warnings { .. });
            assert_eq!(agent.notices.iter().find(odd), None);
        }
    });
}

#[test]
fn on_carrier_loss_the_kernel_moves_and_the_move_comes_before_settling() {
    on_gateway("on_carrier_loss_the_kernel_moves_and_the_move_comes_before_settling", |wire, config| {
        let mut agent = Agent::open(config);
        for family in Family::ALL {
            agent.rank(family, &[FIBER, LTE]).unwrap();
        }
        agent.catch_up();
        wire.down("wan0p");
        agent.until("carrier loss", |notices| carrier(notices, FIBER) == Some(false));
        // By itself, before any ranking.
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        assert_eq!(wire.look_up(V6, 0, None), Ok(index("wan1")));
        assert_eq!(agent.path(FIBER, Family::V4), Some(PathState::Ready));
        assert!(wire.look_up(V4, config.kernel.link_mark(0), None).is_err(), "a probe would leak");
        for family in Family::ALL {
            agent.rank(family, &[LTE, FIBER]).unwrap();
        }
        wire.up("wan0p");
        agent.until("carrier", |notices| carrier(notices, FIBER) == Some(true));
        // Returning carrier does not undo the move.
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        agent.catch_up();
        assert_eq!(wire.look_up(V6, 0, None), Ok(index("wan1")));
    });
}

#[test]
fn a_second_flap_within_a_second_is_seen_by_the_poll() {
    within("a_second_flap_within_a_second_is_seen_by_the_poll", || {
        // SAFETY: no arguments, no memory.
        if unsafe { libc::access(c"/dev/net/tun".as_ptr(), libc::W_OK) } != 0 {
            println!("no /dev/net/tun: the held-back notice cannot be provoked here");
            return;
        }
        let mut wire = Wire::open();
        let tun = tun("wan0");
        wire.up("wan0");
        wire.veth("wan1");
        netns::agent::address(&mut wire, "wan0", "192.0.2.10", "2001:db8:a::10", 100);
        netns::agent::address(&mut wire, "wan1", "203.0.113.10", "2001:db8:b::10", 200);
        let state = tempfile::tempdir().unwrap();
        let mut agent = Agent::open(&config(state.path()));
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        agent.catch_up();
        set_carrier(&tun, false);
        agent.until("the first loss", |notices| carrier(notices, FIBER) == Some(false));
        set_carrier(&tun, true);
        agent.until("its return", |notices| carrier(notices, FIBER) == Some(true));
        let before = clock::now();
        set_carrier(&tun, false);
        agent.until("the second loss", |notices| carrier(notices, FIBER) == Some(false));
        let took = clock::now().since(before);
        println!("the second flap was seen after {took:?}");
        assert!(took.as_millis() < 300, "{took:?}: the kernel alone takes 800 ms");
    });
}

#[test]
fn lost_notices_are_made_good_by_reading_everything() {
    on_gateway("lost_notices_are_made_good_by_reading_everything", |wire, config| {
        let mut agent = Agent::open(config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        agent.catch_up();
        agent.kernel.shrink_watch_buffer().unwrap();
        for last in 1..=200 {
            wire.address("wan1", &format!("10.0.0.{last}"), 32);
        }
        wire.default_route(100, "192.0.2.254", "wan0");
        for rule in wire.own_rules(Inet) {
            wire.delete_rule(&rule);
        }
        let table = config.kernel.uplink_table();
        agent.until("what was lost", |_| wire.table(Inet, table)[0].2 == Some(ip("192.0.2.254")));
        // At most sixteen addresses of a link get a rule.
        assert_eq!(wire.own_rules(Inet).len(), 2 + 1 + 1 + 16 + 1);
    });
}

#[test]
fn a_refusal_is_told_once_and_tried_again() {
    on_gateway("a_refusal_is_told_once_and_tried_again", |wire, config| {
        // The kernel asks for the right of whoever opened the socket *and* of whoever sends.
        let mut agent = Agent::open(config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        let rules = wire.own_rules(Inet);
        for rule in &rules {
            wire.delete_rule(rule);
        }
        capability(false);
        assert!(agent.rank(Family::V4, &[LTE, FIBER]).is_err());
        agent.until("the warning", |notices| !warnings(notices).is_empty());
        assert_eq!(wire.own_rules(Inet), []);
        for _ in 0..2 {
            let due = agent.kernel.poll_timeout().unwrap();
            agent.until("another attempt", |_| clock::now() > due);
            agent.catch_up();
        }
        assert_eq!(warnings(&agent.notices).len(), 1, "{:#?}", agent.notices);
        assert!(warnings(&agent.notices)[0].contains("CAP_NET_ADMIN"), "{:#?}", agent.notices);
        capability(true);
        agent.until("the ranking", |notices| {
            notices.iter().any(|notice| matches!(notice, Notice::Ranked { accepted: true, .. }))
        });
        assert_eq!(wire.own_rules(Inet), rules);
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        let refused =
            |notice: &&Notice| matches!(notice, Notice::Warnings { about: Subject::Refused(Family::V4), .. });
        let told: Vec<_> = agent.notices.iter().filter(refused).cloned().collect();
        let mended = Notice::Warnings { about: Subject::Refused(Family::V4), sentences: Vec::new() };
        assert_eq!((told.len(), told.last()), (2, Some(&mended)), "the onset and the mend, once each");
    });
}

/// A TUN interface; it lives as long as the file.
fn tun(name: &str) -> OwnedFd {
    let file = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").unwrap();
    // SAFETY: all zeroes is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
    // SAFETY: the request lives through the call.
    assert_eq!(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) }, 0);
    file.into()
}

fn set_carrier(tun: &OwnedFd, up: bool) {
    let value = libc::c_int::from(up);
    // SAFETY: the value lives through the call.
    assert_eq!(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETCARRIER, &raw const value) }, 0);
}

/// Takes the right to change the network from this thread, or gives it back.
fn capability(granted: bool) {
    const VERSION_3: u32 = 0x2008_0522;
    const NET_ADMIN: u32 = 1 << 12;
    let header = [VERSION_3, 0];
    let mut data = [0_u32; 6];
    // SAFETY: both arrays have the kernel's sizes and live through the calls, which change only this thread.
    unsafe {
        assert_eq!(libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()), 0);
        data[0] = if granted { data[0] | NET_ADMIN } else { data[0] & !NET_ADMIN };
        assert_eq!(libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()), 0);
    }
}
