//! What must outlive a restart, so that no code is good twice and no lock-out is shaken off.

use crate::address::Number;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most numbers that are remembered, with those that are no longer allowed: four times as many as may be allowed.
const REMEMBERED_MAX: usize = 64;

/// Wrong codes in a row that cost nothing: slips of the thumb.
const FREE_FAILURES: u32 = 2;
/// How long the next one locks out; each further one for twice as long.
const FIRST_LOCK: Duration = Duration::from_secs(60);
/// The longest. From then on one guess a day: with six digits and ten codes to be skipped it takes a lifetime to be right.
const LONGEST_LOCK: Duration = Duration::from_secs(24 * 3_600);

/// What must outlive a restart. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Saved {
    numbers: BTreeMap<Number, Standing>,
}

/// How it stands with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Tells the secret that the counter belongs to: with a new one it begins anew.
    pub(super) secret: u64,
    /// The least counter that may still come.
    pub(super) counter: u64,
    /// The least time step that may still come. Kept apart, so that a change between the two and back opens nothing.
    pub(super) step: u64,
    /// Wrong codes since the last right one.
    pub(super) failures: u32,
}

impl Standing {
    /// How long the number is locked out after its latest wrong code.
    pub(super) fn lock(&self) -> Option<Duration> {
        let doublings = self.failures.checked_sub(FREE_FAILURES + 1)?;
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        Some(FIRST_LOCK.saturating_mul(factor).min(LONGEST_LOCK))
    }
}

impl Saved {
    /// How it stands with a number and its secret of now. Wrong codes count on with a new secret: they were the number's.
    pub(super) fn standing(&self, number: &Number, secret: u64) -> Standing {
        let held = self.numbers.get(number).copied().unwrap_or_default();
        let fresh = Standing { secret, failures: held.failures, ..Standing::default() };
        if held.secret == secret { held } else { fresh }
    }

    /// Keeps it. Numbers that are not `allowed` go first when there are too many.
    pub(super) fn keep(&mut self, number: &Number, standing: Standing, allowed: impl Fn(&Number) -> bool) {
        self.numbers.insert(number.clone(), standing);
        while self.numbers.len() > REMEMBERED_MAX {
            let Some(stale) = self.numbers.keys().find(|number| !allowed(number)).cloned() else { return };
            self.numbers.remove(&stale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_a_day() {
        let minutes =
            |failures| Standing { failures, ..Standing::default() }.lock().map(|lock| lock.as_secs() / 60);
        for (failures, wanted) in [
            (0, None),
            (2, None),
            (3, Some(1)),
            (4, Some(2)),
            (5, Some(4)),
            (13, Some(1_024)),
            (14, Some(1_440)),
            (u32::MAX, Some(1_440)),
        ] {
            assert_eq!(minutes(failures), wanted, "{failures}");
        }
    }
}
