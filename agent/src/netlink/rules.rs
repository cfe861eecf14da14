//! Policy rules as Shunt speaks of them, to and from the kernel's messages.

use super::model::family_of;
use super::rtnl::address_family;
use rtnetlink::packet_core::Parseable;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteHeader, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use shunt_decision::Family;
use std::net::IpAddr;

/// A rule of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rule {
    pub(crate) family: Family,
    pub(crate) priority: u32,
    pub(crate) selector: Selector,
    pub(crate) table: u32,
    /// Pass over the table's default routes.
    pub(crate) suppress: bool,
}

/// Which packets a rule of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Selector {
    All,
    Mark { mark: u32, mask: u32 },
    From(IpAddr),
}

impl Rule {
    pub(crate) fn message(&self, protocol: u8) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = address_family(self.family);
        message.header.action = RuleAction::ToTable;
        message.header.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        message.attributes.push(RuleAttribute::Priority(self.priority));
        message.attributes.push(RuleAttribute::Table(self.table));
        message.attributes.push(RuleAttribute::Protocol(RouteProtocol::from(protocol)));
        match self.selector {
            Selector::All => {}
            Selector::Mark { mark, mask } => {
                message.attributes.push(RuleAttribute::FwMark(mark));
                message.attributes.push(RuleAttribute::FwMask(mask));
            }
            Selector::From(source) => {
                message.header.src_len = if family_of(source) == Family::V4 { 32 } else { 128 };
                message.attributes.push(RuleAttribute::Source(source));
            }
        }
        if self.suppress {
            message.attributes.push(RuleAttribute::SuppressPrefixLen(0));
        }
        message
    }
}

/// A rule as it lies in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundRule {
    /// What it is, if it could be one of ours to the last detail.
    pub(crate) rule: Option<Rule>,
    pub(crate) family: Family,
    pub(crate) protocol: u8,
    pub(crate) priority: u32,
    /// What deletes exactly it.
    pub(crate) message: RuleMessage,
}

impl FoundRule {
    /// One that was just put there.
    pub(crate) fn own(rule: Rule, protocol: u8) -> Self {
        let message = rule.message(protocol);
        Self { rule: Some(rule), family: rule.family, protocol, priority: rule.priority, message }
    }

    /// The table that it leads to, if it leads to one.
    pub(crate) fn table(&self) -> Option<u32> {
        let header = &self.message.header;
        let by_attribute = self.message.attributes.iter().find_map(|attribute| match attribute {
            RuleAttribute::Table(table) => Some(*table),
            _ => None,
        });
        let table = by_attribute.unwrap_or(u32::from(header.table));
        (header.action == RuleAction::ToTable && table != 0).then_some(table)
    }

    /// The firewall mark that it looks for, and the bits of it that count.
    pub(crate) fn mark(&self) -> Option<(u32, u32)> {
        let (mut mark, mut mask) = (None, u32::MAX);
        for attribute in &self.message.attributes {
            match attribute {
                RuleAttribute::FwMark(value) => mark = Some(*value),
                RuleAttribute::FwMask(value) => mask = *value,
                _ => {}
            }
        }
        Some((mark?, mask))
    }
}

/// A rule message taken apart; `None`: not one of IPv4 or IPv6.
pub(crate) fn found(payload: &[u8]) -> Option<FoundRule> {
    let mut message = RuleMessage::parse(payload).ok()?;
    let family = match message.header.family {
        AddressFamily::Inet => Family::V4,
        AddressFamily::Inet6 => Family::V6,
        _ => return None,
    };
    let (mut protocol, mut priority, mut table) = (0, 0, u32::from(message.header.table));
    let (mut mark, mut mask, mut source, mut suppress) = (None, None, None, u32::MAX);
    let mut odd = message.header.action != RuleAction::ToTable
        || message.header.dst_len != 0
        || message.header.tos != 0
        || message.header.flags.contains(RuleFlags::Invert);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Protocol(value) => protocol = u8::from(*value),
            RuleAttribute::Priority(value) => priority = *value,
            RuleAttribute::Table(value) => table = *value,
            RuleAttribute::FwMark(value) => mark = Some(*value),
            RuleAttribute::FwMask(value) => mask = Some(*value),
            RuleAttribute::Source(value) => source = Some(*value),
            RuleAttribute::SuppressPrefixLen(value) => suppress = *value,
            RuleAttribute::L3MDev(false) => {}
            _ => odd = true,
        }
    }
    let whole = if family == Family::V4 { 32 } else { 128 };
    let selector = match (mark, source) {
        (None, None) if mask.is_none() => Some(Selector::All),
        (Some(mark), None) => mask.map(|mask| Selector::Mark { mark, mask }),
        (None, Some(source)) if message.header.src_len == whole => Some(Selector::From(source)),
        _ => None,
    };
    let known = matches!(suppress, 0 | u32::MAX) && !odd;
    let rule = selector.filter(|_| known).map(|selector| Rule {
        family,
        priority,
        selector,
        table,
        suppress: suppress == 0,
    });
    message.header.flags &= RuleFlags::Invert;
    message.attributes.retain(|attribute| !matches!(attribute, RuleAttribute::SuppressPrefixLen(u32::MAX)));
    Some(FoundRule { rule, family, protocol, priority, message })
}
