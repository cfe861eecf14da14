//! Silent black holes as users meet them: while their packets go both ways, so that a stall of these shows the hole, and
//! while there are none, so that nothing but probes can.

use super::gaps::{CALM, DEADLINE, outage, pause, two_relayed};
use super::moment::{phases, wait_for_phase, wait_until_known};
use super::{Desk, Figure, Statistic, Unit, missing, settled};
use crate::agent::{AgentConfig, Program};
use crate::error::Result;
use crate::random::Random;
use crate::reroutes::Reroutes;
use crate::stream::Stream;
use crate::topology::{Lab, STREAM_TARGET_V4};
use std::time::Duration;

/// Packets a second of the users, each of them answered: as many as a call and some browsing send, and a gap is known to
/// 2 ms.
const RATE: u32 = 500;

/// Under traffic and idle in turns, so that both meet the same weather.
pub(super) fn measure(program: &Program, runs: u32, desk: &mut Desk<'_>) -> Result<()> {
    let under_traffic = format!(
        "silent black hole, users' packets both ways, defaults, 2 targets, 10 ms RTT: gap between two answers to a client \
         that sends {RATE} packets/s, with masquerade"
    );
    let idle = "silent black hole, idle, defaults, 2 targets, 10 ms RTT: from the cut to the kernel's notice of the new \
                default route";
    let goals = [(Statistic::Median, 250.0), (Statistic::P95, 400.0)];
    let mut figures = [
        Figure::new(under_traffic, Unit::Millis, &goals),
        Figure::new(idle, Unit::Millis, &[(Statistic::Median, 400.0)]),
    ];
    for (run, phase) in (1..).zip(phases(runs, &mut Random::new(2))) {
        let [under_traffic, idle] = &mut figures;
        desk.doing(&format!("black hole under traffic, run {run} of {runs}"));
        under_traffic.add_time(fall_under_traffic(program, phase)?);
        desk.doing(&format!("black hole, idle, run {run} of {runs}"));
        idle.add_time(fall_idle(program, phase)?);
    }
    figures.iter().for_each(|figure| (desk.show)(figure));
    Ok(())
}

fn fall_under_traffic(program: &Program, phase: Duration) -> Result<Duration> {
    // As at home: the answers find their way by the address, so that the flow has to be forgotten as well.
    let lab = two_relayed(true)?;
    let agent = settled(program, &lab, &AgentConfig::new(&lab))?;
    let stream = Stream::start_answered(&lab.client, &lab.far, STREAM_TARGET_V4.into(), RATE)?;
    stream.wait_for_path(uplink(&lab, "fiber")?.far_index(), DEADLINE)?;
    wait_until_known(&agent)?;
    pause(CALM);
    wait_for_phase(&lab, uplink(&lab, "fiber")?, phase)?;
    outage(&lab, &stream, "fiber", "lte", |fiber| fiber.black_hole().map(drop)).map(|gap| gap.gap)
}

fn fall_idle(program: &Program, phase: Duration) -> Result<Duration> {
    let lab = two_relayed(true)?;
    let agent = settled(program, &lab, &AgentConfig::new(&lab))?;
    wait_until_known(&agent)?;
    pause(CALM);
    let reroutes = Reroutes::watch(&lab.gateway)?;
    wait_for_phase(&lab, uplink(&lab, "fiber")?, phase)?;
    let cut = uplink(&lab, "fiber")?.black_hole()?;
    let reroute = reroutes.wait_for(uplink(&lab, "lte")?.interface_index(), DEADLINE)?;
    Ok(reroute.at.since(cut))
}

fn uplink<'a>(lab: &'a Lab, name: &str) -> Result<&'a crate::topology::Uplink> {
    lab.uplink(name).ok_or_else(|| missing("one of the two uplinks"))
}
