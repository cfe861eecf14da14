//! The carrier poll. The kernel holds back a carrier notice that follows another within a second by up to 0.8 s; in
//! that second the uplink's interface is asked, and the answer acted on.
//!
//! `RTM_GETLINK` gives the driver's live value, and kernels from about 6.8 also force the held notice through, so
//! that their own routing follows. (sysfs would do as well, but shows another namespace's interfaces.)

use shunt_decision::Timestamp;
use std::time::Duration;

/// Time between two looks: it bounds what a second flap costs.
pub(crate) const INTERVAL: Duration = Duration::from_millis(20);
/// How long notices may be held back after one went out.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// When to look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CarrierPoll {
    /// The next look, and the end of the window.
    running: Option<(Timestamp, Timestamp)>,
}

impl CarrierPoll {
    /// A carrier notice came: look for a second from now on.
    pub(crate) fn noticed(&mut self, now: Timestamp) {
        let next = self.running.map_or(now + INTERVAL, |(next, _)| next);
        self.running = Some((next, now + WINDOW));
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.running.map(|(next, _)| next)
    }

    /// Whether to look now; sets the next look.
    pub(crate) fn fires(&mut self, now: Timestamp) -> bool {
        let Some((next, end)) = self.running.filter(|(next, _)| *next <= now) else { return false };
        let later = (next + INTERVAL).max(now);
        self.running = (later <= end).then_some((later, end));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn it_looks_every_interval_for_the_window_and_then_rests() {
        let mut poll = CarrierPoll::default();
        assert!(!poll.fires(at(0)));
        poll.noticed(at(0));
        let looks = (0..3_000).filter(|millis| poll.fires(at(*millis))).count();
        assert_eq!(looks, 50);
        assert_eq!(poll.due(), None);
    }

    #[test]
    fn another_notice_prolongs_the_window_without_putting_off_the_next_look() {
        let mut poll = CarrierPoll::default();
        poll.noticed(at(0));
        poll.noticed(at(15));
        assert_eq!(poll.due(), Some(at(20)));
        assert!((0..=1_015).filter(|millis| poll.fires(at(*millis))).count() >= 50);
    }
}
