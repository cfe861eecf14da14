//! One record: a call into the core, or what the core wanted. The bytes of each depend on those before it, so that
//! what is usual is short: a steady probe and its reply are 10 bytes, a turn of the loop is 4, and one that only looks
//! at the counters is 3.
//!
//! The first byte of a record has its kind in the upper half. In the lower half a call has the number of bytes that
//! follow for the time since the call before it, in microseconds; of a probe that was asked for it tells which, and of
//! looks at the counters how many there are in a row.

use super::looks::{Looks, Run};
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
    pub(super) const LOOKS: u8 = 8;
}

/// A microsecond: the times of calls are whole ones.
const MICRO: u64 = 1_000;

/// The first whole microsecond that is not before `now`: a timer that was due then is due.
pub(super) const fn whole(now: Timestamp) -> Timestamp {
    Timestamp::from_nanos(now.as_nanos().div_ceil(MICRO).saturating_mul(MICRO))
}

const fn micros(at: Timestamp) -> u64 {
    at.as_nanos() / MICRO
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
    looks: Looks,
    /// What the writer may yet make shorter.
    run: Run,
    /// Looks of the present record that are still to be read, and the second half of the latest.
    to_read: (u8, Option<Event>),
}

impl Course {
    /// At the beginning of a segment.
    pub(super) fn new(config: &shunt_decision::Config, now: Timestamp) -> Self {
        let links = (0..u8::MAX).map(LinkId).zip(&config.links);
        let targets = links.flat_map(|(link, known)| {
            (0..=u8::MAX).zip(&known.targets).map(move |(target, _)| (link, TargetId(target)))
        });
        let known = targets.take(usize::from(WRITTEN_OUT)).collect();
        Self {
            now: whole(now),
            flights: VecDeque::new(),
            newest: ProbeId(0),
            known,
            traffic: Vec::new(),
            looks: Looks::default(),
            run: Run::default(),
            to_read: (0, None),
        }
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
    /// A call of `handle_timeout`, at a whole microsecond.
    pub(super) fn put_timeout(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        let begin = out.len();
        self.put_call(kind::TIMEOUT, now, out);
        self.run.turn = Some((begin, out.len()));
    }

    /// A call of `handle_event`, at a whole microsecond.
    pub(super) fn put_event(&mut self, event: &Event, now: Timestamp, out: &mut Vec<u8>) {
        match *event {
            Event::Probe { id, outcome: Outcome::Reply { rtt, at } } => {
                self.put_reply(id, rtt, at, event, now, out)
            }
            Event::Traffic { link, received, sent } => {
                let (was_received, was_sent) = self.counted(link, received, sent);
                let more = (received.wrapping_sub(was_received), sent.wrapping_sub(was_sent));
                let at_once = now <= self.now && self.looks.link == Some(link);
                if !(at_once && self.put_look(more, out)) {
                    self.put_call(kind::TRAFFIC, now, out);
                    out.push(link.0);
                    put_signed(out, more.0.cast_signed());
                    put_signed(out, more.1.cast_signed());
                    self.looks.link = Some(link);
                }
                self.looks.at = micros(self.now);
            }
            _ => self.put_whole(event, now, out),
        }
    }

    /// Makes the turn of the loop that was written last a look at the counters, which showed so much more than the one
    /// before. `false`: something lies in between.
    fn put_look(&mut self, more: (u64, u64), out: &mut Vec<u8>) -> bool {
        let Some(begin) = self.run.take_turn(out) else { return false };
        out.truncate(begin);
        self.run.lengthen(kind::LOOKS << 4, out);
        self.looks.put(micros(self.now), more, out);
        self.run.end = out.len();
        true
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
        let step = micros(now).saturating_sub(micros(self.now));
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

    /// What was written is not touched again: it is another block from now on.
    pub(super) fn part(&mut self) {
        self.run = Run::default();
    }

    /// The end of a block.
    pub(super) fn put_end(tally: &Tally, out: &mut Vec<u8>) {
        out.push(kind::END << 4);
        put_value(out, tally);
    }
}

/// Reads records.
impl Course {
    /// The next record; `None`: there is no more.
    pub(super) fn read(&mut self, from: &mut Cursor<'_>) -> Result<Option<Timed>, Malformed> {
        let record = match &mut self.to_read {
            (_, half @ Some(_)) => half.take().map(Record::Event),
            (1.., None) => Some(self.look(from)?),
            (0, None) if from.is_empty() => None,
            (0, None) => Some(self.whole_record(from)?),
        };
        Ok(record.map(|record| Timed { now: self.now, record }))
    }

    fn whole_record(&mut self, from: &mut Cursor<'_>) -> Result<Record, Malformed> {
        let first = from.byte()?;
        let low = first & 0x0f;
        Ok(match first >> 4 {
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
            kind::LOOKS if low > 0 => {
                self.to_read.0 = low;
                self.look(from)?
            }
            _ => return Err(Malformed),
        })
    }

    /// A turn of the loop; what it found in the counters comes next.
    fn look(&mut self, from: &mut Cursor<'_>) -> Result<Record, Malformed> {
        let link = self.looks.link.ok_or(Malformed)?;
        let (at, more) = self.looks.read(from)?;
        self.pass_to(at)?;
        self.looks.at = at;
        let event = self.counted_more(link, more);
        self.to_read = (self.to_read.0.saturating_sub(1), Some(event));
        Ok(Record::Timeout)
    }

    fn pass(&mut self, count: u8, from: &mut Cursor<'_>) -> Result<(), Malformed> {
        let now = micros(self.now).checked_add(from.number(usize::from(count))?).ok_or(Malformed)?;
        self.pass_to(now)
    }

    /// Goes on to a time in microseconds. It never goes back.
    fn pass_to(&mut self, micros_now: u64) -> Result<(), Malformed> {
        let now = micros_now.checked_mul(MICRO).filter(|now| *now <= LATEST).ok_or(Malformed)?;
        if now < self.now.as_nanos() {
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
        let more = (from.signed()?.cast_unsigned(), from.signed()?.cast_unsigned());
        (self.looks.link, self.looks.at) = (Some(link), micros(self.now));
        Ok(self.counted_more(link, more))
    }

    fn counted_more(&mut self, link: LinkId, more: (u64, u64)) -> Event {
        let (was_received, was_sent) = self.counts(link);
        let (received, sent) = (was_received.wrapping_add(more.0), was_sent.wrapping_add(more.1));
        self.counted(link, received, sent);
        Event::Traffic { link, received, sent }
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
