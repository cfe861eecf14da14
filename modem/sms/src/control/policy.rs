//! Who may order, and how their codes are made.

use super::code::{Digits, Hash, Rolling, Secret};
use super::rate::Rate;
use crate::address::{Home, Number};

/// The most numbers that may be allowed: some people, not a public.
pub const NUMBERS_MAX: usize = 16;

/// Somebody who may order.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Whom the journal names.
    pub name: String,
    /// The number that they write from.
    pub number: Number,
    /// Theirs alone: with a secret in common, each one's counter would run away from the others'.
    pub secret: Secret,
}

/// What remote control may do.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who may order.
    pub operators: Vec<Operator>,
    /// How numbers are written in the country of the SIM; none where the network delivers them with their country code.
    pub home: Option<Home>,
    /// How codes roll.
    pub rolling: Rolling,
    /// The hash beneath them.
    pub hash: Hash,
    /// How long they are.
    pub digits: Digits,
    /// Attempts of one number.
    pub per_number: Rate,
    /// Attempts of all allowed numbers together. Strangers do not count: they could keep the others out.
    pub in_all: Rate,
}

/// Why a policy is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Nobody is allowed.
    #[error("failed to set up remote control by SMS: nobody is allowed; add an operator or switch it off")]
    Nobody,
    /// Too many are.
    #[error("failed to set up remote control by SMS: {count} numbers are allowed; keep to {NUMBERS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A number stands there twice.
    #[error("failed to set up remote control by SMS: {number} is there twice; remove one of the two")]
    Twice {
        /// Which.
        number: Number,
    },
}

impl Policy {
    /// For these operators, with codes by counter of six digits, ten attempts an hour for each and thirty for all: an
    /// operator in trouble writes a handful of messages, and an answer to each costs money.
    #[must_use]
    pub fn new(operators: Vec<Operator>) -> Self {
        Self {
            operators,
            home: None,
            rolling: Rolling::default(),
            hash: Hash::default(),
            digits: Digits::default(),
            per_number: Rate::an_hour(10),
            in_all: Rate::an_hour(30),
        }
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let numbers: Vec<&Number> = self.operators.iter().map(|operator| &operator.number).collect();
        if numbers.is_empty() {
            return Err(PolicyError::Nobody);
        }
        if numbers.len() > NUMBERS_MAX {
            return Err(PolicyError::TooMany { count: numbers.len() });
        }
        let twice = numbers.iter().find(|number| numbers.iter().filter(|other| other == number).count() > 1);
        twice.map_or(Ok(()), |number| Err(PolicyError::Twice { number: (*number).clone() }))
    }

    pub(super) fn operator(&self, number: &Number) -> Option<&Operator> {
        self.operators.iter().find(|operator| operator.number == *number)
    }
}
