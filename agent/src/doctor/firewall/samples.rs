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

/// `iptables -P FORWARD DROP`; answers are accepted, and what comes in by one interface and leaves by another.
pub(in crate::doctor) fn forwarding_between(interface: &str, uplinks: &[&str]) -> Ruleset {
    let accept = || Expression::Decide(Verdict::Accept);
    let mut rules = vec![vec![Expression::Never, accept()]];
    rules.extend(uplinks.iter().map(|uplink| then([into(interface), out(uplink)].concat(), accept())));
    let mut found = masquerading(&["eth0", "wwan0"]);
    found.chains.pop();
    found.chains.push(forward(true, rules));
    found
}

/// The chains of Docker 27 (`iptables -S` with one bridge and no published port), as iptables-nft keeps them.
pub(in crate::doctor) fn docker() -> Ruleset {
    let bridge = || into("docker0");
    let to_bridge = || out("docker0");
    let elsewhere = || {
        let other = Expression::Compare { from: 0, equal: false, value: name("docker0") };
        vec![Expression::Load { to: 0, what: Load::OutName }, other]
    };
    let accept = || Expression::Decide(Verdict::Accept);
    let mut found = masquerading(&["eth0", "wwan0"]);
    found.chains.pop();
    found.chains.extend([
        forward(
            true,
            vec![
                vec![jump("DOCKER-USER")],
                vec![jump("DOCKER-ISOLATION-STAGE-1")],
                // -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED
                then(to_bridge(), Expression::Never),
                then(to_bridge(), jump("DOCKER")),
                then([bridge(), elsewhere()].concat(), accept()),
                then([bridge(), to_bridge()].concat(), accept()),
            ],
        ),
        chain("DOCKER-USER", None, vec![vec![Expression::Decide(Verdict::Return)]]),
        chain("DOCKER", None, Vec::new()),
        chain(
            "DOCKER-ISOLATION-STAGE-1",
            None,
            vec![
                then([bridge(), elsewhere()].concat(), jump("DOCKER-ISOLATION-STAGE-2")),
                vec![Expression::Decide(Verdict::Return)],
            ],
        ),
        chain(
            "DOCKER-ISOLATION-STAGE-2",
            None,
            vec![
                then(to_bridge(), Expression::Decide(Verdict::Drop)),
                vec![Expression::Decide(Verdict::Return)],
            ],
        ),
    ]);
    found
}

/// What is let through depends on something that is not understood.
pub(in crate::doctor) fn forwarding_perhaps() -> Ruleset {
    let mut found = masquerading(&["eth0", "wwan0"]);
    found.chains.pop();
    found.chains.push(forward(true, vec![vec![Expression::Unknown, Expression::Decide(Verdict::Accept)]]));
    found
}

/// Nothing at all is forwarded.
pub(in crate::doctor) fn forwarding_nothing() -> Ruleset {
    let mut found = masquerading(&["eth0", "wwan0"]);
    found.chains.pop();
    found.chains.push(forward(true, Vec::new()));
    found
}
