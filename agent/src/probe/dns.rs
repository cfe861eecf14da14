//! DNS probes: one connected socket a query, so that each has a source port of its own and the kernel turns strangers
//! away.

use super::dns_wire::{Answer, Question};
use super::path::MAX_BATCHES;
use super::receive::{BATCH, Buffers, Queue};
use super::socket::{self, address};
use super::stamp::{self, Clocks, Sent};
use super::sys::{self, Stamps};
use super::token::Random;
use super::waiting::OwnSocket;
use crate::clock;
use crate::netlink::Binding;
use shunt_decision::{Family, Outcome};
use socket2::{SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::task::Poll;

/// A query in flight.
pub(super) struct Query {
    socket: Socket,
    number: u16,
    question: Arc<Question>,
    sent: Sent,
}

impl Query {
    /// Sends one query; an error means that it did not leave.
    pub(super) fn send(
        server: SocketAddr,
        question: &Arc<Question>,
        family: Family,
        binding: Option<&Binding>,
        random: &mut Random,
    ) -> io::Result<Self> {
        let socket = socket::open(Type::DGRAM, family, binding)?;
        // An old kernel gives no stamps: then our own clock serves (see `stamp`).
        let _ = sys::enable_stamps(socket.as_fd(), Stamps::Driver);
        socket.connect(&SockAddr::from(address(server.ip(), server.port(), binding)))?;
        let number = random.short();
        let sent = Sent { at: clock::now(), stamp: None };
        socket.send(&question.query(number))?;
        Ok(Self { socket, number, question: Arc::clone(question), sent })
    }
}

impl OwnSocket for Query {
    const READY: libc::c_short = libc::POLLIN;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The first answer that matches, if there is one yet.
    fn read(&mut self, buffers: &mut Buffers) -> Poll<Option<Outcome>> {
        for _ in 0..MAX_BATCHES {
            let count = match buffers.received.receive(self.socket.as_fd(), Queue::Received) {
                Ok(count) => count,
                // The server's own host says that nothing listens there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Poll::Ready(Some(Outcome::Refused));
                }
                // "Unreachable" and the like come from routers on the way: the deadline judges.
                Err(_) => return Poll::Pending,
            };
            let clocks = Clocks::read();
            // Only one packet was sent by this socket, so the stamp is its own.
            if buffers.sent.receive(self.socket.as_fd(), Queue::Sent).is_ok() {
                let stamp = buffers.sent.messages().find_map(|message| message.stamp);
                self.sent.stamp = self.sent.stamp.or(stamp);
            }
            for message in buffers.received.messages() {
                match self.question.answer(self.number, message.data) {
                    Some(Answer::Good) => {
                        return Poll::Ready(Some(stamp::reply(self.sent, message.stamp, clocks)));
                    }
                    Some(Answer::Bad) => return Poll::Ready(Some(Outcome::Refused)),
                    Some(Answer::Other) => return Poll::Ready(Some(Outcome::Intercepted)),
                    None => {}
                }
            }
            if count < BATCH {
                break;
            }
        }
        Poll::Pending
    }
}
