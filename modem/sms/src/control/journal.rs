//! What is told of each attempt. No entry holds a code or a secret.

use super::request::Order;
use crate::address::Address;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who it says that it is from.
    pub from: Address,
    /// The operator's name, where the number is allowed.
    pub operator: Option<String>,
    /// What was ordered, where it was understood and the number is allowed.
    pub order: Option<Order>,
    /// What became of it.
    pub outcome: Outcome,
    /// Attempts of strangers since the last entry that were too many to be told.
    pub untold: u64,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was given out to be done.
    Accepted,
    /// It was not.
    Refused(Refusal),
}

/// Why an attempt was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The number is not allowed, or is no number.
    Stranger,
    /// It is no order.
    NotUnderstood,
    /// Parts of it are missing.
    Incomplete,
    /// The code is wrong, the so-manieth time in a row; locked out for so long.
    WrongCode {
        /// Wrong codes in a row.
        failures: u32,
        /// Until when, where it leads to that.
        lock: Option<Duration>,
    },
    /// The code was used before.
    UsedCode,
    /// Too many wrong codes came before.
    LockedOut {
        /// For so much longer.
        left: Duration,
    },
    /// The number's attempts are used up.
    TooManyOfNumber,
    /// All numbers' attempts are used up.
    TooManyInAll,
    /// Codes go by time, and the time is not known.
    NoClock,
    /// Another order is still being saved.
    Busy,
    /// The used code could not be saved, so that it might be good again after a restart.
    NotSaved,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("the number is not allowed"),
            Self::NotUnderstood => f.write_str("it is no order"),
            Self::Incomplete => f.write_str("parts of the message are missing"),
            Self::WrongCode { failures, lock: None } => write!(f, "wrong code, {failures} in a row"),
            Self::WrongCode { failures, lock: Some(lock) } => {
                write!(f, "wrong code, {failures} in a row; locked out for {} s", lock.as_secs())
            }
            Self::UsedCode => f.write_str("the code was used before"),
            Self::LockedOut { left } => write!(f, "locked out for {} s more", left.as_secs()),
            Self::TooManyOfNumber => f.write_str("too many attempts from this number"),
            Self::TooManyInAll => f.write_str("too many attempts"),
            Self::NoClock => f.write_str("the time is not known; codes by counter need none"),
            Self::Busy => f.write_str("the order before is still being saved"),
            Self::NotSaved => f.write_str("the used code could not be saved; see to the state directory"),
        }
    }
}
