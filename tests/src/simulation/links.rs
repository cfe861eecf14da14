//! Links as most simulations have them.

use shunt_decision::{
    Config, Failback, FailbackMode, Family, Limits, LinkConfig, Packets, Percent, Target, TargetIdentity,
    TargetKind,
};
use std::time::Duration;

/// A link with the defaults of `config/shunt.toml` and this many targets of each family.
#[must_use]
pub fn link(name: &str, interval: Duration, v4: usize, v6: usize) -> LinkConfig {
    let families = core::iter::repeat_n(Family::V4, v4).chain(core::iter::repeat_n(Family::V6, v6));
    let target = |(number, family)| Target {
        family,
        kind: TargetKind::Icmp,
        identity: TargetIdentity(number),
        weight: 1,
        // An echo request and its reply, by IPv4.
        cost: 88,
        look_up: 0,
        packets: Packets { sent: 1, received: 1 },
    };
    LinkConfig {
        name: name.to_owned(),
        metered: false,
        interval,
        standby_interval: interval.max(Duration::from_secs(30)),
        timeout: Duration::from_secs(2),
        budget: None,
        quorum: 1,
        targets: (0..).zip(families).map(target).collect(),
        limits: Limits { loss: Percent::new(20.0), rtt: None, jitter: None },
    }
}

/// Fiber and LTE, two IPv4 targets each, both probed at `interval`.
#[must_use]
pub fn two_links(interval: Duration) -> Config {
    Config {
        links: vec![link("fiber", interval, 2, 0), link("lte", interval, 2, 0)],
        failback: Failback { mode: FailbackMode::Auto, hold_down: Duration::from_secs(60) },
        damping_half_life: Duration::from_secs(900),
    }
}
