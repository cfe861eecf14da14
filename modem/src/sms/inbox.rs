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
    Message(Message<Origin>),
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

/// Where a part came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The modem stores it there, with these digits.
    Stored(Place, String),
    /// The modem brought it ([`super::brought`]), the so-manieth such: nobody else has it.
    Brought(u64),
}

/// The right to delete what it was given out with. Dropped, the messages stay, and come again.
#[derive(Debug)]
#[must_use = "what is not deleted fills the SIM, and comes again after a restart"]
pub struct Receipt {
    places: Vec<(Place, String)>,
    brought: Vec<u64>,
    /// A deletion was begun: what the places hold now, nobody knows.
    doubtful: bool,
}

/// Puts together what a modem stores.
#[derive(Debug)]
pub struct Inbox {
    reassembly: Reassembly<Origin>,
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
        self.put(Origin::Stored(place, digits.clone()), digits, content, now);
    }

    /// Takes what the modem brought, as it came.
    pub fn take_brought(&mut self, number: u64, digits: &str, now: Timestamp) {
        self.put(Origin::Brought(number), digits.to_owned(), Incoming::from_hex(digits), now);
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
                    let receipt = Receipt::of(message.tags.clone());
                    Arrival { what: What::Message(message), receipt }
                }
                Out::Duplicate(origin) => {
                    Arrival { what: What::Duplicate, receipt: Receipt::of(vec![origin]) }
                }
            })
        })
    }

    fn put(&mut self, origin: Origin, digits: String, content: Result<Incoming, PduError>, now: Timestamp) {
        let what = match content {
            Ok(Incoming::Deliver(deliver)) => return self.reassembly.take(deliver, origin, now),
            Ok(Incoming::Report(report)) => What::Report(report),
            Ok(Incoming::Submit(_)) => return,
            Err(error) => What::Unreadable { digits, error },
        };
        self.arrivals.push_back(Arrival { what, receipt: Receipt::of(vec![origin]) });
    }
}

impl Receipt {
    /// What the modem had brought of it, which is nowhere to be deleted: it is safe now.
    pub fn take_brought(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.brought)
    }

    /// Whether nothing is left to be deleted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.places.is_empty()
    }

    fn of(origins: Vec<Origin>) -> Self {
        let mut receipt = Self { places: Vec::new(), brought: Vec::new(), doubtful: false };
        for origin in origins {
            match origin {
                Origin::Stored(place, digits) => receipt.places.push((place, digits)),
                Origin::Brought(number) => receipt.brought.push(number),
            }
        }
        receipt
    }

    /// A deletion begins; whether one was begun before.
    pub(super) fn begin(&mut self) -> bool {
        std::mem::replace(&mut self.doubtful, true)
    }

    /// What is to be deleted next.
    pub(super) fn first(&self) -> Option<(Place, String)> {
        self.places.first().cloned()
    }

    /// It is not there any more.
    pub(super) fn strike(&mut self, place: Place) {
        self.places.retain(|(other, _)| *other != place);
    }
}
