//! Reading many messages from a socket at once, with the kernel's stamps.

use super::sys;
use crate::clock::WallTime;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;

/// Messages taken by one system call: more than the targets of most links, so that a tick costs one call a queue.
pub(super) const BATCH: usize = 16;
/// Longest message kept; longer ones are cut. A DNS answer over UDP has at most 512 bytes (RFC 1035, section 4.2.1).
const DATA: usize = 512;
/// Room for a stamp (64 bytes) and an extended error (at most 64 bytes), twice over.
const CONTROL: usize = 256;
/// Size of the largest address used, `sockaddr_in6`.
const NAME: usize = 28;

/// Which of a socket's two queues is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// What others sent.
    Received,
    /// Our own packets, come back with their transmit stamps.
    Sent,
}

/// Control bytes, aligned as the kernel writes them.
#[repr(C, align(8))]
pub(super) struct Control(pub(super) [u8; CONTROL]);

/// The place for one message.
pub(super) struct Slot {
    pub(super) data: [u8; DATA],
    pub(super) control: Control,
    pub(super) name: [u8; NAME],
    pub(super) data_length: usize,
    pub(super) control_length: usize,
    pub(super) name_length: usize,
}

/// One message as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// Its bytes.
    pub(super) data: &'a [u8],
    /// Who sent it (on the queue of sent packets: nobody).
    pub(super) from: Option<IpAddr>,
    /// The kernel's stamp.
    pub(super) stamp: Option<WallTime>,
    control: &'a [u8],
}

impl Message<'_> {
    /// The hops that an IPv6 packet had left, where the socket was told to ask for it.
    pub(super) fn hop_limit(&self) -> Option<u8> {
        let hops = find(self.control, libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT)?;
        u8::try_from(libc::c_int::from_ne_bytes(array(hops, 0)?)).ok()
    }
}

/// The buffers, made once and used for every socket.
pub(super) struct Batch {
    slots: Box<[Slot; BATCH]>,
    filled: usize,
}

/// One batch for each queue, so that replies can be held while the stamps of their requests are read.
pub(super) struct Buffers {
    pub(super) received: Batch,
    pub(super) sent: Batch,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { received: Batch::new(), sent: Batch::new() }
    }
}

impl Batch {
    fn new() -> Self {
        let slot = || Slot {
            data: [0; DATA],
            control: Control([0; CONTROL]),
            name: [0; NAME],
            data_length: 0,
            control_length: 0,
            name_length: 0,
        };
        Self { slots: Box::new(std::array::from_fn(|_| slot())), filled: 0 }
    }

    /// Reads up to [`BATCH`] messages without waiting; zero when there is none.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, queue: Queue) -> io::Result<usize> {
        let flags = match queue {
            Queue::Received => 0,
            Queue::Sent => libc::MSG_ERRQUEUE,
        };
        self.filled = 0;
        match sys::receive_many(socket, &mut self.slots, flags) {
            Ok(count) => self.filled = count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(self.filled)
    }

    /// What the last [`receive`](Self::receive) read.
    pub(super) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.slots.iter().take(self.filled).map(|slot| {
            let control = slot.control.0.get(..slot.control_length).unwrap_or_default();
            Message {
                data: slot.data.get(..slot.data_length).unwrap_or(&slot.data),
                from: address(slot.name.get(..slot.name_length).unwrap_or_default()),
                stamp: stamp(control),
                control,
            }
        })
    }
}

/// Reads a `sockaddr_in` or `sockaddr_in6`.
fn address(name: &[u8]) -> Option<IpAddr> {
    let family = u16::from_ne_bytes(array(name, 0)?);
    match libc::c_int::from(family) {
        libc::AF_INET => Some(Ipv4Addr::from(array::<4>(name, 4)?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(array::<16>(name, 8)?).into()),
        _ => None,
    }
}

/// The software stamp among control messages (`struct scm_timestamping64`).
fn stamp(control: &[u8]) -> Option<WallTime> {
    let stamps = find(control, libc::SOL_SOCKET, sys::SO_TIMESTAMPING_NEW)?;
    let seconds = u64::try_from(i64::from_ne_bytes(array(stamps, 0)?)).ok()?;
    let nanos = u64::try_from(i64::from_ne_bytes(array(stamps, 8)?)).ok()?;
    let total = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    (total > 0).then(|| WallTime::from_nanos(total))
}

/// What follows the header of the first control message of this kind (`struct cmsghdr`).
fn find(mut control: &[u8], wanted_level: libc::c_int, wanted_kind: libc::c_int) -> Option<&[u8]> {
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = WORD + 8;
    loop {
        let length = usize::from_ne_bytes(array(control, 0)?);
        let level = libc::c_int::from_ne_bytes(array(control, WORD)?);
        let kind = libc::c_int::from_ne_bytes(array(control, WORD + 4)?);
        if level == wanted_level && kind == wanted_kind {
            return control.get(HEADER..);
        }
        // A header shorter than itself would never end.
        let step = length.max(HEADER).checked_next_multiple_of(WORD)?;
        control = control.get(step..)?;
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn control_message(level: i32, kind: i32, body: &[u8]) -> Vec<u8> {
        let mut bytes = (size_of::<usize>() + 8 + body.len()).to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0);
        bytes
    }

    #[test]
    fn the_stamp_is_found_behind_another_control_message() {
        let mut body = [0; 48];
        body[..8].copy_from_slice(&3_i64.to_ne_bytes());
        body[8..16].copy_from_slice(&7_i64.to_ne_bytes());
        let mut bytes = control_message(0, 11, &[1, 2, 3]);
        bytes.extend(control_message(libc::SOL_SOCKET, sys::SO_TIMESTAMPING_NEW, &body));
        assert_eq!(stamp(&bytes), Some(WallTime::from_nanos(3_000_000_007)));
    }

    #[test]
    fn a_stamp_of_zero_is_none() {
        let bytes = control_message(libc::SOL_SOCKET, sys::SO_TIMESTAMPING_NEW, &[0; 48]);
        assert_eq!(stamp(&bytes), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic_or_hang(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = stamp(&bytes);
            let _ = find(&bytes, libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT);
            let _ = address(&bytes);
        }
    }
}
