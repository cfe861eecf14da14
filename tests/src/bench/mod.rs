//! `cargo lab bench`: the figures that the README shows, each with its runs and spread.

mod accuracy;
mod cost;
mod figure;
mod gaps;
mod moves;

pub use figure::{Figure, Unit};

use crate::agent::{Agent, AgentConfig, Program};
use crate::error::{LabError, Result};
use crate::simulation;
use crate::topology::Lab;
use shunt::api::types::Verdict;
use std::time::Duration;

/// One group of figures that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Gap in the client's stream on carrier loss.
    Carrier,
    /// Gap in the client's stream in a silent black hole.
    BlackHole,
    /// CPU time per probe and memory.
    Cost,
    /// Reported RTT against a packet capture.
    Accuracy,
    /// Forced switches under load.
    Moves,
}

impl Group {
    /// All groups and their names on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("carrier", Self::Carrier),
        ("black-hole", Self::BlackHole),
        ("cost", Self::Cost),
        ("accuracy", Self::Accuracy),
        ("moves", Self::Moves),
    ];
}

/// Measures one group. `runs` is the number of outages; other figures have as many samples as they need. Each figure
/// goes to `show` as soon as it is there.
///
/// # Errors
/// When something that is to be measured did not happen at all.
pub fn measure(program: &Program, group: Group, runs: u32, show: &mut dyn FnMut(&Figure)) -> Result<()> {
    match group {
        Group::Carrier => gaps::carrier(program, runs, show),
        Group::BlackHole => {
            gaps::black_hole(program, runs, show)?;
            for interval in [Duration::from_secs(1), Duration::from_millis(100)] {
                show(&false_switches(interval));
            }
            Ok(())
        }
        Group::Cost => cost::measure(program, show),
        Group::Accuracy => accuracy::measure(show),
        Group::Moves => moves::measure(program, show),
    }
}

/// The price of fast detection belongs beside it.
fn false_switches(interval: Duration) -> Figure {
    const DAYS: u32 = 100;
    const LOSS: f64 = 0.01;
    const SEED: u64 = 1;
    let report = simulation::false_switches(DAYS, interval, LOSS, SEED);
    let what = format!("false switches in {DAYS} simulated days at 1 % loss, {interval:?} interval");
    Figure::new(what, Unit::Count, "0").with(report.false_switches as f64)
}

/// An agent all of whose links are healthy, with the first as the uplink.
fn settled(program: &Program, lab: &Lab, config: &AgentConfig) -> Result<Agent> {
    const SETTLING: Duration = Duration::from_secs(60);
    let agent = Agent::start(program, &lab.gateway, config)?;
    let first = lab.uplinks.first().map(|uplink| uplink.name().to_owned());
    agent.wait_for("all links healthy", SETTLING, |status| {
        status.uplink.v4 == first && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
    })?;
    Ok(agent)
}

fn missing(what: &str) -> LabError {
    LabError::Garbled { reading: what.to_owned(), fault: "it is not there".into() }
}
