//! Reads the rules of nftables. Source of the numbers: linux/netfilter/nf_tables.h and nfnetlink.h.

use super::expression::{self, Expression};
use super::{Base, Chain, Element, FORWARD, FlowTable, POSTROUTING, Ruleset};
use crate::doctor::facts::{Known, Unread};
use crate::netlink::{Raw, RequestSocket};
use rtnetlink::packet_core::NlasIterator;
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use std::collections::BTreeSet;
use std::io;

/// Length of `struct nfgenmsg`.
const HEADER: usize = 4;
const SUBSYSTEM: u16 = 10 << 8;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const GET_SET_ELEMENTS: u16 = SUBSYSTEM | 13;
const GET_FLOW_TABLE: u16 = SUBSYSTEM | 23;
/// `NFPROTO_UNSPEC`: of all families.
const ALL: u8 = 0;
/// Of a list: one element.
const LIST_ELEMENT: u16 = 1;
/// `NFT_SET_ELEM_INTERVAL_END` and `NFT_SET_ELEM_CATCHALL`: more than a plain key.
const NOT_PLAIN: u32 = 1 | 2;
/// Sets that are read: rules that decide over interfaces look into a handful.
const SETS_AT_MOST: usize = 128;
/// Elements of a set: a list of interfaces has no more, and one of addresses is not needed.
const ELEMENTS_AT_MOST: usize = 4_096;

/// The rules of the caller's network namespace. A kernel without nftables has none.
pub(super) fn ruleset() -> Known<Ruleset> {
    let mut socket = match RequestSocket::open(NETLINK_NETFILTER) {
        Ok(socket) => socket,
        Err(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => return Ok(Ruleset::default()),
        Err(error) => return Err(unread(&error)),
    };
    let chains = list(&mut socket, GET_CHAIN, &request(ALL, &[]), chain)?;
    let rules = list(&mut socket, GET_RULE, &request(ALL, &[]), rule)?;
    let flow_tables = list(&mut socket, GET_FLOW_TABLE, &request(ALL, &[]), flow_table);
    // Kernels before 4.16 know no such tables.
    let mut found = Ruleset { chains, flow_tables: flow_tables.unwrap_or_default(), ..Ruleset::default() };
    for (family, table, chain, expressions) in rules {
        let home =
            found.chains.iter_mut().find(|c| c.family == family && c.table == table && c.name == chain);
        if let Some(home) = home {
            home.rules.push(expressions);
        }
    }
    for (family, table, name) in found.looked_up() {
        let body = request(family, &[attribute(1, &table), attribute(2, &name)].concat());
        let parts =
            socket.dump(GET_SET_ELEMENTS, &Raw(body), |parts, payload| gather(parts, elements(payload)));
        let whole = |parts: Vec<Option<Vec<Element>>>| {
            let all: Option<Vec<_>> = parts.into_iter().collect();
            all.map(|parts| parts.concat())
        };
        found.sets.insert((family, table, name), parts.ok().and_then(whole));
    }
    Ok(found)
}

impl Ruleset {
    /// The sets that rules of concern look into.
    fn looked_up(&self) -> Vec<(u8, String, String)> {
        let concerns = |chain: &&Chain| match &chain.base {
            None => true,
            Some(base) => matches!(base.hook, FORWARD | POSTROUTING),
        };
        let mut wanted = BTreeSet::new();
        for chain in self.chains.iter().filter(concerns) {
            for expression in chain.rules.iter().flatten() {
                if let Expression::Lookup { set, .. } = expression {
                    wanted.insert((chain.family, chain.table.clone(), set.clone()));
                }
            }
        }
        wanted.into_iter().take(SETS_AT_MOST).collect()
    }
}

fn list<T>(
    socket: &mut RequestSocket,
    kind: u16,
    body: &[u8],
    read: impl Fn(&[u8]) -> Option<T>,
) -> Known<Vec<T>> {
    let result = socket.dump(kind, &Raw(body.to_vec()), |list, payload| list.extend(read(payload)));
    match result {
        Ok(list) => Ok(list),
        // The kernel has no nftables.
        Err(refusal) if matches!(refusal.code, libc::EINVAL | libc::EOPNOTSUPP) => Ok(Vec::new()),
        Err(refusal) => Err(unread(&io::Error::from_raw_os_error(refusal.code))),
    }
}

fn unread(error: &io::Error) -> Unread {
    let text = format!("the kernel refused to list the rules of nftables: {error}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => Unread::Denied(text),
        _ => Unread::Failed(text),
    }
}

fn request(family: u8, attributes: &[u8]) -> Vec<u8> {
    [&[family, 0, 0, 0], attributes].concat()
}

/// A text with its closing zero.
fn attribute(kind: u16, value: &str) -> Vec<u8> {
    let length = u16::try_from(HEADER + value.len() + 1).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn chain(payload: &[u8]) -> Option<Chain> {
    let (family, attributes) = split(payload)?;
    let base = || {
        let hook = nested(attributes, 4)?;
        Some(Base {
            hook: be32(nested(hook, 1)?)?,
            priority: be32(nested(hook, 2)?)?.cast_signed(),
            drops: nested(attributes, 5).and_then(be32) == Some(0),
            kind: nested(attributes, 7).map(text).unwrap_or_default(),
        })
    };
    let (table, name) = (text(nested(attributes, 1)?), text(nested(attributes, 3)?));
    Some(Chain { family, table, name, base: base(), rules: Vec::new() })
}

type FoundRule = (u8, String, String, Vec<Expression>);

fn rule(payload: &[u8]) -> Option<FoundRule> {
    let (family, attributes) = split(payload)?;
    let expressions = elements_of(nested(attributes, 4).unwrap_or_default()).map(expression::read).collect();
    Some((family, text(nested(attributes, 1)?), text(nested(attributes, 2)?), expressions))
}

/// The elements in one message of the list; `None` inside: something that is not a plain key is among them.
#[allow(clippy::option_option)] // the outer: no such message
fn elements(payload: &[u8]) -> Option<Option<Vec<Element>>> {
    let (_, attributes) = split(payload)?;
    Some(elements_of(nested(attributes, 3)?).map(element).collect())
}

/// Keeps what comes of a set; from one that has too many elements nothing is kept, since memory is short.
#[allow(clippy::option_option)] // the outer: no such message
fn gather(parts: &mut Vec<Option<Vec<Element>>>, part: Option<Option<Vec<Element>>>) {
    let Some(part) = part else { return };
    if parts.contains(&None) {
        return;
    }
    let held: usize = parts.iter().flatten().chain(&part).map(Vec::len).sum();
    if held > ELEMENTS_AT_MOST || part.is_none() {
        *parts = vec![None];
    } else {
        parts.push(part);
    }
}

fn element(bytes: &[u8]) -> Option<Element> {
    let flags = nested(bytes, 3).and_then(be32).unwrap_or(0);
    const KEY_END: u16 = 10;
    if flags & NOT_PLAIN != 0 || nested(bytes, KEY_END).is_some() {
        return None;
    }
    let verdict = nested(bytes, 2).and_then(expression::verdict);
    Some(Element { key: expression::value(nested(bytes, 1)?)?, verdict })
}

fn flow_table(payload: &[u8]) -> Option<FlowTable> {
    const HARDWARE: u32 = 1;
    let (_, attributes) = split(payload)?;
    let hook = nested(attributes, 3).unwrap_or_default();
    let devices = NlasIterator::new(nested(hook, 3).unwrap_or_default());
    Some(FlowTable {
        name: text(nested(attributes, 2)?),
        devices: devices.flatten().map(|device| text(device.value())).collect(),
        hardware: nested(attributes, 7).and_then(be32).unwrap_or(0) & HARDWARE != 0,
    })
}

/// The family and the attributes of a message.
fn split(payload: &[u8]) -> Option<(u8, &[u8])> {
    Some((*payload.first()?, payload.get(HEADER..)?))
}

fn elements_of(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    NlasIterator::new(list)
        .map_while(Result::ok)
        .filter(|attribute| attribute.kind() == LIST_ELEMENT)
        .map(|attribute| attribute.into_inner().get(HEADER..).unwrap_or_default())
}

/// The value of the first attribute of that kind.
pub(super) fn nested(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let found = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        // The two highest bits are flags.
        if found & 0x3fff == kind {
            return rest.get(HEADER..length);
        }
        rest = rest.get(length.max(HEADER).next_multiple_of(4)..)?;
    }
}

pub(super) fn be32(value: &[u8]) -> Option<u32> {
    value.get(..4)?.try_into().ok().map(u32::from_be_bytes)
}

pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_a_set_with_too_many_elements_nothing_is_kept() {
        let part = |count| Some(Some(vec![Element { key: vec![1], verdict: None }; count]));
        let mut parts = Vec::new();
        gather(&mut parts, part(ELEMENTS_AT_MOST));
        gather(&mut parts, None);
        assert_eq!(parts.len(), 1);
        for _ in 0..3 {
            gather(&mut parts, part(1));
            assert_eq!(parts, [None]);
        }
        let mut odd = Vec::new();
        gather(&mut odd, Some(None));
        gather(&mut odd, part(1));
        assert_eq!(odd, [None]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (chain(&bytes), rule(&bytes), elements(&bytes), flow_table(&bytes));
            let _ = expression::read(&bytes);
        }
    }
}
