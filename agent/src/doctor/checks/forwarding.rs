//! Whether the machine forwards packets at all: without it no client comes out, whichever link is good.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use shunt_config::Config;
use shunt_decision::Family;

const CHECK: Check = Check::Forwarding;

pub(super) fn check(config: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let managed =
        |family| config.is_none_or(|config| config.links.iter().any(|link| super::manages(link, family)));
    let mut found = Vec::new();
    match facts.sysctls.forward_v4 {
        _ if !managed(Family::V4) => {}
        Some(0) => found.push(Finding::fault(
            CHECK,
            "IPv4 packets are not forwarded (net.ipv4.ip_forward = 0): no client gets out by any link.",
            "Set net.ipv4.ip_forward = 1 in /etc/sysctl.d (OpenWrt sets it by itself).",
        )),
        Some(_) => {}
        None => found.push(Finding::not_checked(
            CHECK,
            "whether IPv4 packets are forwarded",
            "/proc/sys/net/ipv4/ip_forward cannot be read",
            None,
        )),
    }
    if facts.machine.ipv6 && facts.sysctls.forward_v6 == Some(0) && managed(Family::V6) {
        found.push(Finding::note(
            CHECK,
            "IPv6 packets are not forwarded (net.ipv6.conf.all.forwarding = 0).",
            "Set it to 1 if clients are to have IPv6, and accept_ra = 2 on the links that learn their router by advertisements.",
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "Packets are forwarded."));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn a_machine_that_forwards_nothing_is_told() {
        for (v4, v6, level, said) in [
            (Some(0), Some(1), Level::Fault, "ip_forward = 1"),
            (None, Some(1), Level::NotChecked, "cannot be read"),
            (Some(1), Some(0), Level::Note, "IPv6 packets are not forwarded"),
        ] {
            let mut facts = facts();
            (facts.sysctls.forward_v4, facts.sysctls.forward_v6) = (v4, v6);
            found(&check(None, &facts), CHECK, level, said);
        }
        let mut facts = facts();
        facts.sysctls.forward_v6 = Some(0);
        found(&check(Some(&config("")), &facts), CHECK, Level::Ok, "");
    }
}
