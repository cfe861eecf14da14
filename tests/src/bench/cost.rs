//! CPU time per probe and memory, of the running agent as the kernel accounts for it.

use super::{Figure, Unit, missing, settled};
use crate::agent::{Agent, AgentConfig, Program};
use crate::error::{Doing, Result};
use crate::relay::Policy;
use crate::sys;
use crate::topology::{Lab, MAX_UPLINKS, Plan, TARGETS_V4, UplinkPlan};
use std::fs;
use std::time::Duration;

/// A window in which probes and CPU time are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Windows per figure.
const WINDOWS: u32 = 5;
/// After settling the agent is in its steady state; memory is what it has by then.
const WARM_UP: Duration = Duration::from_secs(3);

pub(super) fn measure(program: &Program, show: &mut dyn FnMut(&Figure)) -> Result<()> {
    for (links, targets, goal) in [(2, 2, "≤ 50"), (MAX_UPLINKS, 3, "≤ 20")] {
        let (lab, agent) = quiet_agent(program, links, targets)?;
        let what = format!("CPU per probe, {links} links × {targets} targets, 1 s interval");
        let mut figure = Figure::new(what, Unit::Micros, goal);
        for _ in 0..WINDOWS {
            let (probes, time) = (agent.status()?.counters.probes, cpu_time(&agent)?);
            pause(WINDOW);
            let time = cpu_time(&agent)?.saturating_sub(time);
            let probes = agent.status()?.counters.probes - probes;
            figure.add(time.as_secs_f64() * 1e6 / probes.max(1) as f64);
        }
        show(&figure);
        drop((agent, lab));
    }
    let (_lab, agent) = quiet_agent(program, 4, 3)?;
    let memory = Figure::new("resident memory, 4 links × 3 targets", Unit::Mebibytes, "≤ 8");
    show(&memory.with(resident(&agent)?));
    Ok(())
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

/// User and system time of all threads, in nanoseconds' resolution (`utime` of `stat` has hundredths of a second).
fn cpu_time(agent: &Agent) -> Result<Duration> {
    let tasks = format!("/proc/{}/task", agent.process());
    let reading = || format!("read {tasks}");
    let mut total = Duration::ZERO;
    for task in fs::read_dir(&tasks).doing(reading)? {
        let path = task.doing(reading)?.path().join("schedstat");
        let text = fs::read_to_string(path).doing(reading)?;
        let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
        total += Duration::from_nanos(nanos.ok_or_else(|| missing("a thread's CPU time"))?);
    }
    Ok(total)
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

fn pause(time: Duration) {
    sys::sleep_until(sys::monotonic() + u64::try_from(time.as_nanos()).unwrap_or(0));
}
