//! Reads along what passes through a namespace.

use shunt_lab::Namespace;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read};
use std::net::Ipv4Addr;

/// `ETH_P_IP` in network order, as packet sockets want it.
const IPV4: i32 = 0x0800_u16.to_be() as i32;
/// More than the packets of a test fill.
const BUFFER: usize = 8 << 20;
/// The header of an IPv4 packet.
const HEADER: usize = 20;

/// A capture of all IPv4 packets that come into a namespace by any interface.
pub(crate) struct Packets(Socket);

impl Packets {
    /// Captures from now on.
    pub(crate) fn capture(namespace: &Namespace) -> Self {
        let open = || {
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(IPV4))).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.set_recv_buffer_size(BUFFER).unwrap();
            socket
        };
        Self(namespace.run(open).unwrap())
    }

    /// The destinations of the packets that were captured since the last call.
    pub(crate) fn destinations(&mut self) -> Vec<Ipv4Addr> {
        let mut found = Vec::new();
        loop {
            let mut packet = [0; 2048];
            match self.0.read(&mut packet) {
                Ok(length) if length >= HEADER => {
                    found.push(Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return found,
                Err(error) => panic!("the capture failed: {error}"),
            }
        }
    }
}
