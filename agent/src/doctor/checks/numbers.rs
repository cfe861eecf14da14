//! The numbers that Shunt owns in the kernel: rules, tables and marks that others use as well.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use crate::netlink::{Clash, Conflict, FoundRule, conflicts, family_name};
use shunt_config::Config;
use shunt_decision::Family;

const CHECK: Check = Check::Numbers;
/// Priorities that Shunt owns from `rule_base` on.
const RULES: u32 = 1_000;
/// The table of wg-quick's first interface, and its mark.
const WG_QUICK: u32 = 51_820;
/// wg-quick counts up from there when the number is taken.
const WG_QUICK_SPAN: u32 = 100;
/// The bits that mwan3 marks in, unless its config names others.
const MWAN3_MASK: u32 = 0x3f00;

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for family in Family::ALL {
        match facts.network.rules.get(family) {
            Ok(rules) => {
                found.extend(in_the_way(config, family, rules, facts));
                found.extend(in_our_range(config, family, rules));
                found.extend(in_our_tables(config, family, facts));
            }
            Err(why) => {
                let what = format!("the {} rules of others", family_name(family));
                found.push(Finding::unread(CHECK, &what, why));
            }
        }
    }
    found.extend(mwan3_mask(config, facts));
    if found.is_empty() {
        let (rules, tables) = (config.kernel.rule_base, config.kernel.table_base);
        let text = format!(
            "Nobody else uses the rules from {rules}, the tables from {tables}, and the marks of {:#x}.",
            config.kernel.mark_mask
        );
        found.push(Finding::ok(CHECK, text));
    }
    found
}

/// Rules of others that take packets before ours do.
fn in_the_way(config: &Config, family: Family, rules: &[FoundRule], facts: &Facts) -> Vec<Finding> {
    let tell = |conflict: Conflict| {
        let stranger = |rule: &&FoundRule| rule.protocol != config.kernel.protocol;
        let rule = rules.iter().filter(stranger).find(|rule| rule.priority == conflict.priority)?;
        let owner = owner(rule);
        // Its exit node is told with the programs: nothing has to be done if that is wanted.
        if owner == Some(Owner::Tailscale)
            && conflict.clash != Clash::Mark
            && facts.programs.runs("tailscaled")
        {
            return None;
        }
        let lookup = rule.table().filter(|_| conflict.clash != Clash::Mark);
        if let Some(table) = lookup {
            let leads_out = match facts.network.tables.get(family).get(&table) {
                Some(Ok(found)) => found.values().any(|default| *default),
                Some(Err(_)) => true,
                None => false,
            };
            // Packets come through a table that has no way for them.
            if !leads_out {
                return None;
            }
        }
        let mend = format!("{}.", capital(&conflict.mend));
        let finding = if matches!(conflict.clash, Clash::Behind | Clash::TunnelBehind) {
            Finding::warning(CHECK, format!("{}.", conflict.what), mend)
        } else if owner == Some(Owner::WgQuick) {
            Finding::note(
                CHECK,
                format!(
                    "A full tunnel (rule {}, table {}) takes all packets but its own before Shunt's rules: Shunt chooses the \
                     way of the tunnel alone.",
                    conflict.priority,
                    rule.table().unwrap_or(WG_QUICK)
                ),
                "Nothing has to be done if all is to go into the tunnel. Otherwise list what is to go there in AllowedIPs, or \
                 set Table = off.",
            )
        } else {
            Finding::fault(CHECK, format!("{}.", conflict.what), mend)
        };
        Some(match owner {
            Some(owner) => finding.about(owner.name()),
            None => finding,
        })
    };
    conflicts(&config.kernel, family, rules).into_iter().filter_map(tell).collect()
}

/// Rules of others at our priorities.
fn in_our_range(config: &Config, family: Family, rules: &[FoundRule]) -> Vec<Finding> {
    let numbers = &config.kernel;
    let ours = numbers.rule_base..numbers.rule_base.saturating_add(RULES);
    let strange = |rule: &&FoundRule| rule.protocol != numbers.protocol && ours.contains(&rule.priority);
    let mut priorities: Vec<String> =
        rules.iter().filter(strange).map(|rule| rule.priority.to_string()).collect();
    priorities.dedup();
    if priorities.is_empty() {
        return Vec::new();
    }
    let what = format!(
        "The {} {} {} of another program {} among Shunt's priorities ({} to {}).",
        family_name(family),
        super::plural(priorities.len(), "rule", "rules"),
        super::list(&priorities),
        super::plural(priorities.len(), "stands", "stand"),
        ours.start,
        ours.end.saturating_sub(1)
    );
    let mend = "Set kernel.rule_base to 1,000 priorities that nobody uses (after `shunt stop --restore`), or move that rule.";
    vec![Finding::warning(CHECK, what, mend)]
}

/// Routes of others in our tables.
fn in_our_tables(config: &Config, family: Family, facts: &Facts) -> Vec<Finding> {
    let numbers = &config.kernel;
    let ours = numbers.uplink_table()..=numbers.link_table(config.links.len());
    let (mut tables, mut unread) = (Vec::new(), Vec::new());
    for (table, routes) in facts.network.tables.get(family).range(ours) {
        match routes {
            Ok(of) if of.keys().any(|protocol| *protocol != numbers.protocol) => {
                tables.push(table.to_string());
            }
            Ok(_) => {}
            Err(why) => unread.push(Finding::unread(CHECK, &format!("the routes of table {table}"), why)),
        }
    }
    if tables.is_empty() {
        return unread;
    }
    let what = format!(
        "Another program has {} routes in the {} {}, which {} Shunt's own.",
        family_name(family),
        super::plural(tables.len(), "table", "tables"),
        super::list(&tables),
        super::plural(tables.len(), "is", "are")
    );
    let mend = "Set kernel.table_base to 128 tables that nobody uses (after `shunt stop --restore`).";
    unread.push(Finding::fault(CHECK, what, mend));
    unread
}

/// mwan3 marks all traffic, its rules being there or not.
fn mwan3_mask(config: &Config, facts: &Facts) -> Option<Finding> {
    facts.programs.mwan3.as_ref()?;
    let mask = mask_of_mwan3(facts);
    (mask & config.kernel.mark_mask != 0).then(|| {
        let what = format!(
            "mwan3 marks packets in the bits {mask:#x}, which overlap kernel.mark_mask {:#x}.",
            config.kernel.mark_mask
        );
        let mend = "Give one of them other bits: mmx_mask of mwan3, or kernel.mark_mask.";
        Finding::fault(CHECK, what, mend).about("mwan3")
    })
}

/// The bits that mwan3 marks in.
pub(super) fn mask_of_mwan3(facts: &Facts) -> u32 {
    let value =
        facts.programs.mwan3.as_deref().and_then(|text| super::uci_option(text, "globals", "mmx_mask"));
    let number = |value: String| {
        let value = value.to_ascii_lowercase();
        u32::from_str_radix(value.trim_start_matches("0x"), 16).ok()
    };
    value.and_then(number).unwrap_or(MWAN3_MASK)
}

/// Whose a rule is, by the numbers that its program uses by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Mwan3,
    Tailscale,
    WgQuick,
}

impl Owner {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mwan3 => "mwan3",
            Self::Tailscale => "Tailscale",
            Self::WgQuick => "wg-quick",
        }
    }
}

pub(super) fn owner(rule: &FoundRule) -> Option<Owner> {
    let tunnels = WG_QUICK..WG_QUICK + WG_QUICK_SPAN;
    let marked = rule.mark().is_some_and(|(mark, _)| tunnels.contains(&mark));
    match rule.priority {
        _ if marked && rule.table().is_some_and(|table| tunnels.contains(&table)) => Some(Owner::WgQuick),
        5_210..=5_270 => Some(Owner::Tailscale),
        // One without a mark may be anybody's: those of mwan3 for all traffic have one.
        1_001..=3_999 if rule.mark().is_some() => Some(Owner::Mwan3),
        _ => None,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Process, Unread};
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found, rule};
    use super::*;
    use crate::netlink::Selector;
    use std::collections::BTreeMap;

    fn with(rules: Vec<FoundRule>, tables: &[(u32, u8, bool)]) -> Vec<Finding> {
        let mut facts = facts();
        facts.network.rules.v4 = Ok(rules);
        facts.network.tables.v4 = tables
            .iter()
            .map(|(table, protocol, default)| (*table, Ok(BTreeMap::from([(*protocol, *default)]))))
            .collect();
        check(&config(""), &facts)
    }

    #[test]
    fn a_strangers_rule_before_ours_is_told_only_if_its_table_leads_out() {
        let rules = || vec![rule(5_270, Selector::All, 52)];
        found(
            &with(rules(), &[(52, 3, true)]),
            CHECK,
            Level::Fault,
            "Tailscale The IPv4 rule 5270 of another program stands before",
        );
        found(
            &with(rules(), &[(52, 3, true)]),
            CHECK,
            Level::Fault,
            "Delete that rule, or set kernel.rule_base below 5270.",
        );
        let mut facts = facts();
        facts.network.rules.v4 = Ok(rules());
        facts.network.tables.v4 = BTreeMap::from([(52, Ok(BTreeMap::from([(3, true)])))]);
        let process = Process { pid: 9, name: "tailscaled".to_owned(), args: Vec::new() };
        facts.programs.processes = Ok(vec![process]);
        found(&check(&config(""), &facts), CHECK, Level::Ok, "");
        found(&with(rules(), &[(52, 3, false)]), CHECK, Level::Ok, "");
        found(&with(rules(), &[]), CHECK, Level::Ok, "");
    }

    #[test]
    fn marks_priorities_and_tables_that_others_use_are_told() {
        let mark = Selector::Mark { mark: 0x0100_0000, mask: 0xff00_0000 };
        found(
            &with(vec![rule(32_000, mark, 99)], &[]),
            CHECK,
            Level::Fault,
            "overlaps kernel.mark_mask 0x7f000000",
        );
        let from = Selector::From("192.0.2.7".parse().unwrap());
        found(
            &with(vec![rule(20_050, from, 99)], &[]),
            CHECK,
            Level::Warning,
            "rule 20050 of another program stands",
        );
        found(&with(vec![], &[(21_001, 4, false)]), CHECK, Level::Fault, "table 21001, which is Shunt's own");
        found(&with(vec![], &[(21_001, 157, true), (21_200, 4, true)]), CHECK, Level::Ok, "");
    }

    #[test]
    fn a_rule_without_a_mark_is_not_laid_at_mwan3s_door() {
        let findings = with(vec![rule(2_000, Selector::All, 99)], &[(99, 3, true)]);
        found(&findings, CHECK, Level::Fault, "The IPv4 rule 2000 of another program");
        assert!(findings.iter().all(|finding| finding.about.is_none()), "{findings:?}");
    }

    #[test]
    fn a_full_tunnel_of_wg_quick_is_a_note() {
        found(
            &with(vec![tunnel(19_999)], &[(51_820, 3, true)]),
            CHECK,
            Level::Note,
            "wg-quick A full tunnel",
        );
    }

    #[test]
    fn a_tunnel_that_came_up_before_shunt_is_a_warning_if_its_table_leads_out() {
        for stranger in [tunnel(32_765), rule(32_765, Selector::All, 51_820)] {
            let said = "Shunt's rule 20600 goes before the IPv4 rule 32765 of another program";
            found(&with(vec![stranger.clone()], &[(51_820, 3, true)]), CHECK, Level::Warning, said);
            found(&with(vec![stranger], &[(51_820, 3, false)]), CHECK, Level::Ok, "");
        }
        let mend = "Start that program after Shunt, or give its rule a priority below 20000.";
        found(&with(vec![tunnel(32_765)], &[(51_820, 3, true)]), CHECK, Level::Warning, mend);
    }

    /// What wg-quick adds for `AllowedIPs = 0.0.0.0/0`.
    fn tunnel(priority: u32) -> FoundRule {
        use rtnetlink::packet_route::rule::RuleFlags;
        let mut tunnel = rule(priority, Selector::Mark { mark: 51_820, mask: u32::MAX }, 51_820);
        tunnel.message.header.flags = RuleFlags::Invert;
        tunnel.rule = None;
        tunnel
    }

    #[test]
    fn the_mask_of_mwan3_and_unreadable_rules_are_told() {
        let mut facts = facts();
        facts.programs.mwan3 = Some("config globals 'globals'\n\toption mmx_mask '0x3F000000'\n".to_owned());
        found(&check(&config(""), &facts), CHECK, Level::Fault, "mwan3 marks packets in the bits 0x3f000000");
        facts.programs.mwan3 = Some("config globals 'globals'\n".to_owned());
        found(&check(&config(""), &facts), CHECK, Level::Ok, "");
        facts.network.rules.v4 = Err(Unread::Failed("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "IPv4 rules of others");
    }
}
