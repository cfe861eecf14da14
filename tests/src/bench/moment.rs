//! When a silent black hole begins. What it takes is for the greater part the time to the next probe, and for the rest
//! what the agent knows of the line's round trips: both must be as they are in the field, not as a start leaves them.

use super::gaps::{DEADLINE, pause};
use super::missing;
use crate::agent::Agent;
use crate::error::{Doing, Result};
use crate::random::Random;
use crate::sys::Capture;
use crate::topology::{Lab, Uplink};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// How often it is looked whether a probe has left: the phase is known to this.
const LOOK: Duration = Duration::from_millis(1);
/// The round trip of the lines, and what the machine may add to it: a look-up of the router's hardware address adds as much
/// again.
const USUAL_RTT_MS: f64 = 11.5;
/// The port of the discard service (RFC 863).
const DISCARD: u16 = 9;

/// Lets gateway and routers find each other's hardware address. Else the first probe waits for that, its round trip is
/// twice the line's, and for some 20 s the agent waits longer for each probe.
pub(super) fn acquaint(lab: &Lab) -> Result<()> {
    for uplink in &lab.uplinks {
        let [router, _] = uplink.router();
        let greet = || UdpSocket::bind(("0.0.0.0", 0))?.send_to(&[0], (router, DISCARD));
        lab.gateway.run(greet)?.doing(|| format!("greet the router of {}", uplink.name()))?;
    }
    Ok(())
}

/// Waits until the agent knows the lines' round trips as they are.
pub(super) fn wait_until_known(agent: &Agent) -> Result<()> {
    const SETTLING: Duration = Duration::from_secs(60);
    let known = agent.wait_for("the lines' own round-trip times", SETTLING, |status| {
        status.links.iter().all(|link| link.rtt_ms.is_some_and(|rtt| rtt < USUAL_RTT_MS))
    });
    known.map(drop)
}

/// Waits for a probe to leave by `uplink`, and `phase` longer.
pub(super) fn wait_for_phase(lab: &Lab, uplink: &Uplink, phase: Duration) -> Result<()> {
    let index = uplink.interface_index();
    let doing = || format!("capture packets on {}", uplink.interface());
    let capture = lab.gateway.run(|| Capture::open(index))?.doing(doing)?;
    let begin = Instant::now();
    while capture.echoes().doing(doing)?.is_empty() {
        if begin.elapsed() > DEADLINE {
            return Err(missing("a probe on the uplink"));
        }
        pause(LOOK);
    }
    pause(phase);
    Ok(())
}

/// The phases of so many runs, spread evenly over a second: twenty times of chance would tell of chance.
pub(super) fn phases(runs: u32, random: &mut Random) -> Vec<Duration> {
    let phase =
        |run: u32| Duration::from_secs(1).mul_f64((f64::from(run) + random.share()) / f64::from(runs));
    (0..runs).map(phase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_second_has_its_run() {
        let phases = phases(20, &mut Random::new(3));
        for (place, phase) in (0_u64..).zip(&phases) {
            let from = Duration::from_millis(50 * place);
            assert!((from..from + Duration::from_millis(50)).contains(phase), "{phases:?}");
        }
    }
}
