//! The story: the fiber dies silently, the traffic moves, the fiber comes back, the traffic returns. Every claim is
//! checked; the program succeeds only if all of them were seen.

use super::picture;
use super::screen::Screen;
use super::stage::{RATE, Stage, show_incident};
use crate::agent::Program;
use crate::error::{Doing, LabError, Result};
use crate::stream::{Move, Report};
use shunt::api::types::{IncidentStatus, Status};
use std::path::Path;
use std::time::Duration;

/// Half a second is usual at default settings; this is for a machine under load.
const FAILOVER: Duration = Duration::from_secs(20);
/// The hold-down of 5 s, grown by one flap's damping, and the trial before it.
const FAILBACK: Duration = Duration::from_secs(90);
/// Packets that are let through before and after each move: a second's worth.
const STEADY: u64 = 1_000;
/// A stream of a thousand packets a second has passed [`STEADY`] by then, even on a busy machine.
const STEADY_WITHIN: Duration = Duration::from_secs(10);
/// With masquerade the kernel drops the first packet of a flow that moves, together with its stale entry.
const LOST_BY_A_PLANNED_MOVE: u64 = 1;

/// Tells the story, and draws its failover into `picture`.
pub(super) fn run(program: &Program, picture: Option<&Path>, screen: &Screen) -> Result<()> {
    let mut stage = Stage::set(program, screen)?;
    steady(&mut stage, screen)?;
    let (incident, step) = lose_the_fiber(&mut stage, screen)?;
    if let Some(path) = picture {
        draw(&incident, &step, path)?;
    }
    get_it_back(&mut stage, screen)?;
    if let Some(mcu) = &stage.mcu {
        mcu.look(screen)?;
    }
    screen.shown("failover, verification and failback all happened as told");
    Ok(())
}

fn lose_the_fiber(stage: &mut Stage, screen: &Screen) -> Result<(IncidentStatus, Move)> {
    screen.act("cuts the fiber behind the ISP's router: the carrier stays, and nothing comes back");
    stage.uplink("fiber")?.black_hole()?;
    let canary = stage.canary;
    let status = stage.follow(screen, "the move to LTE, verified", FAILOVER, |status| {
        status.uplink.v4.as_deref() == Some("lte")
            && incident(status)
                .is_some_and(|it| it.verified_ms.is_some() && (it.restored_ms.is_some() || !canary))
    })?;
    let lte = stage.uplink("lte")?.far_index();
    stage.stream.wait_for_path(lte, FAILOVER)?;
    steady(stage, screen)?;
    let report = stage.stream.take_report()?;
    let incident = incident(&status).ok_or_else(|| absent("an incident in the status"))?;
    show_incident(screen, incident);
    let step = report.moves.first().ok_or_else(|| absent("the stream's move to LTE"))?;
    screen.stream(&format!(
        "was silent for {:.1} ms (last packet by fiber to first by LTE) and lost {} packets",
        step.gap.as_secs_f64() * 1e3,
        report.lost
    ));
    check(
        incident.link.as_deref() == Some("fiber") && incident.to.as_deref() == Some("lte"),
        "an incident from fiber to lte",
    )?;
    check(report.moves.len() == 1, "exactly one move of the stream")?;
    check(lost_after(&report) == 0, "a stream without loss on LTE")?;
    if let Some(modem) = stage.modem()? {
        screen.agent(&format!("says of the modem that carries it now: {modem}"));
        check(modem.contains("data flows"), "a modem whose data flows")?;
    }
    screen.shown("the traffic moved to LTE");
    Ok((incident.clone(), *step))
}

fn draw(incident: &IncidentStatus, step: &Move, path: &Path) -> Result<()> {
    let svg = picture::draw(incident, step, RATE).ok_or_else(|| absent("the time of an incident"))?;
    std::fs::write(path, svg).doing(|| format!("write the picture {}", path.display()))
}

fn get_it_back(stage: &mut Stage, screen: &Screen) -> Result<()> {
    screen.act("mends the fiber; the agent waits until it has been good for its hold-down (5 s)");
    stage.uplink("fiber")?.restore()?;
    stage.follow(screen, "the return to the fiber", FAILBACK, |status| {
        status.uplink.v4.as_deref() == Some("fiber")
    })?;
    let fiber = stage.uplink("fiber")?.far_index();
    stage.stream.wait_for_path(fiber, FAILOVER)?;
    steady(stage, screen)?;
    let report = stage.stream.take_report()?;
    screen.stream(&format!("lost {} packets on the way back", report.lost));
    check(report.moves.len() == 1, "exactly one move back")?;
    check(report.lost <= LOST_BY_A_PLANNED_MOVE, "at most one packet lost by the failback")?;
    screen.shown("the traffic is back on the fiber");
    Ok(())
}

/// Lets a second's worth of packets pass.
fn steady(stage: &mut Stage, screen: &Screen) -> Result<()> {
    let begin = stage.stream.report()?.received;
    let mut waited = Duration::ZERO;
    while stage.stream.report()?.received < begin + STEADY {
        if waited > STEADY_WITHIN {
            return Err(absent("a steady stream"));
        }
        let turn = Duration::from_millis(50);
        stage.show_events(screen, turn)?;
        waited += turn;
    }
    Ok(())
}

fn incident(status: &Status) -> Option<&IncidentStatus> {
    status.incidents.last()
}

/// Packets lost otherwise than at the moves.
fn lost_after(report: &Report) -> u64 {
    report.lost - report.moves.iter().map(|step| step.lost).sum::<u64>()
}

fn check(holds: bool, claim: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(absent(claim)) }
}

fn absent(awaited: &str) -> LabError {
    LabError::Late { awaited: awaited.to_owned(), waited: Duration::ZERO, instead: "something else".into() }
}
