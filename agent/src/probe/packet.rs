//! IPv4 packets as a client would send and receive them (RFC 791, RFC 768, RFC 9293), for the canary.

use super::echo::checksum;
use std::net::Ipv4Addr;

/// Protocol numbers of the IPv4 header.
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
/// TCP flags.
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const ACK: u8 = 0x10;
/// Length of an IPv4 header without options.
const HEADER: usize = 20;

/// The two ends of a packet; the ports are zero where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) from: Ipv4Addr,
    pub(super) from_port: u16,
    pub(super) to: Ipv4Addr,
    pub(super) to_port: u16,
}

/// A packet that came, not yet known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inbound<'a> {
    Datagram { ends: Ends, data: &'a [u8] },
    Segment { ends: Ends, sequence: u32, acknowledged: u32, flags: u8 },
    Icmp { from: Ipv4Addr },
}

/// An IPv4 packet around `body`.
pub(super) fn ipv4(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, body: &[u8]) -> Vec<u8> {
    const DONT_FRAGMENT: u16 = 0x4000;
    const HOPS: u8 = 64;
    let length = u16::try_from(HEADER + body.len()).unwrap_or(u16::MAX);
    let header = |sum: u16| {
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend([0x45, 0]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(DONT_FRAGMENT.to_be_bytes());
        bytes.extend([HOPS, protocol]);
        bytes.extend(sum.to_be_bytes());
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        bytes
    };
    let mut packet = header(checksum(&[&header(0)]));
    packet.extend(body);
    packet
}

/// A UDP packet.
pub(super) fn udp(ends: Ends, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + data.len()).unwrap_or(u16::MAX);
    let body = |sum: u16| {
        let mut bytes = Vec::with_capacity(8 + data.len());
        for field in [ends.from_port, ends.to_port, length, sum] {
            bytes.extend(field.to_be_bytes());
        }
        bytes.extend(data);
        bytes
    };
    // A sum of zero would mean "none" (RFC 768).
    let sum = match transport_checksum(UDP, ends, &body(0)) {
        0 => u16::MAX,
        sum => sum,
    };
    ipv4(UDP, ends.from, ends.to, &body(sum))
}

/// A TCP segment without data.
pub(super) fn tcp(ends: Ends, sequence: u32, acknowledged: u32, flags: u8) -> Vec<u8> {
    const OFFSET: u8 = 5 << 4;
    const WINDOW: u16 = 1_024;
    let body = |sum: u16| {
        let mut bytes = Vec::with_capacity(20);
        bytes.extend(ends.from_port.to_be_bytes());
        bytes.extend(ends.to_port.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(acknowledged.to_be_bytes());
        bytes.extend([OFFSET, flags]);
        bytes.extend(WINDOW.to_be_bytes());
        bytes.extend(sum.to_be_bytes());
        bytes.extend([0, 0]);
        bytes
    };
    let sum = transport_checksum(TCP, ends, &body(0));
    ipv4(TCP, ends.from, ends.to, &body(sum))
}

/// Reads a packet; `None` for fragments, other protocols and what is malformed. Checksums are left to what is checked
/// beside them: identifiers and tokens that only a true answer carries.
pub(super) fn parse(packet: &[u8]) -> Option<Inbound<'_>> {
    const FRAGMENT: u16 = 0x3fff;
    let [first, ..] = *packet else { return None };
    let header = usize::from(first & 0x0f) * 4;
    (first >> 4 == 4 && header >= HEADER).then_some(())?;
    let length = usize::from(short(packet, 2)?);
    (short(packet, 6)? & FRAGMENT == 0).then_some(())?;
    let protocol = *packet.get(9)?;
    let from = Ipv4Addr::from(*packet.get(12..)?.first_chunk::<4>()?);
    let to = Ipv4Addr::from(*packet.get(16..)?.first_chunk::<4>()?);
    let body = packet.get(header..length)?;
    let ends = || Some(Ends { from, from_port: short(body, 0)?, to, to_port: short(body, 2)? });
    match protocol {
        ICMP => Some(Inbound::Icmp { from }),
        UDP => Some(Inbound::Datagram { ends: ends()?, data: body.get(8..usize::from(short(body, 4)?))? }),
        TCP => Some(Inbound::Segment {
            ends: ends()?,
            sequence: long(body, 4)?,
            acknowledged: long(body, 8)?,
            flags: *body.get(13)?,
        }),
        _ => None,
    }
}

impl Ends {
    /// The same, seen from the other side.
    pub(super) const fn reversed(self) -> Self {
        Self { from: self.to, from_port: self.to_port, to: self.from, to_port: self.from_port }
    }
}

fn transport_checksum(protocol: u8, ends: Ends, body: &[u8]) -> u16 {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    checksum(&[&ends.from.octets(), &ends.to.octets(), &[0, protocol], &length, body])
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENDS: Ends = Ends {
        from: Ipv4Addr::new(192, 0, 2, 1),
        from_port: 50_000,
        to: Ipv4Addr::new(198, 51, 100, 2),
        to_port: 53,
    };

    #[test]
    fn what_is_built_can_be_read() {
        let packet = udp(ENDS, b"question");
        assert_eq!(parse(&packet), Some(Inbound::Datagram { ends: ENDS, data: b"question" }));
        let packet = tcp(ENDS, 7, 8, SYN | ACK);
        let read = Inbound::Segment { ends: ENDS, sequence: 7, acknowledged: 8, flags: SYN | ACK };
        assert_eq!(parse(&packet), Some(read));
        assert_eq!(parse(&ipv4(ICMP, ENDS.from, ENDS.to, &[0; 8])), Some(Inbound::Icmp { from: ENDS.from }));
    }

    #[test]
    fn checksums_sum_up_to_nothing() {
        for (packet, protocol) in [(udp(ENDS, b"odd"), UDP), (tcp(ENDS, 1, 2, SYN), TCP)] {
            assert_eq!(checksum(&[&packet[..HEADER]]), 0);
            assert_eq!(transport_checksum(protocol, ENDS, &packet[HEADER..]), 0);
        }
    }

    #[test]
    fn a_fragment_is_not_read() {
        let mut packet = udp(ENDS, b"x");
        packet[6] = 0x20;
        assert_eq!(parse(&packet), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = parse(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = 0x45;
            }
            let _ = parse(&bytes);
        }
    }
}
