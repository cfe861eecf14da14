//! Messages on their way from the modem to the agent: one is handed over at a time, and deleted from the modem only once
//! it was taken. Until then nothing is listed again, so that none is handed over twice.

use super::api::{Answer, Received, Told};
use super::jobs::{Job, untagged};
use crate::sms::{Arrival, Inbox, Listing, Receipt, What};
use shunt_sms::{Limits, Timestamp};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long after something with messages failed it is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// How often messages are looked for that no report told of.
const ANYWAY: Duration = Duration::from_secs(30 * 60);

/// The messages of one modem.
#[derive(Debug)]
pub(super) struct Post {
    /// Messages are taken at all.
    on: bool,
    inbox: Inbox,
    /// There may be new ones.
    look: bool,
    /// Nothing is done before then.
    not_before: Timestamp,
    /// They are looked for anyway.
    anyway: Timestamp,
    /// What was handed over and waits for its answer.
    handed: Option<(u64, Receipt)>,
    /// How many were handed over: an answer is to the one of its number.
    count: u64,
    /// What was taken and is to be deleted.
    taken: Option<Receipt>,
}

impl Post {
    pub(super) fn new(on: bool) -> Self {
        let inbox = Inbox::new(Limits::default());
        let (not_before, anyway) = (Timestamp::ZERO, Timestamp::ZERO);
        Self { on, inbox, look: true, not_before, anyway, handed: None, count: 0, taken: None }
    }

    /// The modem booted, or its SIM is another one: places mean nothing any more. What was not deleted comes again.
    pub(super) fn restart(&mut self) {
        *self = Self { count: self.count, ..Self::new(self.on) };
    }

    /// A report told of a message.
    pub(super) fn look(&mut self) {
        self.look = true;
    }

    /// What is to be done with the modem now.
    pub(super) fn job(&mut self, now: Timestamp) -> Option<Job> {
        if !self.on || now < self.not_before {
            return None;
        }
        if let Some(receipt) = self.taken.take() {
            return Some(Job::Delete(receipt));
        }
        let wanted = self.look || now >= self.anyway;
        (wanted && self.handed.is_none()).then_some(Job::Letters)
    }

    /// When something is to be done by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if !self.on || self.handed.is_some() {
            return None;
        }
        if self.taken.is_some() {
            return Some(self.not_before);
        }
        let work = if self.look { self.not_before } else { self.anyway.max(self.not_before) };
        Some(self.inbox.poll_timeout().map_or(work, |parts| parts.min(work)))
    }

    /// The next message for the agent, its number, and where its answer comes out.
    pub(super) fn hand_over(&mut self, now: Timestamp) -> Option<(Told, u64, oneshot::Receiver<()>)> {
        if self.handed.is_some() || self.taken.is_some() {
            return None;
        }
        self.inbox.handle_timeout(now);
        let Arrival { what, receipt } = self.inbox.poll()?;
        let received = match what {
            What::Message(message) => Received::Message(untagged(message)),
            What::Report(report) => Received::Report(report),
            What::Unreadable { digits, error } => Received::Unreadable { digits, error },
            What::Duplicate => {
                self.taken = Some(receipt);
                return None;
            }
        };
        self.count += 1;
        self.handed = Some((self.count, receipt));
        let (taken, answer) = Answer::new();
        Some((Told::Message { received, taken }, self.count, answer))
    }

    /// The agent took it, or did not: then it comes again, from the modem.
    pub(super) fn answered(&mut self, number: u64, taken: bool, now: Timestamp) {
        let Some((_, receipt)) = self.handed.take_if(|(handed, _)| *handed == number) else { return };
        if taken {
            self.taken = Some(receipt);
        } else {
            self.restart();
            self.not_before = now + AGAIN;
        }
    }

    pub(super) fn listed(&mut self, listing: Option<Listing>, now: Timestamp) {
        let Some(Listing { stored, more }) = listing else {
            self.not_before = now + AGAIN;
            return;
        };
        for stored in stored {
            self.inbox.take(stored, now);
        }
        self.look = false;
        // What did not fit is listed when some of this is deleted.
        self.anyway = now + if more { AGAIN } else { ANYWAY };
    }

    pub(super) fn deleted(&mut self, left: Option<Receipt>, now: Timestamp) {
        if left.is_some() {
            self.not_before = now + AGAIN;
        }
        self.taken = left;
    }
}
