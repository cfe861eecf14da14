//! What each card carried, by counters that may begin anew at any time.

use crate::facts::Iccid;
use crate::month::Month;
use crate::recovery::Recovery;
use crate::{Allowance, Baseline, CardUsage, Saved, Timestamp, UnixTime};
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
    counted: Option<Baseline>,
    clock: Option<(UnixTime, Timestamp)>,
    unsaved: u64,
    saved: Timestamp,
}

impl Meter {
    pub(crate) fn new(saved: &Saved, now: Timestamp) -> Self {
        let skipped = saved.cards.len().saturating_sub(MOST_CARDS);
        let cards = saved.cards.iter().skip(skipped).cloned().collect();
        Self { cards, counted: saved.counted.clone(), clock: None, unsaved: 0, saved: now }
    }

    /// The time of day, as far as it is known for certain.
    pub(crate) fn unix(&self, now: Timestamp) -> Option<UnixTime> {
        self.clock.map(|(unix, at)| UnixTime(unix.0.saturating_add(now.since(at).as_secs())))
    }

    pub(crate) const fn take_clock(&mut self, unix: UnixTime, now: Timestamp) {
        self.clock = Some((unix, now));
    }

    /// Takes in what was counted, for the card in use. The first reading of a counter, of a modem or with a card is where
    /// counting begins: what it tells may be the traffic of years, or another card's. A counter that is smaller than before
    /// began anew; that is the only sign of it that is believed, for a host's counter may outlive a modem's boot.
    pub(crate) fn take(&mut self, reading: Baseline, allowance: Option<Allowance>, now: Timestamp) {
        let more = |new: u64, old: u64| if new >= old { new - old } else { new };
        let of = |one: &Baseline| (one.counter, one.device.clone(), one.iccid.clone());
        let before = self.counted.as_ref().filter(|before| of(before) == of(&reading));
        let bytes = before.map_or(0, |before| {
            let received = more(reading.usage.received, before.usage.received);
            received.saturating_add(more(reading.usage.sent, before.usage.sent))
        });
        self.turn_month(&reading.iccid, allowance, now);
        self.counted = Some(reading);
        if let Some(card) = self.cards.last_mut() {
            card.bytes = card.bytes.saturating_add(bytes);
        }
        self.unsaved = self.unsaved.saturating_add(bytes);
    }

    /// What `iccid` carried in its billing month.
    pub(crate) fn card(&self, iccid: &Iccid) -> Option<&CardUsage> {
        self.cards.iter().find(|card| card.iccid == *iccid)
    }

    /// Makes the card the last, and begins its month anew if it is a later one. An earlier one only corrects which it is: the
    /// clock was ahead, and must not keep the next month from beginning.
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
            if card.month.is_some_and(|known| known < month) {
                card.bytes = 0;
            }
            card.month = Some(month);
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
        saved.counted.clone_from(&self.counted);
        self.unsaved = 0;
        self.saved = now;
    }
}

impl Recovery {
    /// What a card carried in its billing month, in whichever modem it was.
    pub(crate) fn carried(&self, iccid: &Iccid) -> u64 {
        let Some(own) = self.meter.card(iccid) else { return 0 };
        let elsewhere = self.config.elsewhere.cards.iter();
        let same = elsewhere.filter(|card| card.iccid == *iccid && card.month == own.month);
        same.fold(own.bytes, |bytes, card| bytes.saturating_add(card.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Counter, Usage};

    const JANUARY_5_2026: u64 = 1_767_571_200;
    const DAY: u64 = 86_400;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    fn card(n: u64) -> Iccid {
        Iccid::parse(&format!("89490200000{n:08}")).unwrap()
    }

    fn read(counter: Counter, card: u64, received: u64, sent: u64) -> Baseline {
        let usage = Usage { received, sent };
        Baseline { counter, device: "490154203237518".into(), iccid: self::card(card), usage }
    }

    fn bytes(card: u64, received: u64, sent: u64) -> Baseline {
        read(Counter::Modem, card, received, sent)
    }

    fn carried(meter: &Meter, n: u64) -> u64 {
        meter.card(&card(n)).map_or(0, |card| card.bytes)
    }

    #[test]
    fn counters_that_begin_anew_and_restarts_lose_nothing_and_count_nothing_twice() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        meter.take(bytes(1, 0, 0), None, at(0));
        meter.take(bytes(1, 100, 10), None, at(1));
        meter.take(bytes(1, 300, 10), None, at(2));
        meter.take(bytes(1, 50, 5), None, at(3));
        assert_eq!(carried(&meter, 1), 365);
        let mut saved = Saved::default();
        meter.save(&mut saved, at(4));
        let mut meter = Meter::new(&saved, at(0));
        meter.take(bytes(1, 60, 5), None, at(1));
        assert_eq!(carried(&meter, 1), 375);
    }

    #[test]
    fn what_a_counter_tells_first_is_nobodys() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        // Huawei's ^DSFLOWQRY and u-blox's +UGCNTRD tell the total of the modem's life.
        meter.take(bytes(1, 500_000_000_000, 0), None, at(1));
        meter.take(bytes(1, 500_000_000_007, 0), None, at(2));
        assert_eq!(carried(&meter, 1), 7);
        // Another card, another counter, another modem: none of them carried what was counted before.
        meter.take(bytes(2, 500_000_000_100, 0), None, at(3));
        meter.take(read(Counter::Host, 2, 3_000, 0), None, at(4));
        meter.take(Baseline { device: String::new(), ..read(Counter::Host, 2, 9_000, 0) }, None, at(5));
        assert_eq!((carried(&meter, 1), carried(&meter, 2)), (7, 0));
        meter.take(Baseline { device: String::new(), ..read(Counter::Host, 2, 9_001, 0) }, None, at(6));
        assert_eq!(carried(&meter, 2), 1);
    }

    #[test]
    fn a_month_begins_on_its_day_and_a_clock_that_was_ahead_does_not_keep_the_next_from_it() {
        let allowance = Some(Allowance { bytes: 1_000, first_day: 10 });
        let mut meter = Meter::new(&Saved::default(), at(0));
        meter.take(bytes(1, 0, 0), allowance, at(1));
        meter.take(bytes(1, 500, 0), allowance, at(1));
        meter.take_clock(UnixTime(JANUARY_5_2026), at(2));
        meter.take(bytes(1, 600, 0), allowance, at(2));
        assert_eq!(carried(&meter, 1), 600);
        meter.take(bytes(1, 700, 0), allowance, at(2 + 6 * DAY));
        assert_eq!(carried(&meter, 1), 100);
        // Five years ahead, and put right.
        meter.take_clock(UnixTime(JANUARY_5_2026 + 5 * 365 * DAY), at(3 + 6 * DAY));
        meter.take(bytes(1, 800, 0), allowance, at(3 + 6 * DAY));
        meter.take_clock(UnixTime(JANUARY_5_2026 + 7 * DAY), at(4 + 6 * DAY));
        meter.take(bytes(1, 850, 0), allowance, at(4 + 6 * DAY));
        assert_eq!(carried(&meter, 1), 150);
        meter.take(bytes(1, 860, 0), allowance, at(4 + 37 * DAY));
        assert_eq!(carried(&meter, 1), 10);
    }

    #[test]
    fn little_is_saved_seldom_and_much_every_few_minutes() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        meter.take(bytes(1, 0, 0), None, at(1));
        assert_eq!(meter.save_due(), None);
        meter.take(bytes(1, 1_000, 0), None, at(1));
        assert_eq!(meter.save_due(), Some(at(6 * 3_600)));
        meter.take(bytes(1, 2 << 20, 0), None, at(2));
        assert_eq!(meter.save_due(), Some(at(300)));
        meter.save(&mut Saved::default(), at(300));
        assert_eq!(meter.save_due(), None);
    }

    #[test]
    fn cards_are_bounded_and_the_latest_stay() {
        let mut meter = Meter::new(&Saved::default(), at(0));
        for n in 0..40 {
            meter.take(bytes(n, 0, 0), None, at(n));
            meter.take(bytes(n, 1, 0), None, at(n));
        }
        assert_eq!(meter.cards.len(), MOST_CARDS);
        assert_eq!((carried(&meter, 39), meter.card(&card(0))), (1, None));
    }
}
