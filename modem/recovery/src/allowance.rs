//! What each card carried, by counters that may begin anew at any time.

use crate::facts::{Iccid, Usage};
use crate::month::Month;
use crate::{Allowance, CardUsage, Saved, Timestamp, UnixTime};
use core::time::Duration;

/// Cards that are counted; the one that was seen longest ago is forgotten first.
const MOST_CARDS: usize = 16;
/// What is worth a write to flash, and how often at most.
const WORTH_SAVING: u64 = 1 << 20;
const SAVE_EVERY: Duration = Duration::from_secs(5 * 60);
/// Less than that is written so often: a link that stands by costs the flash four writes a day.
const SAVE_LITTLE_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// The counting of one modem's data.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The card that was seen last is the last.
    cards: Vec<CardUsage>,
    counted: Usage,
    clock: Option<(UnixTime, Timestamp)>,
    unsaved: u64,
    saved: Timestamp,
}

impl Meter {
    pub(crate) fn new(saved: &Saved, now: Timestamp) -> Self {
        let skipped = saved.cards.len().saturating_sub(MOST_CARDS);
        let cards = saved.cards.iter().skip(skipped).cloned().collect();
        Self { cards, counted: saved.counted, clock: None, unsaved: 0, saved: now }
    }

    /// The time of day, as far as it is known for certain.
    pub(crate) fn unix(&self, now: Timestamp) -> Option<UnixTime> {
        self.clock.map(|(unix, at)| UnixTime(unix.0.saturating_add(now.since(at).as_secs())))
    }

    pub(crate) const fn take_clock(&mut self, unix: UnixTime, now: Timestamp) {
        self.clock = Some((unix, now));
    }

    /// Takes in what was counted, for the card in use. A counter that is smaller than before began anew; that is
    /// the only sign of it that is believed, for a host's counter may outlive a modem's boot.
    pub(crate) fn take(&mut self, usage: Usage, iccid: &Iccid, allowance: Option<Allowance>, now: Timestamp) {
        let more = |new: u64, old: u64| if new >= old { new - old } else { new };
        let received = more(usage.received, self.counted.received);
        let bytes = received.saturating_add(more(usage.sent, self.counted.sent));
        self.counted = usage;
        self.turn_month(iccid, allowance, now);
        if let Some(card) = self.cards.last_mut() {
            card.bytes = card.bytes.saturating_add(bytes);
        }
        self.unsaved = self.unsaved.saturating_add(bytes);
    }

    /// What `iccid` carried in its billing month.
    pub(crate) fn carried(&self, iccid: &Iccid) -> u64 {
        self.cards.iter().find(|card| card.iccid == *iccid).map_or(0, |card| card.bytes)
    }

    /// Makes the card the last, and begins its month anew if it is a later one. A clock that was put back does not.
    pub(crate) fn turn_month(&mut self, iccid: &Iccid, allowance: Option<Allowance>, now: Timestamp) {
        let first = allowance.map_or(1, |allowance| allowance.first_day);
        let month = self.unix(now).map(|unix| Month::of(unix, first));
        match self.cards.iter().position(|card| card.iccid == *iccid) {
            Some(place) => {
                let card = self.cards.remove(place);
                self.cards.push(card);
            }
            None => {
                if self.cards.len() >= MOST_CARDS {
                    self.cards.remove(0);
                }
                self.cards.push(CardUsage { iccid: iccid.clone(), month, bytes: 0 });
            }
        }
        if let (Some(card), Some(month)) = (self.cards.last_mut(), month) {
            let later = card.month.is_some_and(|known| known < month);
            if later {
                card.bytes = 0;
            }
            if later || card.month.is_none() {
                card.month = Some(month);
            }
        }
    }

    /// When what was counted is to be saved.
    pub(crate) fn save_due(&self) -> Option<Timestamp> {
        match self.unsaved {
            0 => None,
            little if little < WORTH_SAVING => Some(self.saved + SAVE_LITTLE_EVERY),
            _ => Some(self.saved + SAVE_EVERY),
        }
    }

    /// Writes what was counted into what is saved.
    pub(crate) fn save(&mut self, saved: &mut Saved, now: Timestamp) {
        saved.at = self.unix(now);
        saved.cards.clone_from(&self.cards);
        saved.counted = self.counted;
        self.unsaved = 0;
        self.saved = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JANUARY_5_2026: u64 = 1_767_571_200;
    const DAY: u64 = 86_400;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    fn card(n: u64) -> Iccid {
        Iccid::parse(&format!("89490200000{n:08}")).unwrap()
    }

    fn bytes(received: u64, sent: u64) -> Usage {
        Usage { received, sent }
    }

    #[test]
    fn counters_that_begin_anew_and_restarts_lose_nothing_and_count_nothing_twice() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        meter.take(bytes(100, 10), &card(1), None, at(1));
        meter.take(bytes(300, 10), &card(1), None, at(2));
        meter.take(bytes(50, 5), &card(1), None, at(3));
        assert_eq!(meter.carried(&card(1)), 365);
        let mut saved = Saved::default();
        meter.save(&mut saved, at(4));
        let mut meter = Meter::new(&saved, at(0));
        meter.take(bytes(60, 5), &card(1), None, at(1));
        assert_eq!(meter.carried(&card(1)), 375);
        meter.take(bytes(70, 0), &card(2), None, at(2));
        assert_eq!((meter.carried(&card(1)), meter.carried(&card(2))), (375, 10));
    }

    #[test]
    fn a_month_begins_on_its_day_and_never_by_a_clock_put_back() {
        let allowance = Some(Allowance { bytes: 1_000, first_day: 10 });
        let mut meter = Meter::new(&Saved::default(), at(0));
        meter.take(bytes(500, 0), &card(1), allowance, at(1));
        meter.take_clock(UnixTime(JANUARY_5_2026), at(2));
        meter.take(bytes(600, 0), &card(1), allowance, at(2));
        assert_eq!(meter.carried(&card(1)), 600);
        meter.take(bytes(700, 0), &card(1), allowance, at(2 + 6 * DAY));
        assert_eq!(meter.carried(&card(1)), 100);
        meter.take_clock(UnixTime(0), at(3 + 6 * DAY));
        meter.take(bytes(800, 0), &card(1), allowance, at(3 + 6 * DAY));
        assert_eq!(meter.carried(&card(1)), 200);
    }

    #[test]
    fn little_is_saved_seldom_and_much_every_few_minutes() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        assert_eq!(meter.save_due(), None);
        meter.take(bytes(1_000, 0), &card(1), None, at(1));
        assert_eq!(meter.save_due(), Some(at(6 * 3_600)));
        meter.take(bytes(2 << 20, 0), &card(1), None, at(2));
        assert_eq!(meter.save_due(), Some(at(300)));
        meter.save(&mut Saved::default(), at(300));
        assert_eq!(meter.save_due(), None);
    }

    #[test]
    fn cards_are_bounded_and_the_latest_stay() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        for n in 0..40 {
            meter.take(bytes(n, 0), &card(n), None, at(n));
        }
        assert_eq!(meter.cards.len(), MOST_CARDS);
        assert_eq!(meter.carried(&card(39)), 1);
    }
}
