//! Asking a neighbour on the link for its hardware address, on the wire: ARP (RFC 826) and neighbour discovery
//! (RFC 4861). Only requests of our own and the answers to them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An Ethernet address.
pub(super) type Hardware = [u8; 6];

/// Length of an ARP packet for IPv4 over Ethernet.
pub(super) const ARP: usize = 28;
/// Length of a neighbour solicitation with the one option that it has here.
pub(super) const SOLICITATION: usize = 32;
/// ICMPv6 type of a neighbour advertisement.
pub(super) const ADVERTISEMENT: u8 = 136;
/// What a neighbour's packet must still have of hops: a router in between would have taken one (RFC 4861, 7.1.2).
pub(super) const HOPS: u8 = 255;

/// Hardware type Ethernet, protocol IPv4, and the lengths of their addresses.
const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 0x08, 0, 6, 4];
const ARP_REQUEST: [u8; 2] = [0, 1];
const ARP_REPLY: [u8; 2] = [0, 2];

/// Who has `target`? Tell `source`.
pub(super) fn arp_request(hardware: Hardware, source: Ipv4Addr, target: Ipv4Addr) -> [u8; ARP] {
    let mut packet = [0; ARP];
    let unknown: Hardware = [0; 6];
    let bytes = ETHERNET_AND_IPV4.into_iter().chain(ARP_REQUEST).chain(hardware).chain(source.octets());
    fill(&mut packet, bytes.chain(unknown).chain(target.octets()));
    packet
}

/// Whether `packet` is `target`'s reply to us.
pub(super) fn is_arp_reply(packet: &[u8], hardware: Hardware, source: Ipv4Addr, target: Ipv4Addr) -> bool {
    let field = |at: usize, length: usize| packet.get(at..at + length);
    field(0, 6) == Some(&ETHERNET_AND_IPV4)
        && field(6, 2) == Some(&ARP_REPLY)
        && field(14, 4) == Some(&target.octets())
        && field(18, 6) == Some(&hardware)
        && field(24, 4) == Some(&source.octets())
}

/// Who has `target`? The kernel adds the checksum, which covers the addresses.
pub(super) fn solicitation(hardware: Hardware, target: Ipv6Addr) -> [u8; SOLICITATION] {
    const TYPE: u8 = 135;
    const SOURCE_LINK_LAYER_ADDRESS: [u8; 2] = [1, 1];
    let mut packet = [0; SOLICITATION];
    let header = [TYPE, 0, 0, 0, 0, 0, 0, 0];
    let bytes = header.into_iter().chain(target.octets());
    fill(&mut packet, bytes.chain(SOURCE_LINK_LAYER_ADDRESS).chain(hardware));
    packet
}

/// The group that a neighbour listens to for solicitations (RFC 4291, section 2.7.1).
pub(super) fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = target.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// Whether `packet`, which came with so many hops left, is `target`'s answer to a solicitation.
pub(super) fn is_advertisement(packet: &[u8], hops: Option<u8>, target: Ipv6Addr) -> bool {
    const SOLICITED: u8 = 0x40;
    let octets = target.octets();
    hops == Some(HOPS)
        && packet.get(..2) == Some(&[ADVERTISEMENT, 0])
        && packet.get(4).is_some_and(|flags| flags & SOLICITED != 0)
        && packet.get(8..24) == Some(octets.as_slice())
}

fn fill(packet: &mut [u8], bytes: impl Iterator<Item = u8>) {
    for (place, byte) in packet.iter_mut().zip(bytes) {
        *place = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: Hardware = [2, 0, 0, 0, 0, 1];
    const THEIRS: Hardware = [2, 0, 0, 0, 0, 2];
    const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    /// What the router says to our request.
    fn arp_reply() -> Vec<u8> {
        let mut packet = arp_request(THEIRS, ROUTER, SOURCE).to_vec();
        packet[7] = 2;
        packet[18..24].copy_from_slice(&OURS);
        packet
    }

    #[test]
    fn a_request_is_as_rfc_826_draws_it() {
        let expected =
            [[0, 1, 8, 0, 6, 4, 0, 1].as_slice(), &OURS, &SOURCE.octets(), &[0; 6], &ROUTER.octets()]
                .concat();
        assert_eq!(arp_request(OURS, SOURCE, ROUTER).to_vec(), expected);
    }

    #[test]
    fn only_the_routers_reply_to_us_counts() {
        let ours = |packet: &[u8]| is_arp_reply(packet, OURS, SOURCE, ROUTER);
        assert!(ours(&arp_reply()));
        assert!(ours(&[arp_reply(), vec![0; 18]].concat()), "padded to the shortest frame");
        assert!(!ours(&arp_request(OURS, SOURCE, ROUTER)), "our own request");
        for place in [0, 7, 14, 17, 18, 23, 24, 27] {
            let mut other = arp_reply();
            other[place] ^= 4;
            assert!(!ours(&other), "byte {place}");
        }
    }

    #[test]
    fn a_solicitation_is_as_rfc_4861_draws_it() {
        let router: Ipv6Addr = "2001:db8::12:3456".parse().unwrap();
        let packet = solicitation(OURS, router);
        assert_eq!(packet[..8], [135, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(packet[8..24], router.octets());
        assert_eq!(packet[24..], [1, 1, 2, 0, 0, 0, 0, 1]);
        assert_eq!(solicited_node(router), "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
    }

    #[test]
    fn only_a_solicited_advertisement_from_the_link_itself_counts() {
        let router: Ipv6Addr = "fe80::1".parse().unwrap();
        let mut packet = solicitation(THEIRS, router);
        packet[0] = ADVERTISEMENT;
        assert!(!is_advertisement(&packet, Some(HOPS), router), "unasked");
        packet[4] = 0xe0;
        assert!(is_advertisement(&packet, Some(HOPS), router));
        assert!(!is_advertisement(&packet, Some(254), router), "from beyond the link");
        assert!(!is_advertisement(&packet, None, router));
        assert!(!is_advertisement(&packet, Some(HOPS), "fe80::2".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = is_arp_reply(&bytes, OURS, SOURCE, ROUTER);
            let _ = is_advertisement(&bytes, Some(HOPS), Ipv6Addr::LOCALHOST);
        }
    }
}
