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

#[cfg(test)]
mod tests {
    use super::super::model::Way;
    use super::super::rtnl::Lead;
    use super::super::rules::Selector;
    use super::*;
    use proptest::prelude::*;
    use shunt_decision::Family;
    use std::net::Ipv4Addr;

    const OWN: u8 = 201;
    const UPLINK: u32 = 7000;

    fn route(table: u32, metric: u32, index: u32) -> Route {
        let way = Way::Via(Ipv4Addr::new(192, 0, 2, 1).into());
        Route { family: Family::V4, table, metric, lead: Lead::Out { index, way } }
    }

    fn rule(priority: u32) -> Rule {
        Rule { family: Family::V4, priority, selector: Selector::All, table: UPLINK, suppress: false }
    }

    /// The kernel's side for IPv4: a replace takes the place of the first route of the metric.
    #[derive(Debug, Clone, Default)]
    struct Fake {
        routes: Vec<Found>,
        rules: Vec<FoundRule>,
    }

    impl Fake {
        fn take(&mut self, step: &Step) {
            match step {
                Step::PutRoute(route) => {
                    let own = Found::own(*route, OWN);
                    if self.routes.contains(&own) {
                        return;
                    }
                    let place = |f: &&mut Found| f.table == route.table && f.metric == route.metric;
                    match self.routes.iter_mut().find(place) {
                        Some(first) => *first = own,
                        None => self.routes.push(own),
                    }
                }
                Step::AddRule(rule) => self.rules.push(FoundRule::own(*rule, OWN)),
                Step::DeleteRule(gone) => {
                    if let Some(place) = self.rules.iter().position(|rule| rule == gone) {
                        self.rules.remove(place);
                    }
                }
                Step::DeleteRoute(gone) => {
                    if let Some(place) = self.routes.iter().position(|route| route == gone) {
                        self.routes.remove(place);
                    }
                }
            }
        }

        fn has_uplink(&self) -> bool {
            self.routes.iter().any(|route| route.table == UPLINK)
        }
    }

    fn any_route() -> impl Strategy<Value = Route> {
        (0_u32..3, 10_u32..14, 1_u32..4)
            .prop_map(|(table, metric, index)| route(UPLINK + table, metric, index))
    }

    fn any_found() -> impl Strategy<Value = Found> {
        (any_route(), prop_oneof![Just(OWN), Just(4)])
            .prop_map(|(route, protocol)| Found::own(route, protocol))
    }

    fn any_wanted() -> impl Strategy<Value = Desired> {
        (proptest::collection::vec(any_route(), 0..8), proptest::collection::btree_set(1_u32..8, 0..6))
            .prop_map(|(mut routes, rules)| {
                // One route for each metric, as the desired set has it.
                routes.sort_by_key(|route| (route.table, route.metric));
                routes.dedup_by_key(|route| (route.table, route.metric));
                Desired { routes, rules: rules.into_iter().map(rule).collect() }
            })
    }

    proptest! {
        #[test]
        fn the_steps_lead_there_and_the_uplink_table_is_never_empty(
            wanted in any_wanted(),
            routes in proptest::collection::vec(any_found(), 0..10),
            rules in proptest::collection::vec(1_u32..8, 0..8),
        ) {
            let mut fake = Fake::default();
            for found in routes {
                // The kernel holds no route twice.
                if !fake.routes.contains(&found) {
                    fake.routes.push(found);
                }
            }
            fake.rules = rules.into_iter().map(|priority| FoundRule::own(rule(priority), OWN)).collect();
            let guarded = fake.has_uplink() && wanted.routes.iter().any(|route| route.table == UPLINK);
            for _ in 0..3 {
                let steps = steps(&wanted, &fake.routes, &fake.rules, OWN);
                for step in &steps {
                    fake.take(step);
                    prop_assert!(!guarded || fake.has_uplink(), "empty after {step:?}");
                }
            }
            prop_assert!(steps(&wanted, &fake.routes, &fake.rules, OWN).is_empty());
            let mut there: Vec<_> = fake.routes.iter().map(|found| (found.route, found.protocol)).collect();
            there.sort_unstable();
            let mut ought: Vec<_> = wanted.routes.iter().map(|route| (Some(*route), OWN)).collect();
            ought.sort_unstable();
            prop_assert_eq!(there, ought);
            prop_assert_eq!(fake.rules.len(), wanted.rules.len());
        }

        #[test]
        fn nothing_is_deleted_before_everything_is_added(
            wanted in any_wanted(),
            routes in proptest::collection::vec(any_found(), 0..10),
        ) {
            let steps = steps(&wanted, &routes, &[], OWN);
            let deletes = |step: &Step| matches!(step, Step::DeleteRoute(_) | Step::DeleteRule(_));
            let first = steps.iter().position(deletes).unwrap_or(steps.len());
            prop_assert!(steps.iter().skip(first).all(deletes));
            let adds = |step: &Step| matches!(step, Step::AddRule(_));
            let rule = steps.iter().position(adds).unwrap_or(steps.len());
            prop_assert!(!steps.iter().skip(rule).any(|step| matches!(step, Step::PutRoute(_))));
        }
    }
}
