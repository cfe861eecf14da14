//! A returning canary wakes the loop: it ends an outage, and unlike a probe's reply it carries no kernel stamp.

use super::alarm;
use crate::probe::Canary;
use std::os::fd::OwnedFd;
use tokio::io::unix::AsyncFd;

/// The canary's interface, watched; nothing where canaries are local.
#[derive(Debug)]
pub(super) struct CanaryBack(Option<AsyncFd<OwnedFd>>);

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
