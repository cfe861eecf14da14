//! The probe budget of a link: a token bucket of bytes that every probe and canary is paid from.
//!
//! # What is kept
//!
//! In any window as long as the budget's period, the bytes paid for are at most the budget: the bucket holds a tenth
//! of it and refills at nine tenths of it a period, so that window begins with at most the one and gains at most the
//! other. What cannot be paid is not sent. The life of a [`Failover`](crate::Failover) is meant: one that starts begins
//! with half a bucket, a twentieth of the budget.
//!
//! The look-up of a name is known only when a probe of the name was paid: so every payment leaves as much as one look-up
//! of each name of the link may cost, and what began is taken from that.

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSnapshot {
    /// What the operator allows.
    pub allowed: ProbeBudget,
    /// Bytes that could be spent at once.
    pub reserve: u64,
    /// Bytes that the reserve holds when it is full.
    pub capacity: u64,
    /// Bytes spent since the start.
    pub spent: u64,
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
    /// The uplink is dead: alternatives are asked and proved. Steady probing is held back by its pace instead.
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
    at: Timestamp,
    spent: u64,
}

impl Budget {
    /// Half full: a start needs a burst and a proof, and one that is repeated again and again must not pay each of them
    /// from a full reserve.
    ///
    /// `look_ups`: bytes of one look-up of each name.
    pub(crate) fn new(allowed: ProbeBudget, look_ups: u32, now: Timestamp) -> Self {
        let period = allowed.period.as_nanos().max(1);
        let capacity = allowed.bytes / CAPACITY_PARTS;
        let scaled = u128::from(capacity) * period;
        Self {
            allowed,
            period,
            refill: u128::from(allowed.bytes - capacity),
            capacity: scaled,
            look_ups: u128::from(look_ups) * period,
            level: scaled / 2,
            at: now,
            spent: 0,
        }
    }

    /// Pays, if what is left is still enough for what is more urgent and for look-ups. What costs more than the whole reserve is never
    /// paid; `shunt-config` refuses such a budget.
    pub(crate) fn pay(&mut self, bytes: u32, purpose: Purpose, now: Timestamp) -> bool {
        self.level = self.level_at(now);
        self.at = self.at.max(now);
        let price = u128::from(bytes) * self.period;
        let payable = self.level >= price.saturating_add(self.kept(purpose));
        if payable {
            self.level -= price;
            self.spent = self.spent.saturating_add(bytes.into());
        }
        payable
    }

    /// Takes what a look-up may cost, which the payment before it has left.
    pub(crate) fn charge(&mut self, bytes: u32, now: Timestamp) {
        self.level = self.level_at(now).saturating_sub(u128::from(bytes) * self.period);
        self.at = self.at.max(now);
        self.spent = self.spent.saturating_add(bytes.into());
    }

    /// When so much can be paid if nothing else is until then.
    pub(crate) fn payable_at(&self, bytes: u32, purpose: Purpose, now: Timestamp) -> Timestamp {
        let needed = (u128::from(bytes) * self.period).saturating_add(self.kept(purpose));
        let missing = needed.saturating_sub(self.level_at(now));
        let wait = missing.div_ceil(self.refill.max(1));
        now + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)).max(SHORTEST_WAIT)
    }

    /// How many times longer than wanted the steady interval must be, at least 1, if it would cost `wanted` bytes a
    /// second; `dense`: an alarm is on, and the reserve may be spent on it.
    pub(crate) fn stretch(&self, wanted: f64, dense: bool, now: Timestamp) -> f64 {
        let level = self.level_at(now);
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
        let level = self.level_at(now);
        let bytes = |scaled: u128| u64::try_from(scaled / self.period).unwrap_or(u64::MAX);
        BudgetSnapshot {
            allowed: self.allowed,
            reserve: bytes(level),
            capacity: bytes(self.capacity),
            spent: self.spent,
            state: if level < self.capacity / EMPTY_PARTS {
                BudgetState::Empty
            } else if level < self.capacity / LOW_PARTS {
                BudgetState::Low
            } else {
                BudgetState::Kept
            },
        }
    }

    fn level_at(&self, now: Timestamp) -> u128 {
        let gained = now.since(self.at).as_nanos().saturating_mul(self.refill);
        self.level.saturating_add(gained).min(self.capacity)
    }

    /// For what is more urgent, and for look-ups.
    const fn kept(&self, purpose: Purpose) -> u128 {
        let for_more_urgent = match purpose {
            Purpose::Doubt => self.capacity / LOW_PARTS,
            Purpose::Suspicion => self.capacity / EMPTY_PARTS,
            Purpose::Need => 0,
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
        let budget = self.0.get_mut(usize::from(link.0)).and_then(Option::as_mut);
        budget.is_none_or(|budget| budget.pay(bytes, purpose, now))
    }

    /// A look-up began over the link.
    pub(crate) fn charge(&mut self, link: LinkId, bytes: u32, now: Timestamp) {
        if let Some(Some(budget)) = self.0.get_mut(usize::from(link.0)) {
            budget.charge(bytes, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn budget(bytes: u64, period: Duration) -> Budget {
        Budget::new(ProbeBudget { bytes, period }, 0, Timestamp::ZERO)
    }

    #[test]
    fn it_starts_half_full_and_fills_to_a_tenth() {
        let budget = budget(100_000_000, MONTH);
        let at = |days: u64| budget.snapshot(Timestamp::ZERO + Duration::from_secs(days * 86_400));
        assert_eq!((at(0).reserve, at(0).capacity, at(0).state), (5_000_000, 10_000_000, BudgetState::Kept));
        assert_eq!((at(1).reserve, at(2).reserve), (8_000_000, 10_000_000));
    }

    #[test]
    fn each_purpose_leaves_something_for_the_more_urgent() {
        // The reserve is 8,000 bytes, and the period so long that nothing is refilled.
        let mut budget = budget(80_000, MONTH * 1_000_000);
        let now = Timestamp::ZERO;
        let mut spend = |purpose| (0..).take_while(|_| budget.pay(100, purpose, now)).count();
        assert_eq!(spend(Purpose::Doubt), 20);
        assert_eq!(spend(Purpose::Suspicion), 10);
        assert_eq!(spend(Purpose::Need), 10);
        assert_eq!((budget.snapshot(now).reserve, budget.snapshot(now).spent), (0, 4_000));
    }

    #[test]
    fn what_cannot_be_paid_can_be_when_it_says() {
        let mut budget = budget(1_000_000, MONTH);
        let mut now = Timestamp::ZERO;
        while budget.pay(176, Purpose::Suspicion, now) {}
        let later = budget.payable_at(176, Purpose::Suspicion, now);
        assert!(later.since(now) > Duration::from_secs(60), "{later}");
        assert!(!budget.pay(176, Purpose::Suspicion, later - Duration::from_millis(1)));
        assert!(budget.pay(176, Purpose::Suspicion, later));
        now = later;
        assert!(budget.payable_at(0, Purpose::Need, now) > now);
    }

    #[test]
    fn the_pace_slows_smoothly_and_never_stops() {
        let mut budget = budget(100_000_000, MONTH);
        // 90 MB a month refill, three quarters of which are for steady probing.
        let share = 67_500_000.0 / MONTH.as_secs_f64();
        let now = Timestamp::ZERO;
        assert!((budget.stretch(share / 2.0, false, now) - 1.0).abs() < 1e-9);
        assert!((budget.stretch(share * 4.0, false, now) - 4.0).abs() < 1e-9);
        assert!((budget.stretch(share * 4.0, true, now) - 1.0).abs() < 1e-9, "dense from the reserve");
        let (mut sparse, mut dense) = (4.0, 1.0);
        while budget.pay(10_000, Purpose::Need, now) {
            let next = (budget.stretch(share * 4.0, false, now), budget.stretch(share * 4.0, true, now));
            assert!(next.0 >= sparse && next.0 < sparse * 1.1, "{next:?}");
            assert!(next.1 >= dense && next.1 < dense * 1.1 + 0.1, "{next:?}");
            (sparse, dense) = next;
        }
        assert!((sparse - 32.0).abs() < 0.1 && (dense - 4.0).abs() < 0.1, "{sparse} {dense}");
    }

    proptest! {
        /// Whatever is asked for, and when: no window as long as the period sees more than the budget.
        #[test]
        fn no_window_sees_more_than_the_budget(
            bytes in 1_000_u64..100_000,
            names in 0..3_000_u32,
            asks in proptest::collection::vec((0..40_000_u64, 1..2_000_u32, 0..3_u8, 0.0..1.2_f64), 1..600),
        ) {
            let period = Duration::from_secs(1);
            let mut budget = Budget::new(ProbeBudget { bytes, period }, names, Timestamp::ZERO);
            let mut now = Timestamp::ZERO;
            let mut paid: Vec<(Timestamp, u64)> = Vec::new();
            for (micros, cost, purpose, look_up) in asks {
                now = now + Duration::from_micros(micros);
                let purpose = [Purpose::Doubt, Purpose::Suspicion, Purpose::Need][usize::from(purpose)];
                if budget.pay(cost, purpose, now) {
                    paid.push((now, cost.into()));
                    // With each payment some of the names are looked up, now and then all.
                    let look_up = (f64::from(names) * look_up.min(1.0)) as u32;
                    let before = budget.snapshot(now).reserve;
                    prop_assert!(before >= u64::from(look_up), "{before} is not enough for {look_up}");
                    budget.charge(look_up, now);
                    paid.push((now, look_up.into()));
                    let in_window = paid.iter().filter(|(at, _)| now.since(*at) <= period);
                    let sum: u64 = in_window.map(|(_, cost)| cost).sum();
                    prop_assert!(sum <= bytes, "{sum} of {bytes}");
                }
            }
        }
    }
}
