//! Frames: a message into bytes, and bytes, noise among them, into messages.

use crate::cobs;
use crate::mcu::{Reply, Request};
use crate::message::Message;
use core::fmt;

/// The version of the frame format that is spoken here.
pub const VERSION: u8 = 1;

/// The longest message in bytes: several times the longest known one, so that a newer peer's fit.
pub const MESSAGE_BYTES: usize = 96;

const HEADER_BYTES: usize = 3;
const CRC_BYTES: usize = 2;
/// The longest block before stuffing.
const BLOCK_BYTES: usize = HEADER_BYTES + MESSAGE_BYTES + CRC_BYTES;
const STUFFED_BYTES: usize = cobs::stuffed_len(BLOCK_BYTES);

/// The longest frame on the line, with a zero at each end: the size of a buffer for [`encode`].
pub const FRAME_BYTES: usize = STUFFED_BYTES + 2;

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<M = Message> {
    /// Counted up by the sender with each frame, so that the receiver sees losses and repeats.
    pub sequence: u16,
    /// What is said.
    pub message: M,
}

/// What can be said: any [`Message`], or, in less flash, a [`Reply`] of the MCU.
pub trait Speech {
    /// Writes the message to the start of `target`, and gives its length; `None` when it does not fit.
    fn write(&self, target: &mut [u8]) -> Option<usize>;
}

impl Speech for Message {
    fn write(&self, target: &mut [u8]) -> Option<usize> {
        postcard::to_slice(self, target).ok().map(|written| written.len())
    }
}

impl Speech for Reply {
    fn write(&self, target: &mut [u8]) -> Option<usize> {
        Self::write(self, target)
    }
}

/// What a frame's end has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<M = Message> {
    /// A message.
    Frame(Frame<M>),
    /// A whole frame of a newer peer: answer it by [`Message::NotUnderstood`].
    Unknown {
        /// The version of its frame format.
        version: u8,
        /// Its sequence.
        sequence: u16,
    },
}

/// Why a frame could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The message is longer than [`MESSAGE_BYTES`].
    MessageTooLong,
    /// The buffer is shorter than the frame; [`FRAME_BYTES`] are always enough.
    BufferTooShort,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageTooLong => {
                write!(f, "failed to encode the frame: its message is longer than {MESSAGE_BYTES} bytes")
            }
            Self::BufferTooShort => {
                write!(
                    f,
                    "failed to encode the frame: its buffer is too short; {FRAME_BYTES} bytes are enough"
                )
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// Writes `frame` into `buffer`, ready for the line, and gives the part that it fills.
///
/// # Errors
///
/// When the message or the buffer does not fit; nothing of `buffer` may be sent then.
pub fn encode<'a, M: Speech>(frame: &Frame<M>, buffer: &'a mut [u8]) -> Result<&'a [u8], EncodeError> {
    encode_as(VERSION, frame, buffer)
}

/// As [`encode`], in a frame of another version: for what is the same in all of them, which is the way into the boot loader.
///
/// # Errors
///
/// As there.
pub fn encode_as<'a, M: Speech>(
    version: u8,
    frame: &Frame<M>,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], EncodeError> {
    let mut block = [0; BLOCK_BYTES];
    let len = fill(version, frame, &mut block).ok_or(EncodeError::MessageTooLong)?;
    let block = block.get(..len).ok_or(EncodeError::MessageTooLong)?;
    let len = wrap(block, buffer).ok_or(EncodeError::BufferTooShort)?;
    buffer.get(..len).ok_or(EncodeError::BufferTooShort)
}

/// CRC-16/IBM-3740: its polynomial, and where it starts.
const POLYNOMIAL: u16 = 0x1021;
const CRC_START: u16 = 0xffff;

/// The CRC of the frames, for whatever else is to be kept safe from damage.
///
/// Bit by bit: a table takes more flash than the MCU has to spare, and a frame takes longer on the line.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut crc = CRC_START;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= POLYNOMIAL;
            }
        }
    }
    crc
}

/// Header, message and CRC.
fn fill<M: Speech>(version: u8, frame: &Frame<M>, block: &mut [u8; BLOCK_BYTES]) -> Option<usize> {
    let (header, rest) = block.split_first_chunk_mut::<HEADER_BYTES>()?;
    let [low, high] = frame.sequence.to_le_bytes();
    *header = [version, low, high];
    let message = frame.message.write(rest.get_mut(..MESSAGE_BYTES)?)?;
    let len = HEADER_BYTES + message;
    let crc = checksum(block.get(..len)?).to_le_bytes();
    block.get_mut(len..len + CRC_BYTES)?.copy_from_slice(&crc);
    Some(len + CRC_BYTES)
}

/// The zeros around, and the stuffing.
fn wrap(block: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let (first, rest) = buffer.split_first_mut()?;
    *first = 0;
    let len = cobs::stuff(block, rest)?;
    *rest.get_mut(len)? = 0;
    Some(len + 2)
}

/// Finds the frames in a stream of bytes, however cut and however noisy.
#[derive(Debug, Clone)]
pub struct Decoder {
    buffer: [u8; STUFFED_BYTES],
    len: usize,
    /// More came than the longest frame has: nothing counts until the next zero.
    overlong: bool,
    damaged: u32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; STUFFED_BYTES], len: 0, overlong: false, damaged: 0 }
    }

    /// How many blocks were dropped because they were too long, not stuffed, or failed their CRC: noise.
    #[must_use]
    pub fn damaged_frames(&self) -> u32 {
        self.damaged
    }

    /// Takes one byte; a frame comes out with the zero that ends it.
    pub fn receive(&mut self, byte: u8) -> Option<Received> {
        // What a newer peer appended to a known message is passed over.
        self.receive_as(VERSION, byte)
    }

    /// As [`Decoder::receive`], from a peer with another version of the frames: see [`encode_as`].
    pub fn receive_as(&mut self, version: u8, byte: u8) -> Option<Received> {
        self.take(version, byte, |message| {
            postcard::take_from_bytes(message).ok().map(|(message, _appended)| message)
        })
    }

    /// As [`Decoder::receive`], on the MCU.
    pub fn receive_request(&mut self, byte: u8) -> Option<Received<Request>> {
        self.take(VERSION, byte, Request::read)
    }

    fn take<M>(
        &mut self,
        version: u8,
        byte: u8,
        read: impl FnOnce(&[u8]) -> Option<M>,
    ) -> Option<Received<M>> {
        if byte != 0 {
            match self.buffer.get_mut(self.len) {
                Some(place) => {
                    *place = byte;
                    self.len += 1;
                }
                None => self.overlong = true,
            }
            return None;
        }
        let (len, overlong) = (self.len, self.overlong);
        self.len = 0;
        self.overlong = false;
        if len == 0 {
            return None;
        }
        let received = if overlong {
            None
        } else {
            self.buffer.get_mut(..len).and_then(|block| open(block, version, read))
        };
        if received.is_none() {
            self.damaged = self.damaged.saturating_add(1);
        }
        received
    }
}

/// What is in a stuffed block; `None` when it is damaged.
fn open<M>(block: &mut [u8], known: u8, read: impl FnOnce(&[u8]) -> Option<M>) -> Option<Received<M>> {
    let len = cobs::unstuff(block)?;
    let (content, crc) = block.get(..len)?.split_last_chunk::<CRC_BYTES>()?;
    if checksum(content) != u16::from_le_bytes(*crc) {
        return None;
    }
    let ([version, low, high], message) = content.split_first_chunk::<HEADER_BYTES>()?;
    let sequence = u16::from_le_bytes([*low, *high]);
    let message = if *version == known { read(message) } else { None };
    Some(message.map_or(Received::Unknown { version: *version, sequence }, |message| {
        Received::Frame(Frame { sequence, message })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_the_one_of_the_catalogue() {
        assert_eq!(checksum(b"123456789"), 0x29b1);
        let theirs = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740);
        let bytes: [u8; 256] = core::array::from_fn(|byte| byte as u8);
        for len in 0..=bytes.len() {
            assert_eq!(checksum(&bytes[..len]), theirs.checksum(&bytes[..len]));
        }
    }

    #[test]
    fn a_newer_peers_frames_are_told_not_dropped() {
        for (version, message) in [(VERSION, &[0x63][..]), (VERSION + 1, &[0x01][..])] {
            let mut block = [0; 8];
            block[..3].copy_from_slice(&[version, 7, 0]);
            let len = 3 + message.len();
            block[3..len].copy_from_slice(message);
            let crc = checksum(&block[..len]).to_le_bytes();
            block[len..len + 2].copy_from_slice(&crc);
            let mut buffer = [0; FRAME_BYTES];
            let len = wrap(&block[..len + 2], &mut buffer).unwrap();
            let mut decoder = Decoder::new();
            let mut received = buffer[..len].iter().filter_map(|byte| decoder.receive(*byte));
            assert_eq!(received.next(), Some(Received::Unknown { version, sequence: 7 }));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let frame = Frame { sequence: 1, message: Message::Feed };
        assert_eq!(encode(&frame, &mut [0; 8]), Err(EncodeError::BufferTooShort));
    }
}
