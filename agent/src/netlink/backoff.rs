//! When something that failed, or keeps being undone, is tried again.

use shunt_decision::Timestamp;
use std::time::Duration;

/// The first wait; it doubles with each failure.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait: an operator who mends the cause sees the effect within half a minute.
const LONGEST: Duration = Duration::from_secs(30);
/// Repairs within one [`WINDOW`] that are made at once; more of them are a fight with another program.
const REPAIRS: u32 = 10;
/// The window in which repairs are counted.
const WINDOW: Duration = Duration::from_secs(1);
/// A fight is over after this long without a repair.
const PEACE: Duration = Duration::from_secs(60);

/// Exponential back-off of a thing that fails.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    failures: u32,
    due: Option<Timestamp>,
}

impl Backoff {
    /// Counts a failure and sets the next attempt.
    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.due = Some(now + doubled(self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Nothing is tried before `until`.
    pub(crate) fn put_off(&mut self, until: Timestamp) {
        self.due = self.due.map(|due| due.max(until));
    }

    /// When to try again, if something failed.
    pub(crate) const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }
}

fn doubled(failures: u32) -> Duration {
    FIRST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(LONGEST)
}

/// Lets repairs through at once until another program undoes them again and again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truce {
    window: Timestamp,
    count: u32,
    fights: u32,
    last: Timestamp,
    until: Option<Timestamp>,
}

impl Truce {
    /// Counts a repair that a stranger made necessary; `true`: a fight begins with it.
    pub(crate) fn repaired(&mut self, now: Timestamp) -> bool {
        if self.is_peace(now) {
            self.fights = 0;
        }
        self.last = now;
        if now.since(self.window) > WINDOW {
            self.window = now;
            self.count = 0;
        }
        self.count += 1;
        if self.count < REPAIRS {
            return false;
        }
        self.count = 0;
        // From one second on: shorter waits would let the counter begin anew.
        self.until = Some(now + doubled(self.fights.saturating_add(3)).max(WINDOW));
        self.fights = self.fights.saturating_add(1);
        self.fights == 1
    }

    /// Whether no fight goes on (any more).
    pub(crate) fn is_peace(&self, now: Timestamp) -> bool {
        self.fights == 0 || now.since(self.last) > PEACE
    }

    /// Until when repairs wait, if they do.
    pub(crate) fn holds(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.until = self.until.filter(|until| *until > now);
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40)
            .map(|_| {
                backoff.failed(at(0));
                backoff.due().unwrap().since(at(0))
            })
            .collect();
        assert_eq!(waits[..3], [FIRST, FIRST * 2, FIRST * 4]);
        assert_eq!(waits[39], LONGEST);
        backoff.succeeded();
        assert_eq!((backoff.due(), backoff.failures()), (None, 0));
    }

    #[test]
    fn a_fight_is_told_once_and_slowed_down() {
        let mut truce = Truce::default();
        let told: Vec<_> = (0..30).map(|i| truce.repaired(at(100_000 + i))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert!(truce.holds(at(100_030)).is_some());
        assert!(!truce.is_peace(at(100_030)) && truce.is_peace(at(100_030) + PEACE));
        assert_eq!(truce.holds(at(200_000)), None);
        let mut calm = Truce::default();
        assert!((0..30).all(|i| !calm.repaired(at(100_000 + i * 1_100))));
    }
}
