//! The contract with the edge: what comes first, what is said once, what is kept.

use crate::simulation::{Simulation, link, two_links};
use shunt_decision::{
    Action, CheckId, Command, Config, Event, Failover, Family, Fault, Force, Happening, LinkId, Missing,
    Outcome, PathState, Percent, Reason, TargetId, Timestamp, Verdict,
};
use std::time::Duration;

const FIBER: LinkId = LinkId(0);
const LTE: LinkId = LinkId(1);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn warm() -> Simulation {
    let rtts = [10, 40].map(Duration::from_millis);
    let mut simulation = Simulation::new(two_links(secs(1)), &rtts, 1);
    simulation.keep_actions = true;
    simulation.run_for(secs(20));
    simulation.log.clear();
    simulation
}

fn drain(core: &mut Failover) -> Vec<Action> {
    std::iter::from_fn(|| core.poll_action()).collect()
}

#[test]
fn on_carrier_loss_the_ranking_comes_before_everything_else() {
    let mut simulation = warm();
    let now = simulation.now();
    simulation.core.handle_event(Event::Carrier { link: FIBER, up: false, at: now }, now);
    let actions = drain(&mut simulation.core);
    let Some(Action::Rank { order, reason, .. }) = actions.first() else { panic!("{actions:?}") };
    assert_eq!(*order, [LTE, FIBER]);
    assert_eq!(*reason, Reason::UplinkFailed { from: FIBER });
    let first_entry = actions.iter().position(|action| matches!(action, Action::Journal(_))).unwrap();
    assert!(
        actions.iter().skip(first_entry).all(|action| matches!(action, Action::Journal(_))),
        "{actions:?}"
    );
}

#[test]
fn a_refused_ranking_is_not_repeated_and_flows_are_cut_when_it_stands() {
    let mut simulation = warm();
    let now = simulation.now();
    let core = &mut simulation.core;
    core.handle_event(Event::Carrier { link: FIBER, up: false, at: now }, now);
    let id = drain(core).iter().find_map(|action| match action {
        Action::Rank { id, .. } => Some(*id),
        _ => None,
    });
    let id = id.unwrap();
    core.handle_event(Event::Ranked { id, at: now, accepted: false }, now);
    core.handle_timeout(now + secs(1));
    let quiet = |actions: &[Action]| {
        !actions.iter().any(|a| matches!(a, Action::Rank { .. } | Action::CutFlows { .. }))
    };
    assert!(quiet(&drain(core)));
    let stood = now + secs(2);
    core.handle_event(Event::Ranked { id, at: stood, accepted: true }, stood);
    let cut = Action::CutFlows { family: Family::V4, link: FIBER };
    assert_eq!(drain(core), std::slice::from_ref(&cut));
    assert_eq!(core.snapshot().incidents[0].switched, Some(stood));
    core.handle_timeout(stood + secs(3));
    assert!(drain(core).contains(&cut));
    core.handle_timeout(stood + secs(6));
    assert!(!drain(core).contains(&cut));
}

#[test]
fn a_lease_is_kept_and_forgotten_by_the_edge() {
    let mut simulation = warm();
    let force = Force { link: LTE, until: Some(simulation.now() + secs(5)), strict: false };
    simulation.tell(Event::Command(Command::Force(force)));
    assert_eq!(simulation.core.snapshot().forced, Some(force));
    simulation.run_for(secs(10));
    assert_eq!(simulation.core.snapshot().forced, None);
    let kept: Vec<_> =
        simulation.log.iter().filter(|(_, action)| matches!(action, Action::KeepForce(_))).collect();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].1, Action::KeepForce(Some(force)));
    assert_eq!(kept[1].1, Action::KeepForce(None));
    assert_eq!(kept[1].0, force.until.unwrap());
    // One that is over, or names a link that is gone, is forgotten at once.
    for force in [force, Force { link: LinkId(9), until: None, strict: true }] {
        simulation.log.clear();
        simulation.tell(Event::Command(Command::Force(force)));
        assert_eq!(simulation.core.snapshot().forced, None);
        assert_eq!(simulation.log.first().map(|(_, action)| action), Some(&Action::KeepForce(None)));
    }
}

#[test]
fn canaries_that_cannot_be_sent_are_no_evidence() {
    let mut simulation = warm();
    let mut now = simulation.now();
    let core = &mut simulation.core;
    core.handle_event(Event::Carrier { link: FIBER, up: false, at: now }, now);
    let mut moves = 0;
    for _ in 0..100 {
        for action in drain(core) {
            match action {
                Action::Canary { id, .. } => {
                    core.handle_event(Event::Probe { id, outcome: Outcome::Unsendable }, now);
                }
                Action::Probe { id, link: LTE, .. } => {
                    let outcome = Outcome::Reply { rtt: Duration::from_millis(1), at: now };
                    core.handle_event(Event::Probe { id, outcome }, now);
                }
                Action::Journal(entry) => moves += u32::from(matches!(entry.what, Happening::Uplink { .. })),
                _ => {}
            }
        }
        now = now + Duration::from_millis(50);
        core.handle_timeout(now);
    }
    assert_eq!(moves, 1);
    assert_eq!(core.snapshot().uplink.v4, Some(LTE));
}

#[test]
fn a_path_is_not_proved_before_the_packet_that_proves_it() {
    let mut simulation = warm();
    let now = simulation.now();
    let core = &mut simulation.core;
    core.handle_event(Event::Carrier { link: FIBER, up: false, at: now }, now);
    // Replies are read in the course of a turn, so that they are younger than the turn's own time.
    let at = now + Duration::from_millis(1);
    for action in drain(core) {
        if let Action::Canary { id, .. } = action {
            let outcome = Outcome::Reply { rtt: Duration::from_millis(1), at };
            core.handle_event(Event::Probe { id, outcome }, now);
        }
    }
    core.handle_timeout(now);
    let incident = core.snapshot().incidents.pop().unwrap();
    assert_eq!((incident.restored, incident.verified), (Some(at), Some(at)));
}

#[test]
fn an_adopted_ranking_is_not_touched_before_a_link_is_ready() {
    let start = Timestamp::from_nanos(5);
    let mut core = Failover::new(two_links(secs(1)), 1, start);
    core.handle_event(Event::Adopted { family: Family::V4, link: LTE }, start);
    core.handle_timeout(start + secs(1));
    assert_eq!(drain(&mut core), []);
    core.handle_event(
        Event::Path { link: LTE, family: Family::V4, state: PathState::Ready },
        start + secs(2),
    );
    let order = drain(&mut core).into_iter().find_map(|action| match action {
        Action::Rank { order, .. } => Some(order),
        _ => None,
    });
    assert_eq!(order, Some(vec![LTE, FIBER]));
}

#[test]
fn a_lost_carrier_is_not_blamed_for_what_took_it_away() {
    for (missing, blamed) in [
        (Missing::Interface, Reason::Missing(Missing::Interface)),
        (Missing::AdminUp, Reason::Missing(Missing::AdminUp)),
        (Missing::Address, Reason::NoCarrier),
        (Missing::Gateway, Reason::NoCarrier),
    ] {
        let mut simulation = warm();
        simulation.tell(Event::Carrier { link: FIBER, up: false, at: simulation.now() });
        let state = PathState::Missing(missing);
        simulation.tell(Event::Path { link: FIBER, family: Family::V4, state });
        let snapshot = simulation.core.snapshot();
        assert_eq!(snapshot.links[0].paths.v4.as_ref().unwrap().reason, blamed);
    }
}

#[test]
fn reasons_tell_what_a_better_link_waits_for() {
    let mut simulation = warm();
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(secs(5));
    assert_eq!(simulation.core.snapshot().uplink_reason.v4, Reason::UplinkFailed { from: FIBER });
    simulation.weather[0][0].cut = None;
    simulation.run_for(secs(20));
    let reason = simulation.core.snapshot().uplink_reason.v4;
    let Reason::HoldDown { waiting: FIBER, left } = reason else { panic!("{reason:?}") };
    assert!(left > secs(40) && left < secs(72), "{left:?}");
    assert_eq!(simulation.core.snapshot().uplink_reason.v6, Reason::Unmanaged);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut fast = link("fast", Duration::from_millis(10), 1, 0);
    fast.timeout = secs(10);
    let config = Config { links: vec![fast], ..two_links(secs(1)) };
    let mut simulation = Simulation::new(config, &[Duration::from_millis(5)], 1);
    simulation.run_for(secs(2));
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(secs(20));
    let counters = simulation.core.snapshot().counters;
    assert!(counters.flights_dropped > 500, "{counters:?}");
    assert_eq!(counters.actions_dropped, 0);
    for _ in 0..100 {
        let at = simulation.now();
        simulation.tell(Event::Carrier { link: FIBER, up: false, at });
        simulation.tell(Event::Carrier { link: FIBER, up: true, at });
        simulation.weather[0][0].cut = None;
        simulation.run_for(secs(5));
    }
    let snapshot = simulation.core.snapshot();
    assert_eq!(snapshot.incidents.len(), 64);
    assert!(snapshot.counters.incidents_dropped > 30);
}

#[test]
fn the_count_of_targets_that_answer_is_the_present_one() {
    let mut simulation = warm();
    let count = |simulation: &Simulation| {
        let path = simulation.core.snapshot().links[0].paths.v4.clone().unwrap();
        assert_eq!(path.verdict, Verdict::Healthy);
        let Reason::Answering { alive, of } = path.reason else { panic!("{:?}", path.reason) };
        assert_eq!(usize::from(alive), path.targets.iter().filter(|target| target.alive).count());
        (alive, of)
    };
    assert_eq!(count(&simulation), (2, 2));
    simulation.weather[0][0].gone.push(TargetId(0));
    simulation.run_for(secs(10));
    assert_eq!(count(&simulation), (1, 2));
    simulation.weather[0][0].gone.clear();
    simulation.run_for(secs(10));
    assert_eq!(count(&simulation), (2, 2));
}

#[test]
fn each_stage_that_is_to_be_kept_is_told() {
    let mut simulation = warm();
    let told = |simulation: &Simulation| {
        let entries = simulation.log.iter().filter_map(|(_, action)| match action {
            Action::Journal(entry) => Some(&entry.what),
            _ => None,
        });
        entries
            .filter_map(|what| if let Happening::Incident(one) = what { Some(*one) } else { None })
            .next_back()
    };
    let kept = |simulation: &Simulation| simulation.core.snapshot().incidents.last().copied();
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(secs(10));
    let incident = kept(&simulation).unwrap();
    assert!(incident.switched.is_some() && incident.restored.is_some() && incident.verified.is_some());
    assert_eq!(told(&simulation), Some(incident));
    simulation.weather[0][0].cut = None;
    simulation.run_for(secs(20));
    assert!(kept(&simulation).unwrap().recovered.is_some());
    assert_eq!(told(&simulation), kept(&simulation));
}

#[test]
fn a_failback_onto_a_link_that_forwards_nothing_is_an_incident() {
    let mut simulation = warm();
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(secs(10));
    simulation.weather[0][0].cut = None;
    simulation.weather[0][0].forwards = false;
    simulation.run_for(secs(80));
    let snapshot = simulation.core.snapshot();
    assert_eq!(snapshot.uplink.v4, Some(LTE));
    let [first, second] = snapshot.incidents.as_slice() else { panic!("{:#?}", snapshot.incidents) };
    assert!(first.ended.is_some());
    assert_eq!((second.link, second.to), (FIBER, Some(LTE)));
    assert_eq!(second.cause, Reason::NotVerified { from: FIBER });
    assert_eq!(Some(second.zero), first.ended);
    assert!(second.restored.is_some() && second.ended.is_none());
}

#[test]
fn a_pending_probe_is_not_lost_and_a_late_reply_takes_the_loss_back() {
    let slow = [900, 40].map(Duration::from_millis);
    let mut simulation = Simulation::new(two_links(secs(1)), &slow, 1);
    let path = |simulation: &Simulation| simulation.core.snapshot().links[0].paths.v4.clone().unwrap();
    simulation.run_for(Duration::from_millis(800));
    assert_eq!((path(&simulation).verdict, path(&simulation).loss), (Verdict::Unknown, None));
    simulation.run_for(secs(10));
    let none = Some(Percent::new(0.0));
    assert_eq!((path(&simulation).verdict, path(&simulation).loss), (Verdict::Healthy, none));

    let mut simulation = warm();
    simulation.weather[0][0].rtt = Duration::from_millis(300);
    simulation.run_for(secs(3));
    simulation.weather[0][0].rtt = Duration::from_millis(10);
    simulation.run_for(secs(3));
    assert!(simulation.core.snapshot().counters.late_replies > 2);
    assert_eq!((path(&simulation).verdict, path(&simulation).loss), (Verdict::Healthy, none));
}

#[test]
fn a_proof_that_a_clock_gap_cut_off_begins_anew() {
    let mut simulation = warm();
    simulation.weather[0][0].cut = Some(simulation.now());
    let mut patience = 10_000;
    while simulation.core.snapshot().uplink.v4 == Some(FIBER) && patience > 0 {
        simulation.run_for(Duration::from_millis(1));
        patience -= 1;
    }
    let verified = |simulation: &Simulation| simulation.core.snapshot().incidents[0].verified;
    assert_eq!((simulation.core.snapshot().uplink.v4, verified(&simulation)), (Some(LTE), None));
    simulation.tell(Event::ClockGap);
    simulation.run_for(secs(3));
    assert!(verified(&simulation).is_some());
}

#[test]
fn an_outage_that_ends_unseen_in_a_clock_gap_is_over() {
    let mut simulation = warm();
    for weather in [0, 1] {
        simulation.weather[weather][0].cut = Some(simulation.now());
    }
    simulation.run_for(secs(5));
    simulation.tell(Event::ClockGap);
    simulation.weather[0][0].cut = None;
    simulation.run_for(secs(5));
    let snapshot = simulation.core.snapshot();
    assert_eq!((snapshot.uplink.v4, snapshot.incidents.len()), (Some(FIBER), 1));
    assert!(snapshot.incidents[0].restored.is_some() && snapshot.incidents[0].ended.is_some());
}

#[test]
fn probes_of_many_packets_are_no_users() {
    use shunt_decision::{Packets, TargetKind};
    let mut config = two_links(secs(1));
    let many = [
        (TargetKind::Tcp, Packets { sent: 4, received: 3 }),
        (TargetKind::Http, Packets { sent: 16, received: 15 }),
    ];
    for link in &mut config.links {
        for (target, (kind, packets)) in link.targets.iter_mut().zip(many) {
            (target.kind, target.packets, target.look_up) = (kind, packets, 300);
        }
    }
    // With a reply before the next probe, between it and the one after, and long after that.
    for rtt in [10, 700, 1_400] {
        let mut simulation = Simulation::new(config.clone(), &[rtt, 40].map(Duration::from_millis), 1);
        simulation.keep_actions = true;
        simulation.run_for(secs(5));
        let looks = |simulation: &Simulation| {
            let is_look =
                |action: &Action| matches!(action, Action::SampleTraffic { link } if *link == FIBER);
            simulation.log.iter().filter(|(_, action)| is_look(action)).count()
        };
        let before = looks(&simulation);
        simulation.run_for(secs(60));
        assert!(
            (119..=121).contains(&(looks(&simulation) - before)),
            "a look with each probe, and none else"
        );
        simulation.weather[0][0].users = 100.0;
        simulation.run_for(secs(60));
        assert!(looks(&simulation) - before > 1_000, "users' packets are seen");
        simulation.weather[0][0].portal.push(TargetId(1));
        simulation.weather[0][0].users = 0.0;
        simulation.run_for(secs(5));
        let before = looks(&simulation);
        simulation.run_for(secs(60));
        assert!(looks(&simulation) - before <= 121, "nor are answers of others");
    }
}

#[test]
fn only_the_latest_check_of_a_gateway_counts() {
    let mut simulation = warm();
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(secs(5));
    let asked = |(_, action): &(Timestamp, Action)| match action {
        Action::AskGateway { id, link: FIBER, .. } => Some(*id),
        _ => None,
    };
    let latest = simulation.log.iter().rev().find_map(asked).unwrap();
    let fault =
        |simulation: &Simulation| simulation.core.snapshot().links[0].paths.v4.as_ref().unwrap().fault;
    assert_eq!(fault(&simulation), Some(Fault::Provider));
    for (id, told) in [(CheckId(latest.0 - 1), Fault::Provider), (latest, Fault::Gateway)] {
        simulation.tell(Event::Gateway { id, link: FIBER, family: Family::V4, answers: false });
        assert_eq!(fault(&simulation), Some(told), "{id:?}");
    }
}
