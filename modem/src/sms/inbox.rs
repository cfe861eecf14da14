//! What was stored, put together and given out with a receipt, without which nothing is deleted.

use super::Received;
use super::lines::{Place, Stored};
use shunt_sms::pdu::Incoming;
use shunt_sms::{Limits, Out, PduError, Reassembly, Timestamp};
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
    /// Something new.
    Received(Received),
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
                Out::Message(mut message) => {
                    let receipt = Receipt::of(std::mem::take(&mut message.tags));
                    Arrival { what: What::Received(Received::from(message)), receipt }
                }
                Out::Duplicate(origin) => {
                    Arrival { what: What::Duplicate, receipt: Receipt::of(vec![origin]) }
                }
            })
        })
    }

    fn put(&mut self, origin: Origin, digits: String, content: Result<Incoming, PduError>, now: Timestamp) {
        let received = match content {
            Ok(Incoming::Deliver(deliver)) => return self.reassembly.take(deliver, origin, now),
            Ok(Incoming::Report(report)) => Received::Report(report),
            Ok(Incoming::Submit(_)) => return,
            Err(error) => Received::Unreadable { digits, error },
        };
        self.arrivals
            .push_back(Arrival { what: What::Received(received), receipt: Receipt::of(vec![origin]) });
    }
}

impl Receipt {
    /// Whether nothing is left to be deleted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.places.is_empty()
    }

    /// For a second copy of what is safe.
    pub(super) fn for_copy(stored: Stored) -> Self {
        Self::of(vec![Origin::Stored(stored.place, stored.digits)])
    }

    /// Whether it was given out with what the modem brought as this number.
    pub(super) fn is_of_brought(&self, number: u64) -> bool {
        self.brought.contains(&number)
    }

    /// What is to be deleted, as the modem told it.
    pub(super) fn stored(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|(_, digits)| digits.as_str())
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
