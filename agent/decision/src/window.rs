//! Loss: the window that is shown, and the sequential test that decides.

use crate::{Percent, Timestamp};
use serde::{Deserialize, Serialize};

/// Judged probes in a window. A hundred: one lost probe is one percent.
const WINDOW: u32 = 100;

/// The last [`WINDOW`] judged probes, one bit each, the newest lowest.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct LossWindow {
    lost: u128,
    judged: u64,
    since_reset: u32,
}

impl LossWindow {
    /// Takes in one judgement and names it, so that it can be taken back.
    pub(crate) const fn push(&mut self, lost: bool) -> u64 {
        self.lost = ((self.lost << 1) | lost as u128) & ((1 << WINDOW) - 1);
        self.since_reset = self.since_reset.saturating_add(1);
        self.judged += 1;
        self.judged - 1
    }

    /// The reply came after all.
    pub(crate) const fn forgive(&mut self, name: u64) {
        let age = self.judged.saturating_sub(name).saturating_sub(1);
        if age < WINDOW as u64 {
            self.lost &= !(1 << age);
        }
    }

    /// Forgets what was judged; names stay unique.
    pub(crate) const fn reset(&mut self) {
        self.lost = 0;
        self.since_reset = 0;
    }

    /// How many judged probes it holds.
    pub(crate) const fn len(&self) -> u32 {
        if self.since_reset < WINDOW { self.since_reset } else { WINDOW }
    }

    /// Loss; `None` while nothing was judged.
    pub(crate) fn loss(&self) -> Option<Percent> {
        let of = self.len();
        (of > 0).then(|| Percent::new(100.0 * f64::from(self.lost.count_ones()) / f64::from(of)))
    }
}

/// The score at which the sequential test speaks.
///
/// Each loss adds ln(p1/p0), each reply adds ln((1-p1)/(1-p0)), below zero never (Page's CUSUM, 1954), where p1
/// is the limit and p0 a tenth of it. The chance that one excursion crosses `h` while the true loss is `p` is
/// below exp(-θh), θ being the positive root of p·e^(θ·up) + (1-p)·e^(-θ·down) = 1. With p1 = 20 %, p = 1 %: θ =
/// 1.41; an excursion begins with each loss, 172,800 in 100 days of 2 probes/s; 172,800 · e^(-1.41·18) = 2e-6.
/// A line that loses 30 % is found after about 18/0.55 = 33 steady probes. What a burst loses is not told to the test:
/// its probes fare alike, and a pause of a tenth of a second would count as a dozen independent losses.
pub(crate) const ALARM: f64 = 18.0;
/// The score goes no higher, so that a line that is well again is seen to be within a bounded time.
const CEILING: f64 = 1.5 * ALARM;

/// The sequential test for loss.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct LossTest {
    score: f64,
    up: f64,
    down: f64,
    since: Option<Timestamp>,
}

impl LossTest {
    /// A test made to find `limit`. A limit of 0 or 100 % is brought inside, where the logarithms live.
    pub(crate) fn new(limit: Percent) -> Self {
        let found = limit.fraction().clamp(0.001, 0.999);
        let normal = found / 10.0;
        let up = (found / normal).ln();
        let down = ((1.0 - normal) / (1.0 - found)).ln();
        Self { score: 0.0, up, down, since: None }
    }

    /// Takes in one judged probe that was sent at `sent`.
    pub(crate) fn push(&mut self, lost: bool, sent: Timestamp) {
        if lost {
            self.since.get_or_insert(sent);
            self.score = (self.score + self.up).min(CEILING);
        } else if self.score > 0.0 {
            self.lower(self.down);
        }
    }

    /// Takes `losses` back: they were replies after all, or not the link's fault.
    pub(crate) fn forgive(&mut self, losses: u32) {
        self.lower(f64::from(losses) * (self.up + self.down));
    }

    fn lower(&mut self, by: f64) {
        self.score -= by;
        if self.score <= 0.0 {
            self.score = 0.0;
            self.since = None;
        }
    }

    /// Back to nothing known.
    pub(crate) const fn reset(&mut self) {
        self.score = 0.0;
        self.since = None;
    }

    /// The score, from 0.
    pub(crate) const fn score(&self) -> f64 {
        self.score
    }

    /// Sending time of the first lost probe of the present excursion.
    pub(crate) const fn since(&self) -> Option<Timestamp> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::mix;

    #[test]
    fn the_window_counts_forgives_and_forgets() {
        let mut window = LossWindow::default();
        assert_eq!(window.loss(), None);
        let first = window.push(true);
        window.push(false);
        assert_eq!(window.loss(), Some(Percent::new(50.0)));
        window.forgive(first);
        assert_eq!(window.loss(), Some(Percent::new(0.0)));
        for _ in 0..500 {
            window.push(true);
        }
        assert_eq!((window.len(), window.loss()), (100, Some(Percent::new(100.0))));
        window.forgive(first);
        assert_eq!(window.loss(), Some(Percent::new(100.0)));
        window.reset();
        assert_eq!(window.len(), 0);
    }

    /// Probes until the alarm at a true loss of `percent`, or `None` within `of`.
    fn alarm(percent: u64, of: u64, seed: u64) -> Option<u64> {
        let mut test = LossTest::new(Percent::new(20.0));
        (0..of).find(|n| {
            test.push(mix(seed, *n) % 100 < percent, Timestamp::ZERO);
            test.score() >= ALARM
        })
    }

    #[test]
    fn one_percent_is_never_taken_for_twenty() {
        assert_eq!(alarm(1, 20_000_000, 1), None);
    }

    #[test]
    fn thirty_percent_is_found_in_some_dozens() {
        let mean = (0..200).map(|seed| alarm(30, 10_000, seed).unwrap()).sum::<u64>() / 200;
        assert!((20..50).contains(&mean), "{mean}");
    }

    #[test]
    fn losses_taken_back_leave_no_score() {
        let mut test = LossTest::new(Percent::new(20.0));
        test.push(true, Timestamp::from_nanos(5));
        assert_eq!(test.since(), Some(Timestamp::from_nanos(5)));
        test.forgive(1);
        assert!(test.score().abs() < 1e-9);
        assert_eq!(test.since(), None);
    }
}
