//! What the core knows, as values to be shown.

use crate::{
    BudgetSnapshot, Family, Fault, Force, Incident, LinkId, PerFamily, Percent, Reason, Timestamp, Verdict,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The whole picture at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// The uplink of each family; `None` where the family is not managed or nothing was ready yet.
    pub uplink: PerFamily<Option<LinkId>>,
    /// Why it is the uplink (or why there is none).
    pub uplink_reason: PerFamily<Reason>,
    /// The operator's lease.
    pub forced: Option<Force>,
    /// The links in order of preference.
    pub links: Vec<LinkSnapshot>,
    /// The latest incidents, the newest last.
    pub incidents: Vec<Incident>,
    /// What the core counted since it started.
    pub counters: Counters,
}

/// Events worth a metric, and the overflows of every bounded queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Probes asked for.
    pub probes: u64,
    /// Confirm bursts begun.
    pub bursts: u64,
    /// Losses taken back because the reply came after its deadline, but before the timeout.
    pub late_replies: u64,
    /// Moves of an uplink from one link to another.
    pub moves: u64,
    /// Probes forgotten because too many of one target were in flight.
    pub flights_dropped: u64,
    /// Actions and entries dropped because nobody fetched them.
    pub actions_dropped: u64,
    /// Old incidents forgotten to make room.
    pub incidents_dropped: u64,
}

/// One link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkSnapshot {
    /// Which.
    pub link: LinkId,
    /// Layer 1/2; `None` until the kernel has spoken.
    pub carrier: Option<bool>,
    /// The flap penalty, 1 per failover away from it, fading.
    pub penalty: f64,
    /// Its probe budget, if it has one.
    pub budget: Option<BudgetSnapshot>,
    /// Its paths; `None` for a family without targets.
    pub paths: PerFamily<Option<PathSnapshot>>,
}

/// One link in one family.
#[derive(Debug, Clone, PartialEq)]
pub struct PathSnapshot {
    /// Which family.
    pub family: Family,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
    /// Where it is broken, if it has failed.
    pub fault: Option<Fault>,
    /// Smoothed round-trip time (RFC 6298), over all targets that answer.
    pub rtt: Option<Duration>,
    /// Interarrival jitter (RFC 3550, section 6.4.1).
    pub jitter: Option<Duration>,
    /// Loss in the window of judged probes.
    pub loss: Option<Percent>,
    /// Its targets.
    pub targets: Vec<TargetSnapshot>,
}

/// One target of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetSnapshot {
    /// Which.
    pub target: crate::TargetId,
    /// It answered lately (`false`: silent, and raises no suspicion until it answers).
    pub alive: bool,
    /// It is itself at fault, and does not count until it answers.
    pub blamed: bool,
    /// Smoothed round-trip time.
    pub rtt: Option<Duration>,
    /// Loss in its window.
    pub loss: Option<Percent>,
}
