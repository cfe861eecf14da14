//! Whether an alternative to a degraded uplink is truly better now: it is asked, and must show it.

use crate::path::Path;
use crate::rtt::percent_of;
use crate::target::TargetState;
use crate::{Reason, Timestamp};
use serde::{Deserialize, Serialize};

/// So many judged probes must speak for the alternative; at two targets a second apart they take some two seconds,
/// which is little against the time that it takes to find a link degraded.
const LEAST: u32 = 6;
/// The alternative must lose at most one part in so many of what the uplink loses.
const LOSS_PART: u32 = 2;
/// And where time was the trouble, its own must be at most this percentage of the uplink's.
const TIME_PERCENT: u32 = 80;

/// What an alternative has shown since the uplink is degraded.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Audition {
    since: Timestamp,
    judged: u32,
    lost: u32,
}

impl Audition {
    pub(crate) const fn begin(now: Timestamp) -> Self {
        Self { since: now, judged: 0, lost: 0 }
    }

    /// Takes in one judgement on a probe that was sent at `sent`.
    pub(crate) fn judge(&mut self, lost: bool, sent: Timestamp) {
        if sent >= self.since {
            self.judged = self.judged.saturating_add(1);
            self.lost = self.lost.saturating_add(u32::from(lost));
        }
    }

    /// A loss is taken back: the reply came after all.
    pub(crate) fn forgive(&mut self, sent: Timestamp) {
        if sent >= self.since {
            self.lost = self.lost.saturating_sub(1);
        }
    }
}

impl Path {
    /// Whether this path is shown to be better than the degraded `uplink`.
    pub(crate) fn is_better_than(&self, uplink: &Self) -> bool {
        let Some(shown) = self.audition.filter(|shown| shown.judged >= LEAST) else { return false };
        let loss = f64::from(shown.lost) / f64::from(shown.judged);
        if loss * f64::from(LOSS_PART) > uplink.window.loss().map_or(0.0, crate::Percent::fraction)
            && shown.lost > 0
        {
            return false;
        }
        let quicker = |of: fn(&TargetState) -> Option<core::time::Duration>| matches!((self.mean(of), uplink.mean(of)), (Some(own), Some(its)) if own <= percent_of(its, TIME_PERCENT));
        match uplink.standing_reason() {
            Reason::SlowRtt(_) => quicker(|target| target.rtt.smoothed()),
            Reason::HighJitter(_) => quicker(|target| target.rtt.jitter()),
            _ => true,
        }
    }
}
