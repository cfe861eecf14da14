//! Gaps in the client's stream: each run is an outage in a network of its own, so that no run inherits another's
//! damping.

use super::moment::{acquaint, phases, wait_for_phase, wait_until_known};
use super::{Desk, Figure, Statistic, Unit, missing, settled};
use crate::agent::{AgentConfig, Program};
use crate::error::Result;
use crate::random::Random;
use crate::relay::{Filter, Policy};
use crate::stream::Stream;
use crate::sys;
use crate::topology::{Lab, Plan, STREAM_TARGET_V4, UplinkPlan, Wiring};
use std::time::Duration;

/// A stream in which 50 µs are seen.
const FAST: u32 = 20_000;
/// The stream of the black holes, whose gaps are a thousand times longer.
const SLOW: u32 = 1_000;
/// The longest that any outage may take before the run counts as failed.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);
/// The kernel holds back a carrier notice for up to a second after another; a first flap comes after that time.
pub(super) const CALM: Duration = Duration::from_millis(1_300);
/// From the first flap to the second: well within that second.
const SECOND_FLAP: Duration = Duration::from_millis(300);

/// A run in which the stream's sender itself stood still for longer while the path changed says nothing about the
/// network. Such runs are made again, and counted.
const STALLED: Duration = Duration::from_micros(200);
/// From the cut until anybody looks: whoever looks earlier takes time from those that are measured.
const UNSEEN: Duration = Duration::from_millis(30);

/// Carrier loss: first flap and with the agent stopped, in turns, so that both meet the same weather; second flap.
pub(super) fn carrier(program: &Program, runs: u32, desk: &mut Desk<'_>) -> Result<()> {
    let goals = [(Statistic::Median, 0.6), (Statistic::P95, 2.0)];
    let mut first = Figure::new("carrier loss, 20,000 packets/s", Unit::Millis, &goals);
    let mut stopped = Figure::new("the same, agent stopped by SIGSTOP", Unit::Millis, &[]);
    let mut discarded = [0, 0];
    for run in 1..=runs {
        desk.doing(&format!("carrier loss, run {run} of {runs}"));
        first.add_time(sound(&mut discarded[0], || pull_cable(program, false))?);
        stopped.add_time(sound(&mut discarded[1], || pull_cable(program, true))?);
    }
    for (mut figure, discarded) in [first, stopped].into_iter().zip(discarded) {
        tell_discarded(&mut figure, discarded);
        (desk.show)(&figure);
    }
    let what = "second carrier loss within a second (TAP)";
    let mut second = Figure::new(what, Unit::Millis, &[(Statistic::Worst, 60.0)]);
    let mut discarded = 0;
    for run in 1..=runs {
        desk.doing(&format!("second carrier loss, run {run} of {runs}"));
        second.add_time(sound(&mut discarded, || flap_twice(program))?);
    }
    tell_discarded(&mut second, discarded);
    (desk.show)(&second);
    Ok(())
}

/// Silent black holes at all phases of the probes.
pub(super) fn black_hole(program: &Program, runs: u32, desk: &mut Desk<'_>) -> Result<()> {
    let mut random = Random::new(1);
    let by_default = [(Statistic::Median, 500.0), (Statistic::P95, 900.0)];
    let fast = [(Statistic::Median, 200.0)];
    for (name, section, goals) in [
        ("defaults (1 s interval)", "", by_default.as_slice()),
        ("100 ms interval", "[probe]\ninterval = \"100ms\"", &fast),
    ] {
        let what = format!("silent black hole, {name}, 2 targets, 10 ms RTT");
        let mut figure = Figure::new(what, Unit::Millis, goals);
        for (run, phase) in (1..).zip(phases(runs, &mut random)) {
            desk.doing(&format!("black hole, {name}, run {run} of {runs}"));
            figure.add_time(fall_into_black_hole(program, section, phase)?.gap);
        }
        (desk.show)(&figure);
    }
    Ok(())
}

/// What the stream's move took.
pub(super) struct Gap {
    pub(super) gap: Duration,
    stalled: Duration,
}

/// Repeats `run` until its sender did not stall, at most so often as a busy machine may need.
fn sound(discarded: &mut u32, mut run: impl FnMut() -> Result<Gap>) -> Result<Duration> {
    const TRIES: u32 = 10;
    for _ in 0..TRIES {
        let Gap { gap, stalled } = run()?;
        if stalled <= STALLED {
            return Ok(gap);
        }
        *discarded += 1;
    }
    Err(missing("a run in which the stream's own sender was not held up (the machine is too busy)"))
}

fn tell_discarded(figure: &mut Figure, discarded: u32) {
    if discarded > 0 {
        let runs = if discarded == 1 { "run" } else { "runs" };
        let why = format!(" ({discarded} further {runs} discarded: the stream's sender was held up)");
        figure.what.push_str(&why);
    }
}

fn pull_cable(program: &Program, stopped: bool) -> Result<Gap> {
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

fn flap_twice(program: &Program) -> Result<Gap> {
    let tap = |name: &str| UplinkPlan { wiring: Wiring::Tap, ..UplinkPlan::relayed(name, Policy::default()) };
    let uplinks = vec![tap("fiber"), tap("lte"), tap("dsl")];
    let lab = Lab::build(&Plan { uplinks, masquerade: false, seed: 1 })?;
    let _agent = settled(program, &lab, &AgentConfig::new(&lab))?;
    let stream = start(&lab, FAST)?;
    pause(CALM);
    // A TAP without a carrier still hands packets on: the line behind it has to be dead as well.
    let pull = |uplink: &crate::topology::Uplink| {
        uplink.filter(Filter::Everything)?;
        uplink.set_carrier(false).map(drop)
    };
    outage(&lab, &stream, "fiber", "lte", pull)?;
    pause(SECOND_FLAP);
    outage(&lab, &stream, "lte", "dsl", pull)
}

fn fall_into_black_hole(program: &Program, section: &str, phase: Duration) -> Result<Gap> {
    let lab = two_relayed(false)?;
    let agent = settled(program, &lab, &AgentConfig::new(&lab).with(section))?;
    let stream = start(&lab, SLOW)?;
    wait_until_known(&agent)?;
    pause(CALM);
    let fiber = lab.uplink("fiber").ok_or_else(|| missing("the uplink to be cut"))?;
    wait_for_phase(&lab, fiber, phase)?;
    outage(&lab, &stream, "fiber", "lte", |fiber| fiber.black_hole().map(drop))
}

/// Fiber and LTE of 10 ms RTT, with routers that are known already.
pub(super) fn two_relayed(masquerade: bool) -> Result<Lab> {
    let policy = Policy::delay(Duration::from_millis(5));
    let uplinks = vec![UplinkPlan::relayed("fiber", policy.clone()), UplinkPlan::relayed("lte", policy)];
    let lab = Lab::build(&Plan { uplinks, masquerade, seed: 1 })?;
    acquaint(&lab)?;
    Ok(lab)
}

fn start(lab: &Lab, rate: u32) -> Result<Stream> {
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), rate)?;
    let first = lab.uplinks.first().ok_or_else(|| missing("the first uplink"))?;
    stream.wait_for_path(first.far_index(), DEADLINE)?;
    Ok(stream)
}

/// Does `cut` to one uplink and waits for the stream on the other; tells the gap.
pub(super) fn outage(
    lab: &Lab,
    stream: &Stream,
    from: &str,
    to: &str,
    cut: impl FnOnce(&crate::topology::Uplink) -> Result<()>,
) -> Result<Gap> {
    let from = lab.uplink(from).ok_or_else(|| missing("the uplink to be cut"))?;
    let to = lab.uplink(to).ok_or_else(|| missing("the uplink to move to"))?;
    stream.take_report()?;
    cut(from)?;
    pause(UNSEEN);
    let report = stream.wait_for_path(to.far_index(), DEADLINE)?;
    let step = report.moves.last().ok_or_else(|| missing("the stream's move"))?;
    Ok(Gap { gap: step.gap, stalled: stream.stalled(step) })
}

/// Lets measured time pass; nothing is waited for.
pub(super) fn pause(time: Duration) {
    sys::sleep_until(sys::monotonic() + u64::try_from(time.as_nanos()).unwrap_or(0));
}
