//! Forgets the tracked flows that were translated to the address of a failed link, so that they re-form on the new one.
//!
//! One request, filtered in the kernel, deletes 10,000 entries in 7 ms; a `Cutter` sees to it that the loop need not wait. Kernels before 6.11 do not filter a
//! deletion: there the list is read and the entries are deleted one by one. The messages are written by hand: the
//! packet library knows no `CTA_FILTER`.

use super::error::KernelError;
use super::socket::{Refusal, RequestSocket};
use rtnetlink::packet_core::{DefaultNla, Emitable, NLA_F_NESTED, NlasIterator};
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use std::net::IpAddr;

/// `NFNL_SUBSYS_CTNETLINK << 8` with `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const CT_GET: u16 = (1 << 8) | 1;
const CT_DELETE: u16 = (1 << 8) | 2;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_FILTER: u16 = 25;
const CTA_TUPLE_IP: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_DST: u16 = 4;
const CTA_FILTER_REPLY_FLAGS: u16 = 2;
/// `CTA_FILTER_F_CTA_IP_DST`: compare the destination address and nothing else.
const FILTER_IP_DST: u32 = 1 << 1;
/// Length of `struct nfgenmsg`.
const HEADER: usize = 4;
/// Entries read in one go before they are deleted one by one: their requests take some 2 MiB.
const ONE_BY_ONE: usize = 16_384;
/// Times that the list is read: together as many entries as the kernel tracks by default on a large machine. What
/// re-forms meanwhile must not keep the thread for ever.
const ROUNDS: usize = 16;

/// Deletes every entry whose replies come to `address`; others stay. No connection tracking is no failure.
///
/// # Errors
///
/// When the kernel refuses.
pub fn cut(address: IpAddr) -> Result<(), KernelError> {
    cut_by(address, |socket| match socket.execute(CT_DELETE, 0, &filtered(address)) {
        Err(refusal) if unfiltered(&refusal) => one_by_one(socket, address),
        other => other,
    })
}

/// The same as kernels before 6.11 need it.
///
/// # Errors
///
/// When the kernel refuses.
pub fn cut_one_by_one(address: IpAddr) -> Result<(), KernelError> {
    cut_by(address, |socket| one_by_one(socket, address))
}

fn cut_by(
    address: IpAddr,
    delete: impl FnOnce(&mut RequestSocket) -> Result<(), Refusal>,
) -> Result<(), KernelError> {
    let mut socket = match RequestSocket::open(NETLINK_NETFILTER) {
        Ok(socket) => socket,
        Err(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => return Ok(()),
        Err(source) => return Err(KernelError::Open { what: "netfilter", source }),
    };
    match delete(&mut socket) {
        Ok(()) => Ok(()),
        // Nothing was tracked, or nothing tracks.
        Err(refusal) if matches!(refusal.code, libc::ENOENT) => Ok(()),
        Err(refusal) => {
            let what = format!("forget the flows that were translated to {address}");
            Err(KernelError::refused(what, refusal))
        }
    }
}

/// The kernel's answer when it knows no filter for deletions.
const fn unfiltered(refusal: &Refusal) -> bool {
    matches!(refusal.code, libc::EINVAL | libc::EOPNOTSUPP)
}

fn one_by_one(socket: &mut RequestSocket, address: IpAddr) -> Result<(), Refusal> {
    for _ in 0..ROUNDS {
        let requests = entries(socket, address)?;
        for request in &requests {
            match socket.execute(CT_DELETE, 0, request) {
                Err(refusal) if refusal.code != libc::ENOENT => return Err(refusal),
                _ => {}
            }
        }
        if requests.len() < ONE_BY_ONE {
            break;
        }
    }
    Ok(())
}

/// The deletions of up to [`ONE_BY_ONE`] entries. The list is filtered here: kernels before 5.8 send all of it.
fn entries(socket: &mut RequestSocket, address: IpAddr) -> Result<Vec<Raw>, Refusal> {
    socket.dump(CT_GET, &Raw(header(address, 0).to_vec()), |list: &mut Vec<Raw>, payload| {
        if list.len() < ONE_BY_ONE {
            list.extend(deletion(payload, address));
        }
    })
}

/// The request that deletes exactly this entry, if its replies come to `address`.
fn deletion(payload: &[u8], address: IpAddr) -> Option<Raw> {
    let attributes = payload.get(HEADER..)?;
    let mut request = header(address, 0).to_vec();
    let mut ours = false;
    for attribute in NlasIterator::new(attributes).flatten() {
        match attribute.kind() {
            CTA_TUPLE_REPLY => ours = goes_to(attribute.value(), address),
            kind @ CTA_TUPLE_ORIG => append(&mut request, kind | NLA_F_NESTED, attribute.value()),
            kind @ (CTA_ID | CTA_ZONE) => append(&mut request, kind, attribute.value()),
            _ => {}
        }
    }
    ours.then_some(Raw(request))
}

fn goes_to(tuple: &[u8], address: IpAddr) -> bool {
    let (kind, wanted) = destination(address);
    NlasIterator::new(tuple).flatten().filter(|part| part.kind() == CTA_TUPLE_IP).any(|part| {
        NlasIterator::new(part.value()).flatten().any(|ip| ip.kind() == kind && ip.value() == wanted)
    })
}

/// The deletion of all entries whose reply tuple has `address` as its destination.
fn filtered(address: IpAddr) -> Raw {
    let (kind, value) = destination(address);
    let ip = nested(kind, &value);
    let tuple = nested(CTA_TUPLE_IP | NLA_F_NESTED, &ip);
    let flags = nested(CTA_FILTER_REPLY_FLAGS, &FILTER_IP_DST.to_ne_bytes());
    // Version 1: the family in the header counts.
    let mut request = header(address, 1).to_vec();
    append(&mut request, CTA_TUPLE_REPLY | NLA_F_NESTED, &tuple);
    append(&mut request, CTA_FILTER | NLA_F_NESTED, &flags);
    Raw(request)
}

fn destination(address: IpAddr) -> (u16, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (CTA_IP_V4_DST, address.octets().to_vec()),
        IpAddr::V6(address) => (CTA_IP_V6_DST, address.octets().to_vec()),
    }
}

fn header(address: IpAddr, version: u8) -> [u8; HEADER] {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    [u8::try_from(family).unwrap_or(0), version, 0, 0]
}

fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, kind, value);
    bytes
}

fn append(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let attribute = DefaultNla::new(kind, value.to_vec());
    let start = bytes.len();
    bytes.resize(start + attribute.buffer_len(), 0);
    let (_, tail) = bytes.split_at_mut(start);
    attribute.emit(tail);
}

/// A request that is written already.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) Vec<u8>);

impl Emitable for Raw {
    fn buffer_len(&self) -> usize {
        self.0.len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0);
    }
}
