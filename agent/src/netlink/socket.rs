//! The request socket: one request, one answer, on the caller's thread.
//!
//! The kernel handles a route or rule request inside `send`: when it returns, the acknowledgement already lies
//! in the receive queue. So nothing is awaited, and the fast path has no queue, task or wake-up of its own.

use rtnetlink::packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkHeader,
    NlasIterator,
};
use rtnetlink::sys::{Socket, SocketAddr};
use std::fmt;
use std::io;

/// Room for one datagram: the kernel fills dump datagrams up to 32 KiB when the reader offers that much.
pub(crate) const DATAGRAM_ROOM: usize = 64 * 1024;
/// Datagrams read for one answer before it is given up: 1,024 of 32 KiB hold 200,000 routes.
const ANSWER_DATAGRAMS: usize = 1_024;
/// Times that a dump is begun anew because the kernel's list changed beneath it.
const DUMP_ATTEMPTS: usize = 4;
/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// `NLM_F_CAPPED`: the error holds only the header of the request it answers.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow the error.
const ACK_TLVS: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`: the kernel's own sentence.
const ATTR_MSG: u16 = 1;

/// The kernel's refusal: its error code and, where it gives one, its own sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error code (`libc::E…`), positive.
    pub code: i32,
    /// The kernel's extended acknowledgement.
    pub text: Option<String>,
}

impl Refusal {
    pub(crate) fn from_io(error: &io::Error) -> Self {
        Self { code: error.raw_os_error().unwrap_or(libc::EIO), text: None }
    }

    const fn code(code: i32) -> Self {
        Self { code, text: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.code))?;
        match &self.text {
            Some(text) => write!(f, ", kernel says \"{text}\""),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

/// One message of a datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// Port of the socket whose request caused it; 0: the kernel by itself.
    pub(crate) port: u32,
    pub(crate) payload: &'a [u8],
}

/// The messages of a datagram; ends at the first malformed one.
pub(crate) fn frames(mut rest: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    std::iter::from_fn(move || {
        let header = rest.get(..HEADER)?;
        let length = usize::try_from(u32_at(header, 0)?).ok()?;
        let frame = Frame {
            kind: u16_at(header, 4)?,
            flags: u16_at(header, 6)?,
            sequence: u32_at(header, 8)?,
            port: u32_at(header, 12)?,
            payload: rest.get(HEADER..length)?,
        };
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(frame)
    })
}

/// The native-endian number at `offset`.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// The native-endian number at `offset`.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// Asks the kernel, one request at a time.
#[derive(Debug)]
pub(crate) struct RequestSocket {
    socket: Socket,
    port: u32,
    sequence: u32,
    output: Vec<u8>,
    input: Vec<u8>,
}

impl RequestSocket {
    /// A socket of a netlink protocol (`NETLINK_ROUTE`, `NETLINK_NETFILTER`).
    pub(crate) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        let address = socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Kernels before 4.12 know neither; they then answer without a sentence.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        if protocol == rtnetlink::sys::protocols::NETLINK_ROUTE {
            // Without it (before 4.20) a dump is not filtered; the parser filters again.
            let _ = socket.set_netlink_get_strict_chk(true);
        }
        socket.set_non_blocking(true)?;
        Ok(Self {
            socket,
            port: address.port_number(),
            sequence: 0,
            output: Vec::with_capacity(512),
            input: Vec::with_capacity(DATAGRAM_ROOM),
        })
    }

    /// The port that the kernel names in notices of changes made by this socket.
    pub(crate) const fn port(&self) -> u32 {
        self.port
    }

    /// Has the kernel change something; `Ok` once it has.
    pub(crate) fn execute(&mut self, kind: u16, flags: u16, body: &impl Emitable) -> Result<(), Refusal> {
        self.send(kind, flags | NLM_F_ACK, body)?;
        self.answer(|_| {}).map(|_| ())
    }

    /// Asks for one thing and hands the answer to `each`.
    pub(crate) fn query(
        &mut self,
        kind: u16,
        body: &impl Emitable,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        self.send(kind, NLM_F_ACK, body)?;
        self.answer(|frame| each(frame.payload)).map(|_| ())
    }

    /// Asks for a list. A list that changed while it was read is read again, so `T` is made anew.
    pub(crate) fn dump<T>(
        &mut self,
        kind: u16,
        body: &impl Emitable,
        mut each: impl FnMut(&mut Vec<T>, &[u8]),
    ) -> Result<Vec<T>, Refusal> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut list = Vec::new();
            self.send(kind, NLM_F_DUMP, body)?;
            match self.answer(|frame| each(&mut list, frame.payload)) {
                Ok(false) => {}
                Ok(true) => return Ok(list),
                // The table of that number was never used.
                Err(refusal) if refusal.code == libc::ENOENT => return Ok(Vec::new()),
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::code(libc::EAGAIN))
    }

    fn send(&mut self, kind: u16, flags: u16, body: &impl Emitable) -> Result<(), Refusal> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = HEADER + body.buffer_len();
        let mut header = NetlinkHeader::default();
        header.length = u32::try_from(length).unwrap_or(u32::MAX);
        header.message_type = kind;
        header.flags = flags | NLM_F_REQUEST;
        header.sequence_number = self.sequence;
        self.output.clear();
        self.output.resize(length, 0);
        let (head, tail) = self.output.split_at_mut(HEADER);
        header.emit(head);
        body.emit(tail);
        self.socket.send(&self.output, 0).map(|_| ()).map_err(|error| Refusal::from_io(&error))
    }

    /// Reads until the acknowledgement (or end) of the last request; `false`: the list changed meanwhile.
    fn answer(&mut self, mut each: impl FnMut(Frame<'_>)) -> Result<bool, Refusal> {
        let mut whole = true;
        for _ in 0..ANSWER_DATAGRAMS {
            self.input.clear();
            self.socket.recv(&mut self.input, 0).map_err(|error| Refusal::from_io(&error))?;
            for frame in frames(&self.input).filter(|frame| frame.sequence == self.sequence) {
                whole &= frame.flags & NLM_F_DUMP_INTR == 0;
                match frame.kind {
                    NLMSG_ERROR => return acknowledged(frame).map(|()| whole),
                    NLMSG_DONE => return done(frame).map(|()| whole),
                    _ => each(frame),
                }
            }
        }
        Err(Refusal::code(libc::EMSGSIZE))
    }
}

fn done(frame: Frame<'_>) -> Result<(), Refusal> {
    match u32_at(frame.payload, 0).map_or(0, u32::cast_signed) {
        0.. => Ok(()),
        code => Err(Refusal::code(code.saturating_neg())),
    }
}

fn acknowledged(frame: Frame<'_>) -> Result<(), Refusal> {
    let code = u32_at(frame.payload, 0).map_or(-libc::EBADMSG, u32::cast_signed);
    if code == 0 {
        return Ok(());
    }
    Err(Refusal { code: code.saturating_neg(), text: sentence(frame) })
}

/// The sentence behind an error: `error`, the request (whole or only its header), attributes.
fn sentence(frame: Frame<'_>) -> Option<String> {
    if frame.flags & ACK_TLVS == 0 {
        return None;
    }
    let request = match frame.flags & CAPPED {
        0 => usize::try_from(u32_at(frame.payload, 4)?).ok()?.next_multiple_of(4),
        _ => HEADER,
    };
    let attributes = frame.payload.get(4 + request..)?;
    NlasIterator::new(attributes)
        .flatten()
        .find(|attribute| attribute.kind() == ATTR_MSG)
        .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn garbage_is_no_message_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for frame in frames(&bytes).take(100) {
                let _ = (sentence(frame), done(frame), acknowledged(frame));
            }
        }
    }

    #[test]
    fn a_zero_length_ends_the_walk() {
        assert_eq!(frames(&[0; 64]).count(), 0);
    }
}
