//! A returning canary wakes the loop: it ends an outage, and unlike a probe's reply it carries no kernel stamp. Where
//! its interface could not be made, it is tried again.

use super::alarm;
use super::event_loop::EventLoop;
use super::warnings::Concern;
use crate::probe::{Canary, LocalBecause};
use shunt_decision::{Family, Timestamp};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// An interface that could not be made is tried again after this: at boot a kernel module may come a moment late.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Then after twice as long each time, up to this: each attempt may make and remove an interface, which others hear of.
const LONGEST_RETRY: Duration = Duration::from_secs(5 * 60);

/// The canary's interface, watched; nothing where canaries are local.
#[derive(Debug)]
pub(super) struct CanaryBack(Option<AsyncFd<OwnedFd>>);

/// When an interface that could not be made is tried again.
#[derive(Debug, Default)]
pub(super) struct CanaryRetry(Option<(Timestamp, Duration)>);

impl CanaryRetry {
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.0.map(|(at, _)| at)
    }
}

impl CanaryBack {
    /// Watches by a descriptor of its own. Without one the loop reads canaries at its next timer, 50 ms late.
    pub(super) fn watch(canary: &Canary) -> Self {
        let descriptor = canary.descriptor().and_then(|descriptor| descriptor.try_clone_to_owned().ok());
        Self(descriptor.and_then(|descriptor| alarm::watched(descriptor).ok()))
    }

    /// Completes when the interface has something to be drained.
    pub(super) async fn readable(&self) {
        if let Some(descriptor) = &self.0
            && let Ok(mut guard) = descriptor.readable().await
        {
            // What is there is read to its end right after this; what comes later makes it ready again.
            guard.clear_ready();
            return;
        }
        std::future::pending().await
    }
}

impl EventLoop {
    /// Warns where canaries are local against the config's wish, and sets when that is tried to be mended.
    pub(super) fn see_how_canaries_go(&mut self, now: Timestamp) {
        let Some(LocalBecause::Failed(error)) = self.canary.local_because(Family::V4) else {
            self.canary_retry.0 = None;
            return self.mend(Concern::Canary);
        };
        let text = format!(
            "failed to {error}; until then a new path is proved by a local probe, not by a forwarded packet"
        );
        let wait = self.canary_retry.0.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).min(LONGEST_RETRY));
        self.canary_retry.0 = Some((now + wait, wait));
        self.warn(Concern::Canary, &text);
    }

    /// Tries again to make the canary's interface, if that is due.
    pub(super) fn mend_canary(&mut self, now: Timestamp) {
        if self.canary_retry.poll_timeout().is_some_and(|at| at <= now) {
            if self.canary.reopen(&self.config.canary) {
                self.canary_back = CanaryBack::watch(&self.canary);
            }
            self.see_how_canaries_go(now);
        }
    }
}
