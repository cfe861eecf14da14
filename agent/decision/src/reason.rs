//! Why: every verdict and every choice carries one.

use crate::{LinkId, Missing, ModemTrouble, Percent};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The state a link is judged to be in, per address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing is known yet.
    Unknown,
    /// It carries traffic.
    Healthy,
    /// Something looks wrong; probes are out to confirm it.
    Suspect,
    /// It answers, but beyond its limits.
    Degraded,
    /// It carries nothing: confirmed.
    Failed,
    /// It answers again, and is proving it.
    Recovering,
}

/// Why a verdict or a choice is what it is, with the numbers that mattered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Reason {
    /// The agent has just started.
    Starting,
    /// The operator switched this family off by giving it no target.
    Unmanaged,
    /// Something the link needs is not there.
    Missing(Missing),
    /// The kernel reports no carrier.
    NoCarrier,
    /// Enough targets answer.
    Answering {
        /// Targets that answer.
        alive: u8,
        /// Targets asked.
        of: u8,
    },
    /// A probe is later than this link's replies ever are.
    Late {
        /// The deadline that passed.
        deadline: Duration,
    },
    /// Users' packets were sent over the link, and for longer than is usual there nothing came back.
    Stalled {
        /// How long nothing had come.
        silence: Duration,
    },
    /// A target refused the probe, or answered it wrongly.
    Refused,
    /// Something between the link and the target answered in its place: a captive portal.
    Intercepted,
    /// The name of a target could not be resolved over the link.
    Unresolved,
    /// A probe could not be sent over the link.
    Unsendable,
    /// The machine slept or the agent stood still: what was known is void.
    ClockGap,
    /// A burst of confirming probes was lost as well.
    Silent {
        /// Targets that still answer.
        alive: u8,
        /// Targets asked.
        of: u8,
        /// Confirming probes lost.
        lost: u8,
    },
    /// The sequential test found loss.
    Loss(Percent),
    /// The smoothed round-trip time is beyond the limit.
    SlowRtt(Duration),
    /// The jitter is beyond the limit.
    HighJitter(Duration),
    /// It answers again and is on trial for this long.
    OnTrial(Duration),
    /// It is the best link that is fit for traffic.
    Preferred,
    /// The link that was in use failed.
    UplinkFailed {
        /// The link left.
        from: LinkId,
    },
    /// The link that was in use is degraded and this one is better.
    UplinkDegraded {
        /// The link left.
        from: LinkId,
    },
    /// The link in use is in doubt, and this one, which is preferred, has been good for a part of its hold-down.
    UplinkDoubtful {
        /// The link left.
        from: LinkId,
    },
    /// A link that would be preferred has used up its data allowance, and is the last resort.
    AllowanceUsedUp {
        /// The link that is spared.
        link: LinkId,
    },
    /// The canary did not come back over the link that was tried before.
    NotVerified {
        /// The link left.
        from: LinkId,
    },
    /// No other link is fit for traffic: a move would help nobody.
    NoAlternative,
    /// A better link is back, but must stay good for this much longer.
    HoldDown {
        /// The better link.
        waiting: LinkId,
        /// What is left to wait.
        left: Duration,
    },
    /// A better link is back and waits for the maintenance window.
    WaitingForWindow {
        /// The better link.
        waiting: LinkId,
    },
    /// A better link is back; failback is by hand.
    WaitingForOperator {
        /// The better link.
        waiting: LinkId,
    },
    /// A preferred link stayed good through its hold-down.
    FailedBack {
        /// How long it was good.
        good_for: Duration,
    },
    /// The operator's lease.
    Forced,
    /// The lease was given up: the forced link is confirmed dead.
    ForceGivenUp {
        /// The link that was forced.
        link: LinkId,
    },
    /// The lease ended or was released.
    Released,
    /// The modem that carries the link lost what its bearer stands on.
    ModemDoubtful(ModemTrouble),
}
