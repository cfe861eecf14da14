//! What the bucket promises, by table and by chance.

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

#[test]
fn the_pace_goes_by_what_was_spent_of_late() {
    let mut budget = budget(100_000_000, MONTH);
    let share = 67_500_000.0 / MONTH.as_secs_f64();
    let now = Timestamp::ZERO;
    let stretched = |budget: &Budget| budget.stretch(share, false, now);
    budget.charge(500, now);
    assert!((stretched(&budget) - 1.0).abs() < 1e-9, "nothing was paid yet");
    for _ in 0..10 {
        assert!(budget.pay(50, Purpose::Steady, now));
    }
    assert!((stretched(&budget) - 2.0).abs() < 1e-9);
    budget.charge(100_000, now);
    assert!((stretched(&budget) - MOST_RATIO).abs() < 1e-9, "no bill counts for more");
    // It is forgotten within some hundred payments.
    for _ in 0..1_000 {
        assert!(budget.pay(50, Purpose::Need, now));
    }
    assert!(stretched(&budget) < 1.1, "{}", stretched(&budget));
}

#[test]
fn a_suspicion_waits_for_what_its_pages_are_likely_to_take() {
    // Of 10,000 bytes an eighth is kept for moves.
    let mut budget = budget(100_000, MONTH);
    let now = Timestamp::ZERO;
    assert!(budget.pay(100, Purpose::Steady, now));
    budget.charge(900, now);
    for (balance, price, paid) in
        [(2_249, 100, false), (2_251, 100, true), (9_998, 5_000, false), (10_000, 5_000, true)]
    {
        budget.set_balance(balance, now);
        assert_eq!(
            budget.payable_at(price, Purpose::Suspicion, now) <= now + SHORTEST_WAIT,
            paid,
            "{balance}"
        );
        budget.recent = Recent { payments: 1, paid: 100, charged: 900 };
        assert_eq!(budget.pay(price, Purpose::Suspicion, now), paid, "{balance}");
    }
}

#[test]
fn a_debt_is_paid_before_anything_else_and_shows_as_an_empty_reserve() {
    // 100 bytes a second, of which 10 can be saved up; 90 a second are gained.
    let mut budget = budget(100, Duration::from_secs(1));
    let at = |ms| Timestamp::ZERO + Duration::from_millis(ms);
    budget.charge(95, at(0));
    assert_eq!((budget.balance(at(0)), budget.balance(at(500))), (-90, -45));
    let snapshot = budget.snapshot(at(0));
    assert_eq!((snapshot.reserve, snapshot.spent, snapshot.state), (0, 95, BudgetState::Empty));
    assert_eq!(budget.payable_at(9, Purpose::Need, at(0)), at(1_100));
    assert!(!budget.pay(1, Purpose::Need, at(1_000)));
    assert!(budget.pay(9, Purpose::Need, at(1_100)));
    assert_eq!(budget.balance(at(1_100)), 0);
    // It is not saved up beyond the bucket either.
    assert_eq!(budget.balance(at(10_000)), 10);
}

#[test]
fn a_balance_goes_over_to_the_next_core() {
    let mut first = budget(1_000, MONTH);
    first.charge(70, Timestamp::ZERO);
    for (left, taken_over) in
        [(first.balance(Timestamp::ZERO), -20), (-20, -20), (0, 0), (60, 60), (101, 100)]
    {
        let mut next = budget(1_000, MONTH);
        next.set_balance(left, Timestamp::ZERO);
        assert_eq!(next.balance(Timestamp::ZERO), taken_over);
    }
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

    /// Pages take what they like: every window that ends with a payment sees no more than the budget all the same, and
    /// any other no more beyond it than is owed at its end.
    #[test]
    fn what_was_not_asked_for_is_paid_off_before_more_is_asked(
        bytes in 1_000_u64..100_000,
        asks in proptest::collection::vec((0..40_000_u64, 1..2_000_u32, 0..3_u8, 0..60_000_u32), 1..300),
    ) {
        let period = Duration::from_secs(1);
        let mut budget = Budget::new(ProbeBudget { bytes, period }, 0, Timestamp::ZERO);
        let mut now = Timestamp::ZERO;
        let mut spent: Vec<(Timestamp, u64)> = Vec::new();
        for (micros, cost, purpose, more) in asks {
            now = now + Duration::from_micros(micros);
            let purpose = [Purpose::Doubt, Purpose::Suspicion, Purpose::Need][usize::from(purpose)];
            let in_window = |spent: &[(Timestamp, u64)]| {
                let window = spent.iter().filter(|(at, _)| now.since(*at) <= period);
                window.map(|(_, cost)| cost).sum::<u64>()
            };
            if budget.pay(cost, purpose, now) {
                spent.push((now, cost.into()));
                prop_assert!(in_window(&spent) <= bytes, "{} of {bytes}", in_window(&spent));
                budget.charge(more, now);
                spent.push((now, more.into()));
                let owed = budget.balance(now).min(0).unsigned_abs();
                prop_assert!(in_window(&spent) <= bytes + owed, "{} of {bytes}, {owed}", in_window(&spent));
            }
        }
        prop_assert_eq!(budget.snapshot(now).spent, spent.iter().map(|(_, cost)| cost).sum::<u64>());
    }
}
