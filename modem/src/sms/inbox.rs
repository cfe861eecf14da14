//! What was stored, put together and given out with a receipt, without which nothing is deleted.

use super::lines::{Place, Stored};
use shunt_sms::pdu::{Incoming, StatusReport};
use shunt_sms::{Limits, Message, Out, PduError, Reassembly, Timestamp};
use std::collections::VecDeque;

/// What came, with the right to delete it.
#[derive(Debug)]
pub struct Arrival {
    /// What came.
    pub what: What,
    /// For [`super::Mailbox::delete`], once `what` is where it is safe.
    pub receipt: Receipt,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message, whole or told to be incomplete.
    Message(Message<Place>),
    /// What became of one that was sent.
    Report(StatusReport),
    /// Something that cannot be read: for the operator, as it came.
    Unreadable {
        /// In hexadecimal digits.
        digits: String,
        /// Why.
        error: PduError,
    },
    /// A part that came before.
    Duplicate,
}

/// The right to delete what it was given out with. Dropped, the messages stay, and come again.
#[derive(Debug)]
#[must_use = "what is not deleted fills the SIM, and comes again after a restart"]
pub struct Receipt(Vec<Place>);

/// Puts together what a modem stores.
#[derive(Debug)]
pub struct Inbox {
    reassembly: Reassembly<Place>,
    arrivals: VecDeque<Arrival>,
}

impl Inbox {
    /// Nothing has come.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { reassembly: Reassembly::new(limits), arrivals: VecDeque::new() }
    }

    /// Takes what was listed or read. Messages that were written here stay where they are. Call [`Self::poll`] afterwards,
    /// until it gives nothing.
    pub fn take(&mut self, stored: Stored, now: Timestamp) {
        let Stored { place, digits, content } = stored;
        let what = match content {
            Ok(Incoming::Deliver(deliver)) => return self.reassembly.take(deliver, place, now),
            Ok(Incoming::Report(report)) => What::Report(report),
            Ok(Incoming::Submit(_)) => return,
            Err(error) => What::Unreadable { digits, error },
        };
        self.arrivals.push_back(Arrival { what, receipt: Receipt(vec![place]) });
    }

    /// Gives out what has waited too long for its other parts.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.reassembly.handle_timeout(now);
    }

    /// When [`Self::handle_timeout`] is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.reassembly.poll_timeout()
    }

    /// The next arrival.
    pub fn poll(&mut self) -> Option<Arrival> {
        let arrival = self.arrivals.pop_front();
        arrival.or_else(|| {
            Some(match self.reassembly.poll()? {
                Out::Message(message) => {
                    let receipt = Receipt(message.tags.clone());
                    Arrival { what: What::Message(message), receipt }
                }
                Out::Duplicate(place) => Arrival { what: What::Duplicate, receipt: Receipt(vec![place]) },
            })
        })
    }
}

impl Receipt {
    /// What is to be deleted next.
    pub(super) fn first(&self) -> Option<Place> {
        self.0.first().copied()
    }

    /// It is deleted.
    pub(super) fn strike(&mut self, place: Place) {
        self.0.retain(|other| *other != place);
    }
}
