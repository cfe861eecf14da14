//! What the core is told. Facts only: whatever they mean is decided inside.

use crate::{CheckId, Family, LinkId, Packets, ProbeId, RankingId, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The kernel's word on layer 1/2 of a link.
    Carrier {
        /// Which link.
        link: LinkId,
        /// Whether the medium carries.
        up: bool,
        /// When the kernel said so: stage zero of an incident.
        at: Timestamp,
    },
    /// Whether a link has what a packet needs: an interface, an address, a way out.
    Path {
        /// Which link.
        link: LinkId,
        /// Which family.
        family: Family,
        /// What is there or missing.
        state: PathState,
    },
    /// The uplink that the kernel's table names at start, as a killed predecessor left it: it is kept
    /// until there is a reason to move.
    Adopted {
        /// Which family.
        family: Family,
        /// The link of the best route there.
        link: LinkId,
    },
    /// What became of a probe (or a canary).
    Probe {
        /// The probe that [`Action::Probe`](crate::Action::Probe) asked for.
        id: ProbeId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The answer to [`Action::SampleTraffic`](crate::Action::SampleTraffic).
    Traffic {
        /// Which link.
        link: LinkId,
        /// Packets received on its interface since it exists.
        received: u64,
        /// Packets sent on it.
        sent: u64,
    },
    /// The answer to [`Action::AskGateway`](crate::Action::AskGateway); none is sent for a link without a gateway.
    Gateway {
        /// The check that is answered.
        id: CheckId,
        /// Which link.
        link: LinkId,
        /// Which family.
        family: Family,
        /// It answered an ARP or neighbour-discovery request in time.
        answers: bool,
    },
    /// The kernel holds the ranking (or does not).
    Ranked {
        /// Which [`Action::Rank`](crate::Action::Rank).
        id: RankingId,
        /// When the best route stood in the kernel.
        at: Timestamp,
        /// `false`: the kernel refused; the edge goes on trying and says so.
        accepted: bool,
    },
    /// The operator's word.
    Command(Command),
    /// The maintenance window opened or closed.
    Window {
        /// `true` while moves back are welcome.
        open: bool,
    },
    /// What went over a link, or may, beyond the price that was paid for its probes. A look-up of a target's name that began
    /// with the probe that was asked for last, at most one for each name and turn: the payment has left enough for it. Or
    /// what the probe of a page took beyond its [`cost`](crate::Target::cost), as the kernel counted it, once its
    /// connection has ended, however it ended: this may be any amount, and the budget may come to owe it.
    Spent {
        /// Over which link.
        link: LinkId,
        /// Whole IP packets, both ways: of a look-up the most that it may cost, its target's
        /// [`look_up`](crate::Target::look_up); of a page, what it did.
        bytes: u32,
        /// How many packets those are, beyond the target's [`packets`](crate::Target::packets).
        packets: Packets,
    },
    /// The machine slept or the loop stood still: probes in flight mean nothing now.
    ClockGap,
    /// What is known of the modem that carries a link; told when it changes. Its word raises suspicion. It fails a link by
    /// itself only where there is no bearer, without which nothing can be sent.
    Modem {
        /// Which link.
        link: LinkId,
        /// How it stands with its modem.
        state: ModemState,
    },
    /// Whether the data that a link may carry in its billing month is used up; told when it changes. Until then it is not.
    Allowance {
        /// Which link.
        link: LinkId,
        /// Nothing is left: every further byte costs extra.
        used_up: bool,
    },
}

/// Whether a link can carry a family's packets at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathState {
    /// Interface up, address present, default route known.
    Ready,
    /// Something is missing.
    Missing(Missing),
}

/// What a link lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// The interface does not exist.
    Interface,
    /// It is administratively down.
    AdminUp,
    /// It has no usable address of this family.
    Address,
    /// No default route was learned and none is configured.
    Gateway,
    /// Its modem says that it has no bearer.
    Bearer,
}

/// How it stands with the modem that carries a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModemState {
    /// The bearer is up, and nothing speaks against it.
    Sound,
    /// The bearer counts as up, and something beneath it was lost.
    Doubtful(ModemTrouble),
    /// There is no bearer.
    NoBearer,
    /// It does not answer, or is not there: what it carries nobody knows, and it may be at fault.
    Unreachable,
}

/// What was lost beneath a bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModemTrouble {
    /// The registration in the network.
    Registration,
    /// The signal.
    Signal,
}

/// What came of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was answered as it should be.
    Reply {
        /// Request to reply, by the kernel's stamps where it gives them.
        rtt: Duration,
        /// When the reply reached the machine.
        at: Timestamp,
    },
    /// It was answered wrongly (connection refused, DNS failure): lost, without waiting.
    Refused,
    /// Somebody else answered in the target's place: a redirect, or a page without what was expected (a captive portal).
    Intercepted,
    /// The target's name has no known address: the link's resolvers failed or said so, and nothing was sent.
    Unresolved,
    /// It could not be sent over this link.
    Unsendable,
}

impl Outcome {
    /// Whether somebody answered, in whatever way.
    pub(crate) const fn is_answer(self) -> bool {
        match self {
            Self::Reply { .. } | Self::Refused | Self::Intercepted => true,
            Self::Unresolved | Self::Unsendable => false,
        }
    }
}

/// What an operator may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Make `link` the uplink of both families.
    Force(Force),
    /// Give the choice back to the agent.
    Release,
}

/// A lease on the choice of uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Force {
    /// The link to be used.
    pub link: LinkId,
    /// When the lease ends; `None`: by [`Command::Release`] only.
    pub until: Option<Timestamp>,
    /// Hold to the link even when it is confirmed dead.
    pub strict: bool,
}
