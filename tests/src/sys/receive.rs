//! Datagrams with the kernel's own receive time and interface, read many at a time.

use super::{checked, nanos, set_buffers, set_option};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};

/// Datagrams read by one system call; more would only help a receiver that is already too slow.
const BATCH: usize = 64;
/// A stream packet has eight bytes, an answer to one twelve; longer ones are cut, which is harmless.
const PAYLOAD: usize = 16;
/// Room for one timestamp and one packet information, with headers: 32 + 36 bytes, and some to spare.
const CONTROL: usize = 128;
/// 4 MiB hold 5,000 small packets: a quarter of a second at 20,000 packets/s.
const BUFFER: libc::c_int = 4 << 20;

/// Asks the kernel to stamp what `socket` receives and to tell the interface.
pub(crate) fn stamped_receiver(socket: &UdpSocket) -> io::Result<()> {
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
    set_buffers(socket.as_fd(), BUFFER)?;
    if socket.local_addr()?.is_ipv4() {
        set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, &1_i32)
    } else {
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, &1_i32)
    }
}

/// One datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datagram {
    /// Its first eight bytes, in network order; 0 if it was shorter.
    pub(crate) number: u64,
    /// When the kernel received it, `CLOCK_REALTIME` in nanoseconds.
    pub(crate) at: u64,
    /// The interface it came in by; of an answer, that by which the far end was asked, as it wrote there.
    pub(crate) interface: u32,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Slot {
    control: [u8; CONTROL],
    payload: [u8; PAYLOAD],
}

/// Reused buffers for [`Arrivals::receive`].
pub(crate) struct Arrivals {
    slots: Box<[Slot; BATCH]>,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { slots: Box::new([Slot { control: [0; CONTROL], payload: [0; PAYLOAD] }; BATCH]) }
    }

    /// Reads what waits in the socket, up to a batch; hands each datagram to `each`; tells how many there were.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut each: impl FnMut(Datagram),
    ) -> io::Result<usize> {
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: all zeroes is a valid mmsghdr.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for ((slot, vector), header) in self.slots.iter_mut().zip(&mut vectors).zip(&mut headers) {
            vector.iov_base = slot.payload.as_mut_ptr().cast();
            vector.iov_len = PAYLOAD;
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
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = match checked(result) {
            Ok(count) => usize::try_from(count).unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        for (header, slot) in headers.iter().zip(self.slots.iter()).take(count) {
            each(datagram(header, slot));
        }
        Ok(count)
    }
}

fn datagram(header: &libc::mmsghdr, slot: &Slot) -> Datagram {
    let number = match slot.payload.first_chunk::<8>() {
        Some(bytes) if header.msg_len >= 8 => u64::from_be_bytes(*bytes),
        _ => 0,
    };
    let mut datagram = Datagram { number, at: 0, interface: 0 };
    // SAFETY: the kernel filled the control buffer that `header` describes; the CMSG macros stay within it, and
    // each datum is read unaligned, in the type that its level and type stand for.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const header.msg_hdr);
        while let Some(control) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            match (control.cmsg_level, control.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    datagram.at = nanos(&data.cast::<libc::timespec>().read_unaligned());
                }
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    datagram.interface = u32::try_from(info.ipi_ifindex).unwrap_or(0);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    datagram.interface = data.cast::<libc::in6_pktinfo>().read_unaligned().ipi6_ifindex;
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(&raw const header.msg_hdr, message);
        }
    }
    if let Some(asked_by) =
        slot.payload.get(8..12).and_then(<[u8]>::first_chunk).filter(|_| header.msg_len == 12)
    {
        datagram.interface = u32::from_be_bytes(*asked_by);
    }
    datagram
}
