//! Rule sets as they are found on gateways, for tests.

use super::expression::{Expression, Load, Verdict};
use super::{Base, Chain, Element, FORWARD, POSTROUTING, Ruleset};

pub(super) const INET: u8 = 1;

pub(super) fn name(interface: &str) -> Vec<u8> {
    let mut bytes = interface.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

pub(super) fn out(interface: &str) -> Vec<Expression> {
    vec![Expression::Load { to: 0, what: Load::OutName }, is(name(interface))]
}

pub(super) fn into(interface: &str) -> Vec<Expression> {
    vec![Expression::Load { to: 0, what: Load::InName }, is(name(interface))]
}

/// `ip saddr a.b.c.0/24`
pub(super) fn from(net: [u8; 3]) -> Vec<Expression> {
    vec![Expression::Load { to: 0, what: Load::Network { offset: 12, length: 3 } }, is(net.to_vec())]
}

pub(super) fn is(value: Vec<u8>) -> Expression {
    Expression::Compare { from: 0, equal: true, value }
}

pub(super) fn then(mut matches: Vec<Expression>, last: Expression) -> Vec<Expression> {
    matches.push(last);
    matches
}

pub(super) fn jump(chain: &str) -> Expression {
    Expression::Decide(Verdict::Jump(chain.to_owned()))
}

pub(super) fn chain(name: &str, base: Option<Base>, rules: Vec<Vec<Expression>>) -> Chain {
    Chain { family: INET, table: "t".to_owned(), name: name.to_owned(), base, rules }
}

pub(super) fn postrouting(rules: Vec<Vec<Expression>>) -> Chain {
    let base = Base { hook: POSTROUTING, priority: 100, drops: false, kind: "nat".to_owned() };
    chain("postrouting", Some(base), rules)
}

pub(super) fn forward(drops: bool, rules: Vec<Vec<Expression>>) -> Chain {
    chain("forward", Some(Base { hook: FORWARD, priority: 0, drops, kind: "filter".to_owned() }), rules)
}

pub(super) fn set(name: &str, elements: Vec<Element>) -> ((u8, String, String), Option<Vec<Element>>) {
    ((INET, "t".to_owned(), name.to_owned()), Some(elements))
}

pub(super) fn ruleset(chains: Vec<Chain>) -> Ruleset {
    Ruleset { chains, ..Ruleset::default() }
}

/// What leaves by these interfaces is translated, and everything is forwarded.
pub(in crate::doctor) fn masquerading(interfaces: &[&str]) -> Ruleset {
    let rules = interfaces.iter().map(|interface| then(out(interface), Expression::Translate));
    ruleset(vec![postrouting(rules.collect()), forward(false, Vec::new())])
}

/// The same, but only what comes from 192.168.1.0/24.
pub(in crate::doctor) fn masquerading_the_lan() -> Ruleset {
    ruleset(vec![postrouting(vec![then(from([192, 168, 1]), Expression::Translate)])])
}

/// As OpenWrt: what comes in by one interface is forwarded, and nothing else.
pub(in crate::doctor) fn forwarding_only(interface: &str) -> Ruleset {
    let accept = Expression::Decide(Verdict::Accept);
    let mut found = masquerading(&["eth0", "wwan0"]);
    found.chains.pop();
    found.chains.push(forward(true, vec![then(into(interface), accept)]));
    found
}

/// Nothing at all is forwarded.
pub(in crate::doctor) fn forwarding_nothing() -> Ruleset {
    let mut found = masquerading(&["eth0", "wwan0"]);
    found.chains.pop();
    found.chains.push(forward(true, Vec::new()));
    found
}
