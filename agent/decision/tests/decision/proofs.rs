//! A path that forwards nothing is asked again, at a bounded pace, until it forwards.

use crate::simulation::{Simulation, two_links};
use shunt_decision::{Action, Command, Event, Family, Force, Happening, LinkId, ProbeBudget, Timestamp};
use std::time::Duration;

const FIBER: LinkId = LinkId(0);
const LTE: LinkId = LinkId(1);
/// A verification sends no canary later than this, so a longer pause is between two of them.
const TIMEOUT: Duration = Duration::from_secs(1);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The fiber is dead, and the LTE that took over answers probes but forwards nothing.
fn stuck_on_lte() -> Simulation {
    let rtts = [10, 40].map(Duration::from_millis);
    let mut simulation = Simulation::new(two_links(secs(1)), &rtts, 1);
    simulation.keep_actions = true;
    simulation.run_for(secs(20));
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.weather[1][0].forwards = false;
    simulation.log.clear();
    simulation
}

/// When canaries were sent over a link, each trial once.
fn trials(simulation: &Simulation, over: LinkId) -> Vec<Timestamp> {
    let mut trials: Vec<Timestamp> = Vec::new();
    let mut last = None;
    for (at, action) in &simulation.log {
        let Action::Canary { link, .. } = action else { continue };
        if *link == over && last.is_none_or(|last| at.since(last) > TIMEOUT) {
            trials.push(*at);
        }
        last = (*link == over).then_some(*at).or(last);
    }
    trials
}

fn proofs(simulation: &Simulation, of: LinkId) -> usize {
    let verified = Happening::Verified { family: Family::V4, link: of };
    simulation.entries.iter().filter(|entry| entry.what == verified).count()
}

#[test]
fn a_lost_proof_is_tried_again_ever_more_slowly() {
    let mut simulation = stuck_on_lte();
    simulation.run_for(secs(3_600));
    let starts = trials(&simulation, LTE);
    let waits: Vec<u64> = starts.windows(2).map(|two| (two[1].since(two[0]) - TIMEOUT).as_secs()).collect();
    assert_eq!(waits[..7], [10, 20, 40, 80, 160, 300, 300]);
    assert!(waits[7..].iter().all(|wait| *wait == 300), "{waits:?}");
    let snapshot = simulation.core.snapshot();
    assert_eq!((snapshot.uplink.v4, snapshot.incidents.len()), (Some(LTE), 1));
    assert_eq!((snapshot.incidents[0].restored, proofs(&simulation, LTE)), (None, 0));
    // A failure that is known already is no further flap: its penalty decays.
    assert!(snapshot.links[1].penalty < 1.0, "{}", snapshot.links[1].penalty);

    simulation.weather[1][0].forwards = true;
    simulation.run_for(secs(302));
    assert_eq!(proofs(&simulation, LTE), 1);
    let incident = simulation.core.snapshot().incidents.remove(0);
    assert!(incident.verified >= incident.restored && incident.restored.is_some(), "{incident:?}");
    simulation.log.clear();
    simulation.run_for(secs(3_600));
    assert_eq!(trials(&simulation, LTE), [], "a proof that succeeded is not tried again");
}

#[test]
fn a_dead_link_is_not_asked_for_a_proof() {
    let mut simulation = stuck_on_lte();
    simulation.run_for(secs(5));
    simulation.weather[1][0].cut = Some(simulation.now());
    simulation.run_for(secs(3));
    simulation.log.clear();
    simulation.run_for(secs(600));
    assert_eq!(trials(&simulation, LTE), []);
    // It is back, and forwards now.
    simulation.weather[1][0].cut = None;
    simulation.weather[1][0].forwards = true;
    simulation.run_for(secs(400));
    assert_eq!(simulation.core.snapshot().uplink.v4, Some(LTE));
    assert_eq!(proofs(&simulation, LTE), 1);
}

#[test]
fn a_move_ends_the_retries() {
    let mut simulation = stuck_on_lte();
    simulation.run_for(secs(5));
    let strict = Force { link: FIBER, until: None, strict: true };
    simulation.weather[0][0].cut = None;
    simulation.tell(Event::Command(Command::Force(strict)));
    simulation.run_for(secs(5));
    simulation.log.clear();
    simulation.run_for(secs(600));
    assert_eq!(simulation.core.snapshot().uplink.v4, Some(FIBER));
    assert_eq!(trials(&simulation, LTE), []);
    assert_eq!(trials(&simulation, FIBER), []);
}

/// The reserve of the budget is nearly empty at the start, and a canary must wait until there is enough for it.
#[test]
fn a_proof_that_could_not_be_paid_is_tried_again() {
    let rtts = [10, 40].map(Duration::from_millis);
    let mut config = two_links(secs(1));
    config.links[1].budget = Some(ProbeBudget { bytes: 1_600, period: secs(3_600) });
    let mut simulation = Simulation::new(config, &rtts, 1);
    simulation.keep_actions = true;
    simulation.run_for(secs(2));
    let at = simulation.now();
    simulation.tell(Event::Carrier { link: FIBER, up: false, at });
    simulation.run_for(secs(5));
    assert_eq!(simulation.core.snapshot().uplink.v4, Some(LTE));
    assert_eq!((trials(&simulation, LTE), proofs(&simulation, LTE)), (vec![], 0));
    simulation.run_for(secs(3_600));
    assert_eq!(proofs(&simulation, LTE), 1);
    assert!(simulation.core.snapshot().incidents[0].verified.is_some());
}
