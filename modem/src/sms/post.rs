//! Messages on their way from the modem to the agent: one is handed over at a time, and deleted from the modem only once
//! it was taken. Until then nothing is listed again, so that none is handed over twice; and what the modem still stores of
//! one that was taken before it booted is known by what it says.

use super::inbox::{Arrival, Inbox, Receipt, What};
use super::{Listing, Received};
use shunt_sms::{Limits, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;
use tracing::warn;

/// How long after something with messages failed it is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// Messages that the modem brought and the agent did not take yet. More than come in the minute in which it is tried again.
const BROUGHT: usize = 64;
/// How often messages are looked for that no report told of.
const ANYWAY: Duration = Duration::from_secs(30 * 60);

/// Messages that were taken and whose places are unknown since the modem booted. As many as most modems and SIMs store.
const SAFE: usize = 64;

/// How often a piece of work is tried, [`AGAIN`] apart, until one message must not keep the others waiting any longer.
const TRIES: u32 = 3;

/// The messages of one modem. It does no work itself: what is to be done comes out of [`Self::work`], one piece at a time,
/// and its end is told ([`Self::listed`], [`Self::deleted`]).
#[derive(Debug)]
pub struct Post {
    /// Messages are taken at all.
    on: bool,
    inbox: Inbox,
    /// There may be new ones.
    look: bool,
    /// A piece of work is being done. Meanwhile nothing is handed over: what is listed twice is told from a copy by that.
    at_work: bool,
    /// How many pieces of work failed one after the other.
    failures: u32,
    /// Nothing is done before then.
    not_before: Timestamp,
    /// They are looked for anyway.
    anyway: Timestamp,
    handed: Option<Handed>,
    /// How many were handed over: an answer is to the one of its number.
    count: u64,
    /// What was taken and is to be deleted.
    taken: VecDeque<Receipt>,
    /// Messages that were taken, as the modem told them, and that it may still store: it booted before they were deleted.
    safe: VecDeque<String>,
    /// The same of those that could not be deleted: they are left alone until the modem boots.
    stuck: VecDeque<String>,
    /// What the modem brought without storing it, by number, until the agent took it.
    brought: VecDeque<(u64, String)>,
    /// How many were brought.
    numbers: u64,
}

/// What is to be done with the modem.
#[derive(Debug)]
pub enum Work {
    /// List what it stores, and tell [`Post::listed`].
    List,
    /// Delete what this is good for, and tell [`Post::deleted`].
    Delete(Receipt),
}

/// What was handed over and waits for its answer.
#[derive(Debug)]
struct Handed {
    number: u64,
    receipt: Receipt,
    /// The modem booted meanwhile: the places of the receipt mean nothing any more.
    moved: bool,
}

impl Post {
    /// Nothing has come; whether messages are taken at all.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self {
            on,
            inbox: Inbox::new(Limits::default()),
            look: true,
            at_work: false,
            failures: 0,
            not_before: Timestamp::ZERO,
            anyway: Timestamp::ZERO,
            handed: None,
            count: 0,
            taken: VecDeque::new(),
            safe: VecDeque::new(),
            stuck: VecDeque::new(),
            brought: VecDeque::new(),
            numbers: 0,
        }
    }

    /// The modem booted, or its SIM is another one: places mean nothing any more. What was not taken comes again.
    pub fn restart(&mut self, now: Timestamp) {
        keep(&mut self.safe, std::mem::take(&mut self.stuck));
        for receipt in std::mem::take(&mut self.taken) {
            self.note_safe(&receipt);
        }
        self.failures = 0;
        self.inbox = Inbox::new(Limits::default());
        self.look = true;
        (self.not_before, self.anyway) = (Timestamp::ZERO, Timestamp::ZERO);
        if let Some(handed) = &mut self.handed {
            handed.moved = true;
        }
        let asked = self.handed.as_ref().map(|handed| &handed.receipt);
        for (number, digits) in &self.brought {
            if asked.is_none_or(|receipt| !receipt.is_of_brought(*number)) {
                self.inbox.take_brought(*number, digits, now);
            }
        }
    }

    /// The modem brought a message ([`super::brought`]), and has no copy of it.
    pub fn brought(&mut self, digits: &str, now: Timestamp) {
        if self.brought.len() >= BROUGHT {
            warn!("a message is lost: the agent took none of the {BROUGHT} before it");
            return;
        }
        self.numbers += 1;
        self.brought.push_back((self.numbers, digits.to_owned()));
        self.inbox.take_brought(self.numbers, digits, now);
    }

    /// A report told of a message.
    pub fn look(&mut self) {
        self.look = true;
    }

    /// What is to be done with the modem now. The last piece must have ended.
    pub fn work(&mut self, now: Timestamp) -> Option<Work> {
        if !self.on || now < self.not_before {
            return None;
        }
        if let Some(receipt) = self.taken.pop_front() {
            self.at_work = true;
            return Some(Work::Delete(receipt));
        }
        let wanted = self.look || now >= self.anyway;
        if !wanted || self.handed.is_some() {
            return None;
        }
        // Before they are listed: one that is told of meanwhile may be missing in the list.
        self.look = false;
        self.at_work = true;
        Some(Work::List)
    }

    /// When something is to be done by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if !self.on || self.handed.is_some() {
            return None;
        }
        if !self.taken.is_empty() {
            return Some(self.not_before);
        }
        let work = if self.look { self.not_before } else { self.anyway.max(self.not_before) };
        Some(self.inbox.poll_timeout().map_or(work, |parts| parts.min(work)))
    }

    /// The next message for the agent, and the number under which its answer is told ([`Self::answered`]).
    pub fn hand_over(&mut self, now: Timestamp) -> Option<(u64, Received)> {
        self.inbox.handle_timeout(now);
        // One that was not taken is not handed over again at once.
        if self.handed.is_some() || self.at_work || !self.taken.is_empty() || now < self.not_before {
            return None;
        }
        let (received, receipt) = self.next_arrival()?;
        self.count += 1;
        self.handed = Some(Handed { number: self.count, receipt, moved: false });
        Some((self.count, received))
    }

    /// The agent took it, or did not: then it comes again, from the modem.
    pub fn answered(&mut self, number: u64, taken: bool, now: Timestamp) {
        let Some(handed) = self.handed.take_if(|handed| handed.number == number) else { return };
        let Handed { receipt, moved, .. } = handed;
        match (taken, moved) {
            (true, false) => self.is_safe(receipt),
            (true, true) => {
                self.note_safe(&receipt);
                self.forget_brought(&receipt);
            }
            (false, _) => {
                self.restart(now);
                self.not_before = now + AGAIN;
            }
        }
    }

    /// The list that was wanted; none when it failed.
    pub fn listed(&mut self, listing: Option<Listing>, now: Timestamp) {
        self.at_work = false;
        let Some(Listing { stored, more }) = listing else {
            self.look = true;
            if self.failed(now) == TRIES {
                warn!("the messages that the modem stores cannot be listed; it is tried on once a minute");
            }
            return;
        };
        self.failures = 0;
        self.stuck.retain(|stuck| stored.iter().any(|stored| stored.digits == *stuck));
        for stored in stored {
            if self.stuck.contains(&stored.digits) {
                continue;
            }
            match self.safe.iter().position(|safe| *safe == stored.digits) {
                Some(known) => {
                    self.safe.remove(known);
                    self.taken.push_back(Receipt::for_copy(stored));
                }
                None => self.inbox.take(stored, now),
            }
        }
        // What did not fit is listed when some of this is deleted.
        self.anyway = now + if more { AGAIN } else { ANYWAY };
    }

    /// What is left of a receipt whose places were to be deleted.
    pub fn deleted(&mut self, left: Option<Receipt>, now: Timestamp) {
        self.at_work = false;
        let Some(left) = left else {
            self.failures = 0;
            return;
        };
        if self.failed(now) < TRIES {
            return self.taken.push_front(left);
        }
        warn!(
            "a message cannot be deleted from the modem and keeps its place there; it is tried again when the modem boots"
        );
        self.failures = 0;
        keep(&mut self.stuck, left.stored().map(str::to_owned));
    }

    /// How many pieces of work failed one after the other, this one included.
    fn failed(&mut self, now: Timestamp) -> u32 {
        self.failures += 1;
        self.not_before = now + AGAIN;
        self.failures
    }

    /// The next arrival that is new; none when a copy is to be deleted first.
    fn next_arrival(&mut self) -> Option<(Received, Receipt)> {
        loop {
            let Arrival { what, receipt } = self.inbox.poll()?;
            match what {
                What::Received(received) => return Some((received, receipt)),
                What::Duplicate => self.is_safe(receipt),
            }
            if !self.taken.is_empty() {
                return None;
            }
        }
    }

    /// The agent has it, or had it before: what is stored of it is to be deleted.
    fn is_safe(&mut self, receipt: Receipt) {
        self.forget_brought(&receipt);
        if !receipt.is_done() {
            self.taken.push_back(receipt);
        }
    }

    fn forget_brought(&mut self, receipt: &Receipt) {
        self.brought.retain(|(number, _)| !receipt.is_of_brought(*number));
    }

    fn note_safe(&mut self, receipt: &Receipt) {
        keep(&mut self.safe, receipt.stored().map(str::to_owned));
    }
}

/// Appends to a list of such messages; the oldest make room.
fn keep(list: &mut VecDeque<String>, messages: impl IntoIterator<Item = String>) {
    list.extend(messages);
    let over = list.len().saturating_sub(SAFE);
    list.drain(..over);
}

#[cfg(test)]
mod tests;
