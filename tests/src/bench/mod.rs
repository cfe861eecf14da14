//! `cargo lab bench`: the figures of `tests/MEASURED.md`, each with its runs and spread.

mod accuracy;
mod beside;
mod cost;
mod figure;
mod floor;
mod gaps;
mod modem;
mod moment;
mod moves;
mod stall;

pub use figure::{Figure, Statistic, Unit};
pub use floor::{FLOOR, floor_main};

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
    /// The same while users' packets are answered, and while there are none.
    Stall,
    /// CPU time per probe and memory.
    Cost,
    /// Reported RTT against a packet capture.
    Accuracy,
    /// Forced switches under load.
    Moves,
    /// A command's round trip to a modem, and how long a bearer takes.
    Modem,
}

impl Group {
    /// All groups and their names on the command line.
    pub const ALL: [(&'static str, Self); 7] = [
        ("carrier", Self::Carrier),
        ("black-hole", Self::BlackHole),
        ("stall", Self::Stall),
        ("cost", Self::Cost),
        ("accuracy", Self::Accuracy),
        ("moves", Self::Moves),
        ("modem", Self::Modem),
    ];
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Outages per figure; other figures have as many samples as they need.
    pub runs: u32,
    /// Rounds of CPU time, each of the agent and of those beside it.
    pub rounds: u32,
    /// Simulated days.
    pub days: u32,
}

impl Extent {
    /// What `tests/MEASURED.md` shows.
    pub const FULL: Self = Self { runs: 20, rounds: 5, days: 100 };
    /// Enough to see that all of it works.
    pub const QUICK: Self = Self { runs: 3, rounds: 2, days: 10 };
}

/// Where results and progress go.
pub struct Desk<'a> {
    /// Takes each figure as soon as it is there.
    pub show: &'a mut dyn FnMut(&Figure),
    /// Takes what is being done now.
    pub progress: &'a mut dyn FnMut(&str),
}

impl Desk<'_> {
    fn doing(&mut self, what: &str) {
        (self.progress)(what);
    }
}

impl std::fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Measures one group.
///
/// # Errors
/// When something that is to be measured did not happen at all.
pub fn measure(program: &Program, group: Group, extent: Extent, desk: &mut Desk<'_>) -> Result<()> {
    match group {
        Group::Carrier => gaps::carrier(program, extent.runs, desk),
        Group::BlackHole => {
            gaps::black_hole(program, extent.runs, desk)?;
            for interval in [Duration::from_secs(1), Duration::from_millis(100)] {
                let figure = false_switches(interval, extent.days, desk);
                (desk.show)(&figure);
            }
            Ok(())
        }
        Group::Stall => stall::measure(program, extent.runs, desk),
        Group::Cost => cost::measure(program, extent.rounds, desk),
        Group::Accuracy => accuracy::measure(desk),
        Group::Moves => moves::measure(program, desk),
        Group::Modem => modem::measure(extent.runs, desk),
    }
}

/// The price of fast detection belongs beside it. A simulation is single-threaded: several with seeds of their own
/// share the days and the cores.
fn false_switches(interval: Duration, days: u32, desk: &mut Desk<'_>) -> Figure {
    const LOSS: f64 = 0.01;
    /// Days of one simulation.
    const STRETCH: u32 = 5;
    const WORKERS: u64 = 2;
    let seeds = u64::from(days.div_ceil(STRETCH));
    let (tell, told) = std::sync::mpsc::channel();
    let mut switches = 0;
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let tell = tell.clone();
            scope.spawn(move || {
                for seed in (1..=seeds).filter(|seed| seed % WORKERS == worker) {
                    let report = simulation::false_switches(STRETCH, interval, LOSS, seed);
                    let _nobody_listens = tell.send(report.false_switches);
                }
            });
        }
        drop(tell);
        for (done, found) in (1..).zip(told) {
            switches += found;
            desk.doing(&format!("simulated {} of {days} days, {interval:?} interval", done * STRETCH));
        }
    });
    let what = format!(
        "false switches in {} simulated days ({seeds} seeds × {STRETCH} days) at 1 % loss, {interval:?} interval",
        seeds * u64::from(STRETCH)
    );
    Figure::new(what, Unit::Count, &[(Statistic::Worst, 0.0)]).with(switches as f64)
}

/// An agent all of whose links are healthy, with the first as the uplink.
fn settled(program: &Program, lab: &Lab, config: &AgentConfig) -> Result<Agent> {
    let agent = Agent::start(program, &lab.gateway, config)?;
    settle(&agent, lab)?;
    Ok(agent)
}

/// Waits for that state.
fn settle(agent: &Agent, lab: &Lab) -> Result<()> {
    const SETTLING: Duration = Duration::from_secs(60);
    let first = lab.uplinks.first().map(|uplink| uplink.name().to_owned());
    let healthy = agent.wait_for("all links healthy", SETTLING, |status| {
        status.uplink.v4 == first && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
    });
    healthy.map(drop)
}

fn missing(what: &str) -> LabError {
    LabError::Garbled { reading: what.to_owned(), fault: "it is not there".into() }
}
