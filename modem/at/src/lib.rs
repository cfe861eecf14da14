//! The AT protocol without I/O: bytes in, `Response | Urc | Prompt` out.
//!
//! Why a crate of its own: telling replies apart from unsolicited lines is where modem drivers go
//! wrong, and it can be proved right only where no port, clock or task takes part. The caller owns
//! the port and the time; it hands over each byte that it read ([`Digester::receive`]), writes what
//! [`Command::wire`], [`Payload::wire`] and [`Digester::fence`] give it, and says when it has waited
//! long enough ([`Digester::timed_out`], [`Digester::quiet`]).
//!
//! Three rules keep one command's reply from being taken for another's:
//!
//! 1. **The echo is a fence.** Lines before the exact echo of the command in flight are unsolicited,
//!    final codes too. So a command that only asks for the echo of others (`AT`, `ATE…`) is refused.
//! 2. **A final code is a whole line.** `OK` inside a line, or as a message's body, ends nothing.
//! 3. **After a timeout the port is dirty.** Nothing but the fence may be sent, until it was answered and no other
//!    final code came for a while after that. The modem works in order: behind the fence there is nothing left.
//!
//! What a modem tells by its length is read by its length ([`Class::Counted`]), and after `CONNECT` to a dialling command
//! the bytes are data, not lines ([`Digest::Data`]).
//!
//! Sources: ITU-T V.250 (result codes, echo), 3GPP TS 27.007 and 27.005 (`+CME`, `+CMS`, prompts).
#![no_std]

mod codes;
mod command;
mod digest;
mod digester;
mod line;
mod payload;
mod registration;

pub use codes::Final;
pub use command::{COMMAND_BYTES, Class, Command, CommandError, Sign};
pub use digest::{Digest, Echo, Outcome, Response, SendError, State};
pub use digester::{DATA_BYTES, Digester, REPLY_BYTES};
pub use line::LINE_BYTES;
pub use payload::{PAYLOAD_BYTES, Payload, PayloadError};
