//! The ICMP echo probes of one path: one socket, many targets.

use super::echo::{self, EchoReply};
use super::error::ProbeError;
use super::path::{MAX_BATCHES, Request};
use super::receive::{BATCH, Batch, Buffers, Queue};
use super::socket::{self, address};
use super::stamp::{self, Clocks, Sent};
use super::sys::{self, Stamps};
use super::token::{Cookie, Random, TOKEN};
use crate::clock;
use crate::netlink::Binding;
use shunt_decision::{Family, Outcome, ProbeId, Timestamp};
use socket2::{SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};

/// Probes in flight on one path: three targets asked every 10 ms, with five seconds to answer, are 1,500.
const MAX_WAITING: usize = 2_048;

/// Replies without a transmit stamp after which the driver is taken to give none: one may be missed by a full queue.
const STAMPLESS_REPLIES: u8 = 3;

/// The socket and what it waits for.
pub(super) struct IcmpSocket {
    socket: Socket,
    kind: Type,
    family: Family,
    identifier: u16,
    cookie: Cookie,
    next_sequence: u16,
    /// In order of sequence numbers, without gaps: the front's number is `next_sequence - waiting.len()`.
    waiting: VecDeque<Waiting>,
    stamps: Stamps,
    stampless: u8,
    dropped: u64,
}

struct Waiting {
    id: ProbeId,
    target: IpAddr,
    sent: Sent,
    expires: Timestamp,
    answered: bool,
}

impl IcmpSocket {
    /// Opens the socket; `None` for a local probe that goes wherever the routes say.
    pub(super) fn open(
        family: Family,
        binding: Option<&Binding>,
        random: &mut Random,
    ) -> Result<Self, ProbeError> {
        let (socket, kind) = socket::open_icmp(family, binding)?;
        if kind == Type::RAW {
            // Without the filter the socket works as well, and only reads more that is not for it.
            let _ = match family {
                Family::V4 => sys::only_echo_replies_v4(socket.as_fd()),
                Family::V6 => sys::only_echo_replies_v6(socket.as_fd()),
            };
        }
        // An old kernel gives no stamps: then our own clock serves (see `stamp`).
        let _ = sys::enable_stamps(socket.as_fd(), Stamps::Driver);
        let identifier = match socket.local_addr().ok().and_then(|local| local.as_socket()) {
            Some(local) if kind != Type::RAW => local.port(),
            _ => random.short(),
        };
        Ok(Self {
            socket,
            kind,
            family,
            identifier,
            cookie: random.cookie(),
            next_sequence: random.short(),
            waiting: VecDeque::new(),
            stamps: Stamps::Driver,
            stampless: 0,
            dropped: 0,
        })
    }

    /// Sends one request; an error means that it did not leave.
    pub(super) fn send(
        &mut self,
        request: Request,
        target: IpAddr,
        binding: Option<&Binding>,
    ) -> std::io::Result<()> {
        let sequence = self.next_sequence;
        let token = self.cookie.token(request.id);
        let packet = match self.family {
            Family::V4 => echo::request_v4(self.identifier, sequence, token),
            Family::V6 => echo::request_v6(self.identifier, sequence, token),
        };
        let sent = Sent { at: clock::now(), stamp: None };
        self.socket.send_to(&packet, &SockAddr::from(address(target, 0, binding)))?;
        self.next_sequence = sequence.wrapping_add(1);
        if self.waiting.len() >= MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
            && !oldest.answered
        {
            self.dropped += 1;
        }
        let Request { id, expires, .. } = request;
        self.waiting.push_back(Waiting { id, target, sent, expires, answered: false });
        Ok(())
    }

    /// Probes forgotten because too many were in flight.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The socket, while an answer is awaited: what comes unasked may lie until the next probe.
    pub(super) fn awaited(&self) -> Option<RawFd> {
        (!self.waiting.is_empty()).then(|| self.socket.as_raw_fd())
    }

    /// Reads both queues.
    pub(super) fn drain(&mut self, buffers: &mut Buffers, outcomes: &mut Vec<(ProbeId, Outcome)>) {
        for _ in 0..MAX_BATCHES {
            // A pending error is taken off the socket by being read; it is no verdict.
            let count = buffers.received.receive(self.socket.as_fd(), Queue::Received).unwrap_or(0);
            let clocks = Clocks::read();
            // After the replies, so that the stamp of each request that was answered is there.
            self.read_stamps(&mut buffers.sent);
            for message in buffers.received.messages() {
                let reply = match (self.family, message.from) {
                    (Family::V4, Some(IpAddr::V4(from))) => echo::reply_v4(message.data, self.kind, from),
                    (Family::V6, Some(IpAddr::V6(from))) => echo::reply_v6(message.data, from),
                    _ => None,
                };
                outcomes.extend(reply.and_then(|reply| self.accept(reply, message.stamp, clocks)));
            }
            if count < BATCH {
                break;
            }
        }
        self.choose_stamps();
    }

    /// Forgets what came too late or was answered.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while self.waiting.front().is_some_and(|front| front.answered || front.expires < now) {
            self.waiting.pop_front();
        }
    }

    /// Takes the transmit stamps of sent packets, which come back whole: the cookie tells which is which. (The kernel's
    /// own counter, `SOF_TIMESTAMPING_OPT_ID`, gets out of step when a send fails, differently from version to version.)
    fn read_stamps(&mut self, batch: &mut Batch) {
        for _ in 0..MAX_BATCHES {
            let count = batch.receive(self.socket.as_fd(), Queue::Sent).unwrap_or(0);
            for message in batch.messages() {
                let Some(stamp) = message.stamp else { continue };
                let Some((sequence, token)) = self.own_packet(message.data) else { continue };
                let cookie = self.cookie;
                if let Some(waiting) = self.at(sequence)
                    && token == cookie.token(waiting.id)
                {
                    waiting.sent.stamp.get_or_insert(stamp);
                }
            }
            if count < BATCH {
                break;
            }
        }
    }

    /// The sequence number and token of a packet of ours, wherever they lie behind its headers.
    fn own_packet<'a>(&self, packet: &'a [u8]) -> Option<(u16, &'a [u8])> {
        let payload = self.cookie.find(packet)?;
        let sequence = packet.get(payload.checked_sub(2)?..payload)?;
        Some((u16::from_be_bytes(*sequence.first_chunk()?), packet.get(payload..payload + TOKEN)?))
    }

    fn at(&mut self, sequence: u16) -> Option<&mut Waiting> {
        let back = self.next_sequence.wrapping_sub(sequence);
        let place = self.waiting.len().checked_sub(usize::from(back))?;
        self.waiting.get_mut(place)
    }

    /// A reply counts when everything matches, once.
    fn accept(
        &mut self,
        reply: EchoReply<'_>,
        stamp: Option<clock::WallTime>,
        clocks: Clocks,
    ) -> Option<(ProbeId, Outcome)> {
        let (identifier, cookie) = (self.identifier, self.cookie);
        let waiting = self.at(reply.sequence)?;
        let ours = reply.identifier == identifier
            && reply.from == waiting.target
            && reply.payload == cookie.token(waiting.id)
            && !waiting.answered;
        ours.then_some(())?;
        waiting.answered = true;
        let (id, sent, expires) = (waiting.id, waiting.sent, waiting.expires);
        self.stampless = if sent.stamp.is_some() { 0 } else { self.stampless.saturating_add(1) };
        let outcome = stamp::reply(sent, stamp, clocks);
        match outcome {
            Outcome::Reply { at, .. } if at > expires => None,
            _ => Some((id, outcome)),
        }
    }

    /// A driver that gives no transmit stamps: the scheduler's are the next best.
    fn choose_stamps(&mut self) {
        if self.stamps == Stamps::Driver && self.stampless >= STAMPLESS_REPLIES {
            self.stamps = Stamps::Scheduler;
            let _ = sys::enable_stamps(self.socket.as_fd(), Stamps::Scheduler);
        }
    }
}
