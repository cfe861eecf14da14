//! How much of what the MCU does goes into the record: one that boots over and over again must not fill it.

use shunt_decision::Timestamp;
use std::time::Duration;

/// So many events at once: several escalations, each with all of its steps ...
const EVENTS: u32 = 24;
/// ... and one more after each such time.
const RETURNS: Duration = Duration::from_secs(600);

/// What may be told, and what was left out.
#[derive(Debug)]
pub(super) struct Pace {
    left: u32,
    /// When one came back the last time.
    since: Timestamp,
    left_out: u32,
}

impl Pace {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { left: EVENTS, since: now, left_out: 0 }
    }

    /// Whether one more may be told at `now`; and how many were left out before it.
    pub(super) fn tell(&mut self, now: Timestamp) -> Option<u32> {
        let back = u32::try_from(now.since(self.since).as_secs() / RETURNS.as_secs()).unwrap_or(u32::MAX);
        self.since = self.since + RETURNS * back;
        self.left = self.left.saturating_add(back).min(EVENTS);
        if self.left == 0 {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_of_resets_is_told_and_a_loop_of_boots_is_counted() {
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        let mut pace = Pace::new(at(0));
        assert!((0..EVENTS).all(|_| pace.tell(at(1)) == Some(0)));
        assert!((0..7).all(|second| pace.tell(at(second + 1)).is_none()));
        assert_eq!((pace.tell(at(600)), pace.tell(at(600))), (Some(7), None));
        assert_eq!(pace.tell(at(1_200)), Some(1));
        // Two a second, for a day.
        let told = (2_400..172_800).filter(|half| pace.tell(at(half / 2)).is_some()).count();
        assert_eq!(told, 86_400 / 600 - 3);
        // What was not used is not saved up beyond what there is at once.
        assert_eq!((0..100).filter(|_| pace.tell(at(10_000_000)).is_some()).count(), EVENTS as usize);
    }
}
