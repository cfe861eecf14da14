//! Remote control by SMS: `status CODE`, `force LINK [MINUTES] CODE`, `release CODE`.
//!
//! A message orders something only if it comes from an allowed number *and* carries a rolling code made with that number's
//! own secret. The number alone proves nothing: anybody with access to a provider can write any sender. The code alone
//! is not taken either, so that a stranger cannot try codes at all.
//!
//! - **Codes** are those of authenticator programs: by counter (HOTP, RFC 4226), or by time (TOTP, RFC 6238). By counter is
//!   the default, because many gateways have no clock that runs without power. Such a gateway wakes up in the past and
//!   learns the time from the network, which is what may be down; whoever can delay or forge that time could also use an
//!   old code again. A counter needs no clock; codes that were made and never sent are skipped, up to the look-ahead.
//! - **Nothing is taken twice.** The counter (or the time step) moves on with each accepted code, and is saved before the
//!   order is given out. What cannot be saved is not done.
//! - **Guessing does not pay.** Attempts are limited per number and in all. After three wrong codes in a row the number is
//!   locked out for a minute, and with each further one for twice as long, up to a day; this outlives a restart.
//! - **Strangers get no answer**, and cost nothing but an entry in the journal, of which there are few an hour.
//!
//! The caller hands messages in, carries out the [`Action`]s, and tells how saving went. An attacker who writes the
//! operator's number as his own can lock the operator out of remote control: the other ways in remain.

mod code;
mod journal;
mod machine;
mod policy;
mod rate;
mod request;
mod saved;

pub use code::{Digits, Hash, Rolling, Secret, SecretError};
pub use journal::{Entry, Outcome, Refusal};
pub use machine::{Action, Answer, Control, SaveId};
pub use policy::{NUMBERS_MAX, Operator, Policy, PolicyError};
pub use rate::Rate;
pub use request::{Order, Request, looks_like_one};
pub use saved::Saved;
