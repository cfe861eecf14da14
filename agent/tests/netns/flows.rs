//! Flows that the kernel is told to track, and how many it tracks.

use super::wire::{Wire, ip};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP};
use std::net::IpAddr;

/// Has the kernel track a UDP flow of a client, translated to `own`.
pub fn track(tracker: &mut Wire, client: &str, far: &str, own: &str, port: u16) {
    let family: u8 = if ip(far).is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 };
    let mut body = vec![family, 0, 0, 0];
    body.extend(tuple(1, ip(client), ip(far), (port, 53)));
    body.extend(tuple(2, ip(far), ip(own), (53, port)));
    body.extend(attribute(7, &600_u32.to_be_bytes()));
    tracker.raw(1 << 8, NLM_F_CREATE | NLM_F_ACK, body).expect("track a flow");
}

pub fn tracked(tracker: &mut Wire, family: u8) -> usize {
    tracker.raw((1 << 8) | 1, NLM_F_DUMP, vec![family, 0, 0, 0]).unwrap().len()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((4 + value.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nested(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind | 0x8000, &parts.concat())
}

fn tuple(kind: u16, from: IpAddr, to: IpAddr, ports: (u16, u16)) -> Vec<u8> {
    let octets = |address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let base = if from.is_ipv4() { 1 } else { 3 };
    let addresses = nested(1, &[attribute(base, &octets(from)), attribute(base + 1, &octets(to))]);
    let protocol = [
        attribute(1, &[libc::IPPROTO_UDP as u8]),
        attribute(2, &ports.0.to_be_bytes()),
        attribute(3, &ports.1.to_be_bytes()),
    ];
    nested(kind, &[addresses, nested(2, &protocol)])
}
