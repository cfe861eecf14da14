//! The frames between the agent and the watchdog MCU.
//!
//! Why a crate of its own: both ends must agree on every byte, the MCU's is `no_std`, and an agent may
//! meet a firmware that is years older. So the format is written down once, here, with golden bytes in
//! the tests.
//!
//! A frame on the line, between zero bytes:
//!
//! ```text
//! 00 | COBS( version u8 | sequence u16 LE | message, postcard | CRC-16 LE ) | 00
//! ```
//!
//! COBS (Cheshire and Baker, 1999) keeps zeros out of a frame, so that a zero byte always ends one and a
//! receiver is in step again after at most one frame. The zero in front ends whatever noise came before.
//! The CRC is CRC-16/IBM-3740 (polynomial 0x1021, start 0xFFFF, not reflected) over all that is before it.
//!
//! The format grows by appending: new messages go to the end of [`Message`], and a frame whose
//! message is not known comes out of the decoder as [`Received::Unknown`], to be answered by
//! [`Message::NotUnderstood`]; one of another version once a second at the most, since that answer may not be understood
//! either, and be answered in turn. [`VERSION`] changes only when the frame itself changes.
//!
//! Whatever changes, an agent must be able to flash a firmware of any version. So these are the same in all of them, for ever: the
//! frame's zeros, stuffing, header and CRC, and `Hello`, `Lease`, `EnterBootLoader` and `Answer` ([`encode_as`]; golden bytes
//! in the tests).
//!
//! The agent speaks by [`Message`] and `postcard`; the MCU takes a [`Request`] and says a [`Reply`], the same bytes
//! read and written by hand, since flash is scarce there.
//!
//! Requests (lease, arm, disarm, modem cycle, host reset, boot loader) are answered by [`Message::Answer`]. A
//! sender that misses the answer sends the same frame again, with the same sequence; [`Answered`] sees to it
//! that the request is carried out once. A sender has one request under way at a time.
#![no_std]

mod answered;
mod cobs;
mod codec;
mod frame;
mod log;
mod mcu;
mod message;
mod status;
mod values;

pub use answered::Answered;
pub use codec::{Reader, Writer};
pub use frame::{
    Decoder, EncodeError, FRAME_BYTES, Frame, MESSAGE_BYTES, Received, Speech, VERSION, checksum, encode,
    encode_as,
};
pub use log::{Happened, LOG_BLOCK, LOG_PART, LOG_SETTLED, Log, LogEntry};
pub use mcu::{Reply, Request};
pub use message::{BOOT_LOADER_KEY, Capabilities, Hello, Message, Name, Outcome, Role, Seconds, Timeouts};
pub use status::{Counts, HostResetCause, Line, ResetCause, Stage, Status};
