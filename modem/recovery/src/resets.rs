//! The resets that count against the caps, over restarts and with a clock that may not be known yet.

use crate::Timestamp;
use core::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A modem that was reset three times within an hour will not be mended by the fourth.
pub const AN_HOUR: usize = 3;
/// And each reset costs the flash of the modem and the patience of the network.
pub const A_DAY: usize = 10;

/// A reset that still counts: how old it was when this was last certain, and when that was.
#[derive(Debug, Clone, Copy)]
struct Counted {
    age: Duration,
    at: Timestamp,
}

impl Counted {
    fn age(self, now: Timestamp) -> Duration {
        self.age.saturating_add(now.since(self.at))
    }
}

/// The latest resets, the oldest first.
#[derive(Debug)]
pub(crate) struct Resets {
    counted: Vec<Counted>,
    /// How many of them, the first ones, were made before this start.
    from_before: usize,
}

impl Resets {
    /// `ages` are those of the resets on record, the oldest first.
    pub(crate) fn new(ages: &[Duration], now: Timestamp) -> Self {
        let skipped = ages.len().saturating_sub(A_DAY);
        let counted: Vec<_> = ages.iter().skip(skipped).map(|age| Counted { age: *age, at: now }).collect();
        Self { from_before: counted.len(), counted }
    }

    /// Puts one on record. Only the latest ten matter to the caps, and an operator may order more.
    pub(crate) fn count(&mut self, now: Timestamp) {
        self.counted.push(Counted { age: Duration::ZERO, at: now });
        if self.counted.len() > A_DAY {
            self.counted.remove(0);
            self.from_before = self.from_before.saturating_sub(1);
        }
    }

    /// Takes the last one off the record again: it was not made.
    pub(crate) fn take_back(&mut self) {
        self.counted.pop();
        self.from_before = self.from_before.min(self.counted.len());
    }

    /// How many the last hour and the last day saw.
    pub(crate) fn of_late(&self, now: Timestamp) -> (usize, usize) {
        let younger = |limit| self.counted.iter().filter(|reset| reset.age(now) < limit).count();
        (younger(HOUR), younger(DAY))
    }

    /// How many more the caps allow.
    pub(crate) fn left(&self, now: Timestamp) -> usize {
        let (hour, day) = self.of_late(now);
        AN_HOUR.saturating_sub(hour).min(A_DAY.saturating_sub(day))
    }

    /// How old each is that still counts: what is saved.
    pub(crate) fn ages(&self, now: Timestamp) -> Vec<Duration> {
        let ages = self.counted.iter().map(|reset| reset.age(now)).filter(|age| *age < DAY);
        ages.collect()
    }

    /// Those from before this start are older by the time for which nobody ran.
    pub(crate) fn age(&mut self, off: Duration) {
        for reset in self.counted.iter_mut().take(self.from_before) {
            reset.age = reset.age.saturating_add(off);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn more_resets_than_the_caps_know_of_are_forgotten_the_oldest_first() {
        let saved: Vec<_> = (0..15).rev().map(minutes).collect();
        let now = Timestamp::from_nanos(1);
        let mut resets = Resets::new(&saved, now);
        assert_eq!(resets.ages(now), saved[5..]);
        for _ in 0..3 {
            resets.count(now);
        }
        resets.age(minutes(1));
        assert_eq!(resets.ages(now), [7, 6, 5, 4, 3, 2, 1, 0, 0, 0].map(minutes));
        assert_eq!(resets.left(now), 0);
    }

    #[test]
    fn resets_from_before_a_start_age_by_the_time_that_nobody_ran() {
        let saved = [minutes(70), minutes(10)];
        let now = Timestamp::from_nanos(1);
        let mut resets = Resets::new(&saved, now);
        assert_eq!((resets.of_late(now), resets.left(now)), ((1, 2), 2));
        let later = now + minutes(49);
        assert_eq!(resets.of_late(later), (1, 2));
        resets.count(later);
        resets.age(minutes(30));
        assert_eq!(resets.ages(later), [minutes(149), minutes(89), minutes(0)]);
        resets.take_back();
        assert_eq!((resets.of_late(later), resets.left(later)), ((0, 2), 3));
    }
}
