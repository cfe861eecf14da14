//! The operator's configuration, as the decision core wants it.

use shunt_config as file;
use shunt_decision as core;

/// What the core needs of `config`; names and units change, nothing else.
#[must_use]
pub(super) fn core_config(config: &file::Config) -> core::Config {
    core::Config {
        links: config.links.iter().map(link).collect(),
        failback: core::Failback {
            mode: match config.failback.mode {
                file::FailbackMode::Auto => core::FailbackMode::Auto,
                file::FailbackMode::Window(_) => core::FailbackMode::Window,
                file::FailbackMode::Manual => core::FailbackMode::Manual,
            },
            hold_down: config.failback.hold_down,
        },
        damping_half_life: config.damping.half_life,
    }
}

fn link(link: &file::Link) -> core::LinkConfig {
    core::LinkConfig {
        name: link.name.clone(),
        metered: link.metered,
        interval: link.probe.interval,
        standby_interval: link.probe.standby_interval,
        timeout: link.probe.timeout,
        quorum: link.probe.quorum,
        targets: link.targets.iter().map(|target| core::Target { family: family(target) }).collect(),
        limits: core::Limits {
            loss: core::Percent::new(link.limits.loss_percent),
            rtt: link.limits.rtt,
            jitter: link.limits.jitter,
        },
    }
}

fn family(target: &file::Target) -> core::Family {
    if target.address().is_ipv4() { core::Family::V4 } else { core::Family::V6 }
}
