//! The machine's time and the wall's: the same, unless a test has no hour to wait.

use shunt_recovery::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The driver's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    epoch: Instant,
    speed: u32,
}

impl Pace {
    /// A clock that begins now and runs `speed` times as fast as the wall's.
    pub(super) fn new(speed: u32) -> Self {
        Self { epoch: Instant::now(), speed: speed.max(1) }
    }

    /// The machine's present moment. Never its very first: that stands for "long ago".
    pub(super) fn now(&self) -> Timestamp {
        let nanos = self.epoch.elapsed().as_nanos().saturating_mul(u128::from(self.speed));
        Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX).max(1))
    }

    /// When the machine's time will be `at`.
    pub(super) fn wall(&self, at: Timestamp) -> Instant {
        self.epoch + Duration::from_nanos(at.as_nanos().div_ceil(u64::from(self.speed)))
    }

    /// How long the machine's `time` takes.
    pub(super) fn real(&self, time: Duration) -> Duration {
        time / self.speed
    }
}
