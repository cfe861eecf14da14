//! Whether a link or its target is at fault, other links tell: what becomes of that where their budgets are spent.

use crate::budget::{FIBER, LTE, MONTH, Twist, apply, config, secs, simulation, state, verdict};
use crate::simulation::Simulation;
use shunt_decision::{BudgetState, Entry, Event, Family, Happening, Packets, Verdict};

#[test]
fn a_witness_of_the_uplink_is_asked_from_what_an_empty_reserve_keeps() {
    // The reserve of LTE holds 5 kB and refills too slowly to matter.
    let mut config = config(100_000, MONTH, secs(1));
    for link in &mut config.links {
        link.quorum = 2;
    }
    let mut simulation = simulation(config, 1);
    simulation.run_for(secs(40));
    let reserve = simulation.core.snapshot().links[1].budget.unwrap().reserve;
    let bytes = u32::try_from(reserve - 1_100).unwrap();
    simulation.tell(Event::Spent { link: LTE, bytes, packets: Packets::default() });
    assert_eq!(state(&simulation), BudgetState::Empty);
    for link in [0, 1] {
        apply(&mut simulation, &Twist::Gone(link, 1, true));
    }
    let before = simulation.entries.len();
    simulation.run_for(secs(60));
    let entries = &simulation.entries[before..];
    assert_eq!(simulation.uplink(Family::V4), Some(FIBER), "{entries:#?}");
    assert!(simulation.core.snapshot().incidents.is_empty(), "{entries:#?}");
}

/// Both links ask for both targets; one target goes silent on both while LTE's reserve is empty and refills at so many
/// bytes a second.
fn silent_target_with_an_empty_witness(refill: u64) -> Simulation {
    let mut config = config(refill * 86_400, secs(86_400), secs(1));
    for link in &mut config.links {
        link.quorum = 2;
    }
    let mut simulation = simulation(config, 1);
    simulation.run_for(secs(40));
    let bytes = u32::try_from(simulation.core.snapshot().links[1].budget.unwrap().reserve).unwrap();
    simulation.tell(Event::Spent { link: LTE, bytes, packets: Packets::default() });
    for link in [0, 1] {
        apply(&mut simulation, &Twist::Gone(link, 1, true));
    }
    simulation
}

#[test]
fn a_witness_of_the_uplink_is_waited_for_until_it_can_be_paid() {
    // Two rounds of 176 bytes are there in some 4 s.
    let mut simulation = silent_target_with_an_empty_witness(100);
    let before = simulation.entries.len();
    simulation.run_for(secs(60));
    let entries = &simulation.entries[before..];
    let blamed = |entry: &Entry| matches!(entry.what, Happening::Target { blamed: true, .. });
    assert!(entries.iter().any(blamed), "{entries:#?}");
    assert_eq!(simulation.uplink(Family::V4), Some(FIBER), "{entries:#?}");
    assert!(simulation.core.snapshot().incidents.is_empty(), "{entries:#?}");
}

#[test]
fn a_witness_of_the_uplink_that_cannot_be_paid_is_not_waited_for_long() {
    let mut simulation = silent_target_with_an_empty_witness(5);
    simulation.run_for(secs(9));
    assert_eq!(verdict(&simulation, FIBER), Verdict::Suspect);
    simulation.run_for(secs(4));
    assert_eq!(verdict(&simulation, FIBER), Verdict::Failed);
}

/// LTE stands by, with one of its two targets silent on both links; fiber, the only witness, has an empty reserve that
/// refills too slowly to matter.
fn standby_without_a_witness() -> Simulation {
    let mut config = config(100_000, MONTH, secs(1));
    config.links[0].budget = config.links[1].budget.take();
    config.links[1].metered = false;
    for link in &mut config.links {
        link.quorum = 2;
    }
    let mut simulation = simulation(config, 1);
    simulation.run_for(secs(40));
    simulation.core.set_balance(FIBER, 0);
    apply(&mut simulation, &Twist::Gone(1, 1, true));
    simulation.run_for(secs(60));
    assert_eq!(verdict(&simulation, LTE), Verdict::Suspect);
    simulation
}

#[test]
fn a_link_that_stands_by_waits_an_hour_for_its_witness() {
    let mut simulation = standby_without_a_witness();
    simulation.run_for(secs(3_600));
    assert_eq!(verdict(&simulation, LTE), Verdict::Failed);
}

#[test]
fn a_link_that_waits_for_its_witness_and_dies_is_seen_to_die() {
    let mut simulation = standby_without_a_witness();
    simulation.weather[1][0].cut = Some(simulation.now());
    simulation.run_for(secs(10));
    assert_eq!(verdict(&simulation, LTE), Verdict::Failed);
}
