//! A link's probe budget is kept whatever the weather, and what it leaves room for is still done.

use crate::simulation::{Simulation, Weather, black_hole_detection_with, link, two_links};
use proptest::prelude::*;
use shunt_decision::{
    BudgetState, Config, Event, Family, LinkId, PathState, Plan, ProbeBudget, TargetId, Timestamp, Verdict,
    worst_detection,
};
use std::collections::VecDeque;
use std::time::Duration;

pub(crate) const FIBER: LinkId = LinkId(0);
pub(crate) const LTE: LinkId = LinkId(1);
pub(crate) const MONTH: Duration = Duration::from_secs(30 * 86_400);

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Fiber, and LTE that is metered and has this budget.
pub(crate) fn config(bytes: u64, period: Duration, interval: Duration) -> Config {
    let mut config = two_links(interval);
    config.links[1].metered = true;
    config.links[1].budget = Some(ProbeBudget { bytes, period });
    config
}

pub(crate) fn simulation(config: Config, seed: u64) -> Simulation {
    let mut simulation = Simulation::bare(config, &[10, 40].map(Duration::from_millis), seed);
    simulation.keep_costs = true;
    for link in 0..2 {
        apply(&mut simulation, &Twist::Present(link, true));
    }
    simulation
}

/// The most that LTE's probes cost in any window of `period`.
fn worst_window(simulation: &Simulation, period: Duration) -> u64 {
    let (mut window, mut sum, mut worst) = (VecDeque::new(), 0, 0);
    for (at, link, cost) in &simulation.costs {
        if *link != LTE {
            continue;
        }
        window.push_back((*at, u64::from(*cost)));
        sum += u64::from(*cost);
        while let Some((first, cost)) = window.front().copied().filter(|(first, _)| at.since(*first) > period)
        {
            let _: Timestamp = first;
            sum -= cost;
            window.pop_front();
        }
        worst = worst.max(sum);
    }
    worst
}

pub(crate) fn state(simulation: &Simulation) -> BudgetState {
    simulation.core.snapshot().links[1].budget.unwrap().state
}

pub(crate) fn verdict(simulation: &Simulation, link: LinkId) -> Verdict {
    simulation.core.snapshot().links[usize::from(link.0)].paths.v4.as_ref().unwrap().verdict
}

#[derive(Debug, Clone)]
pub(crate) enum Twist {
    Cut(u8, bool),
    Loss(u8, f64),
    Slow(u8, u64),
    Gone(u8, u8, bool),
    Forwards(u8, bool),
    Carrier(u8, bool),
    Present(u8, bool),
    Unknown(u8, u8, bool),
    Gap,
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        3 => (0..2_u8, any::<bool>()).prop_map(|(link, on)| Twist::Cut(link, on)),
        2 => (0..2_u8, 0.0..0.6).prop_map(|(link, loss)| Twist::Loss(link, loss)),
        1 => (0..2_u8, 1..1_500_u64).prop_map(|(link, ms)| Twist::Slow(link, ms)),
        1 => (0..2_u8, 0..2_u8, any::<bool>()).prop_map(|(link, target, on)| Twist::Gone(link, target, on)),
        1 => (0..2_u8, any::<bool>()).prop_map(|(link, on)| Twist::Forwards(link, on)),
        2 => (0..2_u8, any::<bool>()).prop_map(|(link, up)| Twist::Carrier(link, up)),
        2 => (0..2_u8, any::<bool>()).prop_map(|(link, on)| Twist::Present(link, on)),
        1 => (0..2_u8, 0..2_u8, any::<bool>()).prop_map(|(link, target, on)| Twist::Unknown(link, target, on)),
        1 => Just(Twist::Gap),
    ]
}

pub(crate) fn apply(simulation: &mut Simulation, twist: &Twist) {
    let now = simulation.now();
    let weather = |simulation: &mut Simulation, link: u8, change: &dyn Fn(&mut Weather)| {
        simulation.weather[usize::from(link)].iter_mut().for_each(change);
    };
    match *twist {
        Twist::Cut(link, on) => weather(simulation, link, &|weather| weather.cut = on.then_some(now)),
        Twist::Loss(link, loss) => weather(simulation, link, &|weather| weather.loss = loss),
        Twist::Slow(link, ms) => {
            weather(simulation, link, &|weather| weather.rtt = Duration::from_millis(ms))
        }
        Twist::Gone(link, target, true) => {
            weather(simulation, link, &|weather| weather.gone.push(TargetId(target)));
        }
        Twist::Gone(link, target, false) => {
            weather(simulation, link, &|weather| weather.gone.retain(|gone| gone.0 != target));
        }
        Twist::Unknown(link, target, true) => {
            weather(simulation, link, &|weather| weather.unresolved.push(TargetId(target)));
        }
        Twist::Unknown(link, target, false) => {
            weather(simulation, link, &|weather| weather.unresolved.retain(|name| name.0 != target));
        }
        Twist::Forwards(link, on) => weather(simulation, link, &|weather| weather.forwards = on),
        Twist::Carrier(link, up) => simulation.tell(Event::Carrier { link: LinkId(link), up, at: now }),
        Twist::Present(link, on) => {
            simulation.forget_names(LinkId(link));
            let missing = PathState::Missing(shunt_decision::Missing::Address);
            let state = if on { PathState::Ready } else { missing };
            for family in Family::ALL {
                simulation.tell(Event::Path { link: LinkId(link), family, state });
            }
        }
        Twist::Gap => simulation.tell(Event::ClockGap),
    }
}

fn heal(simulation: &mut Simulation) {
    for (weather, rtt) in simulation.weather.iter_mut().zip([10, 40]) {
        weather.fill(Weather::fair(Duration::from_millis(rtt)));
    }
    for link in 0..2 {
        apply(simulation, &Twist::Carrier(link, true));
        apply(simulation, &Twist::Present(link, true));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of events, any seed, any budget, both families: no window of the period sees more than the budget, no
    /// wait for it is a busy loop, and all heals.
    #[test]
    fn no_window_sees_more_than_the_budget(
        seed: u64,
        bytes in 20_000..200_000_u64,
        both: bool,
        // What a look-up costs for LTE's targets, which then have names.
        names in prop_oneof![Just(0), 1..300_u32],
        story in proptest::collection::vec((0..8_000_u64, twist()), 1..60),
    ) {
        let period = secs(60);
        let mut config = config(bytes, period, secs(1));
        if both {
            let budget = config.links[1].budget;
            config.links = vec![link("fiber", secs(1), 2, 1), link("lte", secs(1), 1, 2)];
            config.links[1].metered = true;
            config.links[1].budget = budget;
        }
        for target in &mut config.links[1].targets {
            target.look_up = names;
        }
        let mut simulation = simulation(config, seed);
        for (wait, twist) in &story {
            let (wait, woken) = (Duration::from_millis(*wait), simulation.wakeups);
            simulation.run_for(wait);
            prop_assert!(simulation.wakeups - woken < 300 * (wait.as_secs() + 1));
            apply(&mut simulation, twist);
        }
        heal(&mut simulation);
        simulation.run_for(secs(1_200));
        for link in [FIBER, LTE] {
            prop_assert!(matches!(verdict(&simulation, link), Verdict::Healthy | Verdict::Suspect), "{link:?}");
        }
        let worst = worst_window(&simulation, period);
        prop_assert!(worst <= bytes, "{worst} of {bytes}");
        let spent: u64 = simulation.costs.iter().filter(|(_, link, _)| *link == LTE).map(|(.., cost)| u64::from(*cost)).sum();
        prop_assert_eq!(simulation.core.snapshot().links[1].budget.unwrap().spent, spent);
    }
}

/// Forty days of a month's budget: a fiber that flaps, drops its carrier and loses packets, and LTE in use for days,
/// itself losing 3 %.
#[test]
fn a_month_of_bad_weather_keeps_to_the_budget() {
    let bytes = 5_000_000;
    let mut simulation = simulation(config(bytes, MONTH, secs(30)), 1);
    let mut lowest = u64::MAX;
    for day in 0..40_u32 {
        for hour in 0..24_u32 {
            // From day 10 to 14 LTE is in use; on every third day the fiber flaps for a minute each hour.
            let away = (10..14).contains(&day);
            let now = simulation.now();
            simulation.weather[1][0].loss = if away { 0.03 } else { 0.0 };
            simulation.weather[0][0].loss = if day % 5 == 4 { 0.05 } else { 0.0 };
            if away {
                simulation.weather[0][0].cut.get_or_insert(now);
            } else {
                simulation.weather[0][0].cut = None;
            }
            if day % 3 == 2 {
                for _ in 0..10 {
                    apply(&mut simulation, &Twist::Carrier(0, hour % 2 == 0));
                    simulation.run_for(secs(3));
                    apply(&mut simulation, &Twist::Carrier(0, true));
                    simulation.run_for(secs(3));
                }
            }
            simulation.run_for(secs(3_540));
            lowest = lowest.min(simulation.core.snapshot().links[1].budget.unwrap().reserve);
        }
    }
    let worst = worst_window(&simulation, MONTH);
    println!("{worst} bytes in the worst month, lowest reserve {lowest}");
    assert!(worst <= bytes, "{worst} of {bytes}");
    assert!(worst > bytes / 20, "the budget is used: {worst}");
    assert_eq!(
        (verdict(&simulation, FIBER), verdict(&simulation, LTE)),
        (Verdict::Healthy, Verdict::Healthy)
    );
}

/// Bytes that LTE cost in the last `time`.
fn cost_of_last(simulation: &Simulation, time: Duration) -> u64 {
    let from = simulation.now() - time;
    let last = simulation.costs.iter().filter(|(at, link, _)| *link == LTE && *at > from);
    last.map(|(.., cost)| u64::from(*cost)).sum()
}

#[test]
fn the_plan_tells_what_steady_probing_costs() {
    let time = secs(4 * 3_600);
    let told = |simulation: &Simulation, plan: shunt_decision::Steady| {
        let (spent, told) = (cost_of_last(simulation, time), plan.bytes_in(time));
        assert!(spent.abs_diff(told) <= told / 100, "{spent}, told {told}");
    };
    for budget in [None, Some(ProbeBudget { bytes: 100_000_000, period: MONTH })] {
        let mut config = config(0, MONTH, secs(1));
        config.links[1].budget = budget;
        let plan = Plan::of(&config.links[1]);
        if budget.is_some() {
            assert!(plan.in_use.bytes_in(MONTH) <= 67_500_000, "{plan:?}");
            assert_eq!(plan.in_use.interval, secs(7));
        } else {
            assert_eq!((plan.in_use.interval, plan.in_use.bytes_in(MONTH)), (secs(1), 456_192_000));
        }
        assert_eq!((plan.standing_by.interval, plan.standing_by.bytes_in(MONTH)), (secs(30), 15_206_400));
        let mut simulation = simulation(config, 1);
        simulation.run_for(time + secs(60));
        told(&simulation, plan.standing_by);
        apply(&mut simulation, &Twist::Carrier(0, false));
        simulation.run_for(time + secs(60));
        told(&simulation, plan.in_use);
    }
}

#[test]
fn a_suspicion_of_the_uplink_is_dense_and_the_move_as_fast_as_ever() {
    let mut simulation = simulation(config(100_000_000, MONTH, secs(1)), 1);
    simulation.run_for(secs(300));
    assert!(cost_of_last(&simulation, secs(240)) <= 18 * 88);
    let cut = simulation.now();
    simulation.weather[0][0].cut = Some(cut);
    simulation.run_for(secs(2));
    assert_eq!(simulation.uplink(Family::V4), Some(LTE));
    // The fiber is back in doubt of LTE, which is the uplink now and suspect: each target every second.
    simulation.weather[1][0].loss = 0.3;
    simulation.run_for(secs(60));
    assert!(cost_of_last(&simulation, secs(60)) > 60 * 2 * 88 / 2, "{}", cost_of_last(&simulation, secs(60)));
}

/// Spends what LTE's reserve holds, by suspicions and proofs without end.
fn spend(simulation: &mut Simulation) {
    for _ in 0..2_000 {
        apply(simulation, &Twist::Gap);
        simulation.run_for(Duration::from_millis(300));
        if state(simulation) == BudgetState::Empty {
            return;
        }
    }
    panic!("the reserve is still {:?}", simulation.core.snapshot().links[1].budget);
}

#[test]
fn what_was_not_asked_is_no_evidence_and_an_empty_reserve_moves_all_the_same() {
    // 36 kB a day: a reserve of 3.6 kB. Probes of LTE as the uplink spend it.
    let mut simulation = simulation(config(36_000, secs(86_400), secs(1)), 1);
    simulation.run_for(secs(60));
    apply(&mut simulation, &Twist::Carrier(0, false));
    spend(&mut simulation);
    let failed = |simulation: &Simulation| verdict(simulation, LTE) == Verdict::Failed;
    assert!(!failed(&simulation));
    // Its own suspicion waits for the refill, and is answered then.
    apply(&mut simulation, &Twist::Gap);
    simulation.run_for(secs(3_600));
    assert_eq!(verdict(&simulation, LTE), Verdict::Healthy);
    spend(&mut simulation);
    // What is left is for moves: the fiber returns, fails silently, and LTE is asked and proved at once.
    apply(&mut simulation, &Twist::Carrier(0, true));
    simulation.run_for(secs(200));
    assert_eq!(simulation.uplink(Family::V4), Some(FIBER));
    let cut = simulation.now();
    simulation.weather[0][0].cut = Some(cut);
    simulation.run_for(secs(3));
    assert_eq!(simulation.uplink(Family::V4), Some(LTE));
    let incident = simulation.core.snapshot().incidents.pop().unwrap();
    assert!(incident.verified.is_some(), "{incident:#?}");
}

#[test]
fn a_dead_uplink_is_found_dead_by_what_the_empty_reserve_refills() {
    let mut simulation = simulation(config(36_000, secs(86_400), secs(1)), 1);
    simulation.run_for(secs(60));
    apply(&mut simulation, &Twist::Carrier(0, false));
    spend(&mut simulation);
    simulation.weather[1][0].cut = Some(simulation.now());
    simulation.run_for(secs(12 * 3_600));
    assert_eq!(verdict(&simulation, LTE), Verdict::Failed);
}

#[test]
fn no_black_hole_is_found_later_than_told() {
    let rtt = Some(Duration::from_millis(10));
    for (interval, targets, quorum, bytes) in [
        (secs(1), 1, 1, None),
        (secs(1), 2, 1, None),
        (secs(1), 3, 2, None),
        (secs(1), 3, 3, None),
        (Duration::from_millis(100), 2, 1, None),
        (secs(5), 4, 2, None),
        (secs(1), 2, 1, Some(100_000_000)),
    ] {
        let mut config = two_links(interval);
        config.links[0] = link("fiber", interval, targets, 0);
        config.links[0].quorum = quorum;
        config.links[0].budget = bytes.map(|bytes| ProbeBudget { bytes, period: MONTH });
        let told = worst_detection(&config.links[0], rtt);
        let at_most = worst_detection(&config.links[0], None);
        let report = black_hole_detection_with(&config, 0.0, 60, 7);
        let found = report.percentile(100).unwrap();
        println!(
            "{interval:?} {targets} {quorum} {bytes:?}: found {found:?}, told {told:?}, at most {at_most:?}"
        );
        assert_eq!(report.missed, 0);
        // And it is no idle promise: the slowest of 60 comes near.
        assert!(found <= told && told <= at_most && found * 2 > told, "{found:?} {told:?} {at_most:?}");
    }
}
