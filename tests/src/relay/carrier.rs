//! The relay's thread.

use super::{Counts, Direction, Policy};
use crate::random::Random;
use crate::sys;
use shunt_decision::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::time::Duration;

/// Frames under way at once: 3 s at 20,000 packets/s. Beyond it frames are refused and counted.
const QUEUE: usize = 65_536;
/// The largest frame with its `virtio_net_hdr`: segmentation is left to the last kernel, so it may exceed the MTU.
const FRAME: usize = 65_536 + 14 + HEADER;
/// `virtio_net_hdr` in front of each frame.
const HEADER: usize = 10;
/// Frames read from one side before the other has its turn.
const TURN: usize = 128;

/// What the relay can be told.
pub(super) enum Order {
    Set(Policy, mpsc::Sender<Timestamp>),
    Play(Vec<(Duration, Policy)>, mpsc::Sender<Timestamp>),
    Policy(mpsc::Sender<Policy>),
    Counts(mpsc::Sender<Counts>),
    Open(bool),
    Stop,
}

/// A frame on its way; ordered by its time, then by its arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    due: Timestamp,
    number: u64,
    /// 0: from the gateway, to the ISP.
    side: usize,
    bytes: Vec<u8>,
}

pub(super) struct Carrier {
    sides: [File; 2],
    bell: UnixDatagram,
    inbox: mpsc::Receiver<Order>,
    policy: Policy,
    /// Closed, nothing passes.
    open: bool,
    trace: VecDeque<(Timestamp, Policy)>,
    under_way: BinaryHeap<Reverse<Frame>>,
    /// The last time given out per side, so that jitter keeps the order.
    latest: [Timestamp; 2],
    next_number: u64,
    counts: Counts,
    random: Random,
    buffer: Vec<u8>,
}

impl Carrier {
    pub(super) fn new(
        sides: [File; 2],
        bell: UnixDatagram,
        inbox: mpsc::Receiver<Order>,
        policy: Policy,
        seed: u64,
    ) -> Self {
        Self {
            sides,
            bell,
            inbox,
            policy,
            open: true,
            trace: VecDeque::new(),
            under_way: BinaryHeap::new(),
            latest: [Timestamp::ZERO; 2],
            next_number: 0,
            counts: Counts::default(),
            random: Random::new(seed),
            buffer: vec![0; FRAME],
        }
    }

    /// Carries until it is told to stop.
    pub(super) fn run(mut self) {
        sys::exact_timers();
        sys::ahead_of_others();
        loop {
            let now = shunt::clock::now();
            self.follow_trace(now);
            self.deliver(now);
            let wait = self.next_time().map(|time| time.since(shunt::clock::now()));
            let [gateway, isp] = &self.sides;
            let ready = sys::wait_readable([gateway.as_fd(), isp.as_fd(), self.bell.as_fd()], wait);
            let Ok([from_gateway, from_isp, rung]) = ready else { return };
            if rung && !self.obey() {
                return;
            }
            for (side, ready) in [from_gateway, from_isp].into_iter().enumerate() {
                if ready {
                    self.take_in(side);
                }
            }
        }
    }

    fn next_time(&self) -> Option<Timestamp> {
        let frame = self.under_way.peek().map(|Reverse(frame)| frame.due);
        let change = self.trace.front().map(|(time, _)| *time);
        frame.into_iter().chain(change).min()
    }

    /// Does what it was told; `false`: to stop.
    fn obey(&mut self) -> bool {
        let mut byte = [0; 1];
        while self.bell.recv(&mut byte).is_ok() {}
        while let Ok(order) = self.inbox.try_recv() {
            let now = shunt::clock::now();
            // Whoever no longer waits for the answer does not miss it.
            let _unheard = match order {
                Order::Set(policy, reply) => {
                    self.trace.clear();
                    self.change(policy);
                    reply.send(now).is_ok()
                }
                Order::Play(trace, reply) => {
                    self.trace = trace.into_iter().map(|(after, policy)| (now + after, policy)).collect();
                    reply.send(now).is_ok()
                }
                Order::Policy(reply) => reply.send(self.policy.clone()).is_ok(),
                Order::Counts(reply) => reply.send(self.counts).is_ok(),
                Order::Open(open) => {
                    self.open = open;
                    self.change(self.policy.clone());
                    true
                }
                Order::Stop => return false,
            };
        }
        true
    }

    fn follow_trace(&mut self, now: Timestamp) {
        while self.trace.front().is_some_and(|(time, _)| *time <= now) {
            if let Some((_, policy)) = self.trace.pop_front() {
                self.change(policy);
            }
        }
    }

    /// A line that is cut loses what is in it, too.
    fn change(&mut self, policy: Policy) {
        self.policy = policy;
        let Self { policy, open, under_way, counts, .. } = self;
        let before = under_way.len();
        under_way.retain(|Reverse(frame)| {
            *open
                && direction(policy, frame.side).filter.passes(frame.bytes.get(HEADER..).unwrap_or_default())
        });
        counts.dropped += (before - under_way.len()) as u64;
    }

    fn deliver(&mut self, now: Timestamp) {
        while self.under_way.peek().is_some_and(|Reverse(frame)| frame.due <= now) {
            if let Some(Reverse(frame)) = self.under_way.pop() {
                write(&self.sides, frame.side, &frame.bytes, &mut self.counts);
            }
        }
    }

    fn take_in(&mut self, side: usize) {
        for _ in 0..TURN {
            let Some(mut from) = self.sides.get(side) else { return };
            let length = match from.read(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Nothing left; or the interface is down, which is said again by each read until it is up.
                Err(_) => return,
            };
            self.judge(side, length);
        }
    }

    fn judge(&mut self, side: usize, length: usize) {
        let now = shunt::clock::now();
        let Some(bytes) = self.buffer.get(..length) else { return };
        let direction = direction(&self.policy, side);
        let lost = direction.loss > 0.0 && self.random.share() < direction.loss;
        if lost || !self.open || !direction.filter.passes(bytes.get(HEADER..).unwrap_or_default()) {
            self.counts.dropped += 1;
            return;
        }
        let overtakes = direction.reorder > 0.0 && self.random.share() < direction.reorder;
        let mut due = now;
        if !overtakes {
            let jitter = if direction.jitter.is_zero() { 0.0 } else { self.random.share() };
            due = now + direction.delay + direction.jitter.mul_f64(jitter);
            if let Some(latest) = self.latest.get_mut(side) {
                due = due.max(*latest);
                *latest = due;
            }
        }
        if due <= now {
            write(&self.sides, side, bytes, &mut self.counts);
        } else if self.under_way.len() < QUEUE {
            let number = self.next_number;
            self.next_number += 1;
            self.under_way.push(Reverse(Frame { due, number, side, bytes: bytes.to_vec() }));
        } else {
            self.counts.refused += 1;
        }
    }
}

const fn direction(policy: &Policy, side: usize) -> &Direction {
    if side == 0 { &policy.up } else { &policy.down }
}

/// Writes to the side opposite of `side`. A refused frame is lost, as on a full line.
fn write(sides: &[File; 2], side: usize, bytes: &[u8], counts: &mut Counts) {
    let Some(mut to) = sides.get(1 - side) else { return };
    // A frame is taken whole or not at all.
    match to.write_all(bytes) {
        Ok(()) => counts.passed += 1,
        Err(_) => counts.refused += 1,
    }
}
