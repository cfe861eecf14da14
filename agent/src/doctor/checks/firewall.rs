//! Whether the firewall lets clients' packets, and the canary that stands in for them, through to each uplink.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use super::super::firewall::{Fate, Packet, Ruleset};
use crate::netlink::family_name;
use shunt_config::{Config, Link};
use shunt_decision::Family;

const CHECK: Check = Check::Firewall;

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    let rules = match &facts.firewall.rules {
        Ok(rules) => rules,
        Err(why) => return vec![Finding::unread(CHECK, "what is forwarded", why)],
    };
    let mut found = Vec::new();
    for link in &config.links {
        for family in Family::ALL.into_iter().filter(|family| super::manages(link, *family)) {
            let finding = of_link(config, link, family, rules, facts);
            found.extend(finding.map(|finding| finding.about(&link.name)));
        }
    }
    match &facts.firewall.legacy {
        Ok(tables) if tables.iter().any(|table| table == "filter") => {
            let why = "the old iptables has a table `filter`, whose rules cannot be read from here";
            let mend = "Look at `iptables-legacy -S FORWARD`: what leaves by the links must be accepted.";
            found.push(Finding::not_checked(CHECK, "what it forwards", why, Some(mend)));
        }
        Ok(_) => {}
        Err(why) => found.push(Finding::unread(CHECK, "what the old iptables forwards", why)),
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "Nothing was found that keeps packets from the links."));
    }
    found
}

fn of_link(config: &Config, link: &Link, family: Family, rules: &Ruleset, facts: &Facts) -> Option<Finding> {
    let index = facts.network.interface(&link.interface)?.interface.index;
    let out_of = (link.interface.clone(), index);
    let any = Packet { out_of: out_of.clone(), v6: family == Family::V6, ..Packet::default() };
    let docker = if facts.programs.runs("dockerd") {
        " (Docker sets such a policy: accept what is to pass in its chain DOCKER-USER)"
    } else {
        ""
    };
    if let (Fate::Yes, Some(chain)) = rules.drops(&any) {
        return Some(Finding::fault(
            CHECK,
            format!(
                "The chain `{chain}` drops all {} that would be forwarded out of {}.",
                family_name(family),
                link.interface
            ),
            format!("Accept there what comes from the LAN and leaves by {}{docker}.", link.interface),
        ));
    }
    // The canary is a packet of IPv4.
    if !config.canary.enabled || family == Family::V6 {
        return None;
    }
    let entry = &config.canary.interface;
    let canary =
        Packet { into: Some((entry.clone(), None)), out_of, source: Some(config.canary.source), v6: false };
    let (Fate::Yes, Some(chain)) = rules.drops(&canary) else { return None };
    Some(Finding::warning(
        CHECK,
        format!(
            "The chain `{chain}` drops the canary, which comes in by {entry} and leaves by {}: every move would be held for unproved.",
            link.interface
        ),
        format!(
            "Accept there what comes in by {entry}{docker} (OpenWrt: add `list device '{entry}'` to the zone `lan`), or set canary.enabled = false."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Process, Unread};
    use super::super::super::finding::Level;
    use super::super::super::firewall::samples;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn what_is_dropped_is_told_with_the_chain() {
        let mut facts = facts();
        facts.firewall.rules = Ok(samples::forwarding_nothing());
        found(&check(&config(""), &facts), CHECK, Level::Fault, "`inet t forward` drops all IPv4");
        let process = Process { pid: 9, name: "dockerd".to_owned(), args: Vec::new() };
        facts.programs.processes = Ok(vec![process]);
        found(&check(&config(""), &facts), CHECK, Level::Fault, "DOCKER-USER");
        facts.firewall.rules = Ok(samples::forwarding_only("br-lan"));
        found(
            &check(&config(""), &facts),
            CHECK,
            Level::Warning,
            "drops the canary, which comes in by shunt0",
        );
        found(&check(&config("[canary]\nenabled = false\n"), &facts), CHECK, Level::Ok, "");
        facts.firewall.rules = Ok(samples::forwarding_only("shunt0"));
        found(&check(&config(""), &facts), CHECK, Level::Ok, "");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut facts = facts();
        facts.firewall.legacy = Ok(vec!["filter".to_owned()]);
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "iptables-legacy -S FORWARD");
        facts.firewall.legacy = Err(Unread::Denied("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "old iptables forwards");
        facts.firewall.rules = Err(Unread::Denied("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "what is forwarded");
    }
}
