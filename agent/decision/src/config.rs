//! What the core needs to know, already valid: the `shunt-config` crate refuses the rest.

use crate::{Family, Percent, ProbeBudget, TargetIdentity};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Everything the core is told before its first event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The links in order of preference, the best first; at least one, at most 127.
    pub links: Vec<LinkConfig>,
    /// When a recovered link gets the traffic back.
    pub failback: Failback,
    /// How fast the memory of flaps fades: the penalty halves in this time.
    pub damping_half_life: Duration,
}

/// One link, as the core sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkConfig {
    /// The operator's name for it.
    pub name: String,
    /// Traffic on it costs money: it is probed sparsely while it stands by.
    pub metered: bool,
    /// Time between two steady probes of one target.
    pub interval: Duration,
    /// The same while the link is metered and stands by with nothing suspect.
    pub standby_interval: Duration,
    /// A reply later than this is no reply: the upper bound of every adaptive deadline.
    pub timeout: Duration,
    /// What its probes may cost; `None`: whatever the intervals come to.
    pub budget: Option<ProbeBudget>,
    /// The weight of the targets of a family that must answer together for the link to be alive there.
    pub quorum: u8,
    /// What is probed over it. A family without a target is not managed on this link.
    pub targets: Vec<Target>,
    /// When the link counts as degraded.
    pub limits: Limits,
}

impl LinkConfig {
    /// Bytes of one look-up of each name.
    pub(crate) fn look_ups(&self) -> u32 {
        self.targets.iter().fold(0, |sum, target| sum.saturating_add(target.look_up))
    }
}

/// A target: the edge knows what to send, the core only counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The family of its address.
    pub family: Family,
    /// What is asked: it tells a fault of name resolution from one of the path.
    pub kind: TargetKind,
    /// The same far end has the same number on every link, so that its own failure is told from a link's.
    pub identity: TargetIdentity,
    /// How much its answer counts towards the quorum; at least 1.
    pub weight: u8,
    /// What one probe and its answer cost the link, in bytes.
    pub cost: u32,
    /// What a look-up of its name costs the link at the most, in bytes; 0 for an address. The edge may begin one with
    /// each probe of it, and tells so by [`Event::Spent`](crate::Event::Spent).
    pub look_up: u32,
    /// What one probe and its answer come to at the most, so that they are not taken for users' packets.
    pub packets: Packets,
}

/// Packets of our own on a link's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Packets {
    /// Those that leave.
    pub sent: u32,
    /// Those that come.
    pub received: u32,
}

/// What a probe of a target asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// ICMP echo.
    Icmp,
    /// A TCP connection.
    Tcp,
    /// A DNS query.
    Dns,
    /// An HTTP or HTTPS request.
    Http,
}

/// The limits beyond which a link that still answers is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The loss that the sequential test is made to find; a tenth of it counts as normal.
    pub loss: Percent,
    /// Smoothed round-trip time; `None`: no limit.
    pub rtt: Option<TimeLimit>,
    /// RFC 3550 jitter; `None`: no limit.
    pub jitter: Option<TimeLimit>,
}

/// A limit on a time that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum TimeLimit {
    /// This long.
    At(Duration),
    /// So many times what is usual for the link; at least 1.
    TimesBaseline(f64),
}

/// When a preferred link that recovered becomes the uplink again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failback {
    /// Who says so.
    pub mode: FailbackMode,
    /// How long it must have stayed healthy without a break.
    pub hold_down: Duration,
}

/// Who decides that traffic moves back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailbackMode {
    /// The agent, as soon as the hold-down has passed.
    Auto,
    /// The agent, after the hold-down and inside the maintenance window.
    Window,
    /// The operator, by `force` or `release`.
    Manual,
}
