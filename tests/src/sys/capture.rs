//! A packet capture of ICMP echoes with the kernel's own stamps: the truth that reported times are held against.

use super::{checked, nanos, set_buffers, set_option};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Holds some thousand echoes until they are read at the end.
const BUFFER: libc::c_int = 8 << 20;
/// Ethernet, IPv4 and ICMP headers, and more than that.
const FRAME: usize = 128;
/// Room for one timestamp with its header, and some to spare.
const CONTROL: usize = 64;

/// An open capture, of both directions.
pub(crate) struct Capture(OwnedFd);

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

impl Capture {
    /// Begins to capture on the interface `index` of the calling thread's namespace.
    pub(crate) fn open(index: u32) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: takes no pointer; on success the descriptor is ours alone.
        let socket = unsafe { OwnedFd::from_raw_fd(checked(libc::socket(libc::AF_PACKET, kind, 0))?) };
        set_buffers(socket.as_fd(), BUFFER)?;
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
        super::packet::bind(&socket, index)?;
        Ok(Self(socket))
    }

    /// All echo requests captured so far, in order, with the time to their reply.
    pub(crate) fn echoes(&self) -> io::Result<Vec<Option<Duration>>> {
        let mut requests: Vec<([u8; 4], u64, Option<Duration>)> = Vec::new();
        while let Some((frame, at)) = self.next()? {
            let Some((kind, name)) = echo(&frame) else { continue };
            if kind == 8 {
                requests.push((name, at, None));
            } else if let Some(request) = requests.iter_mut().rev().find(|request| request.0 == name) {
                request.2 = Some(Duration::from_nanos(at.saturating_sub(request.1)));
            }
        }
        Ok(requests.into_iter().map(|request| request.2).collect())
    }

    fn next(&self) -> io::Result<Option<([u8; FRAME], u64)>> {
        let mut frame = [0; FRAME];
        let mut control = Control([0; CONTROL]);
        let mut vector = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: FRAME };
        // SAFETY: all zeroes is a valid msghdr.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL as _;
        // SAFETY: every pointer of the header is valid for the length beside it, and outlives the call.
        let length = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
        if length < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
        }
        let mut at = 0;
        // SAFETY: the kernel filled the control buffer that `header` describes; the macros stay within it.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(&raw const header);
            while let Some(control) = message.as_ref() {
                if (control.cmsg_level, control.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
                    at = nanos(&libc::CMSG_DATA(message).cast::<libc::timespec>().read_unaligned());
                }
                message = libc::CMSG_NXTHDR(&raw const header, message);
            }
        }
        Ok(Some((frame, at)))
    }
}

/// Type, and identifier with number, of an ICMPv4 echo request or reply in an Ethernet frame without IP options.
fn echo(frame: &[u8; FRAME]) -> Option<(u8, [u8; 4])> {
    let is_icmp = frame.get(12..14)? == [8, 0] && *frame.get(14)? == 0x45 && *frame.get(23)? == 1;
    let kind = *frame.get(34)?;
    let name = frame.get(38..42)?.try_into().ok()?;
    (is_icmp && matches!(kind, 0 | 8)).then_some((kind, name))
}
