//! Sockets that leave by one link and no other.

use super::error::ProbeError;
use super::sys;
use crate::netlink::Binding;
use shunt_decision::Family;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use surge_ping::{AsyncSocket, ICMP};

/// The family of an address.
pub(super) const fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// A socket address; a link-local one names the interface it is local to.
pub(super) fn address(ip: IpAddr, port: u16, binding: Option<&Binding>) -> SocketAddr {
    match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            SocketAddrV6::new(v6, port, 0, binding.map_or(0, |binding| binding.index)).into()
        }
        _ => SocketAddr::new(ip, port),
    }
}

/// An ICMP socket and its kind: a datagram one where `ping_group_range` allows it, else a raw one.
pub(super) fn open_icmp(family: Family, binding: Option<&Binding>) -> Result<(Socket, Type), ProbeError> {
    let (socket, kind) = native(family, binding).map_err(|source| match binding {
        Some(binding) => {
            ProbeError::Icmp { interface: binding.interface.clone(), source_address: binding.source, source }
        }
        None => ProbeError::Local { source },
    })?;
    mark(&socket, binding)?;
    Ok((socket, kind))
}

/// A non-blocking TCP or UDP socket, bound by device, source and mark.
pub(super) fn open(kind: Type, family: Family, binding: Option<&Binding>) -> io::Result<Socket> {
    let (domain, protocol) = match (family, kind == Type::STREAM) {
        (Family::V4, true) => (Domain::IPV4, Protocol::TCP),
        (Family::V4, false) => (Domain::IPV4, Protocol::UDP),
        (Family::V6, true) => (Domain::IPV6, Protocol::TCP),
        (Family::V6, false) => (Domain::IPV6, Protocol::UDP),
    };
    let socket = Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol))?;
    if let Some(binding) = binding {
        socket.bind_device(Some(binding.interface.as_bytes()))?;
        socket.set_mark(binding.mark)?;
        socket.bind(&SockAddr::from(address(binding.source, 0, Some(binding))))?;
    }
    Ok(socket)
}

fn mark(socket: &Socket, binding: Option<&Binding>) -> Result<(), ProbeError> {
    let Some(binding) = binding else { return Ok(()) };
    socket.set_mark(binding.mark).map_err(|source| ProbeError::Mark {
        interface: binding.interface.clone(),
        mark: binding.mark,
        source,
    })
}

/// Opens the socket by surge-ping and takes it out of tokio's hands.
///
/// `AsyncSocket` belongs to a reactor, which would wake the loop for each reply; the prober reads at its own time. So it
/// is made in a reactor of its own, its descriptor is duplicated, and both are dropped.
fn native(family: Family, binding: Option<&Binding>) -> io::Result<(Socket, Type)> {
    let mut config = surge_ping::Config::builder().sock_type_hint(Type::DGRAM);
    config = match family {
        Family::V4 => config.kind(ICMP::V4),
        Family::V6 => config.kind(ICMP::V6),
    };
    config = match binding {
        Some(binding) => config.interface(&binding.interface).bind(address(binding.source, 0, Some(binding))),
        // A datagram socket gets its identifier by being bound.
        None => config.bind(match family {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }),
    };
    let reactor = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let taken = {
        let _inside = reactor.enter();
        AsyncSocket::new(&config.build()).and_then(|socket| {
            let descriptor = sys::duplicate(socket.get_native_sock())?;
            Ok((Socket::from(descriptor), socket.get_type()))
        })
    };
    // Dropping it would wait for its threads, which is forbidden inside another reactor; it has none.
    reactor.shutdown_background();
    let (socket, kind) = taken?;
    socket.set_nonblocking(true)?;
    Ok((socket, kind))
}
