//! The watch socket: the kernel's own notices, read when the runtime says that some lie there.
//!
//! It is opened before the first dump, so that nothing falls between. When notices come faster than they are
//! read, the kernel drops some and says so once (`ENOBUFS`): the caller then reads everything anew.

use super::socket::DATAGRAM_ROOM;
use rtnetlink::MulticastGroup;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What is watched.
const GROUPS: [MulticastGroup; 7] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
];
/// Asked of the kernel, which grants up to `net.core.rmem_max`: room for some thousand route notices.
const RECEIVE_BUFFER: i32 = 1024 * 1024;

/// What one read gave.
#[derive(Debug)]
pub(crate) enum Read<'a> {
    /// One datagram of notices.
    Notices(&'a [u8]),
    /// Notices were lost.
    Lost,
    /// Nothing more lies there.
    Empty,
}

#[derive(Debug)]
pub(crate) struct WatchSocket {
    socket: AsyncFd<Socket>,
    input: Vec<u8>,
}

impl WatchSocket {
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in GROUPS {
            socket.add_membership(group as u32)?;
        }
        Ok(Self { socket: register(socket)?, input: Vec::with_capacity(DATAGRAM_ROOM) })
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await.map(|_| ())
    }

    /// The next datagram. The runtime's readiness is cleared only by a read that found nothing.
    pub(crate) fn read(&mut self) -> Read<'_> {
        self.input.clear();
        let input = &mut self.input;
        let first = self.socket.get_ref().recv(input, 0);
        let result = match first {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket.try_io(Interest::READABLE, |socket| socket.recv(input, 0))
            }
            other => other,
        };
        match result {
            Ok(_) => Read::Notices(&self.input),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Read::Lost,
            Err(_) => Read::Empty,
        }
    }

    /// Shrinks the receive buffer, so that a test can overrun it.
    #[doc(hidden)]
    pub(crate) fn shrink(&self) -> io::Result<()> {
        self.socket.get_ref().set_rx_buf_sz(1_i32)
    }
}

#[allow(unsafe_code)]
fn register(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: the descriptor belongs to `socket`, which moves into the `AsyncFd` and is closed only after it is
    // deregistered; nobody else holds or closes it.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(Into::into)
}
