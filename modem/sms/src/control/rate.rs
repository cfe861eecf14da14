//! How often something may happen.

use crate::Timestamp;
use core::time::Duration;
use std::collections::VecDeque;

/// So many times in any time so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many times.
    pub times: u16,
    /// In how long.
    pub period: Duration,
}

/// The times of late.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    /// As many as the rate allows at most.
    times: VecDeque<Timestamp>,
}

impl Rate {
    /// So many an hour.
    #[must_use]
    pub const fn an_hour(times: u16) -> Self {
        Self { times, period: Duration::from_secs(3_600) }
    }
}

impl Meter {
    /// Whether it may happen once more.
    pub(super) fn has_room(&mut self, rate: Rate, now: Timestamp) -> bool {
        while self.times.front().is_some_and(|first| now.since(*first) >= rate.period) {
            self.times.pop_front();
        }
        self.times.len() < usize::from(rate.times)
    }

    /// It happened. Only after [`Self::has_room`], so that there are never more times than the rate allows.
    pub(super) fn count(&mut self, now: Timestamp) {
        self.times.push_back(now);
    }
}
