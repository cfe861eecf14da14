//! What the core tells the operator: few entries, each whole.

use crate::{Family, Incident, LinkId, Reason, TargetId, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Happening {
    /// A link's verdict changed. A suspicion is not told: within seconds it is refuted, or the link has failed.
    Verdict {
        /// Which link.
        link: LinkId,
        /// Which family.
        family: Family,
        /// Before.
        from: Verdict,
        /// Now.
        to: Verdict,
        /// Why.
        reason: Reason,
    },
    /// The uplink moved (or was first chosen).
    Uplink {
        /// Which family.
        family: Family,
        /// Before.
        from: Option<LinkId>,
        /// Now.
        to: LinkId,
        /// Why.
        reason: Reason,
    },
    /// A target is lost on every link that can tell, so that the fault is its own; or it answers again.
    Target {
        /// Which family.
        family: Family,
        /// A link that asks it.
        link: LinkId,
        /// Its name there.
        target: TargetId,
        /// `false`: it answers again.
        blamed: bool,
    },
    /// The uplink is confirmed dead and nothing else is alive: an outage.
    Stranded {
        /// Which family.
        family: Family,
        /// The uplink that stays because nothing is better.
        link: LinkId,
    },
    /// The lease was taken, given back or lost.
    Force {
        /// The link concerned.
        link: LinkId,
        /// `Forced`, `Released` or `ForceGivenUp`.
        reason: Reason,
    },
    /// The canary proved the new path.
    Verified {
        /// Which family.
        family: Family,
        /// The uplink.
        link: LinkId,
    },
    /// No canary has ever come back, over any link: moves cannot be proved by it (a firewall that does not
    /// forward or translate its packets, most likely). Said once.
    Unverifiable {
        /// Which family.
        family: Family,
        /// The uplink that was to be proved.
        link: LinkId,
    },
    /// An incident was opened, reached a stage, or ended.
    Incident(Incident),
}
