//! What a link's settings come to, told before anything is sent: its bytes, and the slowest that a failure is seen.
//!
//! Everything here is computed by the parts that do it later, so that the two cannot differ.

use crate::budget::Budget;
use crate::failover::DEADLINE_SLACK;
use crate::link::{Intervals, Need};
use crate::rtt::RttStats;
use crate::schedule::Spacing;
use crate::suspicion::{NOTICEABLE, longest_burst};
use crate::{Family, LinkConfig, Timestamp};
use core::time::Duration;

/// Samples after which the deadlines of a steady round trip have settled: the smoothing forgets 1/8 with each.
const SETTLED: u32 = 64;

/// What a link's settings come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// As the uplink of both families.
    pub in_use: Steady,
    /// Standing by, with nothing suspect.
    pub standing_by: Steady,
}

/// Steady probing, while no suspicion is on and the budget's reserve is in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steady {
    /// The time between two probes of one target; of the family where it is longer.
    pub interval: Duration,
    bytes_per_second: f64,
}

impl Steady {
    /// Bytes in a time.
    #[must_use]
    pub fn bytes_in(&self, time: Duration) -> u64 {
        (self.bytes_per_second * time.as_secs_f64()).round() as u64
    }
}

impl Plan {
    /// The plan of a link.
    #[must_use]
    pub fn of(config: &LinkConfig) -> Self {
        Self { in_use: steady(config, Need::Dense), standing_by: steady(config, Need::Standby) }
    }
}

/// The longest from the moment at which the link in use goes silent to the verdict that it failed, while all of its
/// targets answered before: the rest of the pace, the deadline of the probe that is late, and the burst.
///
/// `rtt`: their round-trip time, if it is steady and nothing is lost as a rule: from these the adaptive deadlines and
/// the length of the burst follow. Without it both are as long as they can become. The agent's own scheduling comes on top, a few milliseconds.
#[must_use]
pub fn worst_detection(config: &LinkConfig, rtt: Option<Duration>) -> Duration {
    let mut habits = RttStats::new();
    for (number, rtt) in (0..SETTLED).zip(core::iter::repeat(rtt)) {
        if let Some(rtt) = rtt {
            habits.sample(rtt, Timestamp::ZERO + config.interval * number);
        }
    }
    let (late, lost, loss, pauses) = if rtt.is_some() {
        let lost = habits.confirm_deadline(config.timeout, Timestamp::ZERO);
        (habits.suspicion_deadline(config.timeout), lost, 0.0, Duration::ZERO)
    } else {
        // On a line whose round trips are nearly as long as the timeout.
        (config.timeout, config.timeout, 100.0, NOTICEABLE)
    };
    let spaced = sides(config).zip(spacings(config, Need::Dense));
    let each = spaced.map(|(side, spacing)| {
        let quorum = u32::from(config.quorum).min(side.weights.iter().sum()).max(1);
        let pace = spacing.distance() + spacing.most_jitter();
        pace + late + DEADLINE_SLACK + longest_burst(side.weights, quorum, loss, lost, pauses)
    });
    each.max().unwrap_or_default()
}

/// The targets of one family.
struct Side {
    weights: Vec<u32>,
    round_cost: u32,
}

impl Side {
    fn targets(&self) -> u8 {
        u8::try_from(self.weights.len()).unwrap_or(u8::MAX)
    }
}

fn sides(config: &LinkConfig) -> impl Iterator<Item = Side> {
    Family::ALL.into_iter().filter_map(|family| {
        let mine = || config.targets.iter().filter(move |target| target.family == family);
        let weights: Vec<_> = mine().map(|target| u32::from(target.weight.max(1))).collect();
        let round_cost = mine().map(|target| target.cost).sum();
        (!weights.is_empty()).then_some(Side { weights, round_cost })
    })
}

/// As [`Link`](crate::link::Link) sets them.
fn spacings(config: &LinkConfig, need: Need) -> impl Iterator<Item = Spacing> {
    let intervals = Intervals::of(config);
    let interval = intervals.wanted(need);
    let round: u32 = sides(config).map(|side| side.round_cost).sum();
    let wanted = f64::from(round) / interval.as_secs_f64();
    let budget = config.budget.map(|allowed| Budget::new(allowed, config.look_ups(), Timestamp::ZERO));
    let stretch = budget.map_or(1.0, |budget| budget.stretch(wanted, false, Timestamp::ZERO));
    sides(config).map(move |side| Spacing::of(side.targets(), interval, stretch, intervals.usual))
}

fn steady(config: &LinkConfig, need: Need) -> Steady {
    let mut steady = Steady { interval: Duration::ZERO, bytes_per_second: 0.0 };
    for (side, spacing) in sides(config).zip(spacings(config, need)) {
        let interval = spacing.distance() * u32::from(side.targets());
        steady.interval = steady.interval.max(interval);
        steady.bytes_per_second += f64::from(side.round_cost) / interval.as_secs_f64();
    }
    steady
}
