//! What is left of a link's budget, over restarts: an agent that starts again and again must not be given a new reserve
//! each time, and must not write to a flash chip at each payment either.
//!
//! So the edge keeps a *floor* on record: a core spends what is above it, and what is below it only once a lower floor is
//! on record. One that starts goes on at the floor, and first puts a lower one on record, at half of it. However a core
//! ended, the floor is no more than it had left, without any clock: so the bound of [`crate::ProbeBudget`] holds over all
//! cores together, and starts in a row have ever less, half of it each time.
//!
//! In the steady state the reserve is full, the floor is half of it, and nothing is written.

use crate::failover::Failover;
use crate::{LinkId, ProbeBudget};

/// A floor below this part of the reserve is none: else ever smaller halves would be written down.
const LEAST_PARTS: u64 = 64;
/// A lower floor is put on record while so much of the present one is still above it: the write takes some time.
const AHEAD_PARTS: i64 = 8;
/// A higher one is worth a write when it is so many times as high.
const WORTH_RAISING: i64 = 2;

/// How the budget of a link begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetStart {
    /// Bytes that it begins with; below zero: that are owed.
    pub balance: i64,
    /// The floor that must be on record before anything is spent.
    pub floor: i64,
}

impl ProbeBudget {
    /// How a core begins where the floor on record is `kept`; `None`: there was never one.
    #[must_use]
    pub fn start(&self, kept: Option<i64>) -> BudgetStart {
        let most = i64::try_from(self.capacity()).unwrap_or(i64::MAX);
        let balance = kept.map_or(most / 2, |kept| kept.min(most));
        BudgetStart { balance, floor: self.below(balance) }
    }

    /// The floor that must be put on record where `kept` stands and the balance is `balance`; `None`: it may stay.
    #[must_use]
    pub fn lower_floor(&self, kept: i64, balance: i64) -> Option<i64> {
        let near = balance < kept.saturating_add(kept.max(0) / AHEAD_PARTS);
        // What is owed may grow twofold before it is written down again.
        let floor = if balance < 0 { balance.saturating_mul(2) } else { self.below(balance) };
        Some(floor).filter(|floor| near && *floor < kept)
    }

    /// The floor that may be put on record where `kept` stands, for what was saved up since; `None`: it is not worth a
    /// write.
    #[must_use]
    pub fn higher_floor(&self, kept: i64, balance: i64) -> Option<i64> {
        let floor = self.below(balance);
        Some(floor).filter(|floor| *floor > kept && *floor >= kept.saturating_mul(WORTH_RAISING))
    }

    fn below(&self, balance: i64) -> i64 {
        let least = i64::try_from(self.capacity() / LEAST_PARTS).unwrap_or(i64::MAX);
        match balance {
            ..0 => balance,
            _ if balance < least => 0,
            _ => balance / 2,
        }
    }
}

impl Failover {
    /// What is left of a link's budget: bytes that it could spend at once, or, below zero, those that it owes. `None` for
    /// a link without one.
    #[must_use]
    pub fn balance(&self, link: LinkId) -> Option<i64> {
        self.desk.budgets.of(link).map(|budget| budget.balance(self.desk.now))
    }

    /// Goes on with what is left of a link's budget; for a core that is new.
    pub fn set_balance(&mut self, link: LinkId, bytes: i64) {
        let now = self.desk.now;
        if let Some(budget) = self.desk.budgets.of_mut(link) {
            budget.set_balance(bytes, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    /// Of which 10,000 can be saved up.
    const ALLOWED: ProbeBudget = ProbeBudget { bytes: 100_000, period: Duration::from_secs(86_400) };

    #[test]
    fn a_start_goes_on_at_the_floor_and_halves_it() {
        for (kept, balance, floor) in [
            (None, 5_000, 2_500),
            (Some(9_000), 9_000, 4_500),
            // A smaller budget than the last run's.
            (Some(1_000_000), 10_000, 5_000),
            (Some(156), 156, 78),
            (Some(155), 155, 0),
            (Some(0), 0, 0),
            (Some(-700), -700, -700),
        ] {
            assert_eq!(ALLOWED.start(kept), BudgetStart { balance, floor }, "{kept:?}");
        }
    }

    #[test]
    fn a_floor_is_lowered_before_it_is_reached_and_raised_for_twice_as_much() {
        for (kept, balance, lower, higher) in [
            (2_500, 5_000, None, None),
            (2_500, 2_813, None, None),
            (2_500, 2_811, Some(1_405), None),
            (2_500, 9_998, None, None),
            (2_500, 10_000, None, Some(5_000)),
            (5_000, 10_000, None, None),
            (150, 160, Some(80), None),
            (150, 155, Some(0), None),
            (0, 0, None, None),
            (0, 150, None, None),
            (0, 156, None, Some(78)),
            (0, -1, Some(-2), None),
            (-2, -2, None, None),
            (-2, -3, Some(-6), None),
            (-6, -2, None, Some(-2)),
            (-6, 0, None, Some(0)),
        ] {
            let told = (ALLOWED.lower_floor(kept, balance), ALLOWED.higher_floor(kept, balance));
            assert_eq!(told, (lower, higher), "{kept} kept, {balance} left");
        }
    }

    proptest! {
        /// Whatever is spent, saved up and owed, and however often it starts anew: what a core begins with is never more
        /// than the one before had left, and a floor that stands leads to no write.
        #[test]
        fn no_start_has_more_than_was_left(
            steps in proptest::collection::vec((-4_000..4_000_i64, 0..8_u8), 1..200),
        ) {
            let BudgetStart { mut balance, mut floor } = ALLOWED.start(None);
            for (change, kind) in steps {
                if kind == 0 {
                    prop_assert!(floor <= balance, "{floor} of {balance}");
                    let next = ALLOWED.start(Some(floor));
                    prop_assert!(next.balance <= balance && next.floor <= next.balance);
                    (balance, floor) = (next.balance, next.floor);
                } else {
                    balance = (balance + change).min(10_000);
                }
                for rule in [ProbeBudget::lower_floor, ProbeBudget::higher_floor] {
                    if let Some(new) = rule(&ALLOWED, floor, balance) {
                        floor = new;
                        prop_assert_eq!(rule(&ALLOWED, floor, balance), None);
                    }
                }
            }
        }
    }
}
