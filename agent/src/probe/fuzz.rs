//! The parsers of what strangers send to probes, for [`crate::fuzz`].

use super::dns_wire::{Answer, Question, Told};
use super::echo;
use super::neighbour::{Hardware, is_advertisement, is_arp_reply};
use super::packet::{self, Ends, Inbound};
use super::page::answered;
use shunt_config::{Host, Page};
use shunt_decision::{Family, Outcome};
use socket2::Type;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The id of the question that is asked.
const ID: u16 = 7;
/// Somebody, where it does not matter who.
const SOMEBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The longest UDP payload in an IPv4 packet.
const MAX_PAYLOAD: usize = 65_507;

/// A DNS server's answer. The first byte chooses the family, and whether the rest is a whole message or the records of
/// an answer that fits the question.
pub fn dns_answer(bytes: &[u8]) {
    const RESPONSE: [u8; 2] = [0x81, 0x80];
    const RECORDS: [u8; 2] = [0, 32];
    let Some((choice, rest)) = bytes.split_first() else { return };
    let family = if choice & 1 == 0 { Family::V4 } else { Family::V6 };
    let Some(question) = Question::new("example.com", family) else { return };
    let fits = choice & 2 != 0;
    let message = if fits {
        let query = question.query(ID);
        let (id, asked) = (query.get(..2).unwrap_or_default(), query.get(8..).unwrap_or_default());
        [id, &RESPONSE, &[0, 1], &RECORDS, asked, rest].concat()
    } else {
        rest.to_vec()
    };
    let (answer, found) = (question.answer(ID, &message), question.found(ID, &message, |_| false));
    assert_eq!(answer.is_some(), found.is_some(), "one reader believes it, the other does not");
    assert!(!fits || answer.is_some(), "an answer to the question is not believed");
    if let Some(Told::There(address, _)) = found {
        assert_eq!(address.is_ipv4(), family == Family::V4);
        assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_multicast());
        assert_eq!(answer, Some(Answer::Good));
        assert_eq!(question.expecting(Some(address)).answer(ID, &message), Some(Answer::Good));
    }
}

/// An echo reply, as each kind of socket gives it.
pub fn echo_reply(bytes: &[u8]) {
    let v4 = [Type::RAW, Type::DGRAM].map(|kind| echo::reply_v4(bytes, kind, SOMEBODY));
    let v6 = echo::reply_v6(bytes, Ipv6Addr::LOCALHOST);
    for reply in v4.into_iter().chain([v6]).flatten() {
        assert!(bytes.ends_with(reply.payload), "the token is not what was sent");
        let number = [reply.identifier.to_be_bytes(), reply.sequence.to_be_bytes()].concat();
        assert!(bytes.windows(number.len()).any(|part| part == number), "the numbers are not what was sent");
    }
}

/// A router's answer by ARP or neighbour discovery.
pub fn neighbour(bytes: &[u8]) {
    let hardware = Hardware::default();
    if is_arp_reply(bytes, hardware, Ipv4Addr::LOCALHOST, SOMEBODY) {
        let sender = SOMEBODY.octets();
        assert!(bytes.windows(sender.len()).any(|part| part == sender), "it does not name the router");
    }
    let target = Ipv6Addr::LOCALHOST;
    if is_advertisement(bytes, Some(255), target) {
        let named = target.octets();
        assert!(bytes.windows(named.len()).any(|part| part == named), "it does not name the router");
    }
    for hops in [None, Some(254)] {
        assert!(!is_advertisement(bytes, hops, target), "it may come from beyond the link");
    }
}

/// A server's answer to the request for a page: its first line, its other lines, its body. The first byte chooses what is
/// wanted of it, and whether the rest is all of it or what follows a good first line.
pub fn page(bytes: &[u8]) {
    const MARK: &str = "mark";
    let Some((choice, rest)) = bytes.split_first() else { return };
    let wanted = Page {
        secure: false,
        host: Host::Address(SOMEBODY.into()),
        port: 80,
        path: "/".to_owned(),
        status: (choice & 1 != 0).then_some(204),
        body: (choice & 2 != 0).then(|| MARK.to_owned()),
    };
    let first: &[u8] = if choice & 4 != 0 { b"HTTP/1.1 200 OK\r\n" } else { b"" };
    let said = [first, rest].concat();
    if !matches!(answered(&wanted, &said), Some(Outcome::Reply { .. })) {
        return;
    }
    let status: &[u8] = if wanted.status.is_some() { b" 204" } else { b" 2" };
    let good = |line: &[u8]| {
        line.starts_with(b"HTTP/1.") && line.get(8..).is_some_and(|rest| rest.starts_with(status))
    };
    assert!(said.windows(12).any(good), "a page without its status");
    // It may have come in pieces with their lengths in between.
    let mut rest = said.iter();
    let mut in_order = MARK.bytes().map(|byte| rest.any(|other| *other == byte));
    assert!(wanted.body.is_none() || in_order.all(|found| found), "a page without its mark");
}

/// A packet that is routed to the canary; and the bytes as the payload of one.
pub fn packet(bytes: &[u8]) {
    if let Some(Inbound::Datagram { data, .. }) = packet::parse(bytes) {
        assert!(data.is_empty() || bytes.windows(data.len()).any(|part| part == data));
    }
    let data = bytes.get(..MAX_PAYLOAD).unwrap_or(bytes);
    let ends = Ends { from: SOMEBODY, from_port: 53, to: Ipv4Addr::LOCALHOST, to_port: 49_152 };
    assert_eq!(packet::parse(&packet::udp(ends, data)), Some(Inbound::Datagram { ends, data }));
}
