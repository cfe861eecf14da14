//! One configured link: what its two paths share.

use crate::damping::Damping;
use crate::desk::Desk;
use crate::path::Path;
use crate::stall::{Count, StallWatch};
use crate::{Family, LinkConfig, LinkId, PerFamily, Reason, Timestamp, Verdict};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A metered link that stands by and is not healthy is probed at least this often, so that its recovery is seen
/// and its trial ends; a fifth of the usual rate.
const METERED_RECOVERY_INTERVAL: Duration = Duration::from_secs(5);

/// One link.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) carrier: Option<bool>,
    pub(crate) damping: Damping,
    /// Replies to probes over it, which are no foreign traffic.
    pub(crate) replies: u64,
    pub(crate) stall: StallWatch,
    pub(crate) paths: PerFamily<Option<Path>>,
    metered: bool,
    interval: Duration,
    standby_interval: Duration,
}

impl Link {
    pub(crate) fn new(id: LinkId, config: &LinkConfig, seed: u64, now: Timestamp) -> Self {
        Self {
            carrier: None,
            damping: Damping::new(),
            replies: 0,
            stall: StallWatch::default(),
            paths: PerFamily::from_fn(|family| Path::new(id, family, config, seed, now)),
            metered: config.metered,
            interval: config.interval,
            standby_interval: config.standby_interval.max(config.interval),
        }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.v4.iter().chain(&self.paths.v6)
    }

    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut Path> {
        self.paths.v4.iter_mut().chain(&mut self.paths.v6)
    }

    /// Whether it carries the default route of a family.
    pub(crate) fn is_uplink(&self) -> bool {
        self.paths().any(|path| path.uplink)
    }

    /// Sends the steady probes that are due. `true` if there was one.
    pub(crate) fn send_due(&mut self, desk: &mut Desk) -> bool {
        let now = desk.now;
        let mut any = false;
        for path in self.paths_mut().filter(|path| path.absent.is_none() && path.pace.is_due(now)) {
            path.send_steady(desk);
            any = true;
        }
        any
    }

    /// When the counters of its interface are to be read for a stall's sake.
    pub(crate) fn look_due(&self) -> Option<Timestamp> {
        self.stall.due().filter(|_| self.is_uplink())
    }

    /// Takes in the packets counted on its interface.
    pub(crate) fn take_traffic(&mut self, received: u64, sent: u64, desk: &mut Desk) {
        let replies = self.replies;
        for path in self.paths_mut() {
            path.count_traffic(received, replies, desk);
        }
        if !self.is_uplink() {
            return;
        }
        let probes: u64 = self.paths().map(|path| path.sent).sum();
        let count = Count {
            at: desk.now,
            received: received.saturating_sub(replies),
            sent: sent.saturating_sub(probes),
        };
        let Some(silence) = self.stall.observe(count) else { return };
        for path in self.paths_mut().filter(|path| path.uplink) {
            path.suspect(Reason::Stalled { silence }, desk.now - silence, desk);
        }
    }

    /// Sets how often the family's targets are asked; `alarmed`: the uplink is not sound.
    pub(crate) fn set_pace(&mut self, family: Family, alarmed: bool, now: Timestamp) {
        let Some(path) = self.paths.get_mut(family) else { return };
        let interval = if !self.metered || path.uplink || alarmed {
            self.interval
        } else if path.state.base == Verdict::Healthy {
            self.standby_interval
        } else {
            self.standby_interval.min(METERED_RECOVERY_INTERVAL.max(self.interval))
        };
        let targets = u32::from(path.asked()).max(1);
        path.pace.set_slot(interval / targets, now);
    }
}
