//! What the core wants done. Results come back as [`Event`](crate::Event)s.

use crate::{CheckId, Entry, Family, Force, LinkId, ProbeId, RankingId, Reason, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

/// Something for the edge to do, in the order given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Send one probe over one link.
    Probe {
        /// Its name in the result.
        id: ProbeId,
        /// The link that it must leave by, or not at all.
        link: LinkId,
        /// What to ask.
        target: TargetId,
        /// A result after this is of no interest.
        expires: Timestamp,
    },
    /// Send one packet as a client's would go: forwarded, translated, by the uplink of its family.
    Canary {
        /// Its name in the result.
        id: ProbeId,
        /// The family to be proved.
        family: Family,
        /// The uplink under proof; `target` is one of its targets.
        link: LinkId,
        /// What to ask.
        target: TargetId,
        /// A result after this is of no interest.
        expires: Timestamp,
    },
    /// Tell whether the link's gateway answers on the link itself (ARP, RFC 826; neighbour discovery, RFC 4861).
    AskGateway {
        /// Its name in the result. It takes the place of an earlier check of the same path, whose answer is of no interest
        /// any more.
        id: CheckId,
        /// Which link.
        link: LinkId,
        /// Which family.
        family: Family,
        /// An answer after this is of no interest: then it did not answer.
        expires: Timestamp,
    },
    /// Tell how many packets the link's interface received and sent.
    SampleTraffic {
        /// Which link.
        link: LinkId,
    },
    /// Make the kernel's ranked defaults this, best first. Every managed link of the family is in it.
    Rank {
        /// Its name in the result.
        id: RankingId,
        /// Which family.
        family: Family,
        /// The links, the uplink first, failed ones last.
        order: Vec<LinkId>,
        /// Why the first is the first.
        reason: Reason,
    },
    /// Delete the tracked flows that were translated to the address of a link that failed.
    CutFlows {
        /// Which family.
        family: Family,
        /// The failed link.
        link: LinkId,
    },
    /// Keep this lease over a restart; `None`: forget it.
    KeepForce(Option<Force>),
    /// Tell the operator and the record.
    Journal(Entry),
}
