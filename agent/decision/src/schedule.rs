//! When steady probes are due: one grid for all links and both families, so that they share wake-ups.

use crate::Timestamp;
use crate::rng::{mix, share};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Each tick is moved by at most this part of its slot to either side, so that gateways that were started
/// together do not probe a common target in step.
const JITTER_PARTS: u32 = 20;
/// What is due within this of a wake-up goes with it: nothing that an operator sees is as short.
const SLACK: Duration = Duration::from_millis(20);
/// But never more than this part of the slot, so that fast probing stays even.
const SLACK_PARTS: u32 = 4;

/// The steady pace of one path.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pace {
    seed: u64,
    anchor: Timestamp,
    slot: Duration,
    nominal: Timestamp,
    due: Timestamp,
}

impl Pace {
    /// A path that is first due at once, then at each multiple of `slot` after `anchor`.
    pub(crate) const fn new(seed: u64, anchor: Timestamp, slot: Duration) -> Self {
        Self { seed, anchor, slot, nominal: anchor, due: anchor }
    }

    /// The jittered moment of the next steady probe.
    pub(crate) const fn due(&self) -> Timestamp {
        self.due
    }

    /// Whether the next probe goes with a wake-up at `now`.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now + SLACK.min(self.slot / SLACK_PARTS) >= self.due
    }

    /// Passes on to the next slot after `now`; slots that were missed are left out.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let next = self.nominal + self.slot;
        self.nominal = if next > now { next } else { self.multiple_after(now) };
        self.due = self.jittered();
    }

    /// Changes the distance of the slots. The grid stays, so that paths of the same pace stay aligned.
    pub(crate) fn set_slot(&mut self, slot: Duration, now: Timestamp) {
        if slot != self.slot {
            self.slot = slot;
            self.nominal = self.multiple_after(now);
            self.due = self.jittered();
        }
    }

    /// Makes the next slot after `now` the next one due.
    pub(crate) fn restart(&mut self, now: Timestamp) {
        self.nominal = self.multiple_after(now);
        self.due = self.jittered();
    }

    fn multiple_after(&self, now: Timestamp) -> Timestamp {
        let slot = u64::try_from(self.slot.as_nanos()).unwrap_or(u64::MAX).max(1);
        let passed = now.as_nanos().saturating_sub(self.anchor.as_nanos());
        Timestamp::from_nanos(self.anchor.as_nanos().saturating_add((passed / slot + 1).saturating_mul(slot)))
    }

    /// Equal slots at the same place of the grid get the same jitter.
    fn jittered(&self) -> Timestamp {
        let width = self.slot / JITTER_PARTS;
        self.nominal - width + share(mix(self.seed, self.nominal.as_nanos()), width * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Duration = Duration::from_millis(500);

    #[test]
    fn equal_paces_stay_aligned_whenever_they_begin() {
        let anchor = Timestamp::from_nanos(123_456_789);
        let mut first = Pace::new(7, anchor, SLOT);
        let mut second = Pace::new(7, anchor, SLOT * 30);
        let now = anchor + Duration::from_secs(100);
        first.advance(now);
        second.set_slot(SLOT, now);
        assert_eq!(first.due(), second.due());
        let early = first.due();
        first.advance(early);
        let gap = first.due().since(early);
        assert!(gap > Duration::from_millis(440) && gap < Duration::from_millis(560), "{gap:?}");
    }

    #[test]
    fn missed_slots_are_not_made_up() {
        let mut pace = Pace::new(1, Timestamp::ZERO, SLOT);
        let now = Timestamp::ZERO + Duration::from_secs(3_600);
        pace.advance(now);
        assert!(pace.due() > now - SLOT && pace.due() < now + SLOT * 2);
    }

    #[test]
    fn the_rate_is_kept_over_a_day() {
        let mut pace = Pace::new(3, Timestamp::ZERO, SLOT);
        let mut sent = 0;
        let end = Timestamp::ZERO + Duration::from_secs(86_400);
        while pace.due() < end {
            let now = pace.due();
            pace.advance(now);
            sent += 1;
        }
        assert!((172_799..=172_801).contains(&sent), "{sent}");
    }
}
