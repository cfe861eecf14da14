//! Forced switches under a steady stream, both links healthy: what a planned move costs.

use super::{Desk, Figure, Statistic, Unit, missing, settled};
use crate::agent::{AgentConfig, Program};
use crate::error::Result;
use crate::lookups::Lookups;
use crate::stream::Stream;
use crate::topology::{Lab, Plan, STREAM_TARGET_V4, UplinkPlan};
use std::time::Duration;

const SWITCHES: u32 = 1_000;
const RATE: u32 = 1_000;
/// A forced switch takes a millisecond.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn measure(program: &Program, desk: &mut Desk<'_>) -> Result<()> {
    // With masquerade the kernel drops the first packet of each flow that moves, together with its stale entry.
    for (masquerade, lost) in [(false, 0), (true, SWITCHES)] {
        let with = if masquerade { "with masquerade" } else { "without NAT" };
        desk.doing(&format!("{SWITCHES} forced switches, {with}"));
        let outcome = switch(program, masquerade, SWITCHES)?;
        let what = format!("packets lost by {SWITCHES} forced switches, {with}");
        let goal = [(Statistic::Worst, f64::from(lost))];
        (desk.show)(&Figure::new(what, Unit::Count, &goal).with(outcome.lost as f64));
        let what = format!("of {} look-ups meanwhile, those without a default route", outcome.lookups);
        let goal = [(Statistic::Worst, 0.0)];
        (desk.show)(&Figure::new(what, Unit::Count, &goal).with(outcome.nothing as f64));
    }
    Ok(())
}

/// What a series of forced switches came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    lost: u64,
    lookups: u64,
    nothing: u64,
}

fn switch(program: &Program, masquerade: bool, switches: u32) -> Result<Outcome> {
    let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
    let lab = Lab::build(&Plan { uplinks, masquerade, seed: 1 })?;
    let agent = settled(program, &lab, &AgentConfig::new(&lab))?;
    let [fiber, lte] = lab.uplinks.as_slice() else { return Err(missing("the two uplinks")) };
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), RATE)?;
    stream.wait_for_path(fiber.far_index(), DEADLINE)?;
    let lookups = Lookups::start(&lab.gateway)?;
    for number in 0..switches {
        let uplink = if number % 2 == 0 { lte } else { fiber };
        agent.force(uplink.name(), None)?;
        stream.wait_for_path(uplink.far_index(), DEADLINE)?;
    }
    let found = lookups.stop()?;
    let report = stream.stop()?;
    Ok(Outcome {
        lost: report.lost,
        lookups: found.nothing + found.by_interface.values().sum::<u64>(),
        nothing: found.nothing,
    })
}
