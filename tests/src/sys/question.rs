//! Datagrams that are answered from the address and by the interface they came to: the far end has several of both.

use super::checked;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// Room for one `in6_pktinfo` with its header, and some to spare.
const CONTROL: usize = 64;

/// Who asked, and what the answer needs to go back by the same way.
pub(crate) struct Question {
    /// How many bytes were read.
    pub(crate) length: usize,
    peer: libc::sockaddr_in6,
    control: Control,
    control_length: usize,
}

impl Question {
    /// The interface that it came in by; 0 if the kernel did not tell.
    pub(crate) fn interface(&self) -> u32 {
        // SAFETY: all zeroes is a valid msghdr.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_control = self.control.0.as_ptr().cast_mut().cast();
        header.msg_controllen = self.control_length as _;
        // SAFETY: the kernel filled the control buffer, of which so many bytes are valid; the CMSG macros stay within
        // it, and the datum is read unaligned, in the type that its level and type stand for.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(&raw const header);
            while let Some(control) = message.as_ref() {
                if (control.cmsg_level, control.cmsg_type) == (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) {
                    let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>().read_unaligned();
                    return info.ipi6_ifindex;
                }
                message = libc::CMSG_NXTHDR(&raw const header, message);
            }
        }
        0
    }
}

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Reads one datagram of an IPv6 (or dual-stack) socket that was set to `IPV6_RECVPKTINFO`.
pub(crate) fn receive_with_info(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Question> {
    // SAFETY: all zeroes is a valid sockaddr_in6 and a valid msghdr.
    let (peer, mut header): (libc::sockaddr_in6, libc::msghdr) = unsafe { std::mem::zeroed() };
    let mut question = Question { length: 0, peer, control: Control([0; CONTROL]), control_length: 0 };
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    header.msg_name = (&raw mut question.peer).cast();
    header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = question.control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL as _;
    // SAFETY: every pointer of the header is valid for the length beside it, and outlives the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    question.length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    question.control_length = header.msg_controllen as _;
    Ok(question)
}

/// Sends `answer` to whoever asked, from the address that was asked and by the interface the question came by (the
/// kernel takes both from the same `IPV6_PKTINFO` that it gave).
pub(crate) fn send_back(socket: &UdpSocket, question: &Question, answer: &[u8]) -> io::Result<()> {
    let mut vector = libc::iovec { iov_base: answer.as_ptr().cast_mut().cast(), iov_len: answer.len() };
    // SAFETY: all zeroes is a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw const question.peer).cast_mut().cast();
    header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = question.control.0.as_ptr().cast_mut().cast();
    header.msg_controllen = question.control_length as _;
    // SAFETY: sendmsg only reads what the header points to, which is valid for the lengths given.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
    checked(libc::c_int::try_from(sent).unwrap_or(libc::c_int::MAX)).map(drop)
}
