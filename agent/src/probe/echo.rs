//! ICMP echo on the wire (RFC 792, RFC 4443): requests are built here, replies are decoded by surge-ping's codec.

use super::token::TOKEN;
use socket2::Type;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use surge_ping::{Icmpv4Packet, Icmpv6Packet};

/// Header (8 bytes) and token.
pub(super) const REQUEST: usize = 8 + TOKEN;

/// Where the token begins behind the start of the ICMP header.
const PAYLOAD: usize = 8;

/// An echo reply, not yet known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EchoReply<'a> {
    pub(super) from: IpAddr,
    pub(super) identifier: u16,
    pub(super) sequence: u16,
    pub(super) payload: &'a [u8],
}

/// An ICMPv4 echo request with its checksum.
pub(super) fn request_v4(identifier: u16, sequence: u16, token: [u8; TOKEN]) -> [u8; REQUEST] {
    const ECHO_REQUEST: u8 = 8;
    let bare = request(ECHO_REQUEST, [0, 0], identifier, sequence, token);
    request(ECHO_REQUEST, checksum(&[&bare]).to_be_bytes(), identifier, sequence, token)
}

/// An ICMPv6 echo request; the kernel computes its checksum, which covers the addresses.
pub(super) fn request_v6(identifier: u16, sequence: u16, token: [u8; TOKEN]) -> [u8; REQUEST] {
    const ECHO_REQUEST: u8 = 128;
    request(ECHO_REQUEST, [0, 0], identifier, sequence, token)
}

/// Reads an ICMPv4 message as a socket of `kind` gives it: raw sockets put the IP header before it.
pub(super) fn reply_v4(bytes: &[u8], kind: Type, from: Ipv4Addr) -> Option<EchoReply<'_>> {
    let packet = Icmpv4Packet::decode(bytes, kind, from, Ipv4Addr::UNSPECIFIED).ok()?;
    let header = if kind == Type::RAW { usize::from(bytes.first()? & 0x0f) * 4 } else { 0 };
    let message = bytes.get(header..)?;
    (message.first() == Some(&0)).then_some(())?;
    Some(EchoReply {
        from: packet.get_source().into(),
        identifier: packet.get_identifier().into_u16(),
        sequence: packet.get_sequence().into_u16(),
        payload: message.get(PAYLOAD..)?,
    })
}

/// Reads an ICMPv6 message; the kernel has taken the IP header off.
pub(super) fn reply_v6(bytes: &[u8], from: Ipv6Addr) -> Option<EchoReply<'_>> {
    const ECHO_REPLY: u8 = 129;
    (bytes.first() == Some(&ECHO_REPLY)).then_some(())?;
    let packet = Icmpv6Packet::decode(bytes, from).ok()?;
    Some(EchoReply {
        from: packet.get_source().into(),
        identifier: packet.get_identifier().into_u16(),
        sequence: packet.get_sequence().into_u16(),
        payload: bytes.get(PAYLOAD..)?,
    })
}

/// The Internet checksum (RFC 1071) over the parts, of which all but the last have an even length.
pub(super) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        for pair in part.chunks(2) {
            let high = pair.first().copied().unwrap_or(0);
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn request(kind: u8, checksum: [u8; 2], identifier: u16, sequence: u16, token: [u8; TOKEN]) -> [u8; REQUEST] {
    let mut packet = [0; REQUEST];
    let header = [kind, 0].into_iter().chain(checksum);
    let numbers = identifier.to_be_bytes().into_iter().chain(sequence.to_be_bytes());
    for (place, byte) in packet.iter_mut().zip(header.chain(numbers).chain(token)) {
        *place = byte;
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        // The example of RFC 1071, section 3: the sum is ddf2.
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        // A packet with its checksum sums up to nothing.
        assert_eq!(checksum(&[&request_v4(7, 8, [9; TOKEN])]), 0);
    }

    #[test]
    fn a_reply_is_read_from_both_kinds_of_socket() {
        let mut reply = request_v4(0x1234, 7, [5; TOKEN]).to_vec();
        reply[0] = 0;
        let from = Ipv4Addr::new(192, 0, 2, 1);
        let expected = EchoReply { from: from.into(), identifier: 0x1234, sequence: 7, payload: &[5; TOKEN] };
        assert_eq!(reply_v4(&reply, Type::DGRAM, from), Some(expected));

        let mut raw = vec![0x46, 0, 0, 48, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 1, 1, 1, 1];
        raw.extend(&reply);
        assert_eq!(reply_v4(&raw, Type::RAW, from), Some(expected));

        let mut reply = request_v6(0x1234, 7, [5; TOKEN]).to_vec();
        reply[0] = 129;
        let expected = EchoReply { from: Ipv6Addr::LOCALHOST.into(), ..expected };
        assert_eq!(reply_v6(&reply, Ipv6Addr::LOCALHOST), Some(expected));
    }

    #[test]
    fn errors_and_requests_are_no_replies() {
        let from = Ipv4Addr::LOCALHOST;
        assert_eq!(reply_v4(&request_v4(1, 1, [0; TOKEN]), Type::DGRAM, from), None);
        let mut unreachable = vec![3, 1, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 1, 1, 0, 0];
        unreachable.extend([127, 0, 0, 1, 127, 0, 0, 1, 8, 0, 0, 0, 0, 1, 0, 1]);
        assert_eq!(reply_v4(&unreachable, Type::DGRAM, from), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoders_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = reply_v4(&bytes, Type::RAW, Ipv4Addr::LOCALHOST);
            let _ = reply_v4(&bytes, Type::DGRAM, Ipv4Addr::LOCALHOST);
            let _ = reply_v6(&bytes, Ipv6Addr::LOCALHOST);
        }
    }
}
