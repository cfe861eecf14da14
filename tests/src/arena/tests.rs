//! A short contest, as it is held at length by `cargo run --release -p shunt-lab --bin arena`.

use super::trace::Trace;
use super::weather::{Arrival, Climate, Effect, Kind, Length};
use super::*;
use std::sync::Arc;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One percent of loss, an outage about every ten minutes, an LTE link behind it.
fn busy() -> Plan {
    let outages = Kind {
        effect: Effect::Loss,
        arrival: Arrival::Random(Duration::from_secs(600)),
        length: Length::LogUniform(ms(200), Duration::from_secs(300)),
        depth: (1.0, 1.0),
    };
    let primary = Climate { rtt: ms(12), jitter: ms(2), loss: 0.01, kinds: vec![outages], trace: None };
    let backup = Climate { rtt: ms(40), jitter: ms(8), loss: 0.002, kinds: Vec::new(), trace: None };
    Plan { name: "busy".into(), climates: vec![primary, backup] }
}

/// A recorded link of ten seconds with a gap of two.
fn tiny_trace() -> Arc<Trace> {
    let text: String = (0..8_000).step_by(20).chain([10_000]).map(|time| format!("{time}\n")).collect();
    let deliveries = trace::Deliveries::parse(text.as_bytes(), "tiny").unwrap();
    Arc::new(Trace { name: "tiny".into(), up: deliveries.clone(), down: deliveries })
}

#[test]
fn at_an_equal_budget_a_fixed_count_has_neither_fewer_outage_seconds_nor_fewer_false_failovers() {
    let round = hold(&busy(), Duration::from_secs(6 * 3_600), 11);
    println!("{}", table::render(&round));
    let (ours, equal) = (&round.outcomes[0], round.outcomes.last().unwrap());
    assert_eq!(ours.contestant, Contestant::Shunt);
    assert!(matches!(equal.contestant, Contestant::FixedCount(_)));
    assert!(ours.tally.detections.len() > 10, "{ours:?}");
    assert_eq!(ours.tally.missed, 0);
    assert!(equal.tally.bytes.abs_diff(ours.tally.bytes) < ours.tally.bytes / 50, "{equal:?}");
    assert!(ours.tally.outage <= equal.tally.outage, "{ours:?} {equal:?}");
    assert!(ours.tally.false_failovers <= equal.tally.false_failovers, "{ours:?} {equal:?}");
}

#[test]
fn the_same_seed_gives_the_same_table_and_every_scenario_has_all_contestants() {
    let plans = scenarios::all(&[tiny_trace()]);
    let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
    assert!(names.contains(&"fiber, tiny behind") && names.contains(&"tiny, LTE behind"), "{names:?}");
    let held = |seed| hold_all(&plans, Duration::from_secs(600), seed, &|_| {});
    let rounds = held(3);
    assert_eq!(rounds, held(3));
    assert_ne!(rounds, held(4));
    assert_eq!(rounds.len(), plans.len());
    for (round, plan) in rounds.iter().zip(&plans) {
        assert_eq!(round.name, plan.name);
        assert_eq!(round.outcomes.len(), Contestant::PEERS.len() + 2);
        assert!(round.outcomes.iter().all(|outcome| outcome.tally.bytes > 0));
    }
    let all = table::together(&rounds);
    assert_eq!(table::render(&all).lines().count(), 2 + Contestant::PEERS.len() + 2);
    // The recording stands still for two seconds in ten, whatever anybody does.
    let recorded = rounds.iter().find(|round| round.name == "tiny, LTE behind").unwrap();
    assert!(recorded.outcomes[1].tally.outage > Duration::from_secs(100), "{recorded:?}");
}
