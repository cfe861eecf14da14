//! Probes sent and their outcomes collected, as the daemon's loop does it.

use super::DEADLINE;
use super::far::{Far, TARGET_V4, TARGET_V6, binding};
use shunt::clock;
use shunt::probe::Prober;
use shunt_config::Target;
use shunt_decision::{Family, LinkId, Outcome, ProbeId, TargetId, Timestamp};
use std::mem::MaybeUninit;
use std::thread;
use std::time::Duration;

pub const FIRST: LinkId = LinkId(0);
pub const SECOND: LinkId = LinkId(1);

/// A prober whose links lead to the far side and are bound in both families.
pub fn bound(far: &Far, links: &[Vec<Target>]) -> Prober {
    let mut prober = Prober::new(links);
    for n in 1..=links.len() as u8 {
        far.link(n);
        prober.bind(LinkId(n - 1), Family::V4, Some(binding(n, false)), clock::now()).unwrap();
        prober.bind(LinkId(n - 1), Family::V6, Some(binding(n, true)), clock::now()).unwrap();
    }
    prober
}

pub fn echo_targets() -> Vec<Target> {
    vec![Target::Icmp(TARGET_V4.into()), Target::Icmp(TARGET_V6.into())]
}

/// The outcomes of one probe to each target of the first link, in the order of the targets.
pub fn ask_all(prober: &mut Prober, count: u8) -> Vec<Outcome> {
    for target in 0..count {
        prober.send(ProbeId(target.into()), FIRST, TargetId(target), clock::now(), expires());
    }
    let mut outcomes = collect(count.into(), |now, outcomes| prober.drain(now, outcomes));
    outcomes.sort_by_key(|(id, _)| *id);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Drains until `count` outcomes came.
pub fn collect(
    count: usize,
    mut drain: impl FnMut(Timestamp, &mut Vec<(ProbeId, Outcome)>),
) -> Vec<(ProbeId, Outcome)> {
    let until = clock::now() + DEADLINE;
    let mut outcomes = Vec::new();
    while outcomes.len() < count {
        let now = clock::now();
        assert!(now < until, "only {outcomes:?} came");
        drain(now, &mut outcomes);
        thread::yield_now();
    }
    outcomes
}

/// When a probe sent now is given up: later than the test.
pub fn expires() -> Timestamp {
    clock::now() + DEADLINE * 2
}

/// The round-trip time of a reply.
pub fn rtt(outcome: Outcome) -> Duration {
    match outcome {
        Outcome::Reply { rtt, .. } => rtt,
        other => panic!("no reply: {other:?}"),
    }
}

/// The bytes that the kernel wrote.
pub fn written(buffer: &[MaybeUninit<u8>]) -> Vec<u8> {
    // SAFETY: the callers pass as many bytes as the kernel says it wrote.
    buffer.iter().map(|byte| unsafe { byte.assume_init() }).collect()
}
