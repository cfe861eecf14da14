//! A packet socket that passes frames with their offload state, so that a relay changes nothing in them.

use super::{checked, set_buffers, set_option};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// Room for frames that arrive while the relay is not scheduled: 4 MiB are 0.1 s at 20,000 packets/s.
const BUFFER: libc::c_int = 4 << 20;

/// Opens a non-blocking packet socket on the interface `index`; every frame read or written begins with a
/// `virtio_net_hdr` of ten bytes.
pub(crate) fn packet_socket(index: u32) -> io::Result<File> {
    // Protocol 0: nothing is received until it is bound, so that no other interface's frame slips in.
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointer; on success the descriptor is ours alone.
    let socket = unsafe { OwnedFd::from_raw_fd(checked(libc::socket(libc::AF_PACKET, kind, 0))?) };
    set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1_i32)?;
    set_option(socket.as_fd(), libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32)?;
    set_buffers(socket.as_fd(), BUFFER)?;
    bind(&socket, index)?;
    Ok(File::from(socket))
}

/// Has a packet socket receive every frame of one interface.
pub(super) fn bind(socket: &OwnedFd, index: u32) -> io::Result<()> {
    // SAFETY: all zeroes is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: `address` is valid for `length` bytes.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) }).map(drop)
}

/// `linux/if_packet.h`; the libc crate does not name it on every target.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
