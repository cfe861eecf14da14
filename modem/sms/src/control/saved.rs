//! What must outlive a restart, so that no code is good twice and no lock-out is shaken off.

use crate::address::Number;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most numbers that are remembered, with those that are no longer allowed: four times as many as may be allowed.
const REMEMBERED_MAX: usize = 64;
/// The most secrets that are remembered: one that comes back must not bring its used codes back, and so those that are no
/// longer in use stay for as many changes as sixteen operators make in a lifetime.
const SECRETS_MAX: usize = 512;

/// Wrong codes in a row that cost nothing: slips of the thumb.
const FREE_FAILURES: u32 = 2;
/// How long the next one locks out; each further one for twice as long.
const FIRST_LOCK: Duration = Duration::from_secs(60);
/// The longest. From then on one guess a day: with six digits and ten codes to be skipped it takes a lifetime to be right.
const LONGEST_LOCK: Duration = Duration::from_secs(24 * 3_600);

/// What must outlive a restart. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Saved {
    /// The codes that are used up, the one of the latest order last. A code belongs to its secret alone: whatever number,
    /// modem or file it is used with, it is used.
    spent: Vec<Spent>,
    /// Wrong codes of each number since its last right one.
    failures: BTreeMap<Number, u32>,
}

/// Up to where the codes of one secret are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Spent {
    /// Which, by [`Secret::print`](super::Secret).
    pub(super) secret: u64,
    /// The least counter that may still come.
    pub(super) counter: u64,
    /// The least time step that may still come. Kept apart, so that a change between the two and back opens nothing.
    pub(super) step: u64,
}

impl Saved {
    /// Takes over what another modem's remote control knows to be used. What is used stays so, whoever is asked in which
    /// order.
    pub fn learn(&mut self, other: &Self) {
        for spent in &other.spent {
            match self.spent.iter_mut().find(|known| known.secret == spent.secret) {
                Some(known) => {
                    known.counter = known.counter.max(spent.counter);
                    known.step = known.step.max(spent.step);
                }
                None => self.spent.push(*spent),
            }
        }
        self.bound();
    }

    /// What is used up of this secret's codes.
    pub(super) fn spent(&self, secret: u64) -> Spent {
        let known = self.spent.iter().find(|known| known.secret == secret);
        known.copied().unwrap_or(Spent { secret, ..Spent::default() })
    }

    /// A right code came from this number: it and those before it are used up.
    pub(super) fn spend(&mut self, number: &Number, spent: Spent) {
        self.spent.retain(|known| known.secret != spent.secret);
        self.spent.push(spent);
        self.bound();
        self.failures.remove(number);
    }

    /// A wrong code came from this number; how many in a row these are. Numbers that are not `allowed` are forgotten first
    /// when there are too many.
    pub(super) fn fail(&mut self, number: &Number, allowed: impl Fn(&Number) -> bool) -> u32 {
        let failures = self.failures.entry(number.clone()).or_default();
        *failures = failures.saturating_add(1);
        let failures = *failures;
        while self.failures.len() > REMEMBERED_MAX {
            let Some(stale) = self.failures.keys().find(|number| !allowed(number)).cloned() else { break };
            self.failures.remove(&stale);
        }
        failures
    }

    /// How long the number is locked out after its latest wrong code.
    pub(super) fn lock(&self, number: &Number) -> Option<Duration> {
        lock(self.failures.get(number).copied().unwrap_or_default())
    }

    fn bound(&mut self) {
        let over = self.spent.len().saturating_sub(SECRETS_MAX);
        self.spent.drain(..over);
    }
}

/// How long so many wrong codes in a row lock out.
pub(super) fn lock(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(FREE_FAILURES + 1)?;
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    Some(FIRST_LOCK.saturating_mul(factor).min(LONGEST_LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_a_day() {
        for (failures, wanted) in [
            (0, None),
            (2, None),
            (3, Some(1)),
            (4, Some(2)),
            (5, Some(4)),
            (13, Some(1_024)),
            (14, Some(1_440)),
            (u32::MAX, Some(1_440)),
        ] {
            assert_eq!(lock(failures).map(|lock| lock.as_secs() / 60), wanted, "{failures}");
        }
    }

    #[test]
    fn a_secret_that_comes_back_finds_its_codes_used() {
        let number = Number::parse("+15550100").unwrap();
        let mut saved = Saved::default();
        let first = Spent { secret: 1, counter: 5, step: 0 };
        saved.spend(&number, first);
        saved.spend(&number, Spent { secret: 2, counter: 1, step: 0 });
        assert_eq!(saved.spent(1), first);
        saved.spend(&number, Spent { counter: 6, ..first });
        assert_eq!((saved.spent(1).counter, saved.spent.len()), (6, 2));
    }

    #[test]
    fn what_is_learnt_of_another_opens_nothing_whatever_the_order() {
        let number = Number::parse("+15550100").unwrap();
        let of = |secret, counter, step| {
            let mut saved = Saved::default();
            saved.spend(&number, Spent { secret, counter, step });
            saved
        };
        let both = [of(1, 5, 2), of(1, 3, 9), of(2, 7, 0)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut saved = Saved::default();
            order.iter().for_each(|place| saved.learn(&both[*place]));
            assert_eq!(saved.spent(1), Spent { secret: 1, counter: 5, step: 9 });
            assert_eq!(saved.spent(2), Spent { secret: 2, counter: 7, step: 0 });
        }
        let mut saved = Saved::default();
        for secret in 0..2_000 {
            saved.learn(&of(secret, 1, 0));
        }
        assert_eq!(saved.spent.len(), SECRETS_MAX);
    }
}
