//! What simulations of two links come to: mistaken moves in calm weather, and how long black holes went unnoticed.

use super::{Simulation, two_links};
use shunt_decision::{Config, Entry, Happening, Plan};
use std::time::Duration;

/// What a long calm simulation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulationReport {
    /// Probes sent.
    pub probes: u64,
    /// Times that the loop was woken.
    pub wakeups: u64,
    /// Confirm bursts: suspicions that proved unfounded, as both links were alive all the time.
    pub bursts: u64,
    /// Moves of the uplink, each of them a mistake.
    pub false_switches: u64,
}

/// Runs two links that both lose `loss` (from 0 to 1) of their probes at random, and counts mistaken moves.
#[must_use]
pub fn false_switches(days: u32, interval: Duration, loss: f64, seed: u64) -> SimulationReport {
    let rtts = [Duration::from_millis(10), Duration::from_millis(40)];
    let mut simulation = Simulation::new(two_links(interval), &rtts, seed);
    for weather in simulation.weather.iter_mut().flatten() {
        weather.loss = loss;
    }
    for _ in 0..days {
        simulation.run_for(Duration::from_secs(86_400));
    }
    let moved = |entry: &&Entry| matches!(entry.what, Happening::Uplink { from: Some(_), .. });
    let counters = simulation.core.snapshot().counters;
    SimulationReport {
        probes: counters.probes,
        wakeups: simulation.wakeups,
        bursts: counters.bursts,
        false_switches: simulation.entries.iter().filter(moved).count() as u64,
    }
}

/// How long black holes went unnoticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionReport {
    /// From the beginning of the black hole to the ranking, the shortest first.
    pub times: Vec<Duration>,
    /// Black holes that were never noticed.
    pub missed: u32,
}

impl DetectionReport {
    /// The time that `percent` of the black holes did not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let last = self.times.len().checked_sub(1)?;
        self.times.get(last * percent / 100).copied()
    }
}

/// Cuts the first of two links silently, at a random moment, `runs` times, while `users` packets a second go each way.
#[must_use]
pub fn black_hole_detection(interval: Duration, users: f64, runs: u32, seed: u64) -> DetectionReport {
    black_hole_detection_with(&two_links(interval), users, runs, seed)
}

/// The same with links of any kind; the first two have round trips of 10 and 40 ms.
#[must_use]
pub fn black_hole_detection_with(config: &Config, users: f64, runs: u32, seed: u64) -> DetectionReport {
    let rtts = [Duration::from_millis(10), Duration::from_millis(40)];
    let cycle = config.links.first().map_or(Duration::ZERO, |link| Plan::of(link).in_use.interval);
    let mut report = DetectionReport { times: Vec::new(), missed: 0 };
    for run in 0..runs {
        let mut simulation = Simulation::new(config.clone(), &rtts, seed + u64::from(run));
        for weather in simulation.weather.iter_mut().filter_map(|families| families.first_mut()) {
            weather.users = users;
        }
        simulation.run_for(Duration::from_secs(30).max(cycle * 4));
        let phase = simulation.chance();
        simulation.run_for(cycle.mul_f64(phase));
        let zero = simulation.now();
        if let Some(weather) = simulation.weather.iter_mut().flatten().next() {
            weather.cut = Some(zero);
        }
        simulation.run_for(Duration::from_secs(10).max(cycle * 2));
        let moved = simulation
            .entries
            .iter()
            .find(|entry| matches!(entry.what, Happening::Uplink { from: Some(_), .. }));
        match moved {
            Some(entry) => report.times.push(entry.at.since(zero)),
            None => report.missed += 1,
        }
    }
    report.times.sort_unstable();
    report
}
