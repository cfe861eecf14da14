//! What came by message, as it is told to the agent.

use super::lines::{Place, Stored};
use shunt_sms::pdu::{Incoming, StatusReport};
use shunt_sms::{Limits, Message, Out, PduError, Reassembly, Timestamp};

/// What came by message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A message, whole or told to be incomplete.
    Message(Message<()>),
    /// What became of one that was sent.
    Report(StatusReport),
    /// Something that cannot be read: for the operator, as it came.
    Unreadable {
        /// In hexadecimal digits.
        digits: String,
        /// Why.
        error: PduError,
    },
}

impl Received {
    /// What is stored, put together as far as it is there.
    pub(crate) fn all(stored: Vec<Stored>) -> Vec<Self> {
        let mut all = Vec::new();
        let mut messages: Reassembly<Place> = Reassembly::new(Limits::default());
        for Stored { place, digits, content } in stored {
            match content {
                Ok(Incoming::Deliver(deliver)) => messages.take(deliver, place, Timestamp::ZERO),
                Ok(Incoming::Report(report)) => all.push(Self::Report(report)),
                Ok(Incoming::Submit(_)) => {}
                Err(error) => all.push(Self::Unreadable { digits, error }),
            }
        }
        messages.finish();
        while let Some(out) = messages.poll() {
            match out {
                Out::Message(message) => all.push(message.into()),
                Out::Duplicate(_) => {}
            }
        }
        all
    }
}

/// Without the places of its parts.
impl<T> From<Message<T>> for Received {
    fn from(message: Message<T>) -> Self {
        let Message { sender, sent, content, flaws, parts, missing, tags: _ } = message;
        Self::Message(Message { sender, sent, content, flaws, parts, missing, tags: Vec::new() })
    }
}
