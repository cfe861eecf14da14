//! CPU time per probe and memory, of the running agent as the kernel accounts for it; and beside it, in the same network
//! and in turns, the bare loop, which shows what this machine asks of anybody, and fping.

use super::beside::{Sample, Series, Usage, WINDOW, floor, fping, pause};
use super::floor::{Leg, Schedule};
use super::{Desk, Figure, Statistic, Unit, missing, settle, settled};
use crate::agent::{Agent, AgentConfig, Program};
use crate::error::{Doing, LabError, Result};
use crate::relay::Policy;
use crate::topology::{Lab, MAX_UPLINKS, Plan, TARGETS_V4, UplinkPlan};
use std::fs;
use std::net::IpAddr;
use std::time::Duration;

/// After settling the agent is in its steady state; memory is what it has by then.
const WARM_UP: Duration = Duration::from_secs(3);

pub(super) fn measure(program: &Program, rounds: u32, desk: &mut Desk<'_>) -> Result<()> {
    for (links, targets, goal) in [(2, 2, 50.0), (MAX_UPLINKS, 3, 20.0)] {
        let what = format!("CPU per probe, {links} links × {targets} targets, 1 s interval");
        desk.doing(&format!("{what}: builds the network"));
        let (lab, mut agent) = quiet_agent(program, links, targets)?;
        let legs = legs(&lab, &agent)?;
        let mut table = Table::new(what.clone(), goal);
        for round in 1..=rounds {
            desk.doing(&format!("{what}, round {round} of {rounds}"));
            if round > 1 {
                agent.start_again()?;
                settle(&agent, &lab)?;
                pause(WARM_UP);
            }
            let sample = window(&agent)?;
            // Killed, it leaves its rules and tables: the others' packets take the same way as its own did. Alive, it
            // would also read their replies.
            agent.kill()?;
            table.add_round(sample, &lab, &legs, targets)?;
        }
        for figure in table.figures(&format!("{links} × {targets}")) {
            (desk.show)(&figure);
        }
    }
    desk.doing("resident memory");
    let (_lab, agent) = quiet_agent(program, 4, 3)?;
    let memory =
        Figure::new("resident memory, 4 links × 3 targets", Unit::Mebibytes, &[(Statistic::Worst, 8.0)]);
    (desk.show)(&memory.with(resident(&agent)?));
    Ok(())
}

/// The agent's samples and those of the programs beside it, round by round.
struct Table {
    agent: Series,
    loops: [(Schedule, Series); 3],
    fping: Option<Series>,
    to_loop: Figure,
    to_fping: Figure,
}

impl Table {
    fn new(what: String, goal: f64) -> Self {
        let series = |what: &str| Series::new(Figure::new(what, Unit::Micros, &[]));
        Self {
            agent: Series::new(Figure::new(what, Unit::Micros, &[(Statistic::Median, goal)])),
            loops: Schedule::ALL.map(|schedule| {
                let what = match schedule {
                    Schedule::Prompt => "bare loop on the agent's schedule",
                    Schedule::Even => "bare loop, replies read at the next tick",
                    Schedule::Together => "bare loop, all of a second at once, replies read a second later",
                };
                (schedule, series(what))
            }),
            fping: Some(series("fping, a process for each link")),
            to_loop: Figure::new("agent : bare loop on its schedule", Unit::Ratio, &[]),
            to_fping: Figure::new("agent : fping", Unit::Ratio, &[]),
        }
    }

    /// Measures the others, right after the agent, so that all of a round meet the same weather.
    fn add_round(&mut self, agent: Sample, lab: &Lab, legs: &[Leg], targets: usize) -> Result<()> {
        self.agent.add(agent);
        for (schedule, series) in &mut self.loops {
            let sample = floor(lab, legs, targets, *schedule)?;
            series.add(sample);
            if *schedule == Schedule::Prompt {
                self.to_loop.add(agent.per_probe / sample.per_probe);
            }
        }
        if let Some(series) = &mut self.fping {
            match fping(lab, targets)? {
                Some(sample) => {
                    series.add(sample);
                    self.to_fping.add(agent.per_probe / sample.per_probe);
                }
                None => self.fping = None,
            }
        }
        Ok(())
    }

    fn figures(self, case: &str) -> Vec<Figure> {
        let mut figures = vec![self.agent.figure()];
        figures.extend(self.loops.into_iter().map(|(_, series)| series.figure()));
        figures.push(self.to_loop);
        match self.fping {
            Some(series) => figures.extend([series.figure(), self.to_fping]),
            None => {
                let what = "fping: not installed (Debian: apt-get install fping)";
                figures.push(Figure::new(what, Unit::Micros, &[]));
            }
        }
        for figure in figures.iter_mut().skip(1) {
            figure.what.insert_str(0, &format!("{case}: "));
        }
        figures
    }
}

/// One window of the agent, which counts its probes itself.
fn window(agent: &Agent) -> Result<Sample> {
    // Asking costs the agent CPU time, too: it is asked outside of the window.
    let (probes, before) = (agent.status()?.counters.probes, Usage::of(agent.process())?);
    pause(WINDOW);
    let after = Usage::of(agent.process())?;
    let probes = agent.status()?.counters.probes - probes;
    Ok(after.since(before, probes as f64))
}

/// How the agent binds the probes of each link.
fn legs(lab: &Lab, agent: &Agent) -> Result<Vec<Leg>> {
    let path = agent.config_file();
    let config = shunt_config::load(&path).map_err(|error| LabError::Garbled {
        reading: path.display().to_string(),
        fault: error.to_string(),
    })?;
    let leg = |(place, uplink): (usize, &crate::topology::Uplink)| match uplink.addresses() {
        [IpAddr::V4(source), _] => {
            let mark = config.kernel.link_mark(place);
            Ok(Leg { interface: uplink.interface().to_owned(), source, mark })
        }
        _ => Err(missing("an uplink's IPv4 address")),
    };
    lab.uplinks.iter().enumerate().map(leg).collect()
}

fn quiet_agent(program: &Program, links: usize, targets: usize) -> Result<(Lab, Agent)> {
    // Behind relays: on a direct pair the kernel would forward, answer and deliver each echo within the agent's own
    // system call, and two routers and the far end would be counted as the agent's.
    let policy = Policy::delay(Duration::from_millis(5));
    let uplink = |number| UplinkPlan::relayed(&format!("wan{number}"), policy.clone());
    let uplinks = (0..links).map(uplink).collect();
    let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 1 })?;
    let mut config = AgentConfig::new(&lab);
    config.targets = TARGETS_V4.iter().take(targets).map(ToString::to_string).collect();
    let agent = settled(program, &lab, &config)?;
    pause(WARM_UP);
    Ok((lab, agent))
}

/// `VmRSS`, in MiB.
fn resident(agent: &Agent) -> Result<f64> {
    let path = format!("/proc/{}/status", agent.process());
    let text = fs::read_to_string(&path).doing(|| format!("read {path}"))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| missing("the agent's resident memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_has_a_row_that_says_so() {
        let mut table = Table::new("CPU per probe".into(), 50.0);
        table.agent.add(Sample { per_probe: 40.0, wake_ups: 4.0 });
        table.fping = None;
        let rows: Vec<String> = table.figures("2 × 2").iter().map(ToString::to_string).collect();
        assert_eq!(
            rows.first().unwrap(),
            "| CPU per probe (4.0 wake-ups a second) | 1 | 40.0 µs | – | – | ≤ 50 | met |"
        );
        let missing = "| 2 × 2: fping: not installed (Debian: apt-get install fping) | – | – | – | – | – | not measured |";
        assert_eq!(rows.last().unwrap(), missing);
    }
}
