//! The contestants: our core and the rules of its peers, each as its source or its manual says.
//!
//! Only the rules are here: a move takes effect at the moment it is decided, although a peer's scripts take from
//! 0.1 s (mwan3) to seconds (a reload of OPNsense's routes) for it. When all links are down, the one in use is kept,
//! whatever the peer would do. Both favour the peers. Each begins at a random phase of its own interval.

mod counted;
mod fixed_count;
mod foolsm;
mod fortinet;
mod mwan3;
mod opnsense;
mod peplink;
mod shunt;
mod vyos;

use super::contest::Air;
use crate::random::Random;
use shunt_decision::Timestamp;
use std::time::Duration;

pub use fixed_count::Pace;

/// An echo request of the usual `ping`: 20 bytes of IP, 8 of ICMP, 56 of data.
const PING: u64 = 84;

/// A set of rules at work.
pub trait Rules {
    /// When it wants to be woken next.
    fn due(&self) -> Timestamp;
    /// Does what is due.
    fn step(&mut self, air: &mut Air<'_>);
}

/// A contestant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// The decision core of Shunt, with the defaults of its config.
    Shunt,
    /// mwan3 as it is shipped.
    Mwan3,
    /// mwan3, as fast as its configuration allows without a move at a single lost packet.
    Mwan3Tuned,
    /// dpinger and OPNsense's gateway monitoring.
    OpnSense,
    /// VyOS WAN load balancing, as failover.
    Vyos,
    /// foolsm, the Foobar Link Status Monitor.
    Foolsm,
    /// Fortinet's SD-WAN health check.
    Fortinet,
    /// Peplink's WAN health check.
    Peplink,
    /// Three packets missing, as in BFD, at a given pace.
    FixedCount(Pace),
}

impl Contestant {
    /// The peers with rules of their own, in the order of the table.
    pub const PEERS: [Self; 7] = [
        Self::Mwan3,
        Self::Mwan3Tuned,
        Self::OpnSense,
        Self::Vyos,
        Self::Foolsm,
        Self::Fortinet,
        Self::Peplink,
    ];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shunt => "Shunt (defaults)",
            Self::Mwan3 => "mwan3 (defaults)",
            Self::Mwan3Tuned => "mwan3 (tuned)",
            Self::OpnSense => "dpinger + OPNsense",
            Self::Vyos => "VyOS wan load-balance",
            Self::Foolsm => "foolsm",
            Self::Fortinet => "Fortinet SD-WAN SLA",
            Self::Peplink => "Peplink",
            Self::FixedCount(_) => "fixed count of 3, equal budget",
        }
    }

    /// The rules, ready to begin.
    #[must_use]
    pub fn rules(self, air: &mut Air<'_>) -> Box<dyn Rules> {
        match self {
            Self::Shunt => Box::new(shunt::Shunt::new(air)),
            Self::Mwan3 => Box::new(mwan3::Mwan3::new(mwan3::DEFAULTS, air)),
            Self::Mwan3Tuned => Box::new(mwan3::Mwan3::new(mwan3::TUNED, air)),
            Self::OpnSense => Box::new(opnsense::OpnSense::new(air)),
            Self::Vyos => Box::new(vyos::Vyos::new(air)),
            Self::Foolsm => Box::new(foolsm::Foolsm::new(air)),
            Self::Fortinet => Box::new(fortinet::rules(air)),
            Self::Peplink => Box::new(peplink::rules(air)),
            Self::FixedCount(pace) => Box::new(fixed_count::FixedCount::new(pace, air)),
        }
    }
}

/// Where in `interval` the contestant's part number `part` begins.
fn phase(air: &Air<'_>, part: u64, interval: Duration) -> Duration {
    interval.mul_f64(Random::new(air.seed() ^ part.wrapping_add(1)).share())
}

#[cfg(test)]
mod tests;
