//! Rules of others that would catch traffic before ours, or that ours would pass by: what matters is the order, not
//! the numbers.

use super::error::family_name;
use super::rules::{FoundRule, Selector};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags};
use shunt_config::Kernel as Numbers;
use shunt_decision::Family;
use std::fmt;

/// The priority of the kernel's own rule to the `local` table.
const LOCAL_PRIORITY: u32 = 0;
/// The priority of the kernel's own rule to `main`: what stands behind it was passed by before Shunt came.
const MAIN_PRIORITY: u32 = 32_766;
/// The tables `default`, `main` and `local`: what is looked up there is no tunnel of another program.
const KERNELS_TABLES: std::ops::RangeInclusive<u32> = 253..=255;

/// How a rule of another program and ours are in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// It looks for marks in our bits.
    Mark,
    /// It stands before ours and takes all packets that come so far.
    Before,
    /// It stands behind ours and would take all packets: ours pass it by, if there is a default route in its table.
    Behind,
    /// The same, and by its form it is a full tunnel ("all but what is marked"), whose table is meant to have one.
    TunnelBehind,
}

/// A rule of another program that is in the way. It displays as one sentence, the mend last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) priority: u32,
    pub(crate) clash: Clash,
    /// What is wrong: a sentence without its full stop.
    pub(crate) what: String,
    /// What to do, in lower case and without a full stop.
    pub(crate) mend: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}.", self.what, self.mend)
    }
}

/// Every rule in the way.
pub(crate) fn conflicts(numbers: &Numbers, family: Family, rules: &[FoundRule]) -> Vec<Conflict> {
    let strangers = rules.iter().filter(|rule| rule.protocol != numbers.protocol);
    strangers.filter_map(|rule| conflict(numbers, family, rule)).collect()
}

fn conflict(numbers: &Numbers, family: Family, rule: &FoundRule) -> Option<Conflict> {
    let family = family_name(family);
    let priority = rule.priority;
    if let Some((mark, mask)) = overlapping(numbers, rule) {
        let what = format!(
            "The {family} rule {priority} of another program matches the firewall mark {mark:#x}/{mask:#x}, which \
             overlaps kernel.mark_mask {:#x}: its packets and the probes would be taken for each other",
            numbers.mark_mask
        );
        let mend = "give one of them other bits".to_owned();
        return Some(Conflict { priority, clash: Clash::Mark, what, mend });
    }
    if priority == LOCAL_PRIORITY || !catches_all(rule) {
        return None;
    }
    if priority >= numbers.uplink_priority() {
        return passed_by(numbers, family, rule);
    }
    let whose =
        if priority < numbers.mark_priority(0) { "the probes and all traffic" } else { "all traffic" };
    let what = format!(
        "The {family} rule {priority} of another program stands before Shunt's rule {} and catches {whose}: the \
         choice of uplink may have no effect",
        numbers.uplink_priority()
    );
    let mend = format!("delete that rule, or set kernel.rule_base below {priority}");
    Some(Conflict { priority, clash: Clash::Before, what, mend })
}

/// A rule for all packets that ours go before: a VPN that came up before Shunt stands so.
fn passed_by(numbers: &Numbers, family: &str, rule: &FoundRule) -> Option<Conflict> {
    let priority = rule.priority;
    let table = rule.table().filter(|table| !KERNELS_TABLES.contains(table))?;
    if priority >= MAIN_PRIORITY {
        return None;
    }
    let what = format!(
        "Shunt's rule {} goes before the {family} rule {priority} of another program: what that rule sends into table \
         {table} leaves by the uplink instead, and past a VPN if that is one",
        numbers.uplink_priority()
    );
    let mend =
        format!("start that program after Shunt, or give its rule a priority below {}", numbers.rule_base);
    let invert = rule.message.header.flags.contains(RuleFlags::Invert);
    let clash = if invert { Clash::TunnelBehind } else { Clash::Behind };
    Some(Conflict { priority, clash, what, mend })
}

/// The mark of a rule that reaches into our bits.
fn overlapping(numbers: &Numbers, rule: &FoundRule) -> Option<(u32, u32)> {
    let (mark, mask) = rule.mark().filter(|_| !rule.message.header.flags.contains(RuleFlags::Invert))?;
    (mark & mask & numbers.mark_mask != 0).then_some((mark, mask))
}

/// The rule takes packets of every kind, and a default route in its table would end the search.
fn catches_all(rule: &FoundRule) -> bool {
    let header = &rule.message.header;
    if header.flags.contains(RuleFlags::Invert) {
        // "Everything but": the way full-tunnel VPNs take all traffic.
        return header.action == RuleAction::ToTable;
    }
    match rule.rule {
        Some(plain) => plain.selector == Selector::All && !plain.suppress,
        None => {
            let narrow = |attribute: &RuleAttribute| {
                !matches!(
                    attribute,
                    RuleAttribute::Priority(_) | RuleAttribute::Protocol(_) | RuleAttribute::Table(_)
                )
            };
            let stops = matches!(
                header.action,
                RuleAction::Blackhole | RuleAction::Unreachable | RuleAction::Prohibit
            );
            stops && header.src_len == 0 && header.dst_len == 0 && !rule.message.attributes.iter().any(narrow)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Rule;
    use super::*;

    const NUMBERS: Numbers =
        Numbers { table_base: 7000, rule_base: 7000, mark_mask: 0x7f00_0000, protocol: 201 };

    fn stranger(priority: u32, selector: Selector, suppress: bool) -> FoundRule {
        FoundRule::own(Rule { family: Family::V4, priority, selector, table: 254, suppress }, 4)
    }

    fn sentences(rule: FoundRule) -> usize {
        conflicts(&NUMBERS, Family::V4, &[rule]).len()
    }

    #[test]
    fn an_unsuppressed_catch_all_before_ours_is_told() {
        assert_eq!(sentences(stranger(100, Selector::All, false)), 1);
        assert_eq!(sentences(stranger(NUMBERS.uplink_priority() - 1, Selector::All, false)), 1);
    }

    #[test]
    fn rules_that_let_traffic_through_to_ours_are_not() {
        assert_eq!(sentences(stranger(0, Selector::All, false)), 0);
        assert_eq!(sentences(stranger(32766, Selector::All, false)), 0);
        assert_eq!(sentences(stranger(100, Selector::All, true)), 0);
        assert_eq!(sentences(stranger(100, Selector::From("192.0.2.1".parse().unwrap()), false)), 0);
        assert_eq!(sentences(stranger(100, Selector::Mark { mark: 0x100, mask: 0x3f00 }, false)), 0);
    }

    #[test]
    fn a_catch_all_that_ours_pass_by_is_told_but_for_the_kernels_own_tables() {
        let clash = |priority, table, invert| {
            let mut rule = FoundRule::own(
                Rule { family: Family::V4, priority, selector: Selector::All, table, suppress: false },
                4,
            );
            if invert {
                rule.message.header.flags = RuleFlags::Invert;
                rule.rule = None;
            }
            conflicts(&NUMBERS, Family::V4, &[rule]).first().map(|found| found.clash)
        };
        assert_eq!(clash(32_765, 51_820, true), Some(Clash::TunnelBehind));
        assert_eq!(clash(NUMBERS.uplink_priority(), 99, false), Some(Clash::Behind));
        assert_eq!(clash(NUMBERS.uplink_priority() - 1, 99, false), Some(Clash::Before));
        assert_eq!(clash(32_765, 254, false), None);
        assert_eq!(clash(32_766, 99, false), None);
        assert_eq!(sentences(stranger(32_764, Selector::All, true)), 0);
    }

    #[test]
    fn marks_in_our_bits_are_told_wherever_they_stand() {
        assert_eq!(
            sentences(stranger(32000, Selector::Mark { mark: 0x0100_0000, mask: u32::MAX }, false)),
            1
        );
    }

    #[test]
    fn everything_but_a_mark_is_everything() {
        let mut vpn = stranger(100, Selector::Mark { mark: 51820, mask: u32::MAX }, false);
        vpn.message.header.flags = RuleFlags::Invert;
        vpn.rule = None;
        assert_eq!(sentences(vpn), 1);
    }
}
