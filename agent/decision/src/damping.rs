//! Growing reluctance after flaps: a penalty for each failover away from a link, fading with time.

use crate::Timestamp;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The hold-down grows no further than this (or the configured one, if that is longer): after an hour an
/// operator expects the link to have had its chance.
const LONGEST_HOLD_DOWN: Duration = Duration::from_secs(3_600);
/// Both families leaving a link for one cause are one flap.
const ONE_FLAP: Duration = Duration::from_secs(5);
/// No penalty is higher; it would mean nothing beyond the longest hold-down.
const HIGHEST: f64 = 32.0;

/// The flap memory of one link.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Damping {
    penalty: f64,
    at: Option<Timestamp>,
}

impl Damping {
    pub(crate) const fn new() -> Self {
        Self { penalty: 0.0, at: None }
    }

    /// The link was left because it failed.
    pub(crate) fn flap(&mut self, half_life: Duration, now: Timestamp) {
        if self.at.is_none_or(|at| now.since(at) >= ONE_FLAP) {
            self.penalty = (self.penalty(half_life, now) + 1.0).min(HIGHEST);
            self.at = Some(now);
        }
    }

    /// What is left of the penalties.
    pub(crate) fn penalty(&self, half_life: Duration, now: Timestamp) -> f64 {
        let Some(at) = self.at else { return 0.0 };
        let lives = now.since(at).as_secs_f64() / half_life.as_secs_f64().max(f64::MIN_POSITIVE);
        self.penalty * (-lives).exp2()
    }

    /// The hold-down that such a link must serve: doubled by each penalty beyond the first.
    pub(crate) fn hold_down(&self, normal: Duration, half_life: Duration, now: Timestamp) -> Duration {
        let beyond = (self.penalty(half_life, now) - 1.0).clamp(0.0, HIGHEST);
        let longest = LONGEST_HOLD_DOWN.max(normal);
        Duration::try_from_secs_f64(normal.as_secs_f64() * beyond.exp2()).unwrap_or(longest).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(60);
    const LIFE: Duration = Duration::from_secs(600);

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn the_first_flap_costs_nothing_and_each_further_one_doubles() {
        let mut damping = Damping::new();
        assert_eq!(damping.hold_down(HOLD, LIFE, at(0)), HOLD);
        damping.flap(LIFE, at(100));
        assert_eq!(damping.hold_down(HOLD, LIFE, at(100)), HOLD);
        damping.flap(LIFE, at(110));
        let second = damping.hold_down(HOLD, LIFE, at(110));
        assert!(second > HOLD * 19 / 10 && second <= HOLD * 2, "{second:?}");
        for n in 12..60 {
            damping.flap(LIFE, at(n * 10));
        }
        assert_eq!(damping.hold_down(HOLD, LIFE, at(600)), LONGEST_HOLD_DOWN);
        assert_eq!(damping.hold_down(HOLD * 100, LIFE, at(600)), HOLD * 100);
    }

    #[test]
    fn it_fades_by_half_lives_and_two_families_are_one_flap() {
        let mut damping = Damping::new();
        damping.flap(LIFE, at(0));
        damping.flap(LIFE, at(1));
        assert!((damping.penalty(LIFE, at(600)) - 0.5).abs() < 1e-9);
    }
}
