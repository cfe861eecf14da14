//! Flows in a real kernel: the dead link's are cut, and nothing waits for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod netns;

use netns::DEADLINE;
use netns::agent::{Agent, FIBER, LTE, carrier, on_gateway, warnings};
use netns::flows::{track, tracked};
use netns::wire::{Wire, index};
use rtnetlink::packet_route::AddressFamily::{Inet, Inet6};
use shunt::clock;
use shunt::netlink::{self, Cut, KernelError};
use shunt_decision::Family;
use std::fs;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const V4: &str = "198.51.100.1";
const V6: &str = "2001:db8:f::1";

#[test]
fn only_flows_translated_to_the_failed_link_are_cut() {
    on_gateway("only_flows_translated_to_the_failed_link_are_cut", |wire, config| {
        only_the_failed_links(wire, &mut Agent::open_with(config, netlink::cut));
    });
}

#[test]
fn an_old_kernel_is_asked_to_cut_one_by_one() {
    on_gateway("an_old_kernel_is_asked_to_cut_one_by_one", |wire, config| {
        only_the_failed_links(wire, &mut Agent::open_with(config, netlink::cut_one_by_one));
    });
}

fn only_the_failed_links(wire: &mut Wire, agent: &mut Agent) {
    let mut tracker = Wire::netfilter();
    for port in 1..=20 {
        track(&mut tracker, "10.0.0.2", V4, "192.0.2.10", port);
        track(&mut tracker, "10.0.0.2", V4, "203.0.113.10", 100 + port);
        track(&mut tracker, "2001:db8:c::2", V6, "2001:db8:a::10", port);
        track(&mut tracker, "2001:db8:c::2", V6, "2001:db8:b::10", 100 + port);
    }
    let mut both = || (tracked(&mut tracker, Inet.into()), tracked(&mut tracker, Inet6.into()));
    assert_eq!(both(), (40, 40));
    agent.kernel.cut_flows(FIBER, Family::V4).unwrap();
    agent.until("the cut of IPv4", |_| both() == (20, 40));
    agent.kernel.cut_flows(LTE, Family::V6).unwrap();
    agent.until("the cut of IPv6", |_| both() == (20, 20));
    // The address is gone with the interface; the flows to it are still known.
    wire.remove("wan1");
    agent.until("gone", |notices| carrier(notices, LTE) == Some(false));
    agent.kernel.cut_flows(LTE, Family::V4).unwrap();
    agent.until("the cut of what is gone", |_| both() == (0, 20));
    // Nothing is left of LTE's: that is no failure, and the next one is cut after it.
    agent.kernel.cut_flows(LTE, Family::V4).unwrap();
    agent.kernel.cut_flows(FIBER, Family::V6).unwrap();
    agent.until("the last cut", |_| both() == (0, 0));
    assert_eq!(warnings(&agent.notices), Vec::<&str>::new());
}

#[test]
fn more_entries_than_one_list_holds_are_cut_one_by_one() {
    on_gateway("more_entries_than_one_list_holds_are_cut_one_by_one", |_, config| {
        let mut agent = Agent::open_with(config, netlink::cut_one_by_one);
        let mut tracker = Wire::netfilter();
        for port in 1..=20_000 {
            track(&mut tracker, "10.0.0.2", V4, "192.0.2.10", port);
        }
        assert_eq!(tracked(&mut tracker, Inet.into()), 20_000);
        agent.kernel.cut_flows(FIBER, Family::V4).unwrap();
        // To read the whole list again and again would keep the cut waiting.
        let count = || fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count").unwrap();
        agent.until("the cut", |_| count().trim() == "0");
        assert_eq!(tracked(&mut tracker, Inet.into()), 0);
    });
}

/// Held while a cut shall last, and how many have begun.
static LASTING: (Mutex<()>, AtomicUsize) = (Mutex::new(()), AtomicUsize::new(0));

fn cut_for_long(_: IpAddr) -> Result<(), KernelError> {
    LASTING.1.fetch_add(1, Ordering::SeqCst);
    drop(LASTING.0.lock().unwrap());
    Err(KernelError::UnknownLink(FIBER))
}

#[test]
fn a_carrier_loss_is_heard_while_flows_are_cut() {
    on_gateway("a_carrier_loss_is_heard_while_flows_are_cut", |wire, config| {
        let mut agent = Agent::open_with(config, cut_for_long as Cut);
        agent.rank(Family::V4, &[LTE, FIBER]).unwrap();
        agent.catch_up();
        let lasts = LASTING.0.lock().unwrap();
        agent.kernel.cut_flows(FIBER, Family::V4).unwrap();
        let end = clock::now() + DEADLINE;
        while LASTING.1.load(Ordering::SeqCst) == 0 {
            assert!(clock::now() < end, "the cut does not begin");
            std::thread::yield_now();
        }
        agent.kernel.cut_flows(LTE, Family::V4).unwrap();
        wire.down("wan1p");
        agent.until("carrier loss", |notices| carrier(notices, LTE) == Some(false));
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan0")));
        assert_eq!(LASTING.1.load(Ordering::SeqCst), 1, "two cuts at once");
        assert_eq!(warnings(&agent.notices), Vec::<&str>::new());
        drop(lasts);
        // What the cuts came to is told through the loop, one after the other.
        agent.until("both failures", |notices| warnings(notices).len() == 2);
        assert_eq!(LASTING.1.load(Ordering::SeqCst), 2);
    });
}
