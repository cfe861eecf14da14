//! The weather on the lines.

use shunt_decision::{TargetId, Timestamp};
use std::time::Duration;

/// How one link of the simulated network behaves in one family.
#[derive(Debug, Clone)]
pub struct Weather {
    /// Round-trip time.
    pub rtt: Duration,
    /// Up to so much is added to it, evenly spread.
    pub jitter: Duration,
    /// Share of probes lost, from 0 to 1.
    pub loss: f64,
    /// From then on nothing passes, without a notice.
    pub cut: Option<Timestamp>,
    /// Targets that do not answer.
    pub gone: Vec<TargetId>,
    /// Packets a second that arrive whatever becomes of probes, and are for nobody.
    pub strangers: f64,
    /// Packets a second that the users send while it is the uplink; each is answered unless the line is cut.
    pub users: f64,
    /// Whether a client's packet is forwarded and comes back.
    pub forwards: bool,
    /// Whether the gateway answers on the link itself.
    pub gateway: bool,
    /// Targets in whose place somebody else answers.
    pub portal: Vec<TargetId>,
    /// Targets with names that nobody tells the address of.
    pub unresolved: Vec<TargetId>,
}

impl Weather {
    /// A line that answers after `rtt` and loses nothing.
    #[must_use]
    pub const fn fair(rtt: Duration) -> Self {
        let gone = Vec::new();
        let jitter = Duration::ZERO;
        let portal = Vec::new();
        let unresolved = Vec::new();
        Self {
            rtt,
            jitter,
            loss: 0.0,
            cut: None,
            gone,
            strangers: 0.0,
            users: 0.0,
            forwards: true,
            gateway: true,
            portal,
            unresolved,
        }
    }
}
