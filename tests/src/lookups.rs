//! Asks the gateway's kernel without a pause where a client's packet would go. The kernel removes some routes without
//! a notice, so only asking shows a moment without a default route.

use crate::error::Result;
use crate::namespace::{Namespace, join};
use crate::netlink::Netlink;
use crate::sys;
use crate::topology::{CLIENT_V4, STREAM_TARGET_V4};
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Between two look-ups: a tenth of what a delete and an add would leave open at the least (one netlink round trip
/// each, and a wake-up between them), and short of filling a core.
const PAUSE: u64 = 20_000;

/// What the look-ups found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Look-ups that named this outgoing interface.
    pub by_interface: BTreeMap<u32, u64>,
    /// Look-ups that found no route.
    pub nothing: u64,
}

/// The asking thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Lookups {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Result<Found>>>>,
}

impl Lookups {
    /// Begins to ask for a packet of the client to the far end, as the gateway would forward it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(gateway: &Namespace) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told_to_stop = Arc::clone(&stop);
        let thread = gateway.spawn("look-ups", move || ask(&told_to_stop))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends, and tells what was found.
    ///
    /// # Errors
    /// When the thread failed.
    pub fn stop(mut self) -> Result<Found> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take() {
            Some(thread) => join(thread, "look-ups")?,
            None => Ok(Found::default()),
        }
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _nobody_is_left_to_hear = join(thread, "look-ups");
        }
    }
}

fn ask(stop: &AtomicBool) -> Result<Found> {
    sys::exact_timers();
    let mut netlink = Netlink::open()?;
    let lan = netlink.index("lan0")?;
    let lookup = forwarded(lan);
    let mut found = Found::default();
    while !stop.load(Ordering::Relaxed) {
        match way_out(&mut netlink, &lookup) {
            Some(index) => *found.by_interface.entry(index).or_default() += 1,
            None => found.nothing += 1,
        }
        sys::sleep_until(sys::monotonic() + PAUSE);
    }
    Ok(found)
}

/// The interface by which that packet would leave.
pub(crate) fn way_out(netlink: &mut Netlink, lookup: &RouteMessage) -> Option<u32> {
    let answer = netlink.look_up(lookup).ok();
    answer
        .iter()
        .flat_map(|route| &route.attributes)
        .find_map(|attribute| if let RouteAttribute::Oif(index) = attribute { Some(*index) } else { None })
}

/// The question for a packet of the client to the far end, which came in by the interface `lan`.
pub(crate) fn forwarded(lan: u32) -> RouteMessage {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(STREAM_TARGET_V4, 32)
        .source_prefix(CLIENT_V4, 32)
        .input_interface(lan)
        .build()
}
