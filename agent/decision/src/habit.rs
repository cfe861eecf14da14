//! What a line is known to do now and then, slowly forgotten: how slow it gets, how long it pauses.

use crate::Timestamp;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Half of what is remembered for a day is forgotten in this time: what a line does each evening is known on the next.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Half of what is remembered for a week is forgotten in this time: it is of the line's own making.
pub(crate) const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
/// What happens again within this belongs to the same episode, and is learned from once.
const EPISODE: Duration = Duration::from_secs(30);

/// The extent of something that a line does by habit.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Habit {
    half_life: Duration,
    extent: Duration,
    at: Option<Timestamp>,
}

impl Habit {
    /// Nothing is known yet.
    pub(crate) const fn new(half_life: Duration) -> Self {
        Self { half_life, extent: Duration::ZERO, at: None }
    }

    /// It happened, to this extent. One time is no habit: each goes only half of the way.
    pub(crate) fn learn(&mut self, extent: Duration, at: Timestamp) {
        let known = self.extent(at);
        if extent > known && self.at.is_none_or(|last| at.since(last) >= EPISODE) {
            (self.extent, self.at) = ((known + extent) / 2, Some(at));
        }
    }

    /// The extent that is to be expected.
    pub(crate) fn extent(&self, now: Timestamp) -> Duration {
        let passed = self.at.map_or(Duration::ZERO, |at| now.since(at)).as_secs_f64();
        let life = self.half_life.as_secs_f64();
        self.extent.mul_f64(life / (life + passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(hours * 3_600)
    }

    #[test]
    fn it_is_learned_by_repetition_and_forgotten_over_days() {
        let mut habit = Habit::new(DAY);
        assert_eq!(habit.extent(hours(1)), Duration::ZERO);
        let second = Duration::from_secs(1);
        habit.learn(second, hours(1));
        assert_eq!(habit.extent(hours(1)), second / 2);
        habit.learn(second, hours(1) + Duration::from_secs(1));
        assert_eq!(habit.extent(hours(1)), second / 2, "the same episode");
        for hour in 2..8 {
            habit.learn(second, hours(hour));
        }
        assert!(habit.extent(hours(8)) > second * 9 / 10, "{habit:?}");
        assert!(habit.extent(hours(8 + 24)) < second / 2, "{habit:?}");
    }
}
