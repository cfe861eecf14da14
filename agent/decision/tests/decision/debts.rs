//! Pages may take more than a link's budget holds: what it then owes holds back probes, not moves, and soon no more pages
//! are asked for than it can pay.

use crate::budget::{FIBER, LTE, MONTH, config, secs, simulation, state};
use crate::simulation::Simulation;
use shunt_decision::{
    BudgetState, Command, Config, Entry, Event, FailbackMode, Family, Force, Happening, Packets,
};
use std::time::Duration;

/// LTE owes so many bytes, or cannot pay for a single probe, and is not asked before it is needed.
fn in_debt(config: Config, owed: u32, warm: Duration) -> Simulation {
    let mut simulation = simulation(config, 1);
    if warm.is_zero() {
        simulation.core.set_balance(LTE, -i64::from(owed));
    }
    simulation.run_for(warm);
    let reserve = u32::try_from(simulation.core.balance(LTE).unwrap().max(0)).unwrap();
    if !warm.is_zero() {
        simulation.tell(Event::Spent { link: LTE, bytes: reserve + owed, packets: Packets::default() });
    }
    simulation
}

#[test]
fn neither_a_debt_nor_an_empty_bucket_keeps_a_move_back() {
    for (owed, warm) in [(0, 60), (40_000, 60), (4_000_000, 60), (0, 0), (40_000, 0)] {
        let mut simulation = in_debt(config(1_000_000, MONTH, secs(1)), owed, secs(warm));
        simulation.run_for(secs(5));
        let before = simulation.costs.len();
        assert_eq!(simulation.uplink(Family::V4), Some(FIBER));
        simulation.weather[0][0].cut = Some(simulation.now());
        simulation.run_for(secs(3));
        assert_eq!(simulation.uplink(Family::V4), Some(LTE), "{owed} owed after {warm} s");
        let stranded = |entry: &Entry| matches!(entry.what, Happening::Stranded { .. });
        assert!(!simulation.entries.iter().any(stranded), "{:#?}", simulation.entries);
        // Nothing was sent that could not be paid.
        assert!(simulation.costs.iter().skip(before).all(|(_, link, _)| *link != LTE));
    }
}

#[test]
fn a_link_that_was_moved_to_unasked_is_left_early_for_one_that_answers() {
    // Whatever the mode of the failback: what was never heard may carry nothing, and cannot be asked for days.
    for mode in [FailbackMode::Auto, FailbackMode::Window, FailbackMode::Manual] {
        let mut config = config(1_000_000, MONTH, secs(1));
        config.failback.hold_down = secs(300);
        config.failback.mode = mode;
        let mut simulation = in_debt(config, 400_000, secs(60));
        for weather in 0..2 {
            simulation.weather[weather][0].cut = Some(simulation.now());
        }
        simulation.run_for(secs(3));
        assert_eq!(simulation.uplink(Family::V4), Some(LTE));
        simulation.weather[0][0].cut = None;
        simulation.run_for(secs(70));
        assert_eq!(simulation.uplink(Family::V4), Some(FIBER), "{mode:?}");
    }
}

#[test]
fn a_dead_link_under_a_lease_is_given_up_for_one_that_cannot_be_asked() {
    let mut simulation = in_debt(config(1_000_000, MONTH, secs(1)), 400_000, secs(60));
    simulation.tell(Event::Command(Command::Force(Force { link: FIBER, strict: false, until: None })));
    simulation.run_for(secs(5));
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(secs(3));
    assert_eq!(simulation.uplink(Family::V4), Some(LTE));
}

#[test]
fn a_steady_probe_that_could_not_be_paid_is_sent_as_soon_as_it_can_be() {
    // 0.35 bytes a second: the debt and a probe of 88 are there in 600 s; the stretched pace is a probe in 2,700 s.
    let mut simulation = in_debt(config(1_000_000, MONTH, secs(1)), 120, secs(60));
    let before = simulation.costs.len();
    let asked = |simulation: &Simulation| {
        simulation.costs.iter().skip(before).filter(|(_, link, _)| *link == LTE).count()
    };
    simulation.run_for(secs(590));
    assert_eq!(asked(&simulation), 0);
    simulation.run_for(secs(60));
    assert_eq!(asked(&simulation), 1);
    // And the pace is kept to all the same.
    simulation.run_for(secs(1_000));
    assert_eq!(asked(&simulation), 1);
}

/// Runs for so long; each probe over LTE then takes so many times its price more.
fn run_with_pages(simulation: &mut Simulation, time: Duration, times: u32) {
    let (end, mut seen) = (simulation.now() + time, simulation.costs.len());
    while simulation.now() < end {
        simulation.run_for(secs(1));
        let new = simulation.costs.iter().skip(seen).filter(|(_, link, _)| *link == LTE);
        let bytes = new.map(|(_, _, cost)| cost * times).sum();
        seen = simulation.costs.len();
        if bytes > 0 {
            simulation.tell(Event::Spent { link: LTE, bytes, packets: Packets::default() });
        }
    }
}

#[test]
fn pages_that_take_many_times_their_price_leave_enough_for_suspicions() {
    for times in [2, 8, 20] {
        // By its price alone, a probe a second would take a fifth of the budget.
        let mut simulation = simulation(config(20 * 88 * 3_600, secs(3_600), secs(1)), 1);
        simulation.tell(Event::Carrier { link: FIBER, up: false, at: simulation.now() });
        run_with_pages(&mut simulation, secs(10 * 3_600), times);
        assert_eq!(simulation.uplink(Family::V4), Some(LTE));
        let budget = simulation.core.snapshot().links[1].budget.unwrap();
        assert_eq!((state(&simulation), budget.owed), (BudgetState::Kept, 0), "{times} times: {budget:?}");
    }
}
