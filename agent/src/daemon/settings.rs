//! The operator's configuration, as the decision core wants it.

use shunt_config as file;
use shunt_decision as core;
use std::net::IpAddr;

/// What the core needs of `config`; names and units change, nothing else.
#[must_use]
pub(crate) fn core_config(config: &file::Config) -> core::Config {
    let identities = far_ends(config);
    core::Config {
        links: config.links.iter().map(|link| core_link(link, &identities)).collect(),
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

const fn time_limit(limit: file::TimeLimit) -> core::TimeLimit {
    match limit {
        file::TimeLimit::At(limit) => core::TimeLimit::At(limit),
        file::TimeLimit::TimesBaseline(times) => core::TimeLimit::TimesBaseline(times),
    }
}

/// Every target that is written anywhere, once; its place is its identity.
fn far_ends(config: &file::Config) -> Vec<&file::Target> {
    let mut known = Vec::new();
    for weighted in config.links.iter().flat_map(|link| &link.targets) {
        if !known.contains(&&weighted.target) {
            known.push(&weighted.target);
        }
    }
    known
}

fn core_link(link: &file::Link, far_ends: &[&file::Target]) -> core::LinkConfig {
    core::LinkConfig {
        name: link.name.clone(),
        metered: link.metered,
        interval: link.probe.interval,
        standby_interval: link.probe.standby_interval,
        timeout: link.probe.timeout,
        budget: probe_budget(link),
        quorum: link.probe.quorum,
        targets: link.targets.iter().map(|target| core_target(target, link, far_ends)).collect(),
        limits: core::Limits {
            loss: core::Percent::new(link.limits.loss_percent),
            rtt: link.limits.rtt.map(time_limit),
            jitter: link.limits.jitter.map(time_limit),
        },
    }
}

/// What the operator allows for a link's probes.
pub(super) fn probe_budget(link: &file::Link) -> Option<core::ProbeBudget> {
    link.probe_budget.map(|budget| core::ProbeBudget { bytes: budget.bytes, period: budget.period })
}

/// Who is asked for names over a link whose network names `given`: these, in each family in which there are some, where
/// the config leaves it open. Never more than the config's own, since a look-up's cost was counted by those.
pub(super) fn resolvers(link: &file::Link, given: &[IpAddr]) -> Vec<IpAddr> {
    if link.resolvers_named {
        return link.resolvers.clone();
    }
    let of =
        |list: &[IpAddr], v4: bool| list.iter().copied().filter(|ip| ip.is_ipv4() == v4).collect::<Vec<_>>();
    let each = |v4: bool| {
        let (own, mut theirs) = (of(&link.resolvers, v4), of(given, v4));
        theirs.truncate(own.len());
        if theirs.is_empty() { own } else { theirs }
    };
    [each(true), each(false)].concat()
}

fn core_target(weighted: &file::Weighted, link: &file::Link, far_ends: &[&file::Target]) -> core::Target {
    let file::Weighted { target, weight } = weighted;
    let (sent, received) = target.packets();
    let place = far_ends.iter().position(|known| *known == target).unwrap_or(far_ends.len());
    core::Target {
        family: family(target),
        kind: match target {
            file::Target::Icmp(_) => core::TargetKind::Icmp,
            file::Target::Tcp(_) => core::TargetKind::Tcp,
            file::Target::Dns { .. } => core::TargetKind::Dns,
            file::Target::Page(_) => core::TargetKind::Http,
        },
        // 127 links of 16 targets each fit.
        identity: core::TargetIdentity(u16::try_from(place).unwrap_or(u16::MAX)),
        weight: *weight,
        cost: target.cost(),
        look_up: target.look_up_cost(&link.resolvers),
        packets: core::Packets { sent, received },
    }
}

/// The family of a target's address.
pub(super) fn family(target: &file::Target) -> core::Family {
    if target.is_ipv4() { core::Family::V4 } else { core::Family::V6 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::Family::{V4, V6};
    use shunt_decision::TargetKind::{Dns, Icmp};
    use std::path::Path;

    #[test]
    fn a_networks_resolvers_are_asked_where_the_config_names_none() {
        let ips = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let link = |line: &str| {
            let text =
                format!("targets = [\"192.0.2.1\"]\n{line}\n[[link]]\nname = \"a\"\ninterface = \"a0\"\n");
            file::parse(&text, Path::new("test.toml")).unwrap().links.remove(0)
        };
        let open = link("");
        let own = |v4: bool| open.resolvers.iter().copied().filter(move |ip| ip.is_ipv4() == v4);
        let given = ips(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        let expected: Vec<_> = ips(&["10.0.0.1", "10.0.0.2"]).into_iter().chain(own(false)).collect();
        assert_eq!(resolvers(&open, &given), expected, "as many as were counted, and IPv6 as it was");
        assert_eq!(resolvers(&open, &[]), own(true).chain(own(false)).collect::<Vec<_>>());
        let named = link("resolvers = [\"192.0.2.53\"]");
        assert_eq!(resolvers(&named, &given), ips(&["192.0.2.53"]));
    }

    #[test]
    fn a_target_keeps_its_weight_and_its_identity_on_every_link() {
        let text = "targets = [\"192.0.2.1\", \"2001:db8::1\"]\n\
                    [[link]]\nname = \"a\"\ninterface = \"a0\"\n\
                    [[link]]\nname = \"b\"\ninterface = \"b0\"\n\
                    targets = [\"dns://192.0.2.1/example.com\", { target = \"192.0.2.1\", weight = 3 }]\n";
        let config = core_config(&file::parse(text, Path::new("test.toml")).unwrap());
        let of = |link: usize| {
            let what = |target: &core::Target| (target.kind, target.family, target.identity.0, target.weight);
            config.links[link].targets.iter().map(what).collect::<Vec<_>>()
        };
        assert_eq!(of(0), [(Icmp, V4, 0, 1), (Icmp, V6, 1, 1)]);
        assert_eq!(of(1), [(Dns, V4, 2, 1), (Icmp, V4, 0, 3)]);
    }
}
