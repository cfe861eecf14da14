//! A core that is written down and read again goes on as if nothing had been.

use crate::simulation::{Simulation, two_links};
use proptest::prelude::*;
use shunt_decision::{Event, Failover, LinkId};
use std::time::Duration;

fn again(core: &Failover) -> Failover {
    postcard::from_bytes(&postcard::to_allocvec(core).unwrap()).unwrap()
}

/// Some minutes with a black hole, noise and a lost carrier; the core is read again after the given seconds.
fn weather(seed: u64, at: &[u64]) -> Simulation {
    let mut simulation =
        Simulation::new(two_links(Duration::from_secs(1)), &[10, 40].map(Duration::from_millis), seed);
    simulation.keep_actions = true;
    for second in 0..120 {
        match second {
            20 => simulation.weather[0][0].cut = Some(simulation.now()),
            45 => simulation.weather[0][0].cut = None,
            70 => simulation.weather[0][0].loss = 0.4,
            80 => simulation.tell(Event::Carrier { link: LinkId(1), up: false, at: simulation.now() }),
            85 => simulation.tell(Event::Carrier { link: LinkId(1), up: true, at: simulation.now() }),
            _ => {}
        }
        if at.contains(&second) {
            simulation.core = again(&simulation.core);
        }
        simulation.run_for(Duration::from_secs(1));
    }
    simulation
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_core_that_was_written_down_goes_on_the_same(seed: u64, at in proptest::collection::vec(0..120_u64, 1..8)) {
        let (unbroken, broken) = (weather(seed, &[]), weather(seed, &at));
        prop_assert!(unbroken.entries.len() > 8, "{:?}", unbroken.entries);
        prop_assert_eq!(unbroken.log, broken.log);
        prop_assert_eq!(unbroken.core.snapshot(), broken.core.snapshot());
    }
}

#[test]
fn the_facts_put_a_new_core_where_the_old_one_stood() {
    let simulation = weather(3, &[]);
    let mut new = Failover::new(two_links(Duration::from_secs(1)), 3, simulation.now());
    for fact in simulation.core.facts() {
        new.handle_event(fact, simulation.now());
    }
    let (old, new) = (simulation.core.snapshot(), new.snapshot());
    assert_eq!(old.uplink, new.uplink);
    assert_eq!(old.links[1].carrier, new.links[1].carrier);
}
