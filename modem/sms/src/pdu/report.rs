//! SMS-STATUS-REPORT (23.040 9.2.2.3): what became of a message that was sent.

use super::Reader;
use crate::address::Address;
use crate::error::PduError;
use crate::time::ServiceTime;
use serde::{Deserialize, Serialize};

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The service centre that it came by.
    pub service_centre: Option<Address>,
    /// The reference that the modem told when the message was sent.
    pub reference: u8,
    /// Who the message was for.
    pub recipient: Address,
    /// When the service centre got the message; none where that is no time.
    pub sent: Option<ServiceTime>,
    /// When it became what it is; none where that is no time.
    pub settled: Option<ServiceTime>,
    /// What it became.
    pub delivery: Delivery,
}

/// What a message became, with the number that says more (23.040 9.2.3.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Delivery {
    /// It arrived, or was handed on to where no more is known.
    Done(u8),
    /// It did not arrive, and is being tried again.
    Trying(u8),
    /// It did not arrive, and never will.
    Failed(u8),
    /// It did not arrive for a passing reason, and is not tried again.
    GivenUp(u8),
    /// A reserved number.
    Unknown(u8),
}

impl StatusReport {
    pub(super) fn decode(
        service_centre: Option<Address>,
        _first: u8,
        reader: &mut Reader<'_>,
    ) -> Result<Self, PduError> {
        Ok(Self {
            service_centre,
            reference: reader.octet("reference")?,
            recipient: Address::decode(reader, "recipient")?,
            sent: reader.time("time")?,
            settled: reader.time("time of delivery")?,
            delivery: Delivery::from_code(reader.octet("status")?),
        })
    }
}

impl Delivery {
    fn from_code(code: u8) -> Self {
        match code {
            0x00..=0x1f => Self::Done(code),
            0x20..=0x3f => Self::Trying(code),
            0x40..=0x5f => Self::Failed(code),
            0x60..=0x7f => Self::GivenUp(code),
            0x80.. => Self::Unknown(code),
        }
    }
}
