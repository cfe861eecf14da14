//! The canary's interface: what is written to it enters the gateway as if a client had sent it.

use super::error::ProbeError;
use super::sys;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, BorrowedFd};

/// A TUN interface that exists as long as this value.
pub(super) struct Tun(File);

impl Tun {
    /// Makes the interface, brings it up and routes `source` to it.
    ///
    /// The interface has no address: `source` must not be one of this host's own, or the kernel would take the packets
    /// for forged ones. The host route brings the replies back, and it is what the reverse-path filter, strict or loose,
    /// wants to see. It goes with the interface, so it needs no owner's mark.
    pub(super) fn open(name: &str, source: Ipv4Addr) -> Result<Self, ProbeError> {
        let broken = |error| ProbeError::Tun { interface: name.to_owned(), source: error };
        let file = sys::open_tun(name).map_err(broken)?;
        let any = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let any = any.or_else(|_| std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).map_err(broken)?;
        let index = sys::bring_up(any.as_fd(), name).map_err(broken)?;
        route(source, index).map_err(|error| ProbeError::CanaryRoute {
            interface: name.to_owned(),
            address: source.into(),
            source: error,
        })?;
        Ok(Self(file))
    }

    /// Has one packet enter.
    pub(super) fn write(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(|_| ())
    }

    /// One packet that was routed to it; `None` when there is none.
    pub(super) fn read<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let length = (&self.0).read(buffer).ok()?;
        buffer.get(..length)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Puts `address/32` onto the interface, in `main`. The kernel answers within the call.
fn route(address: Ipv4Addr, index: u32) -> io::Result<()> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 32;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Link;
    message.header.kind = RouteType::Unicast;
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(address)));
    message.attributes.push(RouteAttribute::Oif(index));

    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewRoute(message));
    // A route that is there is a stranger's: one of ours went with its interface.
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    request.header.sequence_number = 1;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
    match answer.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
        _ => Ok(()),
    }
}
