//! Probe sockets at the least cost: set up as the agent's are, and emptied without a look at what came.

use super::{checked, set_option};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Messages taken by one system call, as many as the agent takes.
const BATCH: usize = 16;
/// Longer than an echo with its headers; what is longer is cut.
const DATA: usize = 128;
/// Room for a stamp (64 bytes) and an extended error (at most 64 bytes).
const CONTROL: usize = 128;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Slot {
    control: [u8; CONTROL],
    data: [u8; DATA],
}

/// `ICMP_FILTER` of `linux/icmp.h`, at level `SOL_RAW`.
const ICMP_FILTER: libc::c_int = 1;
/// `SOL_RAW` of `linux/socket.h`.
const SOL_RAW: libc::c_int = 255;

/// Lets only echo replies (type 0, RFC 792) through to a raw ICMPv4 socket.
pub(crate) fn echo_replies_only(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, SOL_RAW, ICMP_FILTER, &!1_u32)
}

/// Asks for the kernel's stamps on what is received, and on what is sent, which comes back by the error queue.
pub(crate) fn stamp_both_ways(socket: BorrowedFd<'_>) -> io::Result<()> {
    let flags = libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE;
    set_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &flags)
}

/// Reads up to a batch of what waits in the socket, with its control messages; tells how many messages there were.
/// `flags` chooses the queue: 0, or `MSG_ERRQUEUE`.
pub(crate) fn discard(socket: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<usize> {
    let mut slots = [Slot { control: [0; CONTROL], data: [0; DATA] }; BATCH];
    let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: all zeroes is a valid mmsghdr.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    for ((slot, vector), header) in slots.iter_mut().zip(&mut vectors).zip(&mut headers) {
        vector.iov_base = slot.data.as_mut_ptr().cast();
        vector.iov_len = DATA;
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = slot.control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = CONTROL as _;
    }
    // SAFETY: every header points to one vector and one control buffer of the lengths given; all outlive the call.
    let result = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            BATCH as libc::c_uint,
            // Unsigned with musl.
            (libc::MSG_DONTWAIT | flags) as _,
            std::ptr::null_mut(),
        )
    };
    match checked(result) {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
}
