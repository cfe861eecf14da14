//! SMS-DELIVER (23.040 9.2.2.1): a message that was received.

use super::coding::{Class, Coding};
use super::header::{Concatenation, Header};
use super::{HAS_HEADER, Reader, hex, user_data};
use crate::address::Address;
use crate::body::Body;
use crate::error::PduError;
use crate::time::{SERVICE_TIME_OCTETS, ServiceTime};

/// The service centre has no more messages waiting: a set bit (23.040 9.2.3.2).
const NO_MORE: u8 = 0x04;

/// A message that was received, or one part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// The service centre that it came by.
    pub service_centre: Option<Address>,
    /// Who it says that it is from. Nobody vouches for that.
    pub sender: Address,
    /// What it is for, by number (23.040 9.2.3.9); 0 for an ordinary message.
    pub protocol: u8,
    /// Where it belongs, where it says so.
    pub class: Option<Class>,
    /// When the service centre got it; none where that is no time.
    pub sent: Option<ServiceTime>,
    /// Which part of a long message it is; none for one that stands alone.
    pub part: Option<Concatenation>,
    /// What it says.
    pub body: Body,
}

impl Deliver {
    pub(super) fn decode(
        service_centre: Option<Address>,
        first: u8,
        reader: &mut Reader<'_>,
    ) -> Result<Self, PduError> {
        let sender = Address::decode(reader, "sender")?;
        let protocol = reader.octet("protocol")?;
        let (coding, class) = Coding::decode(reader.octet("coding")?);
        let sent = reader.time("time")?;
        let (header, body) = user_data::decode(reader, coding, first & HAS_HEADER != 0);
        let part = header.concatenation;
        Ok(Self { service_centre, sender, protocol, class, sent, part, body })
    }

    /// As a network writes it, for whoever plays one: in hexadecimal digits, without a service centre or class.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let header = Header { concatenation: self.part, ..Header::default() };
        let sender = self.sender.encode();
        let data = user_data::encode(&header, &self.body);
        let first = if user_data::has_header(&header, &self.body) { HAS_HEADER } else { 0 };
        let time = self.sent.map_or([0; SERVICE_TIME_OCTETS], ServiceTime::encode);
        let coding = user_data::coding_octet(&self.body);
        // No service centre.
        hex(&[&[0, first | NO_MORE][..], &sender, &[self.protocol, coding], &time, &data].concat())
    }
}
