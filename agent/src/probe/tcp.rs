//! TCP connect probes: a handshake is a probe, and nothing is sent over the connection.

use super::path::{Request, Watch};
use super::socket::{self, address};
use super::sys;
use crate::clock;
use crate::netlink::Binding;
use shunt_decision::{Family, Outcome, ProbeId, TargetId, Timestamp};
use socket2::{SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};

/// Connections being opened to one target at once: a burst of one each 10 ms lasts 640 ms, and each costs a descriptor.
const MAX_WAITING: usize = 64;

/// Handshakes in flight on one path.
#[derive(Default)]
pub(super) struct Connects {
    waiting: VecDeque<Connect>,
    dropped: u64,
}

struct Connect {
    id: ProbeId,
    target: TargetId,
    socket: Socket,
    sent: Timestamp,
    expires: Timestamp,
}

impl Connects {
    /// Begins one handshake; an error means that nothing left.
    pub(super) fn send(
        &mut self,
        request: Request,
        target: SocketAddr,
        family: Family,
        binding: Option<&Binding>,
    ) -> io::Result<()> {
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
        let Request { id, target, expires } = request;
        let same = |connect: &Connect| connect.target == target;
        if self.waiting.iter().filter(|connect| same(connect)).count() >= MAX_WAITING
            && let Some(oldest) = self.waiting.iter().position(same)
        {
            self.waiting.remove(oldest);
            self.dropped += 1;
        }
        self.waiting.push_back(Connect { id, target, socket, sent, expires });
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
        for connect in &self.waiting {
            watch.add(connect.socket.as_raw_fd(), libc::POLLOUT);
        }
    }

    /// Concludes the handshakes that ended; the sockets are in the order of [`watch`](Self::watch).
    pub(super) fn drain(&mut self, watch: &mut Watch, outcomes: &mut Vec<(ProbeId, Outcome)>) {
        self.waiting.retain(|connect| {
            let ready = watch.next_ready();
            if ready {
                outcomes.extend(connect.outcome().map(|outcome| (connect.id, outcome)));
            }
            !ready
        });
    }

    /// Gives up what came too late.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.waiting.retain(|connect| connect.expires >= now);
    }
}

impl Connect {
    /// What became of a handshake that is over; `None` for an error that is no answer of the target's.
    fn outcome(&self) -> Option<Outcome> {
        match self.socket.take_error() {
            Ok(None) => self.answered(),
            Ok(Some(error)) => match error.kind() {
                // A request is refused by "refused": only a connection that stood can be reset.
                io::ErrorKind::ConnectionReset => self.answered(),
                io::ErrorKind::ConnectionRefused => Some(Outcome::Refused),
                // "Unreachable" and the like come from routers on the way, or from nobody: the deadline judges.
                _ => None,
            },
            Err(_) => None,
        }
    }

    /// The reply, if it came in time.
    fn answered(&self) -> Option<Outcome> {
        // The kernel's figure is of the handshake itself, so it does not matter when it is read. A repeated request has
        // none.
        let rtt = sys::handshake_rtt(self.socket.as_fd());
        let rtt = rtt.unwrap_or_else(|| clock::now().since(self.sent));
        let at = self.sent + rtt;
        (at <= self.expires).then_some(Outcome::Reply { rtt, at })
    }
}
