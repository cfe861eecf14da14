//! What must be done to get from what is in the kernel to what ought to be. Pure.
//!
//! Additions come before deletions, and a route is put by a replace, so that at no moment less is there than
//! before; rules come after the routes that they lead to.

use super::desired::Desired;
use super::rtnl::{Found, Route};
use super::rules::{FoundRule, Rule};

/// One step, to be taken in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    PutRoute(Route),
    AddRule(Rule),
    DeleteRule(FoundRule),
    DeleteRoute(Found),
}

/// The steps from `found` to `wanted`. `found` holds everything in our tables, strangers' too (the tables are
/// ours), and the rules of our protocol.
pub(crate) fn steps(wanted: &Desired, routes: &[Found], rules: &[FoundRule], protocol: u8) -> Vec<Step> {
    let mut steps = Vec::new();
    let ours = |found: &Found, route: &Route| found.protocol == protocol && found.route == Some(*route);
    for route in &wanted.routes {
        // Present, but behind a stranger's of the same metric, is present: the stranger's is deleted below.
        if !routes.iter().any(|found| ours(found, route)) {
            steps.push(Step::PutRoute(*route));
        }
    }
    let there = |rule: &Rule| rules.iter().any(|found| found.rule == Some(*rule));
    steps.extend(wanted.rules.iter().filter(|rule| !there(rule)).map(|rule| Step::AddRule(*rule)));
    let mut kept: Vec<Rule> = Vec::new();
    for found in rules {
        match found.rule.filter(|rule| wanted.rules.contains(rule) && !kept.contains(rule)) {
            Some(rule) => kept.push(rule),
            None => steps.push(Step::DeleteRule(found.clone())),
        }
    }
    let same_place = |table, metric| move |found: &&Found| found.table == table && found.metric == metric;
    for found in routes {
        let replaced = wanted.routes.iter().any(|r| r.table == found.table && r.metric == found.metric)
            && routes.iter().filter(same_place(found.table, found.metric)).count() == 1;
        if !replaced && !wanted.routes.iter().any(|route| ours(found, route)) {
            steps.push(Step::DeleteRoute(found.clone()));
        }
    }
    steps
}
