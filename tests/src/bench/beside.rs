//! Programs that are measured beside the agent, in the same network and one after the other, and how the kernel
//! accounts for a process.

use super::floor::{self, Leg, Schedule};
use super::{Figure, Unit, missing};
use crate::error::{Doing, LabError, Result};
use crate::sys;
use crate::topology::{Lab, TARGETS_V4};
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// In a window probes, CPU time and wake-ups are counted. Whole seconds: each has the same number of probes.
pub(super) const WINDOW: Duration = Duration::from_secs(5);
/// The interval of all targets, here as by default.
const INTERVAL: Duration = Duration::from_secs(1);
/// A window of the bare loop begins so long before a tick, and well after the reading of the one before.
const BEFORE_TICK: Duration = Duration::from_millis(150);
/// A window of fping begins between two of its rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(1_500);
/// Of 100 probes so many must have been answered, or what was measured was no probing.
const ANSWERED: u64 = 90;
const SECOND: u64 = 1_000_000_000;

/// What a window came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Microseconds.
    pub(super) per_probe: f64,
    /// Per second, of all processes.
    pub(super) wake_ups: f64,
}

/// Samples of one program, and what it is called.
#[derive(Debug)]
pub(super) struct Series {
    figure: Figure,
    wake_ups: Figure,
}

impl Series {
    pub(super) fn new(figure: Figure) -> Self {
        Self { figure, wake_ups: Figure::new("", Unit::Ratio, &[]) }
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.figure.add(sample.per_probe);
        self.wake_ups.add(sample.wake_ups);
    }

    /// The figure, which also tells the wake-ups.
    pub(super) fn figure(mut self) -> Figure {
        if let Some(wake_ups) = self.wake_ups.quantile(0.5) {
            self.figure.what.push_str(&format!(" ({wake_ups:.1} wake-ups a second)"));
        }
        self.figure
    }
}

/// What the kernel has accounted for a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    time: Duration,
    wake_ups: u64,
}

impl Usage {
    /// User and system time of all threads, in nanoseconds' resolution (`utime` of `stat` has hundredths of a second),
    /// and how often they went to sleep.
    pub(super) fn of(process: u32) -> Result<Self> {
        let tasks = format!("/proc/{process}/task");
        let reading = || format!("read {tasks}");
        let mut total = Self::default();
        for task in fs::read_dir(&tasks).doing(reading)? {
            let task = task.doing(reading)?.path();
            let text = fs::read_to_string(task.join("schedstat")).doing(reading)?;
            let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
            total.time += Duration::from_nanos(nanos.ok_or_else(|| missing("a thread's CPU time"))?);
            let text = fs::read_to_string(task.join("status")).doing(reading)?;
            let sleeps = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let sleeps = sleeps.and_then(|number| number.trim().parse::<u64>().ok());
            total.wake_ups += sleeps.ok_or_else(|| missing("a thread's wake-ups"))?;
        }
        Ok(total)
    }

    /// What came since `before`, in one window with so many probes.
    pub(super) fn since(self, before: Self, probes: f64) -> Sample {
        Sample {
            per_probe: self.time.saturating_sub(before.time).as_secs_f64() * 1e6 / probes.max(1.0),
            wake_ups: self.wake_ups.saturating_sub(before.wake_ups) as f64 / WINDOW.as_secs_f64(),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { time: self.time + other.time, wake_ups: self.wake_ups + other.wake_ups }
    }
}

/// Lets a window pass; nothing is waited for.
pub(super) fn pause(time: Duration) {
    sys::sleep_until(sys::monotonic() + nanos(time));
}

/// The bare loop on one schedule.
pub(super) fn floor(lab: &Lab, legs: &[Leg], targets: usize, schedule: Schedule) -> Result<Sample> {
    let targets: Vec<_> = TARGETS_V4.into_iter().take(targets).collect();
    // In one to two seconds from now: time enough to start. The first second of the loop is not counted.
    let first = (sys::monotonic() / SECOND + 2) * SECOND;
    let begin = first + SECOND - nanos(BEFORE_TICK);
    let own = std::env::current_exe().doing(|| "find this program's own file".into())?;
    let mut command = Command::new(own);
    lab.gateway.enclose(&mut command);
    command.args(floor::arguments(schedule, first, 1 + WINDOW.as_secs(), &targets, legs));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process(command.spawn().doing(|| "start the bare loop".into())?);
    sys::sleep_until(begin);
    let before = Usage::of(process.0.id())?;
    sys::sleep_until(begin + nanos(WINDOW));
    let after = Usage::of(process.0.id())?;
    process.finish_answered()?;
    Ok(after.since(before, probes(legs.len(), targets.len())))
}

/// fping in its loop mode, a process for each link, as it can be bound to one only. `None`: it is not installed.
pub(super) fn fping(lab: &Lab, targets: usize) -> Result<Option<Sample>> {
    let mut processes = Vec::new();
    for uplink in &lab.uplinks {
        let mut command = Command::new("fping");
        lab.gateway.enclose(&mut command);
        command.args(["-l", "-q", "-p", &INTERVAL.as_millis().to_string(), "-I", uplink.interface()]);
        command.args(TARGETS_V4.iter().take(targets).map(ToString::to_string));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => processes.push(Process(child)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => drop(other.doing(|| "start fping".into())?),
        }
    }
    pause(BETWEEN_ROUNDS);
    let total = || -> Result<Usage> {
        let mut usages = processes.iter().map(|process| Usage::of(process.0.id()));
        usages.try_fold(Usage::default(), |total, usage| Ok(total.plus(usage?)))
    };
    let before = total()?;
    pause(WINDOW);
    Ok(Some(total()?.since(before, probes(processes.len(), targets))))
}

/// A process that is ended with the measurement.
struct Process(Child);

impl Process {
    /// Waits for the end of a bare loop, whose probes must have been answered.
    fn finish_answered(&mut self) -> Result<()> {
        let mut said = String::new();
        if let Some(output) = &mut self.0.stdout {
            output.read_to_string(&mut said).doing(|| "read what the bare loop says".into())?;
        }
        let status = self.0.wait().doing(|| "wait for the bare loop".into())?;
        let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(sent), Some(received)) if sent > 0 && received * 100 >= sent * ANSWERED => Ok(()),
            _ => Err(LabError::Garbled {
                reading: "what the bare loop came to".into(),
                fault: format!("its probes were not answered ({status}; sent, received: {:?})", said.trim()),
            }),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

/// Probes of one window.
fn probes(links: usize, targets: usize) -> f64 {
    links as f64 * targets as f64 * WINDOW.as_secs_f64() / INTERVAL.as_secs_f64()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(0)
}
