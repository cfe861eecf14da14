//! DNS probes: one connected socket a query, so that each has a source port of its own and the kernel turns strangers
//! away.

use super::dns_wire::{Answer, Question};
use super::path::{MAX_BATCHES, Request, Watch};
use super::receive::{BATCH, Buffers, Queue};
use super::socket::{self, address};
use super::stamp::{self, Clocks, Sent};
use super::sys::{self, Stamps};
use super::token::Random;
use crate::clock;
use crate::netlink::Binding;
use shunt_decision::{Family, Outcome, ProbeId, TargetId, Timestamp};
use socket2::{SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::Arc;

/// Queries to one target at once: a burst of one each 10 ms lasts 640 ms, and each costs a descriptor.
const MAX_WAITING: usize = 64;

/// Queries in flight on one path.
#[derive(Default)]
pub(super) struct Queries {
    waiting: VecDeque<Query>,
    dropped: u64,
}

struct Query {
    id: ProbeId,
    target: TargetId,
    socket: Socket,
    number: u16,
    question: Arc<Question>,
    sent: Sent,
    expires: Timestamp,
}

impl Queries {
    /// Sends one query; an error means that it did not leave.
    pub(super) fn send(
        &mut self,
        request: Request,
        (server, question): (SocketAddr, &Arc<Question>),
        family: Family,
        binding: Option<&Binding>,
        random: &mut Random,
    ) -> io::Result<()> {
        let socket = socket::open(Type::DGRAM, family, binding)?;
        // An old kernel gives no stamps: then our own clock serves (see `stamp`).
        let _ = sys::enable_stamps(socket.as_fd(), Stamps::Driver);
        socket.connect(&SockAddr::from(address(server.ip(), server.port(), binding)))?;
        let number = random.short();
        let sent = Sent { at: clock::now(), stamp: None };
        socket.send(&question.query(number))?;
        let Request { id, target, expires } = request;
        let same = |query: &Query| query.target == target;
        if self.waiting.iter().filter(|query| same(query)).count() >= MAX_WAITING
            && let Some(oldest) = self.waiting.iter().position(same)
        {
            self.waiting.remove(oldest);
            self.dropped += 1;
        }
        let question = Arc::clone(question);
        self.waiting.push_back(Query { id, target, socket, number, question, sent, expires });
        Ok(())
    }

    /// Whether no answer is awaited.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Probes forgotten because too many were in flight.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn watch(&self, watch: &mut Watch) {
        for query in &self.waiting {
            watch.add(query.socket.as_raw_fd(), libc::POLLIN);
        }
    }

    /// Concludes the queries that were answered; the sockets are in the order of [`watch`](Self::watch).
    pub(super) fn drain(
        &mut self,
        watch: &mut Watch,
        buffers: &mut Buffers,
        outcomes: &mut Vec<(ProbeId, Outcome)>,
    ) {
        self.waiting.retain_mut(|query| {
            let outcome = if watch.next_ready() { query.read(buffers) } else { None };
            let Some(outcome) = outcome else { return true };
            let late = matches!(outcome, Outcome::Reply { at, .. } if at > query.expires);
            if !late {
                outcomes.push((query.id, outcome));
            }
            false
        });
    }

    /// Gives up what came too late.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.waiting.retain(|query| query.expires >= now);
    }
}

impl Query {
    /// The first answer that matches, if there is one yet.
    fn read(&mut self, buffers: &mut Buffers) -> Option<Outcome> {
        for _ in 0..MAX_BATCHES {
            let count = match buffers.received.receive(self.socket.as_fd(), Queue::Received) {
                Ok(count) => count,
                // The server's own host says that nothing listens there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Some(Outcome::Refused);
                }
                // "Unreachable" and the like come from routers on the way: the deadline judges.
                Err(_) => return None,
            };
            let clocks = Clocks::read();
            // Only one packet was sent by this socket, so the stamp is its own.
            if buffers.sent.receive(self.socket.as_fd(), Queue::Sent).is_ok() {
                let stamp = buffers.sent.messages().find_map(|message| message.stamp);
                self.sent.stamp = self.sent.stamp.or(stamp);
            }
            for message in buffers.received.messages() {
                match self.question.answer(self.number, message.data) {
                    Some(Answer::Good) => return Some(stamp::reply(self.sent, message.stamp, clocks)),
                    Some(Answer::Bad) => return Some(Outcome::Refused),
                    None => {}
                }
            }
            if count < BATCH {
                break;
            }
        }
        None
    }
}
