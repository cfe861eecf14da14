//! The ground truth: what happens to a packet on each link at each moment, the same for every contestant.
//!
//! All of it is drawn from one seed before the contest begins. Whether a single packet is lost depends on the link,
//! the target and the time alone, so that a contestant who asks more often does not change the weather for others.

mod sky;
mod spells;
mod traffic;

pub use sky::{Packets, Sky, Truth};
pub use spells::{Arrival, Effect, Kind, Length, Span, Spell};
pub use traffic::{Counters, Traffic};

use super::trace::Trace;
use shunt_decision::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What is shorter is no outage: nobody sees it.
pub const SHORTEST_OUTAGE: Duration = Duration::from_millis(200);
/// Packets that are held for less are not late enough for anybody to mind.
const SLOW_PAUSE: Duration = Duration::from_millis(300);
/// Packets that are held for so long are as good as lost while it lasts; for less, the link is only slow.
const DEAD_PAUSE: Duration = Duration::from_millis(500);
/// A packet that waits longer for a recorded link is dropped by the queue. All rules' patience is shorter or equal.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Loss from which a link is degraded in the eyes of its users.
const DEGRADED_LOSS: f64 = 0.1;
/// Seconds beyond the usual round trip from which a link is degraded in the eyes of its users.
const DEGRADED_DELAY: f64 = 0.3;

/// What the weather of one link is like.
#[derive(Debug, Clone)]
pub struct Climate {
    /// Shortest round trip, without what a trace adds.
    pub rtt: Duration,
    /// Mean of what is added to it, exponentially distributed, up to ten times as much.
    pub jitter: Duration,
    /// Share of packets lost at random in the best of times, there and back together.
    pub loss: f64,
    /// What goes wrong.
    pub kinds: Vec<Kind>,
    /// When packets may pass at all.
    pub trace: Option<Arc<Trace>>,
}

/// The weather of all links and targets of a scenario.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// The links, the preferred one first.
    pub climates: Vec<Climate>,
}

/// The targets that exist; they fail alone, but on all links at once.
pub const TARGETS: u8 = 4;
/// Each target is down for a while about once a month.
const TARGET_FAILURES: Kind = Kind {
    effect: Effect::Loss,
    arrival: Arrival::Random(Duration::from_secs(30 * 86_400)),
    length: Length::LogUniform(Duration::from_secs(20), Duration::from_secs(7_200)),
    depth: (1.0, 1.0),
};
/// And limits its answers for a while about once in ten days: public resolvers do.
const TARGET_LIMITS: Kind = Kind {
    effect: Effect::Loss,
    arrival: Arrival::Random(Duration::from_secs(10 * 86_400)),
    length: Length::LogUniform(Duration::from_secs(60), Duration::from_secs(3_600)),
    depth: (0.1, 0.6),
};
/// The first minutes are fine, so that every rule set has settled when the weather begins.
pub const CALM: Duration = Duration::from_secs(300);

impl Plan {
    /// Draws the weather of a contest of this length.
    #[must_use]
    pub fn draw(&self, length: Duration, seed: u64) -> Sky {
        Sky::new(self, Timestamp::ZERO + CALM, Timestamp::ZERO + CALM + length, seed)
    }
}
