//! One record: a call into the core, or what the core wanted. The bytes of each depend on those before it, so that
//! what is usual is short: a steady probe and its reply are 10 bytes, and a turn of the loop is 5.
//!
//! The first byte of a record has its kind in the upper half. In the lower half a call has the number of bytes that
//! follow for the time since the call before it; of a probe that was asked for it tells which.

use super::tally::Tally;
use super::wire::{Cursor, Malformed, put_bytes, put_signed, put_value, put_varint, width};
use shunt_decision::{Entry, Event, Family, LinkId, Outcome, ProbeId, TargetId, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// Probes whose reply is told by their place: some seconds of a few links. A reply to an older one takes more bytes.
const MAX_FLIGHTS: usize = 256;
/// No clock of a gateway comes here (73 years): sums of such times are numbers too.
const LATEST: u64 = 1 << 61;
/// The place of a probe that is written out.
const WRITTEN_OUT: u8 = 15;

/// What is in a recording.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// [`Failover::handle_event`](shunt_decision::Failover::handle_event) was called.
    Event(Event),
    /// [`Failover::handle_timeout`](shunt_decision::Failover::handle_timeout) was called.
    Timeout,
    /// The core asked for a probe or a canary.
    Asked(Asked),
    /// The core told the operator something.
    Told(Entry),
    /// The lowest bits of what all actions up to here come to; see [`Tally::mark`].
    Mark(u16),
    /// The end of a block, and what all calls and actions up to here come to.
    End(Tally),
}

/// A probe or canary that the core asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Asked {
    /// Its name in the result.
    pub id: ProbeId,
    /// Over which link.
    pub link: LinkId,
    /// What is asked.
    pub target: TargetId,
    /// It is a canary, of this family.
    pub canary: Option<Family>,
}

/// A record and the time of the latest call.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// The time with which the core was last called.
    pub now: Timestamp,
    /// The record.
    pub record: Record,
}

/// The kinds, as they are written.
mod kind {
    pub(super) const TIMEOUT: u8 = 0;
    pub(super) const REPLY: u8 = 1;
    pub(super) const TRAFFIC: u8 = 2;
    pub(super) const EVENT: u8 = 3;
    pub(super) const ASKED: u8 = 4;
    pub(super) const MARK: u8 = 5;
    pub(super) const TOLD: u8 = 6;
    pub(super) const END: u8 = 7;
}

/// What both sides know from the records before.
#[derive(Debug)]
pub(super) struct Course {
    now: Timestamp,
    /// Probes without a reply, and when they were asked for; the newest last.
    flights: VecDeque<(ProbeId, Timestamp)>,
    newest: ProbeId,
    /// The first targets of the config, which need no writing out.
    known: Vec<(LinkId, TargetId)>,
    traffic: Vec<(LinkId, u64, u64)>,
}

impl Course {
    /// At the beginning of a segment.
    pub(super) fn new(config: &shunt_decision::Config, now: Timestamp) -> Self {
        let links = (0..u8::MAX).map(LinkId).zip(&config.links);
        let targets = links.flat_map(|(link, known)| {
            (0..=u8::MAX).zip(&known.targets).map(move |(target, _)| (link, TargetId(target)))
        });
        let known = targets.take(usize::from(WRITTEN_OUT)).collect();
        Self { now, flights: VecDeque::new(), newest: ProbeId(0), known, traffic: Vec::new() }
    }

    fn launch(&mut self, id: ProbeId) {
        if self.flights.len() >= MAX_FLIGHTS {
            self.flights.pop_front();
        }
        self.flights.push_back((id, self.now));
        self.newest = id;
    }

    /// The core numbers its probes one by one, and hides link and target in the rest. If it should do otherwise one
    /// day, they are written out.
    const fn next_id(&self, link: LinkId, target: TargetId) -> ProbeId {
        let number = (self.newest.0 >> 16).wrapping_add(1);
        ProbeId(number << 16 | (link.0 as u64) << 8 | target.0 as u64)
    }

    fn counted(&mut self, link: LinkId, received: u64, sent: u64) -> (u64, u64) {
        match self.traffic.iter_mut().find(|(known, ..)| *known == link) {
            Some((_, was_received, was_sent)) => {
                (std::mem::replace(was_received, received), std::mem::replace(was_sent, sent))
            }
            None => {
                self.traffic.push((link, received, sent));
                (0, 0)
            }
        }
    }

    fn counts(&self, link: LinkId) -> (u64, u64) {
        let known = self.traffic.iter().find(|(known, ..)| *known == link);
        known.map_or((0, 0), |(_, received, sent)| (*received, *sent))
    }
}

/// Writes records.
impl Course {
    /// A call of `handle_timeout`.
    pub(super) fn put_timeout(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        self.put_call(kind::TIMEOUT, now, out);
    }

    /// A call of `handle_event`.
    pub(super) fn put_event(&mut self, event: &Event, now: Timestamp, out: &mut Vec<u8>) {
        match *event {
            Event::Probe { id, outcome: Outcome::Reply { rtt, at } } => {
                self.put_reply(id, rtt, at, event, now, out)
            }
            Event::Traffic { link, received, sent } => {
                self.put_call(kind::TRAFFIC, now, out);
                let (was_received, was_sent) = self.counted(link, received, sent);
                out.push(link.0);
                put_signed(out, received.wrapping_sub(was_received).cast_signed());
                put_signed(out, sent.wrapping_sub(was_sent).cast_signed());
            }
            _ => self.put_whole(event, now, out),
        }
    }

    fn put_reply(
        &mut self,
        id: ProbeId,
        rtt: Duration,
        at: Timestamp,
        event: &Event,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) {
        let place = self.flights.iter().rev().position(|(flight, _)| *flight == id);
        let (Some(place), Ok(nanos)) = (place, u64::try_from(rtt.as_nanos())) else {
            return self.put_whole(event, now, out);
        };
        let Some((_, asked)) = self.flights.remove(self.flights.len() - 1 - place) else { return };
        self.put_call(kind::REPLY, now, out);
        put_varint(out, place as u64);
        put_varint(out, nanos);
        let expected = asked.as_nanos().wrapping_add(nanos);
        put_signed(out, at.as_nanos().wrapping_sub(expected).cast_signed());
    }

    fn put_whole(&mut self, event: &Event, now: Timestamp, out: &mut Vec<u8>) {
        self.put_call(kind::EVENT, now, out);
        put_value(out, event);
    }

    fn put_call(&mut self, kind: u8, now: Timestamp, out: &mut Vec<u8>) {
        let step = now.as_nanos().saturating_sub(self.now.as_nanos());
        let count = width(step);
        // A width is at most 8.
        out.push(kind << 4 | count as u8);
        put_bytes(out, step, count);
        self.now = self.now.max(now);
    }

    /// A probe or canary that the core asked for.
    pub(super) fn put_asked(&mut self, asked: Asked, out: &mut Vec<u8>) {
        let Asked { id, link, target, canary } = asked;
        let usual = canary.is_none() && id == self.next_id(link, target);
        let place = self.known.iter().position(|known| *known == (link, target)).filter(|_| usual);
        match place.and_then(|place| u8::try_from(place).ok()) {
            Some(place) => out.push(kind::ASKED << 4 | place),
            None => {
                out.push(kind::ASKED << 4 | WRITTEN_OUT);
                put_value(out, &asked);
            }
        }
        self.launch(id);
    }

    /// What the core told the operator.
    pub(super) fn put_told(&self, entry: &Entry, out: &mut Vec<u8>) {
        out.push(kind::TOLD << 4);
        put_value(out, entry);
    }

    /// A check on the way.
    pub(super) fn put_mark(mark: u16, out: &mut Vec<u8>) {
        out.push(kind::MARK << 4);
        out.extend(mark.to_le_bytes());
    }

    /// The end of a block.
    pub(super) fn put_end(tally: &Tally, out: &mut Vec<u8>) {
        out.push(kind::END << 4);
        put_value(out, tally);
    }
}

/// Reads records.
impl Course {
    /// The next record.
    pub(super) fn read(&mut self, from: &mut Cursor<'_>) -> Result<Timed, Malformed> {
        let first = from.byte()?;
        let low = first & 0x0f;
        let record = match first >> 4 {
            kind::TIMEOUT => {
                self.pass(low, from)?;
                Record::Timeout
            }
            kind::REPLY => {
                self.pass(low, from)?;
                Record::Event(self.reply(from)?)
            }
            kind::TRAFFIC => {
                self.pass(low, from)?;
                Record::Event(self.counters(from)?)
            }
            kind::EVENT => {
                self.pass(low, from)?;
                Record::Event(from.value()?)
            }
            kind::ASKED => Record::Asked(self.asked(low, from)?),
            kind::MARK if low == 0 => Record::Mark((from.number(2)? & 0xffff) as u16),
            kind::TOLD if low == 0 => Record::Told(from.value()?),
            kind::END if low == 0 => Record::End(from.value()?),
            _ => return Err(Malformed),
        };
        Ok(Timed { now: self.now, record })
    }

    fn pass(&mut self, count: u8, from: &mut Cursor<'_>) -> Result<(), Malformed> {
        let now = self.now.as_nanos().checked_add(from.number(usize::from(count))?).ok_or(Malformed)?;
        if now > LATEST {
            return Err(Malformed);
        }
        self.now = Timestamp::from_nanos(now);
        Ok(())
    }

    fn reply(&mut self, from: &mut Cursor<'_>) -> Result<Event, Malformed> {
        let place = usize::try_from(from.varint()?).map_err(|_| Malformed)?;
        let place =
            self.flights.len().checked_sub(1).and_then(|last| last.checked_sub(place)).ok_or(Malformed)?;
        let (id, asked) = self.flights.remove(place).ok_or(Malformed)?;
        let nanos = from.varint()?;
        let expected = asked.as_nanos().wrapping_add(nanos);
        let at = expected.wrapping_add(from.signed()?.cast_unsigned());
        let (rtt, at) = (Duration::from_nanos(nanos), Timestamp::from_nanos(at));
        Ok(Event::Probe { id, outcome: Outcome::Reply { rtt, at } })
    }

    fn counters(&mut self, from: &mut Cursor<'_>) -> Result<Event, Malformed> {
        let link = LinkId(from.byte()?);
        let (was_received, was_sent) = self.counts(link);
        let received = was_received.wrapping_add(from.signed()?.cast_unsigned());
        let sent = was_sent.wrapping_add(from.signed()?.cast_unsigned());
        self.counted(link, received, sent);
        Ok(Event::Traffic { link, received, sent })
    }

    fn asked(&mut self, place: u8, from: &mut Cursor<'_>) -> Result<Asked, Malformed> {
        let asked = if place == WRITTEN_OUT {
            from.value()?
        } else {
            let (link, target) = *self.known.get(usize::from(place)).ok_or(Malformed)?;
            Asked { id: self.next_id(link, target), link, target, canary: None }
        };
        self.launch(asked.id);
        Ok(asked)
    }
}
