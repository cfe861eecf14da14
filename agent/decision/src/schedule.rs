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
/// A budget stretches the pace no further: a link that is not asked once a day is not watched at all.
const LONGEST_GAP: Duration = Duration::from_secs(86_400);

/// The steady pace of one path.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pace {
    seed: u64,
    anchor: Timestamp,
    spacing: Spacing,
    /// The slot that was used last.
    last: Timestamp,
    /// Nothing can be paid before.
    not_before: Timestamp,
    nominal: Timestamp,
    due: Timestamp,
}

/// How far steady probes of a path are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spacing {
    /// The grid.
    slot: Duration,
    /// The least time between two probes; where it is longer than a slot, slots are left out.
    gap: Duration,
}

impl Spacing {
    /// A probe in each slot.
    pub(crate) const fn even(slot: Duration) -> Self {
        Self { slot, gap: slot }
    }

    /// `targets` in turn, each every `interval`; or `stretch` times as seldom, on the grid of the link's `usual` interval,
    /// so that a stretched pace still shares its wake-ups with the others.
    pub(crate) fn of(targets: u8, interval: Duration, stretch: f64, usual: Duration) -> Self {
        let targets = u32::from(targets).max(1);
        let slot = interval / targets;
        if stretch <= 1.0 {
            return Self::even(slot);
        }
        let gap = Duration::try_from_secs_f64(slot.as_secs_f64() * stretch).unwrap_or(LONGEST_GAP);
        Self { slot: usual / targets, gap: gap.min(LONGEST_GAP) }
    }

    /// The time between two probes, before jitter.
    pub(crate) fn distance(self) -> Duration {
        let slot = self.slot.as_nanos().max(1);
        let slots = self.gap.as_nanos().div_ceil(slot).max(1);
        Duration::from_nanos(u64::try_from(slots * slot).unwrap_or(u64::MAX))
    }

    /// The most by which two probes are farther apart for the jitter of both.
    pub(crate) fn most_jitter(self) -> Duration {
        self.slot / JITTER_PARTS * 2
    }
}

impl Pace {
    /// A path that is first due at once, then at each multiple of `slot` after `anchor`.
    pub(crate) const fn new(seed: u64, anchor: Timestamp, slot: Duration) -> Self {
        Self {
            seed,
            anchor,
            spacing: Spacing::even(slot),
            last: anchor,
            not_before: anchor,
            nominal: anchor,
            due: anchor,
        }
    }

    /// The jittered moment of the next steady probe.
    pub(crate) const fn due(&self) -> Timestamp {
        self.due
    }

    /// Whether the next probe goes with a wake-up at `now`.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now + SLACK.min(self.spacing.slot / SLACK_PARTS) >= self.due
    }

    /// Passes on to the next slot after `now`; slots that were missed are left out.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.last = self.nominal;
        let next = self.nominal + self.spacing.distance();
        self.nominal = if next > now { next } else { self.multiple_after(now) };
        self.due = self.jittered();
    }

    /// What is due cannot be paid before `until`: it is due in the first slot after that, however far it is to be from the
    /// one after it.
    pub(crate) fn put_off(&mut self, until: Timestamp, now: Timestamp) {
        self.not_before = until.min(now + LONGEST_GAP);
        self.nominal = self.multiple_after(self.not_before.max(now));
        self.due = self.jittered();
    }

    /// Changes the distance of the slots. The grid stays, so that paths of the same pace stay aligned.
    pub(crate) fn set_spacing(&mut self, spacing: Spacing, now: Timestamp) {
        if spacing != self.spacing {
            self.spacing = spacing;
            let Spacing { slot, gap } = spacing;
            let earliest = if self.not_before > self.last {
                // What was put off waits for no more than its payment.
                now.max(self.not_before)
            } else if gap > slot {
                // Slots that are left out are counted from the one that was used.
                now.max(self.last + spacing.distance() - slot)
            } else {
                now
            };
            self.nominal = self.multiple_after(earliest);
            self.due = self.jittered();
        }
    }

    /// Makes the next slot after `now` the next one due.
    pub(crate) fn restart(&mut self, now: Timestamp) {
        self.nominal = self.multiple_after(now);
        self.due = self.jittered();
    }

    fn multiple_after(&self, now: Timestamp) -> Timestamp {
        let slot = u64::try_from(self.spacing.slot.as_nanos()).unwrap_or(u64::MAX).max(1);
        let passed = now.as_nanos().saturating_sub(self.anchor.as_nanos());
        Timestamp::from_nanos(self.anchor.as_nanos().saturating_add((passed / slot + 1).saturating_mul(slot)))
    }

    /// Equal slots at the same place of the grid get the same jitter.
    fn jittered(&self) -> Timestamp {
        let width = self.spacing.slot / JITTER_PARTS;
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
        second.set_spacing(Spacing::even(SLOT), now);
        assert_eq!(first.due(), second.due());
        let early = first.due();
        first.advance(early);
        let gap = first.due().since(early);
        assert!(gap > Duration::from_millis(440) && gap < Duration::from_millis(560), "{gap:?}");
    }

    #[test]
    fn a_stretched_pace_keeps_to_the_grid_and_its_distance() {
        let anchor = Timestamp::from_nanos(123_456_789);
        let mut usual = Pace::new(7, anchor, SLOT);
        let mut stretched = Pace::new(7, anchor, SLOT);
        let second = Duration::from_secs(1);
        let spacing = Spacing::of(2, second, 6.7, second);
        assert_eq!((spacing.distance(), spacing.most_jitter()), (SLOT * 7, SLOT / 10));
        let mut sent = Vec::new();
        for _ in 0..7_000 {
            let now = usual.due();
            if stretched.due() <= now {
                assert_eq!(stretched.due(), now, "a wake-up of its own");
                stretched.advance(now);
                sent.push(now);
            }
            // A pace that is set again and again is not hastened by it.
            let stretch = 6.5 + (sent.len() % 5) as f64 / 10.0;
            stretched.set_spacing(Spacing::of(2, second, stretch, second), now);
            usual.advance(now);
        }
        assert!((999..=1_001).contains(&sent.len()), "{}", sent.len());
        assert!(sent.windows(2).all(|pair| pair[1].since(pair[0]) > SLOT * 6));
        let alarm = usual.due();
        stretched.set_spacing(Spacing::even(SLOT), alarm);
        assert!(stretched.due().since(alarm) < SLOT * 2, "an alarm ends the wait");
    }

    #[test]
    fn what_could_not_be_paid_is_due_as_soon_as_it_can_be_and_no_change_of_pace_hastens_it() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(7, Timestamp::ZERO, second);
        let now = Timestamp::ZERO + second * 100;
        pace.set_spacing(Spacing::of(1, second, 60.0, second), now);
        let payable = now + second * 5;
        pace.put_off(payable, now);
        for stretch in [60.0, 70.0, 1.0] {
            assert!(pace.due() > payable && pace.due() < payable + second * 2, "{stretch}: {}", pace.due());
            pace.set_spacing(Spacing::of(1, second, stretch, second), now);
        }
        pace.put_off(now + LONGEST_GAP * 7, now);
        assert!(pace.due() < now + LONGEST_GAP + second * 2, "it is looked at again, as the price may fall");
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
