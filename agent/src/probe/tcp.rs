//! TCP connect probes: a handshake is a probe, and nothing is sent over the connection.

use super::receive::Buffers;
use super::socket::{self, address};
use super::sys;
use super::waiting::OwnSocket;
use crate::clock;
use crate::netlink::Binding;
use shunt_decision::{Family, Outcome, Timestamp};
use socket2::{SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::task::Poll;

/// A handshake in flight.
pub(super) struct Connect {
    socket: Socket,
    sent: Timestamp,
}

impl Connect {
    /// Begins one handshake; an error means that nothing left.
    pub(super) fn send(target: SocketAddr, family: Family, binding: Option<&Binding>) -> io::Result<Self> {
        let socket = socket::open(Type::STREAM, family, binding)?;
        let sent = clock::now();
        let target = SockAddr::from(address(target.ip(), target.port(), binding));
        match socket.connect(&target) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            // A refusal this quick (from this very host) is found again by reading the socket's state.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
        Ok(Self { socket, sent })
    }

    /// The reply. The kernel's figure is of the handshake itself, so it does not matter when it is read; a repeated
    /// request has none.
    fn reply(&self) -> Outcome {
        let rtt = sys::handshake_rtt(self.socket.as_fd());
        let rtt = rtt.unwrap_or_else(|| clock::now().since(self.sent));
        Outcome::Reply { rtt, at: self.sent + rtt }
    }
}

impl OwnSocket for Connect {
    const READY: libc::c_short = libc::POLLOUT;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What became of a handshake that is over; `None` for an error that is no answer of the target's.
    fn read(&mut self, _: &mut Buffers) -> Poll<Option<Outcome>> {
        Poll::Ready(match self.socket.take_error() {
            Ok(None) => Some(self.reply()),
            Ok(Some(error)) => match error.kind() {
                // A request is refused by "refused": only a connection that stood can be reset.
                io::ErrorKind::ConnectionReset => Some(self.reply()),
                io::ErrorKind::ConnectionRefused => Some(Outcome::Refused),
                // "Unreachable" and the like come from routers on the way, or from nobody: the deadline judges.
                _ => None,
            },
            Err(_) => None,
        })
    }
}
