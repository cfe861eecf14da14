//! The default of every key, and the range it may have. `shunt.toml` says the same to the operator, with
//! the reasons; a test holds the two together.

use crate::{
    Agent, Canary, Config, Damping, Failback, FailbackMode, Failover, Kernel, Limits, LogFormat, Probe,
    Target, Weighted,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// What is probed, and asked for names, when the file names nothing: two independent public resolvers, each in both
/// families.
pub(crate) const RESOLVERS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)),
    IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9)),
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111)),
    IpAddr::V6(Ipv6Addr::new(0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe)),
];

/// Multiples of what is usual that a limit may be. Half as much again is what any line does within a day; a hundred times
/// is never reached.
pub(crate) const TIMES_BASELINE: std::ops::RangeInclusive<f64> = 1.5..=100.0;

/// Below 10 ms a probe is sent before the one before it could have come back on most links.
pub(crate) const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=HOUR;
/// Above 10 s, and at the shortest interval, more than a thousand probes of a target would be pending.
pub(crate) const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10);
/// Targets of one link: more add cost, not certainty.
pub(crate) const MAX_TARGETS: usize = 16;
/// All of a family are asked at once: four of each are enough for anybody.
pub(crate) const MAX_RESOLVERS: usize = 8;
/// Ten times as good a witness as another is no other kind of witness; beyond that the other may be left out.
pub(crate) const MAX_WEIGHT: u8 = 10;
/// All targets of a link together, at their greatest weight.
pub(crate) const MAX_QUORUM: u8 = 160;
/// Limits below a millisecond are within the noise of a busy gateway; above 10 s a reply is lost anyway.
pub(crate) const LIMIT: RangeInclusive<Duration> = MS..=Duration::from_secs(10);
/// Above an hour it would promise nothing.
pub(crate) const OBJECTIVE: RangeInclusive<Duration> = Duration::from_millis(10)..=HOUR;
/// Below a second every flap moves the traffic; above a day failback is better done by hand.
pub(crate) const HOLD_DOWN: RangeInclusive<Duration> = SECOND..=DAY;
/// Below a second nothing is damped; above a day a flap is never forgiven.
pub(crate) const HALF_LIFE: RangeInclusive<Duration> = SECOND..=DAY;

pub(crate) fn targets() -> Vec<Weighted> {
    RESOLVERS.into_iter().map(|address| Target::Icmp(address.into()).into()).collect()
}

/// Everything but the links, which have no default.
pub(crate) fn config() -> Config {
    Config {
        agent: agent(),
        failover: FAILOVER,
        failback: FAILBACK,
        damping: DAMPING,
        canary: canary(),
        recording: crate::recording::DEFAULT,
        watchdog: crate::watchdog::DEFAULT,
        kernel: KERNEL,
        links: Vec::new(),
        modems: Vec::new(),
    }
}

pub(crate) fn agent() -> Agent {
    Agent {
        socket: PathBuf::from("/run/shunt/shunt.sock"),
        group: "shunt".to_owned(),
        state_dir: PathBuf::from("/var/lib/shunt"),
        log: "info".to_owned(),
        log_format: LogFormat::Text,
    }
}

pub(crate) const PROBE: Probe = Probe {
    interval: SECOND,
    standby_interval: Duration::from_secs(30),
    timeout: Duration::from_secs(2),
    quorum: 1,
};

pub(crate) const LIMITS: Limits = Limits { loss_percent: 20.0, rtt: None, jitter: None };

pub(crate) const FAILOVER: Failover = Failover { recovery_time_objective: SECOND };

pub(crate) const FAILBACK: Failback =
    Failback { mode: FailbackMode::Auto, hold_down: Duration::from_secs(60) };

pub(crate) const DAMPING: Damping = Damping { half_life: Duration::from_secs(600) };

pub(crate) fn canary() -> Canary {
    Canary { enabled: true, interface: "shunt0".to_owned(), source: Ipv4Addr::new(198, 19, 255, 254) }
}

pub(crate) const KERNEL: Kernel =
    Kernel { table_base: 21_000, rule_base: 20_000, mark_mask: 0x7f00_0000, protocol: 157 };
