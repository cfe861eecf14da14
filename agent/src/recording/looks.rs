//! Looks at the counters. While users' packets flow there are 25 of them a second, and nothing else is recorded so often:
//! a turn of the loop and what it found are told by how they differ from the look before, and several lie in a row.

use super::wire::{Cursor, Malformed, put_signed};
use shunt_decision::LinkId;

/// Looks in one record: as many as its first byte can tell.
const MOST_IN_A_ROW: u8 = 15;
/// The bits of a first byte that tell how many.
const COUNT: u8 = 0x0f;

/// What both sides know of the looks before. Times are in microseconds.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Whose counters were read last.
    pub(super) link: Option<LinkId>,
    /// When they were.
    pub(super) at: u64,
    /// From the reading before to the latest look: its pace and how late the loop was.
    step: u64,
    /// Packets received and sent in that time.
    more: (u64, u64),
}

impl Looks {
    /// Writes a look at the time `at`, which found so many packets more, received and sent.
    pub(super) fn put(&mut self, at: u64, more: (u64, u64), out: &mut Vec<u8>) {
        let step = at.wrapping_sub(self.at);
        for (now, before) in [(step, self.step), (more.0, self.more.0), (more.1, self.more.1)] {
            put_signed(out, now.wrapping_sub(before).cast_signed());
        }
        (self.step, self.more) = (step, more);
    }

    /// Reads a look: when it was, and what it found.
    pub(super) fn read(&mut self, from: &mut Cursor<'_>) -> Result<(u64, (u64, u64)), Malformed> {
        let mut next = |before: u64| Ok(before.wrapping_add(from.signed()?.cast_unsigned()));
        self.step = next(self.step)?;
        self.more = (next(self.more.0)?, next(self.more.1)?);
        Ok((self.at.wrapping_add(self.step), self.more))
    }
}

/// Where in the block the writer may still change something.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The beginning and end of the latest turn of the loop, which a reading may make a look.
    pub(super) turn: Option<(usize, usize)>,
    /// The first byte of the latest record of looks.
    head: usize,
    /// Its end; 0: there is none.
    pub(super) end: usize,
}

impl Run {
    /// The beginning of the turn of the loop that is the last thing in `out`.
    pub(super) fn take_turn(&mut self, out: &[u8]) -> Option<usize> {
        self.turn.take().filter(|(_, end)| *end == out.len()).map(|(begin, _)| begin)
    }

    /// Counts one more look in the record of looks that is the last thing in `out`, or begins one.
    pub(super) fn lengthen(&mut self, kind: u8, out: &mut Vec<u8>) {
        let last = if self.end == out.len() && self.end > 0 { out.get_mut(self.head) } else { None };
        match last.filter(|head| **head & COUNT < MOST_IN_A_ROW) {
            Some(head) => *head += 1,
            None => {
                self.head = out.len();
                out.push(kind | 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Course, Record, Timed};
    use super::*;
    use proptest::prelude::*;
    use shunt_decision::{Config, Event, Failback, FailbackMode, Timestamp};
    use std::time::Duration;

    fn course() -> Course {
        let failback = Failback { mode: FailbackMode::Auto, hold_down: Duration::ZERO };
        let config = Config { links: Vec::new(), failback, damping_half_life: Duration::ZERO };
        Course::new(&config, Timestamp::from_nanos(7))
    }

    fn read(mut bytes: Cursor<'_>) -> Vec<Timed> {
        let mut course = course();
        std::iter::from_fn(|| course.read(&mut bytes).unwrap()).collect()
    }

    #[derive(Debug, Clone)]
    enum Call {
        Timeout(u64),
        Reading { wait: u64, link: u8, received: u64, sent: u64 },
        Mark,
    }

    fn call() -> impl Strategy<Value = Call> {
        let reading = (prop_oneof![3 => Just(0), 1 => 0..90_000_u64], 0..2_u8, any::<u8>(), any::<u64>());
        prop_oneof![
            4 => (0..90_000_u64).prop_map(Call::Timeout),
            4 => reading.prop_map(|(wait, link, few, any)| {
                let sent = if few < 10 { any } else { few.into() };
                Call::Reading { wait, link, received: few.into(), sent }
            }),
            1 => Just(Call::Mark),
        ]
    }

    proptest! {
        #[test]
        fn whatever_lies_between_them_they_come_back(calls in proptest::collection::vec(call(), 0..60)) {
            let (mut writer, mut out, mut said) = (course(), Vec::new(), Vec::new());
            let mut now = Timestamp::from_nanos(1_000);
            for call in calls {
                let record = match call {
                    Call::Timeout(wait) => {
                        now = now + Duration::from_micros(wait);
                        writer.put_timeout(now, &mut out);
                        Record::Timeout
                    }
                    Call::Reading { wait, link, received, sent } => {
                        now = now + Duration::from_micros(wait);
                        let event = Event::Traffic { link: LinkId(link), received, sent };
                        writer.put_event(&event, now, &mut out);
                        Record::Event(event)
                    }
                    Call::Mark => {
                        Course::put_mark(3, &mut out);
                        Record::Mark(3)
                    }
                };
                said.push(Timed { now, record });
            }
            prop_assert_eq!(read(Cursor::new(&out)), said);
        }
    }

    #[test]
    fn a_look_takes_three_bytes_and_blocks_are_apart() {
        let (mut writer, mut out) = (course(), Vec::new());
        let mut said = 0;
        for block in 0..2_u64 {
            let begin = out.len();
            for look in 0..150_u64 {
                let place = block * 150 + look;
                let now = Timestamp::from_nanos((place * 40_000 + 60 + place % 17) * 1_000);
                writer.put_timeout(now, &mut out);
                let (received, sent) = (place * 300 + place % 7, place * 150 + place % 5);
                writer.put_event(&Event::Traffic { link: LinkId(1), received, sent }, now, &mut out);
                said += 2;
            }
            assert!(out.len() - begin < 150 * 3 + 150 / 10 + 20, "{} bytes", out.len() - begin);
            let whole = out.clone();
            Course::put_end(&super::super::tally::Tally::default(), &mut out);
            writer.part();
            assert!(out.starts_with(&whole));
            said += 1;
        }
        assert_eq!(read(Cursor::new(&out)).len(), said);
    }

    #[test]
    fn a_look_that_goes_back_in_time_or_has_no_link_is_refused() {
        let refused = |bytes: &[u8]| {
            let mut from = Cursor::new(bytes);
            let mut course = course();
            std::iter::from_fn(|| course.read(&mut from).transpose()).any(|read| read.is_err())
        };
        // No reading says whose counters they are.
        assert!(refused(&[0x81, 0, 0, 0]));
        // A reading of link 0, then looks: at the same time, one that is cut off, and one a microsecond before.
        let reading = [0x20, 0, 0, 0];
        assert!(!refused(&[&reading[..], &[0x81, 0, 0, 0]].concat()));
        assert!(refused(&[&reading[..], &[0x82, 0, 0, 0]].concat()));
        assert!(refused(&[&reading[..], &[0x81, 1, 0, 0]].concat()));
        assert!(refused(&[&reading[..], &[0x80]].concat()));
    }
}
