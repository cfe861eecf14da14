//! The two rule sets that the laboratory needs, written to the kernel without the `nft` program: masquerade on the
//! gateway's uplinks, and marks by incoming interface at the far end.

use crate::error::{Doing, Result};
use crate::namespace::Namespace;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use std::io;

/// Table `inet lab`: what leaves by one of `interfaces` gets that interface's address.
///
/// # Errors
/// When the kernel refuses (it lacks nftables or `nft_masq`).
pub(crate) fn masquerade(namespace: &Namespace, interfaces: &[&str]) -> Result<()> {
    let hook = Chain { name: "postrouting", kind: "nat", hook: 4, priority: 100 };
    let rules =
        interfaces.iter().map(|name| [matches(META_OIFNAME, name), vec![expression("masq", &[])]].concat());
    install(namespace, &hook, &rules.collect::<Vec<_>>())
        .doing(|| format!("set up masquerade in the namespace {}", namespace.name()))
}

/// Table `inet lab`: what comes in by the `n`th of `interfaces` (from 0) gets the mark `n + 1`.
///
/// # Errors
/// When the kernel refuses (it lacks nftables).
pub(crate) fn mark_by_interface(namespace: &Namespace, interfaces: &[String]) -> Result<()> {
    let hook = Chain { name: "prerouting", kind: "filter", hook: 0, priority: -150 };
    let rules = (1_u32..).zip(interfaces).map(|(mark, name)| {
        let value = nested(2, &attribute(1, &mark.to_ne_bytes()));
        let load = expression("immediate", &[number(1, REGISTER), value].concat());
        let set = expression("meta", &[number(2, META_MARK), number(3, REGISTER)].concat());
        [matches(META_IIFNAME, name), vec![load, set]].concat()
    });
    install(namespace, &hook, &rules.collect::<Vec<_>>())
        .doing(|| format!("mark packets in the namespace {}", namespace.name()))
}

// linux/netfilter/nf_tables.h and nfnetlink.h
const META_MARK: u32 = 3;
const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const REGISTER: u32 = 1;
const FAMILY_INET: u8 = 1;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = 0;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NESTED: u16 = 1 << 15;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const CREATE_APPEND: u16 = 0x400 | 0x800;
/// Interface names are compared as the kernel keeps them: 16 bytes, filled up with zeroes.
const NAME_SIZE: usize = 16;

struct Chain {
    name: &'static str,
    kind: &'static str,
    hook: u32,
    priority: i32,
}

/// `[iifname|oifname] == name`.
fn matches(key: u32, name: &str) -> Vec<Vec<u8>> {
    let mut padded = name.as_bytes().to_vec();
    padded.resize(NAME_SIZE, 0);
    let load = expression("meta", &[number(2, key), number(1, REGISTER)].concat());
    let data = nested(3, &attribute(1, &padded));
    let compare = expression("cmp", &[number(1, REGISTER), number(2, 0), data].concat());
    vec![load, compare]
}

fn expression(name: &str, data: &[u8]) -> Vec<u8> {
    nested(1, &[text(1, name), nested(2, data)].concat())
}

fn install(namespace: &Namespace, chain: &Chain, rules: &[Vec<Vec<u8>>]) -> io::Result<()> {
    let mut batch = message(BATCH_BEGIN, 0, 0, SUBSYSTEM, &[], 0);
    let mut sequence = 1;
    let mut add = |kind: u16, flags: u16, body: &[u8]| {
        batch.extend(message(SUBSYSTEM << 8 | kind, flags | ACK, FAMILY_INET, 0, body, sequence));
        sequence += 1;
    };
    add(NEW_TABLE, CREATE_APPEND, &text(1, "lab"));
    let hook = [number(1, chain.hook), attribute(2, &chain.priority.to_be_bytes())].concat();
    let body = [text(1, "lab"), text(3, chain.name), nested(4, &hook), text(7, chain.kind)].concat();
    add(NEW_CHAIN, CREATE_APPEND, &body);
    for expressions in rules {
        let body = [text(1, "lab"), text(2, chain.name), nested(4, &expressions.concat())].concat();
        add(NEW_RULE, CREATE_APPEND, &body);
    }
    let expected = sequence - 1;
    batch.extend(message(BATCH_END, 0, 0, SUBSYSTEM, &[], 0));
    namespace.run(|| send(&batch, expected)).map_err(io::Error::other)?
}

/// Sends a batch and reads one acknowledgement for each of its messages.
fn send(batch: &[u8], expected: u32) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(batch, 0)?;
    let mut acknowledged = 0;
    while acknowledged < expected {
        let (bytes, _) = socket.recv_from_full()?;
        // nlmsghdr (16 bytes), then nlmsgerr, which begins with the error.
        let code = bytes.get(16..20).and_then(|b| b.try_into().ok()).map_or(0, i32::from_ne_bytes);
        if code != 0 {
            return Err(io::Error::from_raw_os_error(-code));
        }
        acknowledged += 1;
    }
    Ok(())
}

fn message(kind: u16, flags: u16, family: u8, resource: u16, body: &[u8], sequence: u32) -> Vec<u8> {
    let length = u32::try_from(20 + body.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(20 + body.len());
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend((flags | REQUEST).to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend(0_u32.to_ne_bytes());
    out.extend([family, 0]);
    out.extend(resource.to_be_bytes());
    out.extend(body);
    out
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut out = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, value)
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), &[0]].concat())
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}
