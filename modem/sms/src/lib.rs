//! Short messages without I/O: what goes over the air and back, and what a message may order.
//!
//! - [`pdu`]: the messages as a modem gives and takes them (3GPP TS 23.040), in the alphabets of TS 23.038.
//! - [`Reassembly`]: long messages, put together from their parts whatever their order. Nothing that was taken is
//!   lost: what stays incomplete is given out as such.
//! - [`control`]: remote control by SMS, allowed for some numbers and only with a rolling code.
//!
//! It owns no port, clock, task or file: time enters as `now`, and `shunt-modem` carries the messages.
//!
//! # What the config is to have
//!
//! Remote control is off unless it is switched on, and there is no code or number by default:
//!
//! | key | meaning | here |
//! |---|---|---|
//! | `[modem.sms] wait` | how long a part waits for the others | [`Limits::wait`] |
//! | `[modem.sms.control] enabled` | `false` by default: messages order nothing | [`Control::off`](control::Control::off) |
//! | `… home.country`, `.trunk`, `.international` | how a national number becomes international | [`Home`] |
//! | `… code = "counter" \| "time"` | rolling code by counter (the default) or by time | [`Rolling`](control::Rolling) |
//! | `… look_ahead`, `… skew` | codes that may be skipped, steps that a clock may be off | [`Rolling`](control::Rolling) |
//! | `… digits`, `… hash` | 6 to 8; `"sha1"` or `"sha256"` | [`Digits`](control::Digits), [`Hash`](control::Hash) |
//! | `… per_number`, `… in_all` | attempts an hour | [`Rate`](control::Rate) |
//! | `[[modem.sms.control.operator]] name, number, secret_file` | who may order, each with a secret of their own | [`Operator`](control::Operator) |
//!
//! A secret belongs in a file of its own that only the agent may read (base32, as authenticator programs take it), not
//! into the config, which is copied and shown.

#![forbid(unsafe_code)]

mod address;
mod alphabet;
mod body;
pub mod control;
mod error;
pub mod fuzz;
pub mod pdu;
mod reassembly;
mod split;
mod time;

pub use address::{Address, Home, Kind, Number};
pub use body::{Body, Content, Flaws};
pub use error::{AddressError, EncodeError, PduError};
pub use reassembly::{Limits, Message, Out, Reassembly};
pub use shunt_time::{Timestamp, UnixTime};
pub use time::ServiceTime;
