//! A configuration that can be run: every value is in range, every name is known, nothing clashes.

use crate::{Modem, Recording, Watchdog, Weighted};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[agent]`: where it listens, keeps state, and how it logs.
    pub agent: Agent,
    /// `[failover]`: what the operator promises the users.
    pub failover: Failover,
    /// `[failback]`: when a recovered link gets the traffic back.
    pub failback: Failback,
    /// `[damping]`: growing reluctance after flaps.
    pub damping: Damping,
    /// `[canary]`: how a new path is proved.
    pub canary: Canary,
    /// `[recording]`: what is kept to be replayed.
    pub recording: Recording,
    /// `[watchdog]`: who restarts the gateway when the agent fails.
    pub watchdog: Watchdog,
    /// `[kernel]`: the numbers that Shunt owns there.
    pub kernel: Kernel,
    /// `[[link]]`, in order of preference; at least one.
    pub links: Vec<Link>,
    /// `[[modem]]`: the cellular modems that carry some of them; may be empty.
    pub modems: Vec<Modem>,
}

/// `[agent]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The control socket.
    pub socket: PathBuf,
    /// The group that may use the socket beside root.
    pub group: String,
    /// Where leases, sysctl values and incidents are kept over a restart.
    pub state_dir: PathBuf,
    /// A `tracing` filter, such as `info` or `shunt=debug`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people and journald.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[failover]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover {
    /// An incident that took longer than this to restore is reported as a breach.
    pub recovery_time_objective: Duration,
}

/// `[failback]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failback {
    /// Who decides, and when.
    pub mode: FailbackMode,
    /// How long the preferred link must have stayed healthy.
    pub hold_down: Duration,
}

/// Who decides that traffic moves back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailbackMode {
    /// The agent, after the hold-down.
    Auto,
    /// The agent, after the hold-down and inside this window.
    Window(DailyWindow),
    /// The operator.
    Manual,
}

/// A time of day in local time, every day; it may span midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyWindow {
    /// Seconds after midnight at which it opens.
    pub from: u32,
    /// Seconds after midnight at which it closes; not equal to `from`.
    pub to: u32,
}

/// `[damping]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damping {
    /// The flap penalty halves in this time.
    pub half_life: Duration,
}

/// `[canary]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Whether a switch is proved by a forwarded packet (`false`: by a plain local probe).
    pub enabled: bool,
    /// Name of the TUN interface that the canary enters by.
    pub interface: String,
    /// Its IPv4 source address, as a client's would be; the firewall must forward and translate it.
    pub source: Ipv4Addr,
}

/// `[kernel]`: what Shunt owns there, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// The uplink table; link number `n` (from 0) has table `table_base + 1 + n`.
    pub table_base: u32,
    /// The first of 1,000 rule priorities.
    pub rule_base: u32,
    /// Firewall-mark bits; link number `n` has the mark `(n + 1) << trailing zeros of the mask`.
    pub mark_mask: u32,
    /// The route protocol number (rtm_protocol) on every route and rule of ours.
    pub protocol: u8,
}

/// One `[[link]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The operator's name for it.
    pub name: String,
    /// The network interface.
    pub interface: String,
    /// Traffic on it costs money.
    pub metered: bool,
    /// The IPv4 way out, where it is not learned from the main table.
    pub gateway: Option<Gateway<Ipv4Addr>>,
    /// The IPv6 way out, where it is not learned from the main table.
    pub gateway6: Option<Gateway<Ipv6Addr>>,
    /// What is probed over it: the link's own list, or the general one.
    pub targets: Vec<Weighted>,
    /// Who is asked over it for the names of targets, each for names in its own family.
    pub resolvers: Vec<IpAddr>,
    /// Whether the file names others than the defaults. If it does not, those that a modem's network names are asked
    /// in their stead.
    pub resolvers_named: bool,
    /// How it is probed: the general `[probe]` with the link's own values over it.
    pub probe: Probe,
    /// What its probes may cost.
    pub probe_budget: Option<ProbeBudget>,
    /// Its limits: the general `[limits]` with the link's own values over them.
    pub limits: Limits,
}

/// A configured way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway<A> {
    /// By a router.
    Via(A),
    /// The link is point-to-point: there is no router to name.
    OnLink,
}

/// `[probe]`, as it holds for one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Time between two probes of one target.
    pub interval: Duration,
    /// The same while the link is metered and stands by.
    pub standby_interval: Duration,
    /// No reply counts after this.
    pub timeout: Duration,
    /// The weight of a family's targets that must answer together.
    pub quorum: u8,
}

/// `probe_budget`: an amount of data in a period; `Display` gives it as it can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeBudget {
    /// Bytes, all headers from IP up counted, in both directions.
    pub bytes: u64,
    /// A day, a week or a month of 30 days.
    pub period: Duration,
}

/// `[limits]`, as they hold for one link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Loss in percent that makes a link degraded.
    pub loss_percent: f64,
    /// Round-trip time that makes it so; `None`: no limit.
    pub rtt: Option<TimeLimit>,
    /// Jitter that makes it so; `None`: no limit.
    pub jitter: Option<TimeLimit>,
}

/// A limit on a time that is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeLimit {
    /// `"400ms"`.
    At(Duration),
    /// `"5x"`: so many times what is usual for the link.
    TimesBaseline(f64),
}
