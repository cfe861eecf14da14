//! What the kernel's edge tells the daemon.

use super::{Binding, Subject};
use shunt_decision::{Family, LinkId, PathState, RankingId, Timestamp};
use std::net::IpAddr;

/// One thing that the kernel's edge has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The kernel's word on layer 1/2 of a link; once for each link at open, then at each change.
    Carrier {
        /// Which link.
        link: LinkId,
        /// Whether the medium carries.
        up: bool,
        /// When it was read.
        at: Timestamp,
    },
    /// Whether a link has what a packet of the family needs. Once for each managed family at open, then at each change.
    Path {
        /// Which link.
        link: LinkId,
        /// Which family.
        family: Family,
        /// What is there or missing.
        state: PathState,
        /// What a probe is bound to: there exactly when `state` is `Ready`.
        binding: Option<Binding>,
    },
    /// Who resolves names behind a link, by the word of its modem's network: at each change.
    Resolvers {
        /// Which link.
        link: LinkId,
        /// They; none: its bearer is gone, or names none.
        resolvers: Vec<IpAddr>,
    },
    /// Something of ours had been changed by a stranger and was put back: a whole sentence.
    Repaired(String),
    /// What in the kernel's setup works against us in one respect: at each change, and possibly again.
    Warnings {
        /// In which respect.
        about: Subject,
        /// These and no others are true now, each a whole sentence with the mend; none: it is mended.
        sentences: Vec<String>,
    },
    /// The ranking that [`Kernel::rank`](super::Kernel::rank) could not place stands now.
    Ranked {
        /// Which family.
        family: Family,
        /// Which ranking.
        id: RankingId,
        /// When its best route stood in the kernel.
        at: Timestamp,
        /// Always `true`: an attempt that fails again is repeated, not told.
        accepted: bool,
    },
}
