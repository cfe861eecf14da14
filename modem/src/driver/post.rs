//! Messages on their way from the modem to the agent: one is handed over at a time, and deleted from the modem only once
//! it was taken. Until then nothing is listed again, so that none is handed over twice.

use super::api::{Answer, Received, Told};
use super::jobs::{Job, untagged};
use crate::sms::{Arrival, Inbox, Listing, Receipt, What};
use shunt_sms::{Limits, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::warn;

/// How long after something with messages failed it is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// Messages that the modem brought and the agent did not take yet. More than come in the minute in which it is tried again.
const BROUGHT: usize = 64;
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
    /// What the modem brought without storing it, by number, until the agent took it.
    brought: VecDeque<(u64, String)>,
    /// How many were brought.
    numbers: u64,
}

impl Post {
    pub(super) fn new(on: bool) -> Self {
        let inbox = Inbox::new(Limits::default());
        let (not_before, anyway) = (Timestamp::ZERO, Timestamp::ZERO);
        Self {
            on,
            inbox,
            look: true,
            not_before,
            anyway,
            handed: None,
            count: 0,
            taken: None,
            brought: VecDeque::new(),
            numbers: 0,
        }
    }

    /// The modem booted, or its SIM is another one: places mean nothing any more. What was not deleted comes again.
    pub(super) fn restart(&mut self, now: Timestamp) {
        let (count, numbers, brought) = (self.count, self.numbers, std::mem::take(&mut self.brought));
        *self = Self { count, numbers, brought, ..Self::new(self.on) };
        for (number, digits) in &self.brought {
            self.inbox.take_brought(*number, digits, now);
        }
    }

    /// The modem brought a message, and has no copy of it.
    pub(super) fn brought(&mut self, digits: &str, now: Timestamp) {
        if self.brought.len() >= BROUGHT {
            warn!("a message is lost: the agent took none of the {BROUGHT} before it");
            return;
        }
        self.numbers += 1;
        self.brought.push_back((self.numbers, digits.to_owned()));
        self.inbox.take_brought(self.numbers, digits, now);
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
        if !wanted || self.handed.is_some() {
            return None;
        }
        // Before they are listed: one that is told of meanwhile may be missing in the list.
        self.look = false;
        Some(Job::Letters)
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
        self.inbox.handle_timeout(now);
        // One that was not taken is not handed over again at once.
        if self.handed.is_some() || self.taken.is_some() || now < self.not_before {
            return None;
        }
        let Arrival { what, receipt } = self.next_arrival()?;
        let received = match what {
            What::Message(message) => Received::Message(untagged(message)),
            What::Report(report) => Received::Report(report),
            What::Unreadable { digits, error } => Received::Unreadable { digits, error },
            What::Duplicate => return None,
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
            self.is_safe(receipt);
        } else {
            self.restart(now);
            self.not_before = now + AGAIN;
        }
    }

    pub(super) fn listed(&mut self, listing: Option<Listing>, now: Timestamp) {
        let Some(Listing { stored, more }) = listing else {
            self.look = true;
            self.not_before = now + AGAIN;
            return;
        };
        for stored in stored {
            self.inbox.take(stored, now);
        }
        // What did not fit is listed when some of this is deleted.
        self.anyway = now + if more { AGAIN } else { ANYWAY };
    }

    pub(super) fn deleted(&mut self, left: Option<Receipt>, now: Timestamp) {
        if left.is_some() {
            self.not_before = now + AGAIN;
        }
        self.taken = left;
    }

    /// The next arrival that is new; none when a copy is to be deleted first.
    fn next_arrival(&mut self) -> Option<Arrival> {
        loop {
            let arrival = self.inbox.poll()?;
            if arrival.what != What::Duplicate {
                return Some(arrival);
            }
            self.is_safe(arrival.receipt);
            if self.taken.is_some() {
                return None;
            }
        }
    }

    /// The agent has it, or had it before: what is stored of it is to be deleted.
    fn is_safe(&mut self, mut receipt: Receipt) {
        let known = receipt.take_brought();
        self.brought.retain(|(number, _)| !known.contains(number));
        self.taken = (!receipt.is_done()).then_some(receipt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "0006D60B911326880736F4111011719551401110117195714000";

    fn at(secs: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn what_is_told_of_while_messages_are_listed_is_listed_next() {
        let now = Timestamp::ZERO + Duration::from_secs(1);
        let mut post = Post::new(true);
        assert!(matches!(post.job(now), Some(Job::Letters)));
        post.look();
        post.listed(Some(Listing { stored: Vec::new(), more: false }), now);
        assert!(matches!(post.job(now), Some(Job::Letters)), "it may have come too late for the list");
        post.listed(Some(Listing { stored: Vec::new(), more: false }), now);
        assert!(post.job(now).is_none());
        // A list that failed is asked for again.
        post.look();
        assert!(post.job(now).is_some());
        post.listed(None, now);
        assert!(post.job(now).is_none() && post.job(now + AGAIN).is_some());
    }

    #[test]
    fn what_the_modem_brought_is_kept_until_it_is_taken_whatever_the_modem_does() {
        let mut post = Post::new(true);
        post.brought(REPORT, at(1));
        let (told, number, _answer) = post.hand_over(at(1)).unwrap();
        assert!(matches!(told, Told::Message { received: Received::Report(_), .. }), "{told:?}");
        // It is not taken; then the modem boots.
        post.answered(number, false, at(2));
        assert!(post.hand_over(at(61)).is_none(), "a minute later, not at once");
        assert_eq!(post.due(), Some(at(62)));
        assert!(post.hand_over(at(62)).is_some());
        post.restart(at(63));
        let (_, number, _answer) = post.hand_over(at(63)).unwrap();
        post.answered(number, true, at(64));
        // Nothing is to be deleted of it, and it does not come again.
        assert!(matches!(post.job(at(64)), Some(Job::Letters)));
        post.restart(at(65));
        assert!(post.hand_over(at(65)).is_none());
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let mut post = Post::new(true);
        for _ in 0..2 * BROUGHT {
            post.brought("00", at(1));
        }
        assert_eq!(post.brought.len(), BROUGHT);
    }
}
