//! An outage of the uplink, each stage stamped apart.

use crate::{Family, Fault, LinkId, Reason, Timestamp};
use serde::{Deserialize, Serialize};

/// One failover, from the first lost probe to the first good packet on the new path.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Counted from 1 in the life of a [`Failover`](crate::Failover).
    pub number: u64,
    /// Which family.
    pub family: Family,
    /// The link that failed.
    pub link: LinkId,
    /// The link the traffic moved to, once it did.
    pub to: Option<LinkId>,
    /// Why it was left.
    pub cause: Reason,
    /// Where it is broken, as far as is known by now; `None` where it was left for its quality, or nothing was
    /// forwarded over it.
    pub fault: Option<Fault>,
    /// Stage zero: the sending time of the first lost probe, or the kernel's carrier notice.
    pub zero: Timestamp,
    /// The failure was confirmed.
    pub detected: Timestamp,
    /// An alternative was chosen.
    pub decided: Option<Timestamp>,
    /// The kernel holds the new route.
    pub switched: Option<Timestamp>,
    /// The first canary came back over the new path.
    pub restored: Option<Timestamp>,
    /// The verification was concluded.
    pub verified: Option<Timestamp>,
    /// The link became healthy again.
    pub recovered: Option<Timestamp>,
    /// The traffic went back to it (or it was given up by a reload).
    pub ended: Option<Timestamp>,
}
