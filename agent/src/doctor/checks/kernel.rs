//! What the kernel must be able to do.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use crate::netlink::family_name;
use shunt_config::Config;
use shunt_decision::Family;

const CHECK: Check = Check::Kernel;
/// The oldest Linux that it is meant for (`packaging/README.md`, "The kernel").
const OLDEST: (u32, u32) = (5, 1);

pub(super) fn check(config: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let machine = &facts.machine;
    let mut found: Vec<Finding> =
        Family::ALL.into_iter().flat_map(|family| of_family(config, family, facts)).collect();
    if version(&machine.release).is_some_and(|version| version < OLDEST) {
        found.push(Finding::warning(
            CHECK,
            format!("Linux {} is older than 5.1, for which Shunt is made.", machine.release),
            "Use Linux 5.1 or newer.",
        ));
    }
    match &machine.conntrack {
        Ok(true) => {}
        Ok(false) => found.push(Finding::warning(
            CHECK,
            "Connection tracking cannot be asked: after a failover, flows that were translated to the dead link stay \
             there until they time out.",
            "Load the module nf_conntrack_netlink (`modprobe nf_conntrack_netlink`; in OpenWrt the package \
             kmod-nf-conntrack-netlink), or build the kernel with CONFIG_NF_CT_NETLINK.",
        )),
        Err(why) => found.push(Finding::unread(CHECK, "whether connection tracking can be asked", why)),
    }
    let wanted = config.is_none_or(|config| config.canary.enabled);
    match &machine.tun {
        Ok(false) if wanted => found.push(Finding::warning(
            CHECK,
            "There is no /dev/net/tun: a new path cannot be proved by a packet that is forwarded and translated.",
            "Load the module tun (in OpenWrt the package kmod-tun), or set canary.enabled = false.",
        )),
        Err(why) if wanted => found.push(Finding::unread(CHECK, "whether the canary's interface can be made", why)),
        Ok(_) | Err(_) => {}
    }
    if found.is_empty() {
        let text = format!("Linux {} can do all that is needed.", machine.release);
        found.push(Finding::ok(CHECK, text));
    }
    found
}

/// The first two numbers of a release such as `5.15.0-86-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn of_family(config: Option<&Config>, family: Family, facts: &Facts) -> Vec<Finding> {
    let machine = &facts.machine;
    let name = family_name(family);
    let managed = config.is_none_or(|config| config.links.iter().any(|link| super::manages(link, family)));
    if !managed {
        return Vec::new();
    }
    if family == Family::V6 && !machine.ipv6 {
        let what =
            "The kernel has no IPv6: the targets in IPv6 are not probed, and the family is not managed.";
        let mend = "Nothing has to be done if IPv6 is not wanted: leave its targets out. Otherwise boot without ipv6.disable=1.";
        return vec![Finding::note(CHECK, what, mend)];
    }
    let mut found = Vec::new();
    if let Err(why) = facts.network.rules.get(family) {
        found.push(match why {
            super::super::facts::Unread::Denied(_) => Finding::unread(CHECK, "the rules", why),
            super::super::facts::Unread::Failed(_) => Finding::fault(
                CHECK,
                format!("There is no policy routing in {name}: {why}."),
                "Use a kernel with CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES: without rules and \
                 several tables no link can be probed apart from the others.",
            ),
        });
    }
    if !*machine.linkdown.get(family) {
        found.push(Finding::warning(
            CHECK,
            format!(
                "The kernel does not know ignore_routes_with_linkdown in {name}: it does not move by itself when a \
                 carrier is lost, so that the move waits for the agent."
            ),
            "Use Linux 5.1 or newer.",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn what_the_kernel_lacks_is_told() {
        let spoilt = |spoil: fn(&mut Facts), level: Level, said: &str| {
            let mut facts = facts();
            spoil(&mut facts);
            found(&check(None, &facts), CHECK, level, said);
        };
        let failed = || Unread::Failed("it is not supported".to_owned());
        spoilt(|facts| facts.machine.conntrack = Ok(false), Level::Warning, "nf_conntrack_netlink");
        spoilt(|facts| facts.machine.tun = Ok(false), Level::Warning, "/dev/net/tun");
        spoilt(
            |facts| facts.machine.linkdown.v4 = false,
            Level::Warning,
            "ignore_routes_with_linkdown in IPv4",
        );
        spoilt(|facts| facts.machine.ipv6 = false, Level::Note, "no IPv6");
        spoilt(
            |facts| facts.machine.release = "4.19.1".into(),
            Level::Warning,
            "Linux 4.19.1 is older than 5.1",
        );
        for (release, expected) in [
            ("5.15.0-86-generic", Some((5, 15))),
            ("6.6", Some((6, 6))),
            ("6", None),
            ("of unknown version", None),
        ] {
            assert_eq!(version(release), expected);
        }
        for (spoil, said) in [
            (|facts: &mut Facts, why| facts.machine.conntrack = Err(why), "connection tracking"),
            (|facts: &mut Facts, why| facts.machine.tun = Err(why), "canary's interface"),
        ] as [(fn(&mut Facts, Unread), &str); 2]
        {
            let mut facts = facts();
            spoil(&mut facts, Unread::Denied("no".to_owned()));
            found(&check(None, &facts), CHECK, Level::NotChecked, said);
        }
        let mut facts = facts();
        facts.network.rules.v4 = Err(failed());
        found(&check(None, &facts), CHECK, Level::Fault, "no policy routing in IPv4");
    }

    #[test]
    fn a_family_without_targets_and_a_canary_that_is_not_wanted_need_nothing() {
        let mut facts = facts();
        facts.machine.ipv6 = false;
        facts.machine.tun = Ok(false);
        let config = config("[canary]\nenabled = false\n");
        found(&check(Some(&config), &facts), CHECK, Level::Ok, "6.6.1");
    }
}
