//! The sending thread: it stands for another machine, so it must not be held up by this one's work. A packet goes out
//! at each multiple of the interval; where the thread was late all the same it says so, and catches up nothing: a
//! burst would be no stream, and its own pause no gap of the network.

use crate::error::Result;
use crate::namespace::{Namespace, join};
use crate::sys;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A sender that is later than this has stalled; waking a thread takes a tenth of it.
const LATE: u64 = 200_000;
/// Stalls that nobody asked for yet; more than that in one run, and the machine is of no use for measuring.
const STALLS: usize = 4_096;

/// A time in which the sender should have sent and did not run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    /// When the packet was due, `CLOCK_REALTIME` in nanoseconds.
    pub(super) from: u64,
    /// When it was sent.
    pub(super) to: u64,
}

impl Stall {
    /// How much of it lies between two times.
    pub(super) fn within(&self, from: u64, to: u64) -> Duration {
        Duration::from_nanos(self.to.min(to).saturating_sub(self.from.max(from)))
    }
}

#[derive(Debug)]
pub(super) struct Sender {
    stalls: mpsc::Receiver<Stall>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<u64>>>,
}

impl Sender {
    /// Sends `rate` packets a second by `socket`, which is connected.
    pub(super) fn start(client: &Namespace, socket: UdpSocket, rate: u32) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told_to_stop = Arc::clone(&stop);
        let interval = 1_000_000_000 / u64::from(rate.max(1));
        let (tell, stalls) = mpsc::sync_channel(STALLS);
        let work = move || send(&socket, interval, &told_to_stop, &tell);
        let thread = client.spawn("stream sender", work)?;
        Ok(Self { stalls, stop, thread: Some(thread) })
    }

    /// The stalls since the last call.
    pub(super) fn stalls(&self) -> impl Iterator<Item = Stall> + '_ {
        self.stalls.try_iter()
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
fn send(socket: &UdpSocket, interval: u64, stop: &AtomicBool, stalls: &mpsc::SyncSender<Stall>) -> u64 {
    sys::exact_timers();
    sys::ahead_of_others();
    let mut due = sys::monotonic();
    let mut number: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        sys::sleep_until(due);
        let late = sys::monotonic().saturating_sub(due);
        if late > LATE {
            let to = sys::wall_clock();
            let _nobody_asks = stalls.try_send(Stall { from: to.saturating_sub(late), to });
        }
        number += 1;
        let _lost_if_refused = socket.send(&number.to_be_bytes());
        // The time that the kernel took to carry the packet is the network's, and no stall.
        due = (due + interval).max(sys::monotonic());
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_common_part_of_a_stall_counts() {
        let stall = Stall { from: 10, to: 20 };
        for (from, to, nanos) in [(0, 5, 0), (0, 15, 5), (12, 18, 6), (15, 30, 5), (20, 30, 0), (0, 30, 10)] {
            assert_eq!(stall.within(from, to), Duration::from_nanos(nanos), "{from}-{to}");
        }
    }
}
