//! The service manager's watchdog: fed by the turning of the loop itself, so a wedged loop stops the feeds.

use super::notify;
use shunt_decision::Timestamp;
use std::time::Duration;

/// When the next feed is due.
#[derive(Debug)]
pub(super) struct Feed {
    every: Option<Duration>,
    due: Timestamp,
}

impl Feed {
    /// Feeds at the pace that the service manager asks for, or never.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { every: notify::watchdog_interval(), due: now }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.every.map(|_| self.due)
    }

    pub(super) fn turn(&mut self, now: Timestamp) {
        if let Some(every) = self.every.filter(|_| self.due <= now) {
            notify::watchdog();
            self.due = now + every;
        }
    }
}
