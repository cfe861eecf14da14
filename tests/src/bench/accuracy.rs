//! The agent's prober against a packet capture on the gateway's own interface: reported minus true round-trip time,
//! with an idle core and with a core that another thread fights for.

use super::{Desk, Figure, Statistic, Unit, missing};
use crate::error::{Doing, LabError, Result};
use crate::relay::Policy;
use crate::sys::{self, Capture};
use crate::topology::{Lab, Plan, TARGETS_V4, UplinkPlan};
use shunt::netlink::Binding;
use shunt::probe::Prober;
use shunt_config::Target;
use shunt_decision::{Family, LinkId, Outcome, ProbeId, TargetId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Echoes per figure.
const PROBES: u64 = 500;
/// Between two probes; replies are read only then, as the agent reads them.
const INTERVAL: Duration = Duration::from_millis(25);
/// Far above the 10 ms of the line.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The first core: every machine has it.
const CORE: usize = 0;

pub(super) fn measure(desk: &mut Desk<'_>) -> Result<()> {
    let line = UplinkPlan::relayed("fiber", Policy::delay(Duration::from_millis(5)));
    let lab = Lab::build(&Plan { uplinks: vec![line], masquerade: false, seed: 1 })?;
    for (contended, what, goal) in [
        (false, "reported minus true RTT (absolute), idle", (Statistic::P99, 20.0)),
        (true, "the same, its core contended", (Statistic::Worst, 100.0)),
    ] {
        desk.doing(what);
        let mut figure = Figure::new(what, Unit::Micros, &[goal]);
        for error in errors(&lab, contended)? {
            figure.add_time(error);
        }
        (desk.show)(&figure);
    }
    Ok(())
}

fn errors(lab: &Lab, contended: bool) -> Result<Vec<Duration>> {
    let uplink = lab.uplinks.first().ok_or_else(|| missing("the uplink"))?;
    let index = uplink.interface_index();
    let capture = lab
        .gateway
        .run(|| Capture::open(index))?
        .doing(|| format!("capture packets on {}", uplink.interface()))?;
    let stop = AtomicBool::new(false);
    let reported = std::thread::scope(|scope| {
        if contended {
            scope.spawn(|| {
                let _shared_anyway = sys::pin_to_core(CORE);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let [source, _] = uplink.addresses();
        let interface = uplink.interface().to_owned();
        let binding = Binding { interface, index, source, router: None, mark: 0 };
        let reported = lab.gateway.run(|| probe(binding));
        stop.store(true, Ordering::Relaxed);
        reported?
    })?;
    let stamped = capture.echoes().doing(|| "read the captured packets".into())?;
    let mut errors = Vec::new();
    for (number, reported) in reported {
        let at = usize::try_from(number).map_err(std::io::Error::other).doing(|| "count probes".into())?;
        let truth = stamped.get(at).copied().flatten().ok_or_else(|| missing("a captured echo's reply"))?;
        errors.push(reported.abs_diff(truth));
    }
    if errors.len() as u64 == PROBES {
        return Ok(errors);
    }
    Err(LabError::Garbled {
        reading: "a reply to every probe".into(),
        fault: format!("only {} of {PROBES} came", errors.len()),
    })
}

/// Sends the probes, and tells each one's reported time.
fn probe(binding: Binding) -> Result<Vec<(u64, Duration)>> {
    let _shared_anyway = sys::pin_to_core(CORE);
    let (link, target) = (LinkId(0), TargetId(0));
    let [address, ..] = TARGETS_V4;
    let mut prober = Prober::new(&[vec![Target::Icmp(address.into())]]);
    prober.bind(link, Family::V4, Some(binding), shunt::clock::now()).map_err(|error| LabError::System {
        doing: "bind the prober".into(),
        source: std::io::Error::other(error.to_string()),
    })?;
    let mut reported = Vec::new();
    let mut outcomes = Vec::new();
    // On a busy machine the last replies may take longer than the interval: they are waited for like the others.
    let patience = (TIMEOUT.as_nanos() / INTERVAL.as_nanos()) as u64;
    for number in 0..PROBES + patience {
        if reported.len() as u64 == PROBES {
            break;
        }
        let now = shunt::clock::now();
        prober.drain(now, &mut outcomes);
        for (ProbeId(id), outcome) in outcomes.drain(..) {
            if let Outcome::Reply { rtt, .. } = outcome {
                reported.push((id, rtt));
            }
        }
        if number < PROBES {
            prober.send(ProbeId(number), link, target, now, now + TIMEOUT);
        }
        let interval = u64::try_from(INTERVAL.as_nanos()).unwrap_or(0);
        sys::sleep_until(sys::monotonic() + interval);
    }
    Ok(reported)
}
