//! Translation on each uplink: what leaves with a client's own address comes back from no provider.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use super::super::firewall::{Fate, Packet, Ruleset};
use shunt_config::{Config, Link};
use shunt_decision::Family;
use std::net::Ipv4Addr;

const CHECK: Check = Check::Nat;
/// 198.18.0.0/15 (RFC 2544): the canary's own addresses come from there where the network translates.
const TESTS: (u32, u32) = (0xc612_0000, 0xfffe_0000);

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    let rules = match &facts.firewall.rules {
        Ok(rules) => rules,
        Err(why) => return vec![Finding::unread(CHECK, "what is translated", why)],
    };
    if let Some(why) = super::unseen(config, facts, CHECK, "what is translated") {
        return vec![why];
    }
    let of = |link: &Link| of_link(config, link, rules, facts).map(|finding| finding.about(&link.name));
    let links = || config.links.iter().filter(|link| super::manages(link, Family::V4));
    let mut found: Vec<Finding> = links().filter_map(of).collect();
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "What leaves by each link that is there is translated."));
    }
    found
}

fn of_link(config: &Config, link: &Link, rules: &Ruleset, facts: &Facts) -> Option<Finding> {
    let seen = facts.network.interface(&link.interface)?;
    let out_of = (link.interface.clone(), seen.interface.index);
    let canary = Packet {
        into: Some((config.canary.interface.clone(), None)),
        out_of: out_of.clone(),
        source: Some(config.canary.source),
        v6: false,
    };
    let any = Packet { out_of, ..Packet::default() };
    let (of_any, of_canary) = (rules.translates(&any), rules.translates(&canary));
    if of_any == Fate::Yes || of_canary == Fate::Yes {
        return None;
    }
    match &facts.firewall.legacy {
        Ok(tables) if !tables.iter().any(|table| table == "nat") => {}
        // The old tables may do what was not found.
        Ok(_) => {
            let why = "the old iptables has a table `nat`, whose rules cannot be read from here";
            let mend = format!(
                "Look for MASQUERADE or SNAT on {} by `iptables-legacy -t nat -S POSTROUTING`.",
                link.interface
            );
            return Some(Finding::not_checked(CHECK, "what is translated", why, Some(&mend)));
        }
        Err(why) => return Some(Finding::unread(CHECK, "what the old iptables translates", why)),
    }
    Some(judged(config, link, of_any, of_canary))
}

fn judged(config: &Config, link: &Link, of_any: Fate, of_canary: Fate) -> Finding {
    let interface = &link.interface;
    let source = config.canary.source;
    let mend = format!(
        "Add it to the firewall: `oifname \"{interface}\" masquerade` in a postrouting chain of type nat (OpenWrt: `option masq 1` of its zone)."
    );
    match (of_any, of_canary) {
        (Fate::No, _) if is_for_tests(source) || !config.canary.enabled => {
            let what = format!(
                "Nothing translates what leaves by {interface}: clients' packets go out with their own addresses, and no answer comes back."
            );
            Finding::fault(CHECK, what, mend)
        }
        (Fate::No, _) => {
            let what = format!(
                "Nothing translates what leaves by {interface}; canary.source = \"{source}\" says that none is needed."
            );
            Finding::note(CHECK, what, mend)
        }
        (_, Fate::No) if config.canary.enabled => Finding::warning(
            CHECK,
            format!(
                "What leaves by {interface} is translated under conditions that the canary ({source}) does not meet: every move would be held for unproved."
            ),
            "Let the rule translate whatever leaves by this interface, or set canary.source to an address of the LAN that nobody uses.",
        ),
        _ => Finding::note(
            CHECK,
            format!(
                "What leaves by {interface} is translated under conditions that cannot be judged from here."
            ),
            "See that these rules take the packets of all your clients (`nft list ruleset`).",
        ),
    }
}

fn is_for_tests(address: Ipv4Addr) -> bool {
    address.to_bits() & TESTS.1 == TESTS.0
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::firewall::samples;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn a_link_without_translation_is_told() {
        let with = |rules: Ruleset, extra: &str| {
            let mut facts = facts();
            facts.firewall.rules = Ok(rules);
            check(&config(extra), &facts)
        };
        found(
            &with(samples::masquerading(&["eth0"]), ""),
            CHECK,
            Level::Fault,
            "lte Nothing translates what leaves by wwan0",
        );
        found(&with(Ruleset::default(), ""), CHECK, Level::Fault, "fiber Nothing");
        found(
            &with(Ruleset::default(), "[canary]\nsource = \"192.168.1.9\"\n"),
            CHECK,
            Level::Note,
            "none is needed",
        );
        found(&with(samples::masquerading_the_lan(), ""), CHECK, Level::Warning, "198.19.255.254");
        let off = "[canary]\nenabled = false\n";
        found(&with(samples::masquerading_the_lan(), off), CHECK, Level::Note, "cannot be judged");
        found(
            &with(samples::masquerading_the_lan(), "[canary]\nsource = \"192.168.1.9\"\n"),
            CHECK,
            Level::Ok,
            "",
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut facts = facts();
        facts.firewall.rules = Ok(Ruleset::default());
        facts.firewall.legacy = Ok(vec!["filter".to_owned(), "nat".to_owned()]);
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "iptables-legacy -t nat");
        facts.firewall.legacy = Err(Unread::Denied("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "old iptables");
        facts.firewall.rules = Err(Unread::Denied("the list is for root".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "the list is for root");
    }
}
