//! What is kept per address family: its uplink, its ranking, and what is going on about them.

use crate::verification::Verification;
use crate::{LinkId, RankingId, Reason, Timestamp};
use serde::{Deserialize, Serialize};

/// Sweeps waiting at once. Each is due within seconds; beyond four moves in that time the oldest is dropped.
pub(crate) const MAX_SWEEPS: usize = 4;

/// A move whose route the kernel has not confirmed yet.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Moving {
    pub(crate) id: RankingId,
    pub(crate) to: LinkId,
    /// The failed link whose flows are to be cut then.
    pub(crate) cut: Option<LinkId>,
}

/// One address family.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FamilyState {
    pub(crate) uplink: Option<LinkId>,
    pub(crate) reason: Reason,
    /// The ranking as last asked for.
    pub(crate) order: Vec<LinkId>,
    /// Room to write the next one in.
    pub(crate) next_order: Vec<LinkId>,
    pub(crate) ranked: Option<RankingId>,
    pub(crate) moving: Option<Moving>,
    pub(crate) verification: Option<Verification>,
    /// Something changed that the choice depends on.
    pub(crate) dirty: bool,
    pub(crate) settled: bool,
    pub(crate) returning: bool,
    /// The lease was followed since it began.
    pub(crate) lease_used: bool,
    /// When the asked alternatives must have answered.
    pub(crate) search_until: Option<Timestamp>,
    pub(crate) stranded: bool,
    /// When a hold-down ends.
    pub(crate) timer: Option<Timestamp>,
    /// Links whose canary was lost in this incident, a bit each.
    pub(crate) rejected: u128,
    /// A canary came back, over whatever link: their loss means something.
    pub(crate) proven: bool,
    pub(crate) unverifiable_said: bool,
    pub(crate) canary_tried: bool,
    pub(crate) sweeps: Vec<(Timestamp, LinkId)>,
}

impl FamilyState {
    pub(crate) fn new(managed: bool) -> Self {
        Self {
            uplink: None,
            reason: if managed { Reason::Starting } else { Reason::Unmanaged },
            order: Vec::new(),
            next_order: Vec::new(),
            ranked: None,
            moving: None,
            verification: None,
            dirty: false,
            settled: false,
            returning: false,
            lease_used: false,
            search_until: None,
            stranded: false,
            timer: None,
            rejected: 0,
            proven: false,
            unverifiable_said: false,
            canary_tried: false,
            sweeps: Vec::with_capacity(MAX_SWEEPS),
        }
    }

    pub(crate) const fn is_rejected(&self, link: LinkId) -> bool {
        self.rejected & bit(link) != 0
    }

    pub(crate) const fn reject(&mut self, link: LinkId) {
        self.rejected |= bit(link);
    }

    /// The uplink is not known to be dead (any more).
    pub(crate) const fn alive(&mut self) {
        self.search_until = None;
        self.stranded = false;
    }

    /// When something is due.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        let sweep = self.sweeps.iter().map(|(at, _)| *at).min();
        let proof = self.verification.as_ref().map(Verification::wake);
        [self.timer, self.search_until, sweep, proof].into_iter().flatten().min()
    }
}

const fn bit(link: LinkId) -> u128 {
    1_u128 << (link.0 & 0x7f)
}
