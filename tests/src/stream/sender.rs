//! The sending thread: a packet at each multiple of the interval, however long the one before took.

use crate::error::{Doing, Result};
use crate::namespace::{Namespace, join};
use crate::sys;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

#[derive(Debug)]
pub(super) struct Sender {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<u64>>>,
}

impl Sender {
    pub(super) fn start(client: &Namespace, target: SocketAddr, rate: u32) -> Result<Self> {
        let open = || {
            let any = if target.is_ipv4() {
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
            } else {
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(target)?;
            io::Result::Ok(socket)
        };
        let socket = client.run(open)?.doing(|| format!("send the stream to {target}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let told_to_stop = Arc::clone(&stop);
        let interval = 1_000_000_000 / u64::from(rate.max(1));
        let thread = client.spawn("stream sender", move || send(&socket, interval, &told_to_stop))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Stops; tells how many packets were sent.
    pub(super) fn stop(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take() {
            Some(thread) => join(thread, "stream sender"),
            None => Ok(0),
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _nobody_is_left_to_hear = join(thread, "stream sender");
        }
    }
}

/// Packets are numbered from 1, so that 0 is never one. A packet that the client's kernel refuses (it heard that the
/// network is unreachable) counts as sent: the user's program has lost it.
fn send(socket: &UdpSocket, interval: u64, stop: &AtomicBool) -> u64 {
    sys::exact_timers();
    let begin = sys::monotonic();
    let mut number: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        sys::sleep_until(begin + number * interval);
        number += 1;
        let _lost_if_refused = socket.send(&number.to_be_bytes());
    }
    number
}
