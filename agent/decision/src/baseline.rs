//! What is normal for a line: followed down at once, and up only over hours, so that a bad hour is not taken for normal.

use crate::{TimeLimit, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A line that grew slower for good is taken as it is within hours; one that is slow for an evening is not.
const UP: Duration = Duration::from_secs(4 * 3_600);
/// A line that grew faster is believed within a minute.
const DOWN: Duration = Duration::from_secs(30);
/// So many samples make a baseline: half a minute of the usual probing.
const LEAST: u32 = 30;
/// No sample stands for more than this: after a long pause a line may be another one.
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// Less above the baseline is no trouble to anybody, however many times it is: a line of 1 ms may well take 5.
const LEAST_RISE: Duration = Duration::from_millis(25);

/// The usual value of a quantity in time.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Baseline {
    seconds: f64,
    samples: u32,
    at: Timestamp,
}

impl Baseline {
    /// Takes in one value.
    pub(crate) fn sample(&mut self, value: Duration, at: Timestamp) {
        let value = value.as_secs_f64();
        let passed = at.since(self.at).min(LONGEST_STEP).as_secs_f64();
        self.at = self.at.max(at);
        if self.samples < LEAST {
            // The mean so far.
            self.samples += 1;
            self.seconds += (value - self.seconds) / f64::from(self.samples);
            return;
        }
        let pace = if value > self.seconds { UP } else { DOWN };
        self.seconds += (value - self.seconds) * passed / (pace.as_secs_f64() + passed);
    }

    /// The usual value; `None` until enough was seen.
    pub(crate) fn value(&self) -> Option<Duration> {
        (self.samples >= LEAST).then(|| Duration::from_secs_f64(self.seconds.max(0.0)))
    }
}

impl TimeLimit {
    /// The limit in time, for a line with this baseline; `None` where that is not known yet.
    pub(crate) fn resolve(self, baseline: Option<Duration>) -> Option<Duration> {
        match self {
            Self::At(limit) => Some(limit),
            Self::TimesBaseline(times) => {
                let baseline = baseline?;
                Some(baseline.mul_f64(times.max(1.0)).max(baseline + LEAST_RISE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(baseline: &mut Baseline, from: u64, seconds: u64, ms: u64) {
        for second in from..from + seconds {
            baseline.sample(Duration::from_millis(ms), Timestamp::ZERO + Duration::from_secs(second));
        }
    }

    #[test]
    fn a_bad_hour_is_not_normal_and_a_new_line_is_within_a_day() {
        let mut baseline = Baseline::default();
        run(&mut baseline, 0, 20, 10);
        assert_eq!(baseline.value(), None);
        run(&mut baseline, 20, 3_600, 10);
        assert_eq!(baseline.value().map(|value| value.as_millis()), Some(10));
        run(&mut baseline, 3_620, 3_600, 100);
        assert!(baseline.value().unwrap() < Duration::from_millis(33), "{baseline:?}");
        run(&mut baseline, 7_220, 86_400, 100);
        assert!(baseline.value().unwrap() > Duration::from_millis(95), "{baseline:?}");
        run(&mut baseline, 93_620, 180, 10);
        assert!(baseline.value().unwrap() < Duration::from_millis(11), "{baseline:?}");
    }

    #[test]
    fn a_multiple_of_next_to_nothing_is_no_limit() {
        let five = TimeLimit::TimesBaseline(5.0);
        assert_eq!(five.resolve(None), None);
        assert_eq!(five.resolve(Some(Duration::from_millis(1))), Some(Duration::from_millis(26)));
        assert_eq!(five.resolve(Some(Duration::from_millis(20))), Some(Duration::from_millis(100)));
        assert_eq!(TimeLimit::At(Duration::from_millis(7)).resolve(None), Some(Duration::from_millis(7)));
    }
}
