//! The status as JSON: a contract with scripts, dashboards and the command line. A field may be added;
//! none is renamed or removed, and none changes its unit. `agent/API.md` shows it whole.
//!
//! Times of day are RFC 3339 in UTC. A field whose name ends in `_ms` is in milliseconds, `_s` in seconds,
//! `_percent` from 0 to 100. What is not known is `null`, never a made-up number.

use serde::{Deserialize, Serialize};

/// One value for each address family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Families<T> {
    /// The IPv4 value.
    pub v4: T,
    /// The IPv6 value.
    pub v6: T,
}

/// The whole picture at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon that answers.
    pub version: String,
    /// When the picture was taken.
    pub at: String,
    /// Seconds since the daemon started.
    pub uptime_s: u64,
    /// Name of the link that carries the default route; `null` where nothing is ready or the family is not managed.
    pub uplink: Families<Option<String>>,
    /// Why that link is the uplink, or why there is none: one phrase.
    pub uplink_reason: Families<String>,
    /// The operator's lease on the choice of uplink.
    pub forced: Option<Forced>,
    /// How a new path is proved; `null` for a family without targets.
    #[serde(default)]
    pub canary: Families<Option<CanaryStatus>>,
    /// The links in order of preference.
    pub links: Vec<LinkStatus>,
    /// The latest incidents, the newest last.
    pub incidents: Vec<IncidentStatus>,
    /// What works against the agent on this machine, each a whole sentence with its mend.
    pub warnings: Vec<String>,
    /// What was counted since the daemon started.
    pub counters: Counters,
}

/// What was counted since the daemon started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Probes asked for.
    pub probes: u64,
    /// Bursts of confirming probes.
    pub bursts: u64,
    /// Losses taken back because the reply came after all.
    pub late_replies: u64,
    /// Moves of an uplink from one link to another.
    pub moves: u64,
    /// Things forgotten because a bounded list was full; not 0 means that the machine is overloaded.
    pub dropped: u64,
    /// Probes and canaries whose answers were given up because too many were in flight at once.
    #[serde(default)]
    pub probes_dropped: u64,
}

/// How the canaries of a family go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStatus {
    /// `forwarded` or `local`.
    pub kind: CanaryKind,
    /// Why they are local: one phrase; `null` when they are forwarded.
    pub reason: Option<String>,
}

/// The way of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanaryKind {
    /// As a client's packet goes: forwarded and translated.
    Forwarded,
    /// From this host by the uplink's routes: it proves neither forwarding nor translation.
    Local,
}

/// The operator's lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// The link that is to be used.
    pub link: String,
    /// When the lease ends by itself; `null`: by `shunt release` only.
    pub until: Option<String>,
    /// The link is held even when it is confirmed dead.
    pub strict: bool,
}

/// One link. Its headline values are those of its IPv4 path, or of its IPv6 path where it has no other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The operator's name for it.
    pub name: String,
    /// Its network interface.
    pub interface: String,
    /// `unknown`, `healthy`, `suspect`, `degraded`, `failed` or `recovering`.
    pub verdict: Verdict,
    /// Why the verdict is what it is: one phrase.
    pub reason: String,
    /// Smoothed round-trip time.
    pub rtt_ms: Option<f64>,
    /// Interarrival jitter (RFC 3550).
    pub jitter_ms: Option<f64>,
    /// Loss in the window of judged probes.
    pub loss_percent: Option<f64>,
    /// Layer 1/2; `null` until the kernel has spoken.
    pub carrier: Option<bool>,
    /// Since when the verdict holds; `null` only for a link without a path.
    pub since: Option<String>,
    /// Traffic on it costs money.
    pub metered: bool,
    /// How its modem stands: one phrase; `null` without a modem.
    #[serde(default)]
    pub modem: Option<String>,
    /// How its probe budget fares; `null` without one.
    #[serde(default)]
    pub budget: Option<BudgetStatus>,
    /// Its paths; `null` for a family without targets.
    pub families: Families<Option<PathStatus>>,
}

/// A probe budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// What the operator allows in the period.
    pub allowed_bytes: u64,
    /// The period.
    pub period_s: u64,
    /// What could be spent at once.
    pub reserve_bytes: u64,
    /// What pages took beyond the reserve: it is paid before anything else is sent.
    #[serde(default)]
    pub owed_bytes: u64,
    /// The reserve when it is full.
    pub capacity_bytes: u64,
    /// What probes and canaries cost since the daemon started or read its config.
    pub spent_bytes: u64,
    /// What was spent of late for each byte of the prices: above 1, pages and look-ups slow the probing down.
    #[serde(default)]
    pub cost_ratio: f64,
    /// `kept`, `low` or `empty`.
    pub state: BudgetState,
}

/// What the reserve of a probe budget means for probing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetState {
    /// Nothing is held back.
    Kept,
    /// Steady probing is slowed down, and a link that stands by confirms no suspicion of its own.
    Low,
    /// The uplink's suspicions wait as well; only moves are paid at once.
    Empty,
}

/// One link in one family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathStatus {
    /// As for the link.
    pub verdict: Verdict,
    /// As for the link.
    pub reason: String,
    /// Where it is broken; `null` while it has not failed.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// As for the link.
    pub rtt_ms: Option<f64>,
    /// As for the link.
    pub jitter_ms: Option<f64>,
    /// As for the link.
    pub loss_percent: Option<f64>,
    /// As for the link.
    pub since: String,
    /// What is probed.
    pub targets: Vec<TargetStatus>,
}

/// One target of a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// As it is written in the config.
    pub target: String,
    /// It answered lately.
    pub alive: bool,
    /// It is silent on every link that can tell: its own fault, and it does not count until it answers.
    #[serde(default)]
    pub blamed: bool,
    /// Smoothed round-trip time.
    pub rtt_ms: Option<f64>,
    /// Loss in its window.
    pub loss_percent: Option<f64>,
}

/// The state that a path is judged to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

impl Verdict {
    /// The word in the JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Suspect => "suspect",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Recovering => "recovering",
        }
    }
}

impl From<shunt_decision::Verdict> for Verdict {
    fn from(verdict: shunt_decision::Verdict) -> Self {
        use shunt_decision::Verdict as Core;
        match verdict {
            Core::Unknown => Self::Unknown,
            Core::Healthy => Self::Healthy,
            Core::Suspect => Self::Suspect,
            Core::Degraded => Self::Degraded,
            Core::Failed => Self::Failed,
            Core::Recovering => Self::Recovering,
        }
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The name that people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl From<shunt_decision::Family> for Family {
    fn from(family: shunt_decision::Family) -> Self {
        match family {
            shunt_decision::Family::V4 => Self::V4,
            shunt_decision::Family::V6 => Self::V6,
        }
    }
}

/// Where a failed link is broken: the nearest thing that does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The interface, its address or its default route is missing.
    Interface,
    /// The medium: a cable, a radio, a modem in front.
    Carrier,
    /// The router at the other end of the link.
    Gateway,
    /// What lies behind the gateway.
    Provider,
    /// Only DNS servers are silent, or targets whose names are not known.
    Dns,
    /// Some targets are silent, others answer.
    Target,
    /// A captive portal answers instead.
    Portal,
    /// The modem that carries the link.
    Modem,
}

impl From<shunt_decision::Fault> for Fault {
    fn from(fault: shunt_decision::Fault) -> Self {
        use shunt_decision::Fault as Core;
        match fault {
            Core::Interface => Self::Interface,
            Core::Carrier => Self::Carrier,
            Core::Gateway => Self::Gateway,
            Core::Provider => Self::Provider,
            Core::Dns => Self::Dns,
            Core::Target => Self::Target,
            Core::Portal => Self::Portal,
            Core::Modem => Self::Modem,
        }
    }
}

/// One failover, or a reset of the gateway. Every stage counts from `started`: the first lost probe, or the kernel's carrier
/// notice; of a reset, the last sign of life that the watchdog had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentStatus {
    /// Counted from 1; a restart goes on where the run before ended.
    pub number: u64,
    /// Which family; `null`: no link failed, the gateway was reset.
    pub family: Option<Family>,
    /// The link that failed; `null` as above.
    pub link: Option<String>,
    /// The link that the traffic moved to, once it did.
    pub to: Option<String>,
    /// Why the link was left: one phrase.
    pub cause: String,
    /// Where it was broken, as far as is known; `null` where it was left for its quality.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// Stage zero.
    pub started: String,
    /// The failure was confirmed.
    pub detected_ms: f64,
    /// An alternative was chosen.
    pub decided_ms: Option<f64>,
    /// The kernel holds the new route.
    pub switched_ms: Option<f64>,
    /// The first good packet came back over the new path.
    pub restored_ms: Option<f64>,
    /// The verification was concluded.
    pub verified_ms: Option<f64>,
    /// The failed link became healthy again.
    pub recovered_ms: Option<f64>,
    /// The traffic went back to it, or a restart, a reload or a reset of the gateway ended the watch over it.
    pub ended_ms: Option<f64>,
    /// Traffic was restored later than `recovery_time_objective`, or is still not restored after it.
    pub breach: bool,
    /// What the modems did until a minute after traffic was restored, the latest 16 sentences.
    #[serde(default)]
    pub meanwhile: Vec<Meanwhile>,
    /// The reset of the gateway by a watchdog that ended it, or is all of it; `null`: there was none.
    #[serde(default)]
    pub host_reset: Option<HostReset>,
}

/// A reset of the gateway by a watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HostReset {
    /// Which watchdog.
    pub by: ResetBy,
    /// After the beginning of the incident; `null` where the clocks before and after it do not agree.
    pub after_ms: Option<f64>,
    /// How long feeds had been missing, in seconds; `null`: it was asked for, or the watchdog does not say.
    pub silence_s: Option<u64>,
    /// How many there were before the agent was back.
    pub resets: u32,
}

/// Who reset the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetBy {
    /// The watchdog MCU on the board.
    Mcu,
    /// The kernel's watchdog.
    Kernel,
}

/// Something that was done during an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meanwhile {
    /// After its beginning.
    pub after_ms: f64,
    /// One sentence, as in the log.
    pub text: String,
}
