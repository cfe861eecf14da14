//! CPU time per probe and memory, of the running agent as the kernel accounts for it, and of fping beside it.

use super::{Desk, Figure, Statistic, Unit, missing, settled};
use crate::agent::{Agent, AgentConfig, Program};
use crate::error::{Doing, Result};
use crate::relay::Policy;
use crate::sys;
use crate::topology::{Lab, MAX_UPLINKS, Plan, TARGETS_V4, UplinkPlan};
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A window in which probes and CPU time are counted.
const WINDOW: Duration = Duration::from_secs(6);
/// Windows per figure.
const WINDOWS: u32 = 5;
/// After settling the agent is in its steady state; memory is what it has by then.
const WARM_UP: Duration = Duration::from_secs(3);

/// The interval of all targets, here as by default.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn measure(program: &Program, desk: &mut Desk<'_>) -> Result<()> {
    for (links, targets, goal) in [(2, 2, 50.0), (MAX_UPLINKS, 3, 20.0)] {
        let what = format!("CPU per probe, {links} links × {targets} targets, 1 s interval");
        desk.doing(&what);
        let (lab, agent) = quiet_agent(program, links, targets)?;
        let mut figure = Figure::new(what, Unit::Micros, &[(Statistic::Median, goal)]);
        for _ in 0..WINDOWS {
            let (probes, time) = (agent.status()?.counters.probes, cpu_time(agent.process())?);
            pause(WINDOW);
            let time = cpu_time(agent.process())?.saturating_sub(time);
            let probes = agent.status()?.counters.probes - probes;
            figure.add(time.as_secs_f64() * 1e6 / probes.max(1) as f64);
        }
        (desk.show)(&figure);
        drop(agent);
        desk.doing("the same by fping");
        match fping(&lab, targets)? {
            Some(figure) => (desk.show)(&figure),
            None => desk.doing(
                "fping is not installed (Debian: apt-get install fping), so it is not measured beside",
            ),
        }
    }
    let (_lab, agent) = quiet_agent(program, 4, 3)?;
    let memory =
        Figure::new("resident memory, 4 links × 3 targets", Unit::Mebibytes, &[(Statistic::Worst, 8.0)]);
    (desk.show)(&memory.with(resident(&agent)?));
    Ok(())
}

/// A process that is ended with the measurement.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

/// fping in its loop mode, a process for each link, as it can be bound to one only. `None`: it is not installed.
fn fping(lab: &Lab, targets: usize) -> Result<Option<Figure>> {
    let mut peers = Vec::new();
    for uplink in &lab.uplinks {
        let mut command = std::process::Command::new("fping");
        lab.gateway.enclose(&mut command);
        command.args(["-l", "-q", "-p", &INTERVAL.as_millis().to_string(), "-I", uplink.interface()]);
        command.args(TARGETS_V4.iter().take(targets).map(ToString::to_string));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => peers.push(Peer(child)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => drop(other.doing(|| "start fping".into())?),
        }
    }
    pause(WARM_UP);
    let total = || peers.iter().map(|peer| cpu_time(peer.0.id())).sum::<Result<Duration>>();
    let what = format!("fping beside it: {} processes, {targets} targets each", peers.len());
    let mut figure = Figure::new(what, Unit::Micros, &[]);
    let probes = peers.len() as f64 * targets as f64 * WINDOW.as_secs_f64() / INTERVAL.as_secs_f64();
    for _ in 0..WINDOWS {
        let before = total()?;
        pause(WINDOW);
        figure.add(total()?.saturating_sub(before).as_secs_f64() * 1e6 / probes);
    }
    Ok(Some(figure))
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
fn cpu_time(process: u32) -> Result<Duration> {
    let tasks = format!("/proc/{process}/task");
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
