//! Round-trip statistics of one target, and the deadlines that follow from them.

use crate::Timestamp;
use crate::baseline::Baseline;
use crate::habit::{self, Habit};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A deadline is never nearer to the mean than this: below it, scheduling noise of the gateway and of the
/// target decides, not the network. 25 ms costs 25 ms of detection and keeps a 0.2 ms LAN target quiet.
const SUSPICION_FLOOR: Duration = Duration::from_millis(25);
/// The same for confirming probes, whose loss is believed: twice what a loaded access line adds as a rule.
const CONFIRM_FLOOR: Duration = Duration::from_millis(60);
/// A target that never answered is waited for so long, as for a connection of TCP's (RFC 6298, 2.1).
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// A deadline is never farther from the mean than this, or than the mean itself where that is longer: what a link holds
/// back for a quarter of a second more than it does as a rule is missed by whoever waits for it, whatever its habits.
const LONGEST_MARGIN: Duration = Duration::from_millis(250);
/// How many recent round trips are kept to know the largest; at 1 a second a minute of the line's habits.
const RECENT: usize = 2 * HALF;
/// serde knows no longer lists of a fixed length.
const HALF: usize = 32;

/// RFC 6298 smoothing, RFC 3550 jitter and the recent maximum.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RttStats {
    smoothed: u64,
    variation: u64,
    jitter: u64,
    last: u64,
    samples: u64,
    /// Replies that came after they had been given up, by their round trip.
    slow: Habit,
    usual: Baseline,
    usual_jitter: Baseline,
    /// Microseconds, so that the ring stays small.
    recent: [[u32; HALF]; 2],
}

impl RttStats {
    pub(crate) fn new() -> Self {
        let (usual, usual_jitter) = (Baseline::default(), Baseline::default());
        Self {
            smoothed: 0,
            variation: 0,
            jitter: 0,
            last: 0,
            samples: 0,
            slow: Habit::new(habit::DAY),
            usual,
            usual_jitter,
            recent: [[0; HALF]; 2],
        }
    }

    /// Takes in one round trip, whose reply came at `at`.
    pub(crate) fn sample(&mut self, rtt: Duration, at: Timestamp) {
        self.usual.sample(rtt, at);
        let rtt = nanos(rtt);
        if self.samples == 0 {
            // RFC 6298, 2.2.
            self.smoothed = rtt;
            self.variation = rtt / 2;
        } else {
            // RFC 6298, 2.3 (beta 1/4, alpha 1/8); RFC 3550, 6.4.1 (1/16).
            let off = self.smoothed.abs_diff(rtt);
            self.variation = self.variation - self.variation / 4 + off / 4;
            self.smoothed = self.smoothed - self.smoothed / 8 + rtt / 8;
            let step = self.last.abs_diff(rtt);
            self.jitter = self.jitter - self.jitter / 16 + step / 16;
        }
        self.last = rtt;
        let place = usize::try_from(self.samples % RECENT as u64).unwrap_or(0);
        if let Some(slot) = self.recent.as_flattened_mut().get_mut(place) {
            *slot = u32::try_from(rtt / 1_000).unwrap_or(u32::MAX);
        }
        self.samples += 1;
        if let Some(jitter) = self.jitter() {
            self.usual_jitter.sample(jitter, at);
        }
    }

    /// A reply came after its probe had been given up: the line was slow, not dead.
    pub(crate) fn regret(&mut self, rtt: Duration, at: Timestamp) {
        self.slow.learn(rtt, at);
    }

    /// What is usual for the round trip; `None` until enough was seen.
    pub(crate) fn usual(&self) -> Option<Duration> {
        self.usual.value()
    }

    /// What is usual for the jitter.
    pub(crate) fn usual_jitter(&self) -> Option<Duration> {
        self.usual_jitter.value()
    }

    /// Smoothed round-trip time; `None` before the first sample.
    pub(crate) const fn smoothed(&self) -> Option<Duration> {
        if self.samples == 0 { None } else { Some(Duration::from_nanos(self.smoothed)) }
    }

    /// Interarrival jitter; `None` before the second sample.
    pub(crate) const fn jitter(&self) -> Option<Duration> {
        if self.samples < 2 { None } else { Some(Duration::from_nanos(self.jitter)) }
    }

    /// After this, a steady probe is late enough to be suspicious.
    pub(crate) fn suspicion_deadline(&self, timeout: Duration) -> Duration {
        if self.samples == 0 {
            return timeout.min(FIRST_PATIENCE);
        }
        let margin = (4 * self.variation).max(nanos(SUSPICION_FLOOR));
        Duration::from_nanos((self.smoothed + margin).min(self.latest())).min(timeout)
    }

    /// After this, a confirming probe is lost: more generous, since its word is believed.
    pub(crate) fn confirm_deadline(&self, timeout: Duration, now: Timestamp) -> Duration {
        if self.samples == 0 {
            return timeout.min(FIRST_PATIENCE);
        }
        let margin = (8 * self.variation).max(nanos(CONFIRM_FLOOR));
        let recent = u64::from(self.recent.as_flattened().iter().copied().max().unwrap_or(0)) * 1_000;
        let largest = recent.max(nanos(self.slow.extent(now)));
        let wanted = (self.smoothed + margin).max(largest + largest / 2);
        Duration::from_nanos(wanted.min(self.latest())).min(timeout)
    }

    /// The farthest deadline in nanoseconds.
    fn latest(&self) -> u64 {
        self.smoothed + self.smoothed.max(nanos(LONGEST_MARGIN))
    }
}

/// A part of a time.
pub(crate) fn percent_of(time: Duration, percent: u32) -> Duration {
    time * percent / 100
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn before_a_sample_it_is_a_second_or_the_timeout() {
        let stats = RttStats::new();
        for (timeout, deadline) in [(ms(400), ms(400)), (ms(2_000), FIRST_PATIENCE)] {
            assert_eq!(stats.suspicion_deadline(timeout), deadline);
            assert_eq!(stats.confirm_deadline(timeout, Timestamp::ZERO), deadline);
        }
        assert_eq!(stats.smoothed(), None);
        assert_eq!(stats.jitter(), None);
    }

    #[test]
    fn a_steady_line_has_the_floors() {
        let mut stats = RttStats::new();
        for _ in 0..100 {
            stats.sample(ms(10), Timestamp::ZERO);
        }
        assert_eq!(stats.smoothed(), Some(ms(10)));
        assert_eq!(stats.suspicion_deadline(TIMEOUT), ms(35));
        assert_eq!(stats.confirm_deadline(TIMEOUT, Timestamp::ZERO), ms(70));
        assert_eq!(stats.jitter(), Some(Duration::ZERO));
    }

    #[test]
    fn a_restless_line_gets_more_and_never_beyond_the_timeout() {
        let mut stats = RttStats::new();
        for n in 0..200 {
            stats.sample(ms(if n % 2 == 0 { 40 } else { 200 }), Timestamp::ZERO);
        }
        assert!(stats.suspicion_deadline(TIMEOUT) > ms(300));
        assert!(stats.confirm_deadline(TIMEOUT, Timestamp::ZERO) > ms(300));
        assert_eq!(stats.confirm_deadline(ms(300), Timestamp::ZERO), ms(300));
        // RFC 3550: the jitter of steps of 160 ms tends to 160 ms.
        let jitter = stats.jitter().unwrap();
        assert!(jitter > ms(150) && jitter <= ms(160), "{jitter:?}");
    }

    #[test]
    fn a_line_that_pauses_is_not_waited_for_longer_than_anybody_bears() {
        let mut stats = RttStats::new();
        for n in 0..200 {
            stats.sample(ms(if n % 20 == 0 { 900 } else { 40 }), Timestamp::ZERO);
            let smoothed = stats.smoothed().unwrap();
            let latest = smoothed + smoothed.max(LONGEST_MARGIN);
            assert!(stats.suspicion_deadline(TIMEOUT) <= latest);
            assert!(stats.confirm_deadline(TIMEOUT, Timestamp::ZERO) <= latest);
        }
        assert!(stats.confirm_deadline(TIMEOUT, Timestamp::ZERO) < ms(400));
        // A queue that stays full is the mean before long.
        for _ in 0..40 {
            stats.sample(ms(900), Timestamp::ZERO);
        }
        assert!(stats.confirm_deadline(ms(2_000), Timestamp::ZERO) > ms(1_300));
    }
}
