//! Gaps in the client's stream: each run is an outage in a network of its own, so that no run inherits another's
//! damping.

use super::{Figure, Unit, missing, settled};
use crate::agent::{AgentConfig, Program};
use crate::error::Result;
use crate::random::Random;
use crate::relay::Policy;
use crate::stream::Stream;
use crate::sys;
use crate::topology::{Lab, Plan, STREAM_TARGET_V4, UplinkPlan, Wiring};
use std::time::Duration;

/// A stream in which 50 µs are seen.
const FAST: u32 = 20_000;
/// The stream of the black holes, whose gaps are a thousand times longer.
const SLOW: u32 = 1_000;
/// The longest that any outage may take before the run counts as failed.
const DEADLINE: Duration = Duration::from_secs(20);
/// The kernel holds back a carrier notice for up to a second after another; a first flap comes after that time.
const CALM: Duration = Duration::from_millis(1_300);
/// From the first flap to the second: well within that second.
const SECOND_FLAP: Duration = Duration::from_millis(300);

/// Carrier loss: first flap, second flap, and with the agent stopped.
pub(super) fn carrier(program: &Program, runs: u32, show: &mut dyn FnMut(&Figure)) -> Result<()> {
    let mut first = Figure::new("carrier loss, 20,000 packets/s", Unit::Millis, "median ≤ 0.6, p95 ≤ 2");
    let mut stopped =
        Figure::new("the same, agent stopped by SIGSTOP", Unit::Millis, "the kernel moves by itself");
    for _ in 0..runs {
        first.add_time(pull_cable(program, false)?);
    }
    show(&first);
    for _ in 0..runs {
        stopped.add_time(pull_cable(program, true)?);
    }
    show(&stopped);
    let mut second = Figure::new("second carrier loss within a second (TAP)", Unit::Millis, "≤ 60");
    for _ in 0..runs {
        second.add_time(flap_twice(program)?);
    }
    show(&second);
    Ok(())
}

/// Silent black holes at a random phase of the probes.
pub(super) fn black_hole(program: &Program, runs: u32, show: &mut dyn FnMut(&Figure)) -> Result<()> {
    let mut random = Random::new(1);
    for (name, section, goal) in [
        ("defaults (1 s interval)", "", "median ≤ 500, p95 ≤ 900"),
        ("100 ms interval", "[probe]\ninterval = \"100ms\"", "median ≤ 200"),
    ] {
        let what = format!("silent black hole, {name}, 2 targets, 10 ms RTT");
        let mut figure = Figure::new(what, Unit::Millis, goal);
        for _ in 0..runs {
            let phase = Duration::from_secs(1).mul_f64(random.share());
            figure.add_time(fall_into_black_hole(program, section, phase)?);
        }
        show(&figure);
    }
    Ok(())
}

fn pull_cable(program: &Program, stopped: bool) -> Result<Duration> {
    let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
    let lab = Lab::build(&Plan { uplinks, masquerade: false, seed: 1 })?;
    let agent = settled(program, &lab, &AgentConfig::new(&lab))?;
    let stream = start(&lab, FAST)?;
    pause(CALM);
    if stopped {
        agent.freeze(true)?;
    }
    let gap = outage(&lab, &stream, "fiber", "lte", |fiber| fiber.set_carrier(false).map(drop));
    agent.freeze(false)?;
    gap
}

fn flap_twice(program: &Program) -> Result<Duration> {
    let tap = |name: &str| UplinkPlan { wiring: Wiring::Tap, ..UplinkPlan::relayed(name, Policy::default()) };
    let uplinks = vec![tap("fiber"), tap("lte"), tap("dsl")];
    let lab = Lab::build(&Plan { uplinks, masquerade: false, seed: 1 })?;
    let _agent = settled(program, &lab, &AgentConfig::new(&lab))?;
    let stream = start(&lab, FAST)?;
    pause(CALM);
    outage(&lab, &stream, "fiber", "lte", |fiber| fiber.set_carrier(false).map(drop))?;
    pause(SECOND_FLAP);
    outage(&lab, &stream, "lte", "dsl", |lte| lte.set_carrier(false).map(drop))
}

fn fall_into_black_hole(program: &Program, section: &str, phase: Duration) -> Result<Duration> {
    let policy = Policy::delay(Duration::from_millis(5));
    let uplinks = vec![UplinkPlan::relayed("fiber", policy.clone()), UplinkPlan::relayed("lte", policy)];
    let lab = Lab::build(&Plan { uplinks, masquerade: false, seed: 1 })?;
    let _agent = settled(program, &lab, &AgentConfig::new(&lab).with(section))?;
    let stream = start(&lab, SLOW)?;
    pause(CALM + phase);
    outage(&lab, &stream, "fiber", "lte", |fiber| fiber.black_hole().map(drop))
}

fn start(lab: &Lab, rate: u32) -> Result<Stream> {
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), rate)?;
    let first = lab.uplinks.first().ok_or_else(|| missing("the first uplink"))?;
    stream.wait_for_path(first.far_index(), DEADLINE)?;
    Ok(stream)
}

/// Does `cut` to one uplink and waits for the stream on the other; tells the gap.
fn outage(
    lab: &Lab,
    stream: &Stream,
    from: &str,
    to: &str,
    cut: impl FnOnce(&crate::topology::Uplink) -> Result<()>,
) -> Result<Duration> {
    let from = lab.uplink(from).ok_or_else(|| missing("the uplink to be cut"))?;
    let to = lab.uplink(to).ok_or_else(|| missing("the uplink to move to"))?;
    stream.take_report()?;
    cut(from)?;
    let report = stream.wait_for_path(to.far_index(), DEADLINE)?;
    report.moves.last().map(|step| step.gap).ok_or_else(|| missing("the stream's move"))
}

/// Lets measured time pass; nothing is waited for.
fn pause(time: Duration) {
    sys::sleep_until(sys::monotonic() + u64::try_from(time.as_nanos()).unwrap_or(0));
}
