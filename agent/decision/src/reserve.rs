//! What is left of a link's budget, over restarts: an agent that starts again and again must not be given a new reserve
//! each time, and must not write to a flash chip at each payment either.
//!
//! So the edge keeps a *floor* on record: a core spends what is above it, and what is below it only once a lower floor is
//! on record. One that starts goes on at the floor, and first puts a lower one on record, by a *step* of the reserve.
//! However a core ended, the floor is no more than it had left, without any clock: so the bound of
//! [`crate::ProbeBudget`] holds over all cores together. A start costs a step at the most, and after so many steps in a
//! row, with nothing saved up between them, there is nothing left.
//!
//! A floor moves by a step at least: in a period it is written no more often than steps are spent and saved up.

use crate::failover::Failover;
use crate::{LinkId, ProbeBudget};

/// Of the reserve, a floor is so much below what is there. At the usual budget and pace, a gateway that has power for ten
/// hours a day saves up a step in them, and a reserve's worth of them in a row is no crash loop that would matter.
const STEP_PARTS: u64 = 32;
/// A lower floor is put on record while so much of a step is still above the present one: the write takes some time.
const AHEAD_PARTS: i64 = 4;

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
        // Who owes spends nothing, and so need not be below.
        let floor = if balance < 0 { balance } else { self.below(balance) };
        BudgetStart { balance, floor }
    }

    /// The floor that must be put on record where `kept` stands and the balance is `balance`; `None`: it may stay.
    #[must_use]
    pub fn lower_floor(&self, kept: i64, balance: i64) -> Option<i64> {
        let ahead = if kept > 0 { self.step() / AHEAD_PARTS } else { 0 };
        let floor = self.below(balance);
        Some(floor).filter(|floor| balance < kept.saturating_add(ahead) && *floor < kept)
    }

    /// The floor that may be put on record where `kept` stands, for what was saved up since; `None`: it is not worth a
    /// write.
    #[must_use]
    pub fn higher_floor(&self, kept: i64, balance: i64) -> Option<i64> {
        let floor = self.below(balance);
        Some(floor).filter(|floor| *floor >= kept.saturating_add(self.step()))
    }

    /// A step below what is there; what is there is not owed for that.
    fn below(&self, balance: i64) -> i64 {
        let floor = balance.saturating_sub(self.step());
        if balance < 0 { floor } else { floor.max(0) }
    }

    fn step(&self) -> i64 {
        i64::try_from(self.capacity() / STEP_PARTS).unwrap_or(i64::MAX).max(1)
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

    /// Of which 32,000 can be saved up: a step is 1,000.
    const ALLOWED: ProbeBudget = ProbeBudget { bytes: 320_000, period: Duration::from_secs(86_400) };

    #[test]
    fn a_start_goes_on_at_the_floor_and_lowers_it_by_a_step() {
        for (kept, balance, floor) in [
            (None, 16_000, 15_000),
            (Some(9_000), 9_000, 8_000),
            // A smaller budget than the last run's.
            (Some(1_000_000), 32_000, 31_000),
            (Some(999), 999, 0),
            (Some(0), 0, 0),
            (Some(-700), -700, -700),
        ] {
            assert_eq!(ALLOWED.start(kept), BudgetStart { balance, floor }, "{kept:?}");
        }
    }

    #[test]
    fn a_floor_is_lowered_before_it_is_reached_and_raised_by_a_step_at_least() {
        for (kept, balance, lower, higher) in [
            (15_000, 16_000, None, None),
            (15_000, 15_250, None, None),
            (15_000, 15_249, Some(14_249), None),
            (15_000, 16_999, None, None),
            (15_000, 17_000, None, Some(16_000)),
            (800, 1_050, None, None),
            (800, 1_049, Some(49), None),
            (40, 100, Some(0), None),
            (0, 0, None, None),
            (0, 1_999, None, None),
            (0, 2_000, None, Some(1_000)),
            (0, -1, Some(-1_001), None),
            (-1_001, -1_001, None, None),
            (-1_001, -1_002, Some(-2_002), None),
            (-2_002, -3, None, None),
            (-2_002, -2, None, Some(-1_002)),
            (-1_001, -1, None, None),
            (-1_001, 0, None, Some(0)),
        ] {
            let told = (ALLOWED.lower_floor(kept, balance), ALLOWED.higher_floor(kept, balance));
            assert_eq!(told, (lower, higher), "{kept} kept, {balance} left");
        }
    }

    /// What a day begins with after a year of days with so many hours of power, each ended by a cut. Steady probing takes
    /// so much of what is gained, and less while little is there, as [`crate::budget`] has it.
    fn after_a_year_of_cuts(hours: u32, spent: f64) -> i64 {
        let gained = (ALLOWED.bytes - ALLOWED.capacity()) / (24 * 30);
        let gained = i64::try_from(gained).unwrap();
        let mut kept = None;
        for _ in 0..365 {
            let BudgetStart { mut balance, mut floor } = ALLOWED.start(kept);
            for _ in 0..hours {
                let slowed = (balance as f64 / 8_000.0).clamp(0.125, 1.0);
                let cost = (gained as f64 * spent * slowed) as i64;
                balance = (balance + gained - cost).min(32_000);
                for rule in [ProbeBudget::lower_floor, ProbeBudget::higher_floor] {
                    floor = rule(&ALLOWED, floor, balance).unwrap_or(floor);
                }
            }
            kept = Some(floor);
        }
        kept.unwrap()
    }

    #[test]
    fn power_cuts_every_night_do_not_starve_a_reserve() {
        // Standing by costs a sixth of the budget at the defaults: the reserve stays full.
        assert!(after_a_year_of_cuts(10, 0.2) > 29_000);
        // As the uplink, which spends all that it steadily may: enough for its suspicions.
        let left = after_a_year_of_cuts(10, 0.75);
        assert!(left > 4_000, "{left}");
    }

    proptest! {
        /// Whatever is spent, saved up and owed, and however often it starts anew: what a core begins with is never more
        /// than the one before had left, a floor that stands leads to no write, and one that moves has moved by most of
        /// a step since the last move the same way, or what was there has.
        #[test]
        fn no_start_has_more_than_was_left(
            steps in proptest::collection::vec((-9_000..9_000_i64, 0..8_u8), 1..200),
        ) {
            let BudgetStart { mut balance, mut floor } = ALLOWED.start(None);
            let (mut moved, mut writes) = (0_i64, 0_i64);
            for (change, kind) in steps {
                if kind == 0 {
                    prop_assert!(floor <= balance, "{floor} of {balance}");
                    let next = ALLOWED.start(Some(floor));
                    prop_assert!(next.balance <= balance && next.floor <= next.balance);
                    (balance, floor) = (next.balance, next.floor);
                    writes = 0;
                    moved = 0;
                } else {
                    moved += change.abs();
                    balance = (balance + change).min(32_000);
                }
                for rule in [ProbeBudget::lower_floor, ProbeBudget::higher_floor] {
                    if let Some(new) = rule(&ALLOWED, floor, balance) {
                        floor = new;
                        writes += 1;
                        prop_assert_eq!(rule(&ALLOWED, floor, balance), None);
                    }
                }
                // The first move may be a byte's doing.
                prop_assert!(writes <= 1 + moved / 700, "{writes} writes for {moved} bytes");
            }
        }
    }
}
