//! The probe budget of a link: a token bucket of bytes that every probe and canary is paid from.
//!
//! # What is kept
//!
//! In any window as long as the budget's period, the bytes paid for are at most the budget: the bucket holds a tenth
//! of it and refills at nine tenths of it a period, so that window begins with at most the one and gains at most the
//! other. What cannot be paid is not sent. What goes on over a restart is in [`crate::reserve`].
//!
//! The look-up of a name is known only when a probe of the name was paid: so every payment leaves as much as one look-up
//! of each name of the link may cost, and what began is taken from that.
//!
//! How long a page is, its server decides. What went over the wire beyond its price is taken when it is over, and may be
//! more than the bucket holds: then there is a debt, which the refill pays before anything else is. So a window that ends
//! with a payment never sees more than the budget, and one that ends with a debt sees that much more. The steady pace goes
//! by what was spent of late in all, not by the prices alone: else such pages would leave nothing for what is more urgent.

use crate::{LinkId, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The part of the budget that can be saved up: three days of a month. It pays for the bursts of a bad week, and what
/// is saved up is missing at every other time.
const CAPACITY_PARTS: u64 = 10;
/// Steady probing takes at most these percent of the refill; the rest fills the reserve again after a bad day.
const STEADY_PERCENT: u128 = 75;
/// While the reserve is above this part, an alarm is probed as densely as without a budget.
const DENSE_PARTS: u128 = 2;
/// Below this part the steady pace slows down, and a link that stands by confirms no suspicion of its own.
const LOW_PARTS: u128 = 4;
/// Below this part the uplink's suspicions wait for the refill as well: what is left is kept for moves.
const EMPTY_PARTS: u128 = 8;
/// Steady probing never falls below this part of its share: else nobody would see a dead link come back.
const TRICKLE_PARTS: f64 = 8.0;
/// What is spent beyond the prices is compared with what was paid over some so many payments: a page's size changes with
/// its site, not from one probe to the next.
const RECENT: u32 = 64;
/// And taken to cost no more than so many times the prices: the most that is read of a page is so many times the price of
/// the cheapest one, and one great bill must not hold back what is cheap for days.
const MOST_RATIO: f64 = 32.0;
/// What cannot be paid is tried again after this at the earliest, so that a wait for one byte is no busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// What the operator allows for the probes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeBudget {
    /// Bytes, as [`Target::cost`](crate::Target::cost) counts them. A tenth of them must pay for several probes of every
    /// target.
    pub bytes: u64,
    /// In any time as long as this.
    pub period: Duration,
}

impl ProbeBudget {
    /// Bytes that can be saved up.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.bytes / CAPACITY_PARTS
    }
}

/// How a budget fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BudgetState {
    /// Nothing is held back.
    Kept,
    /// Steady probing is slowed down, and suspicions of a link that stands by are confirmed by it alone.
    Low,
    /// Suspicions of the uplink wait for the refill as well; only moves are paid at once.
    Empty,
}

/// A budget as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetSnapshot {
    /// What the operator allows.
    pub allowed: ProbeBudget,
    /// Bytes that could be spent at once; 0 while there is a debt.
    pub reserve: u64,
    /// Bytes that were taken beyond the reserve; the refill pays them before anything else is sent.
    pub owed: u64,
    /// Bytes that the reserve holds when it is full.
    pub capacity: u64,
    /// Bytes spent since the start, those that made the debt among them.
    pub spent: u64,
    /// What was spent of late for each byte of the prices; 1 at least.
    pub cost_ratio: f64,
    /// What that means.
    pub state: BudgetState,
}

/// What a payment is for, the least urgent first: each leaves so much for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A link that stands by confirms a suspicion.
    Doubt,
    /// The uplink confirms a suspicion, or its best alternative is asked beforehand.
    Suspicion,
    /// A steady probe is due. Its pace keeps to the budget beforehand.
    Steady,
    /// The uplink is dead: alternatives are asked and proved.
    Need,
}

/// The bucket of one link. Everything is counted in bytes times nanoseconds of the period, so that nothing is rounded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Budget {
    allowed: ProbeBudget,
    period: u128,
    refill: u128,
    capacity: u128,
    /// Kept for the look-ups that probes may begin.
    look_ups: u128,
    level: u128,
    /// What was taken beyond the level. There is none while there is a level.
    debt: u128,
    at: Timestamp,
    spent: u64,
    recent: Recent,
}

/// What was spent of late, older payments weighing less.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Recent {
    payments: u32,
    paid: u64,
    /// Beyond what was paid.
    charged: u64,
}

impl Recent {
    fn pay(&mut self, bytes: u32) {
        if self.payments >= RECENT {
            *self = Self { payments: self.payments / 2, paid: self.paid / 2, charged: self.charged / 2 };
        }
        self.payments += 1;
        self.paid = self.paid.saturating_add(bytes.into());
    }

    /// What was spent for each byte paid; 1 at least.
    fn cost_ratio(&self) -> f64 {
        if self.paid == 0 { 1.0 } else { (1.0 + self.charged as f64 / self.paid as f64).min(MOST_RATIO) }
    }
}

impl Budget {
    /// Half full: a start needs a burst and a proof.
    ///
    /// `look_ups`: bytes of one look-up of each name.
    pub(crate) fn new(allowed: ProbeBudget, look_ups: u32, now: Timestamp) -> Self {
        let period = allowed.period.as_nanos().max(1);
        let capacity = allowed.capacity();
        let scaled = u128::from(capacity) * period;
        Self {
            allowed,
            period,
            refill: u128::from(allowed.bytes - capacity),
            capacity: scaled,
            look_ups: u128::from(look_ups) * period,
            level: scaled / 2,
            debt: 0,
            at: now,
            spent: 0,
            recent: Recent::default(),
        }
    }

    /// Pays, if what is left is still enough for what is more urgent and for look-ups. What costs more than the whole reserve is never
    /// paid; `shunt-config` refuses such a budget.
    pub(crate) fn pay(&mut self, bytes: u32, purpose: Purpose, now: Timestamp) -> bool {
        self.pass(now);
        let price = u128::from(bytes) * self.period;
        let payable = self.level >= self.needed(bytes, purpose);
        if payable {
            self.level -= price;
            self.spent = self.spent.saturating_add(bytes.into());
            self.recent.pay(bytes);
        }
        payable
    }

    /// Takes what was spent without being asked for: a look-up, for which the payment before it has left enough, or what
    /// a page took beyond its price. What the bucket does not hold becomes a debt.
    pub(crate) fn charge(&mut self, bytes: u32, now: Timestamp) {
        self.pass(now);
        let taken = u128::from(bytes) * self.period;
        self.debt = self.debt.saturating_add(taken.saturating_sub(self.level));
        self.level = self.level.saturating_sub(taken);
        self.spent = self.spent.saturating_add(bytes.into());
        self.recent.charged = self.recent.charged.saturating_add(bytes.into());
    }

    /// What is there: bytes that could be spent at once, or, below zero, those that are owed.
    pub(crate) fn balance(&self, now: Timestamp) -> i64 {
        let (level, debt) = self.standing_at(now);
        let bytes = |scaled: u128| i64::try_from(scaled).unwrap_or(i64::MAX);
        // A debt is rounded up, that none goes away by being written down.
        bytes(level / self.period) - bytes(debt.div_ceil(self.period))
    }

    /// Begins with what an earlier core left.
    pub(crate) fn set_balance(&mut self, bytes: i64, now: Timestamp) {
        let scaled = u128::from(bytes.unsigned_abs()).saturating_mul(self.period);
        (self.level, self.debt) = if bytes < 0 { (0, scaled) } else { (scaled.min(self.capacity), 0) };
        self.at = now;
    }

    /// When so much can be paid if nothing else is until then.
    pub(crate) fn payable_at(&self, bytes: u32, purpose: Purpose, now: Timestamp) -> Timestamp {
        let (level, debt) = self.standing_at(now);
        let missing = self.needed(bytes, purpose).saturating_sub(level).saturating_add(debt);
        let wait = missing.div_ceil(self.refill.max(1));
        now + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)).max(SHORTEST_WAIT)
    }

    /// How many times longer than wanted the steady interval must be, at least 1, if its prices are `wanted` bytes a
    /// second; `dense`: an alarm is on, and the reserve may be spent on it.
    pub(crate) fn stretch(&self, wanted: f64, dense: bool, now: Timestamp) -> f64 {
        let (level, _) = self.standing_at(now);
        let wanted = wanted * self.recent.cost_ratio();
        let (low, dense_from) = (self.capacity / LOW_PARTS, self.capacity / DENSE_PARTS);
        let share = (self.refill * STEADY_PERCENT) as f64 / 100.0 / self.allowed.period.as_secs_f64();
        let allowed = if dense {
            let above = level.saturating_sub(low) as f64 / (dense_from - low).max(1) as f64;
            share + (wanted - share).max(0.0) * above.min(1.0)
        } else {
            share * (level as f64 / low.max(1) as f64).clamp(1.0 / TRICKLE_PARTS, 1.0)
        };
        (wanted / allowed).max(1.0)
    }

    pub(crate) fn snapshot(&self, now: Timestamp) -> BudgetSnapshot {
        let (level, debt) = self.standing_at(now);
        let bytes = |scaled: u128| u64::try_from(scaled / self.period).unwrap_or(u64::MAX);
        BudgetSnapshot {
            allowed: self.allowed,
            reserve: bytes(level),
            owed: u64::try_from(debt.div_ceil(self.period)).unwrap_or(u64::MAX),
            capacity: bytes(self.capacity),
            spent: self.spent,
            cost_ratio: self.recent.cost_ratio(),
            state: if level < self.capacity / EMPTY_PARTS {
                BudgetState::Empty
            } else if level < self.capacity / LOW_PARTS {
                BudgetState::Low
            } else {
                BudgetState::Kept
            },
        }
    }

    fn pass(&mut self, now: Timestamp) {
        (self.level, self.debt) = self.standing_at(now);
        self.at = self.at.max(now);
    }

    /// Level and debt, with what was gained since they were noted.
    fn standing_at(&self, now: Timestamp) -> (u128, u128) {
        let gained = now.since(self.at).as_nanos().saturating_mul(self.refill);
        let left = gained.saturating_sub(self.debt);
        (self.level.saturating_add(left).min(self.capacity), self.debt.saturating_sub(gained))
    }

    /// What must be there for something of this price. A suspicion's burst is not to make a debt by long pages, which would
    /// leave the link deaf for longer than the suspicion was worth.
    fn needed(&self, bytes: u32, purpose: Purpose) -> u128 {
        let (price, kept) = (u128::from(bytes) * self.period, self.kept(purpose));
        let likely = match purpose {
            Purpose::Doubt | Purpose::Suspicion => (price as f64 * self.recent.cost_ratio()) as u128,
            Purpose::Steady | Purpose::Need => price,
        };
        // A full reserve pays for anything.
        price.max(likely.min(self.capacity.saturating_sub(kept))).saturating_add(kept)
    }

    /// For what is more urgent, and for look-ups.
    const fn kept(&self, purpose: Purpose) -> u128 {
        let for_more_urgent = match purpose {
            Purpose::Doubt => self.capacity / LOW_PARTS,
            Purpose::Suspicion => self.capacity / EMPTY_PARTS,
            Purpose::Steady | Purpose::Need => 0,
        };
        for_more_urgent.saturating_add(self.look_ups)
    }
}

/// The budgets of all links; a link without one may spend what it likes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Budgets(pub(crate) Vec<Option<Budget>>);

impl Budgets {
    pub(crate) fn of(&self, link: LinkId) -> Option<&Budget> {
        self.0.get(usize::from(link.0))?.as_ref()
    }

    pub(crate) fn pay(&mut self, link: LinkId, bytes: u32, purpose: Purpose, now: Timestamp) -> bool {
        self.of_mut(link).is_none_or(|budget| budget.pay(bytes, purpose, now))
    }

    pub(crate) fn of_mut(&mut self, link: LinkId) -> Option<&mut Budget> {
        self.0.get_mut(usize::from(link.0))?.as_mut()
    }

    /// Something was spent over the link without being asked for.
    pub(crate) fn charge(&mut self, link: LinkId, bytes: u32, now: Timestamp) {
        if let Some(budget) = self.of_mut(link) {
            budget.charge(bytes, now);
        }
    }
}

#[cfg(test)]
mod tests;
