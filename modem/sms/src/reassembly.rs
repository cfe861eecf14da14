//! Long messages, put together from parts that come in any order, twice, late or never.
//!
//! Each part is taken with a tag, which says where it is stored. What is given out carries the tags of all that it was
//! made of: only then may these places be deleted. So at any moment each part is here and stored, or given out; none is
//! lost by a restart, a flood, or a part that never comes.

use crate::Timestamp;
use crate::address::Address;
use crate::body::{Body, Content, Flaws};
use crate::pdu::{Concatenation, Deliver};
use crate::time::ServiceTime;
use core::hash::{Hash, Hasher};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hash::DefaultHasher;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long after its newest part a message waits for the others.
    pub wait: Duration,
    /// Incomplete messages that are kept. One more, and the oldest of the sender with the most is given out as it is.
    pub messages: usize,
    /// Parts that are kept, over all messages.
    pub parts: usize,
}

impl Default for Limits {
    /// An hour: parts come within minutes, and after an outage of the network they come together. Sixteen messages: a SIM
    /// has room for some 20 to 50 parts, and few senders write at once. 512 parts, of some 300 bytes each: two of the
    /// longest messages that there can be.
    fn default() -> Self {
        Self { wait: Duration::from_secs(3_600), messages: 16, parts: 512 }
    }
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out<T> {
    /// A message. Its places may be deleted once it is handed on.
    Message(Message<T>),
    /// A part that is here, or was given out, already: its place may be deleted.
    Duplicate(T),
}

/// A message, whole or as much of it as came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<T> {
    /// Who it says that it is from.
    pub sender: Address,
    /// When the service centre got its first part that is here.
    pub sent: Option<ServiceTime>,
    /// What it says, with `[…]` where parts are missing.
    pub content: Content,
    /// What is not as it should be with the parts that came.
    pub flaws: Flaws,
    /// How many parts it has.
    pub parts: u8,
    /// Those that did not come, from 1.
    pub missing: Vec<u8>,
    /// Where its parts are stored.
    pub tags: Vec<T>,
}

/// Puts long messages together.
#[derive(Debug, Clone)]
pub struct Reassembly<T> {
    limits: Limits,
    pending: BTreeMap<Key, Pending<T>>,
    /// What was given out of late, so that a part that comes again is known. As many as may be pending.
    recent: VecDeque<(Key, BTreeMap<u8, u64>)>,
    out: VecDeque<Out<T>>,
}

/// What all parts of a message share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    sender: Address,
    wide: bool,
    reference: u16,
    of: u8,
}

#[derive(Debug, Clone)]
struct Pending<T> {
    parts: BTreeMap<u8, Part<T>>,
    /// When the newest part came.
    newest: Timestamp,
}

#[derive(Debug, Clone)]
struct Part<T> {
    body: Body,
    sent: Option<ServiceTime>,
    tag: T,
}

impl<T> Message<T> {
    /// Whether all of it came, and could be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.flaws == Flaws::default()
    }
}

impl<T> Part<T> {
    /// What tells it from another part with the same number. The service centre's time is part of it: a sender may write
    /// the same text again under the same reference.
    fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.body, self.sent).hash(&mut hasher);
        hasher.finish()
    }
}

impl<T: Clone + PartialEq> Reassembly<T> {
    /// Nothing is pending.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, pending: BTreeMap::new(), recent: VecDeque::new(), out: VecDeque::new() }
    }

    /// Takes a message or a part, stored at `tag`. Call [`Self::poll`] afterwards, until it gives nothing.
    pub fn take(&mut self, deliver: Deliver, tag: T, now: Timestamp) {
        let Deliver { sender, sent, body, .. } = deliver;
        let part = Part { body, sent, tag };
        let Some(Concatenation { reference, wide, of, number }) = deliver.part.filter(|part| part.of > 1)
        else {
            let parts = BTreeMap::from([(1, part)]);
            self.out.push_back(Out::Message(message(sender, 1, parts)));
            return;
        };
        let key = Key { sender, wide, reference, of };
        if self.was_given_out(&key, number, &part) {
            self.out.push_back(Out::Duplicate(part.tag));
            return;
        }
        if let Some(held) = self.pending.get(&key).and_then(|pending| pending.parts.get(&number)) {
            if held.print() == part.print() {
                // The same place read twice is no second copy: it must stay until the message is given out.
                if held.tag != part.tag {
                    self.out.push_back(Out::Duplicate(part.tag));
                }
                return;
            }
            // The sender began another message with the same reference.
            self.give_out(&key);
        }
        self.make_room(&key);
        let pending = self
            .pending
            .entry(key.clone())
            .or_insert_with(|| Pending { parts: BTreeMap::new(), newest: now });
        pending.newest = now;
        pending.parts.insert(number, part);
        if pending.parts.len() == usize::from(of) {
            self.give_out(&key);
        }
    }

    /// Gives out what has waited too long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let wait = self.limits.wait;
        let over = |pending: &Pending<T>| now.since(pending.newest) >= wait;
        let keys: Vec<Key> =
            self.pending.iter().filter(|(_, pending)| over(pending)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.give_out(&key);
        }
    }

    /// When [`Self::handle_timeout`] is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.pending.values().map(|pending| pending.newest + self.limits.wait).min()
    }

    /// Gives out all that is pending, as it is: before an end after which nobody would come back for it.
    pub fn finish(&mut self) {
        while let Some((key, _)) = self.pending.first_key_value() {
            let key = key.clone();
            self.give_out(&key);
        }
    }

    /// The next that comes out.
    pub fn poll(&mut self) -> Option<Out<T>> {
        self.out.pop_front()
    }

    /// How many parts wait for others.
    #[must_use]
    pub fn held(&self) -> usize {
        self.pending.values().map(|pending| pending.parts.len()).sum()
    }

    fn was_given_out(&self, key: &Key, number: u8, part: &Part<T>) -> bool {
        let print = part.print();
        self.recent.iter().any(|(own, prints)| own == key && prints.get(&number) == Some(&print))
    }

    fn make_room(&mut self, key: &Key) {
        let too_many = |own: &Self| {
            let new = usize::from(!own.pending.contains_key(key));
            own.pending.len() + new > own.limits.messages.max(1) || own.held() >= own.limits.parts.max(1)
        };
        while too_many(self) {
            let Some(victim) = self.victim() else { return };
            self.give_out(&victim);
        }
    }

    /// The oldest message of the sender who has the most: a flood from one number pushes out its own.
    fn victim(&self) -> Option<Key> {
        let count = |sender: &Address| self.pending.keys().filter(|key| key.sender == *sender).count();
        let most = self.pending.keys().map(|key| count(&key.sender)).max()?;
        let theirs = self.pending.iter().filter(|(key, _)| count(&key.sender) == most);
        theirs.min_by_key(|(_, pending)| pending.newest).map(|(key, _)| key.clone())
    }

    fn give_out(&mut self, key: &Key) {
        let Some(pending) = self.pending.remove(key) else { return };
        let prints = pending.parts.iter().map(|(number, part)| (*number, part.print())).collect();
        self.recent.push_back((key.clone(), prints));
        if self.recent.len() > self.limits.messages {
            self.recent.pop_front();
        }
        self.out.push_back(Out::Message(message(key.sender.clone(), key.of, pending.parts)));
    }
}

fn message<T>(sender: Address, of: u8, parts: BTreeMap<u8, Part<T>>) -> Message<T> {
    let (content, flaws) = Body::join((1..=of).map(|number| parts.get(&number).map(|part| &part.body)));
    let missing = (1..=of).filter(|number| !parts.contains_key(number)).collect();
    let sent = parts.values().find_map(|part| part.sent);
    let tags = parts.into_values().map(|part| part.tag).collect();
    Message { sender, sent, content, flaws, parts: of, missing, tags }
}
