//! The arena: our detector against the rules of its peers, in the same weather, judged by the ground truth.
//!
//! [`weather`] draws what happens to every packet on every link, from one seed; [`contest`] lets one set of [`rules`]
//! probe it and move; [`score`] judges the moves (its documentation defines an outage and a false failover); [`table`]
//! shows the sums, and names each figure in which a peer is better for no more probe bytes. Everything is simulated:
//! the same command line gives the same table.

pub mod contest;
mod program;
pub mod rules;
pub mod scenarios;
pub mod score;
pub mod table;
pub mod trace;
pub mod weather;

pub use program::arena_main;

use contest::Record;
use rules::{Contestant, Pace};
use score::{Judge, Tally};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use weather::{Plan, Sky};

/// One contestant's result in one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Who.
    pub contestant: Contestant,
    /// How well.
    pub tally: Tally,
}

/// The results of one scenario, ours first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The scenario's name.
    pub name: String,
    /// One for each contestant, in the order of the table.
    pub outcomes: Vec<Outcome>,
}

/// Holds the contest in one scenario.
#[must_use]
pub fn hold(plan: &Plan, length: Duration, seed: u64) -> Round {
    let sky = plan.draw(length, seed);
    let judge = Judge::new(&sky);
    let entry = |contestant: Contestant, record: &Record| Outcome { contestant, tally: judge.score(record) };
    let ours = perform(&sky, Contestant::Shunt);
    let mut outcomes = vec![entry(Contestant::Shunt, &ours)];
    for peer in Contestant::PEERS {
        outcomes.push(entry(peer, &perform(&sky, peer)));
    }
    let (pace, record) = at_equal_budget(&sky, ours.bytes);
    outcomes.push(entry(Contestant::FixedCount(pace), &record));
    Round { name: plan.name.clone(), outcomes }
}

fn perform(sky: &Sky, contestant: Contestant) -> Record {
    contest::run(sky, &|air| contestant.rules(air))
}

/// How long our core takes for so many hours of the first scenario, with nothing else to do.
fn core_alone(hours: u64) -> Duration {
    let Some(plan) = scenarios::all(&[]).into_iter().next() else { return Duration::ZERO };
    let sky = plan.draw(Duration::from_secs(hours * 3_600), 1);
    let begun = Instant::now();
    let _only_the_time_matters = perform(&sky, Contestant::Shunt);
    begun.elapsed()
}

/// The fixed count at the pace at which it spends what we spent.
fn at_equal_budget(sky: &Sky, budget: u64) -> (Pace, Record) {
    /// Its own moves change what it spends, so that the pace is found by trying; two corrections come within a percent.
    const TRIES: u32 = 3;
    let mut pace = Pace::NOMINAL;
    let mut record = perform(sky, Contestant::FixedCount(pace));
    for _ in 1..TRIES {
        pace = pace.for_budget(budget, record.bytes);
        record = perform(sky, Contestant::FixedCount(pace));
    }
    (pace, record)
}

/// Holds the contest in all scenarios, one on each processor; `done` hears of each that has ended.
#[must_use]
pub fn hold_all(plans: &[Plan], length: Duration, seed: u64, done: &(dyn Fn(&str) + Sync)) -> Vec<Round> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(plans.len());
    let next = AtomicUsize::new(0);
    let rounds = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((place, plan)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    plans.get(place).map(|plan| (place, plan))
                } {
                    // Each scenario has a seed of its own, the same whatever others are held.
                    let round = hold(plan, length, seed ^ name_seed(&plan.name));
                    done(&plan.name);
                    let mut rounds = rounds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    rounds.push((place, round));
                }
            });
        }
    });
    let mut rounds = rounds.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rounds.sort_by_key(|(place, _)| *place);
    rounds.into_iter().map(|(_, round)| round).collect()
}

/// FNV-1a, 64 bits.
fn name_seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
