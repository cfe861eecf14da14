//! What is kept per address family: its uplink, its ranking, and what is going on about them.

use crate::verification::Verification;
use crate::{LinkId, RankingId, Reason, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Sweeps waiting at once. Each is due within seconds; beyond four moves in that time the oldest is dropped.
pub(crate) const MAX_SWEEPS: usize = 4;

/// After this a lost proof is tried again: a firewall or a session that is still being set up is ready by then, and
/// the canaries of the first trial are all counted.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// Then after twice as long each time, up to this: a path that forwards nothing for hours costs some twenty canaries in
/// five minutes, and one that is mended is known to be so before anybody who mended it has gone.
const LONGEST_RETRY: Duration = Duration::from_secs(5 * 60);

/// When a lost proof is tried again.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Retry {
    /// The uplink that it is about; for another it means nothing.
    link: LinkId,
    at: Timestamp,
    wait: Duration,
}

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
    retry: Option<Retry>,
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
            retry: None,
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

    /// A canary came back over the link.
    pub(crate) const fn accept(&mut self, link: LinkId) {
        self.rejected &= !bit(link);
        self.retry = None;
    }

    /// Whether the link's proof was lost before, and is tried again.
    pub(crate) fn is_tried_again(&self, link: LinkId) -> bool {
        self.retry.is_some_and(|retry| retry.link == link)
    }

    /// The link's proof is tried again later, and each time later still.
    pub(crate) fn try_later(&mut self, link: LinkId, now: Timestamp) {
        let before = self.retry.filter(|retry| retry.link == link);
        let wait = before.map_or(FIRST_RETRY, |retry| (retry.wait * 2).min(LONGEST_RETRY));
        self.retry = Some(Retry { link, at: now + wait, wait });
    }

    /// Nothing is tried again: a loss would mean nothing.
    pub(crate) const fn forget_retries(&mut self) {
        self.retry = None;
    }

    /// A new proof begins: what was to be tried again over another link is not.
    pub(crate) fn forget_retries_but(&mut self, link: LinkId) {
        self.retry = self.retry.filter(|retry| retry.link == link);
    }

    /// When the uplink's lost proof is tried again.
    pub(crate) fn retry_at(&self) -> Option<Timestamp> {
        let retry = self.retry.filter(|retry| self.uplink == Some(retry.link))?;
        self.verification.is_none().then_some(retry.at)
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
        [self.timer, self.search_until, sweep, proof, self.retry_at()].into_iter().flatten().min()
    }
}

const fn bit(link: LinkId) -> u128 {
    1_u128 << (link.0 & 0x7f)
}
