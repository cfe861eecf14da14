//! The routes and rules that ought to be in the kernel. Pure: config, paths and ranking in, a list out.

use super::learn::Path;
use super::model::{Address, family_of};
use super::rtnl::{Lead, Route};
use super::rules::{Rule, Selector};
use shunt_config::Kernel as Numbers;
use shunt_decision::{Family, LinkId};

/// Metric of a link's own default route in its table.
const LINK_METRIC: u32 = 100;
/// Metric of `unreachable default` beneath it: far above any real one, below the values that the kernel treats apart.
const UNREACHABLE_METRIC: u32 = 1_000_000;
/// Metric of the best uplink in an empty table; each move of the best goes one below, so that this is also the
/// number of moves before the numbers begin anew: ten an hour for eleven years.
pub(crate) const FIRST_UPLINK_METRIC: u32 = 1_000_000;
/// Addresses of one link and family that get a `from` rule; IPv6 privacy addresses alone may be a handful.
const FROM_RULES: usize = 16;

/// Everything that ought to be there for one family, each list in the order in which it is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Desired {
    /// Link tables, then the uplink table, best first.
    pub(crate) routes: Vec<Route>,
    /// The rule to the uplink table comes last.
    pub(crate) rules: Vec<Rule>,
}

/// One managed link of one family, as [`desired`] needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkView {
    pub(crate) id: LinkId,
    pub(crate) path: Path,
}

/// The link's default route out of its interface, if its path is ready.
fn lead(path: &Path) -> Option<Lead> {
    path.way.map(|way| Lead::Out { index: path.index, way })
}

/// A link's own default route in its table.
pub(crate) const fn link_route(family: Family, table: u32, lead: Lead) -> Route {
    Route { family, table, metric: LINK_METRIC, lead }
}

/// The ranked defaults of the uplink table. A link whose path is not ready is left out; its place is kept.
pub(crate) fn uplink_routes(
    numbers: &Numbers,
    family: Family,
    links: &[LinkView],
    order: &[LinkId],
    first: u32,
) -> Vec<Route> {
    let table = numbers.uplink_table();
    (first..)
        .zip(order)
        .filter_map(|(metric, id)| {
            let link = links.iter().find(|link| link.id == *id)?;
            Some(Route { family, table, metric, lead: lead(&link.path)? })
        })
        .collect()
}

/// The metric of the first place, so that the best route of `routes` (ranked from `first` on) neither replaces nor
/// deletes the one that packets use now (`standing`): it goes one below, and the old one stays where it is.
///
/// A look-up that is under way on another processor may hold the route in use; when that is replaced or deleted
/// beneath it, the kernel answers "no route" (IPv6: the reference count has gone; IPv4: the route is marked dead).
pub(crate) fn first_metric(first: u32, routes: &[Route], standing: Option<(u32, Option<Lead>)>) -> u32 {
    let (Some(best), Some((metric, lead))) = (routes.first(), standing) else { return first };
    let place = best.metric.saturating_sub(first);
    let wanted = if lead == Some(best.lead) { metric } else { metric.saturating_sub(1) };
    match wanted.checked_sub(place) {
        None | Some(0) => FIRST_UPLINK_METRIC,
        Some(first) => first,
    }
}

/// Everything for one family; nothing when no link is managed in it.
pub(crate) fn desired(
    numbers: &Numbers,
    family: Family,
    links: &[LinkView],
    addresses: &[Address],
    order: &[LinkId],
    first: u32,
) -> Desired {
    let mut wanted = Desired::default();
    if links.is_empty() {
        return wanted;
    }
    let rule = |priority, selector, table, suppress| Rule { family, priority, selector, table, suppress };
    for link in links {
        let place = usize::from(link.id.0);
        let table = numbers.link_table(place);
        // The unreachable route goes first: a probe must fail rather than leak for want of it.
        wanted.routes.push(Route { family, table, metric: UNREACHABLE_METRIC, lead: Lead::Unreachable });
        wanted.routes.extend(lead(&link.path).map(|lead| link_route(family, table, lead)));
        let selector = Selector::Mark { mark: numbers.link_mark(place), mask: numbers.mark_mask };
        wanted.rules.push(rule(numbers.mark_priority(place), selector, table, false));
    }
    wanted.routes.extend(uplink_routes(numbers, family, links, order, first));
    wanted.rules.push(rule(numbers.suppress_priority(), Selector::All, super::rtnl::MAIN, true));
    for link in links {
        let place = usize::from(link.id.0);
        let own = |a: &&Address| {
            link.path.index != 0 && a.index == link.path.index && family_of(a.address) == family && a.usable()
        };
        for address in addresses.iter().filter(own).take(FROM_RULES) {
            let selector = Selector::From(address.address);
            wanted.rules.push(rule(numbers.from_priority(place), selector, numbers.link_table(place), false));
        }
    }
    wanted.rules.push(rule(numbers.uplink_priority(), Selector::All, numbers.uplink_table(), false));
    wanted
}

#[cfg(test)]
mod tests {
    use super::super::model::Way;
    use super::*;
    use shunt_decision::{Missing, PathState};

    const NUMBERS: Numbers =
        Numbers { table_base: 7000, rule_base: 7000, mark_mask: 0x7f00_0000, protocol: 201 };

    fn view(id: u8, ready: bool) -> LinkView {
        let state = if ready { PathState::Ready } else { PathState::Missing(Missing::Gateway) };
        let path = Path { state, index: u32::from(id) + 2, source: None, way: ready.then_some(Way::OnLink) };
        LinkView { id: LinkId(id), path }
    }

    fn address(index: u32, text: &str) -> Address {
        let address = text.parse().unwrap();
        Address {
            index,
            address,
            global: true,
            secondary: false,
            deprecated: false,
            tentative: false,
            prefix: 24,
            protocol: None,
        }
    }

    #[test]
    fn a_link_that_is_not_ready_is_left_out_and_keeps_its_place() {
        let links = [view(0, true), view(1, false), view(2, true)];
        let order = [LinkId(1), LinkId(2), LinkId(0)];
        let routes = uplink_routes(&NUMBERS, Family::V4, &links, &order, 10);
        let places: Vec<_> = routes.iter().map(|route| (route.metric, route.lead)).collect();
        let out = |index| Lead::Out { index, way: Way::OnLink };
        assert_eq!(places, [(11, out(4)), (12, out(2))]);
    }

    #[test]
    fn a_new_best_goes_below_the_route_in_use() {
        let links = [view(0, true), view(1, true)];
        let at = |order: &[LinkId], first| uplink_routes(&NUMBERS, Family::V4, &links, order, first);
        let (fiber, lte) = (lead(&links[0].path), lead(&links[1].path));
        let moved = at(&[LinkId(1), LinkId(0)], 10);
        assert_eq!(first_metric(10, &moved, Some((10, fiber))), 9);
        assert_eq!(first_metric(10, &moved, Some((10, lte))), 10);
        assert_eq!(first_metric(10, &moved, None), 10);
        // A place that is kept for a link that is not ready counts.
        let links = [view(0, false), view(1, true)];
        let kept = uplink_routes(&NUMBERS, Family::V4, &links, &[LinkId(0), LinkId(1)], 10);
        assert_eq!(first_metric(10, &kept, Some((10, fiber))), 8);
        // At the end the numbers begin anew.
        assert_eq!(first_metric(1, &moved, Some((1, fiber))), FIRST_UPLINK_METRIC);
    }

    #[test]
    fn every_link_has_an_unreachable_default_and_the_uplink_rule_is_last() {
        let links = [view(0, true), view(1, false)];
        let addresses = [address(2, "192.0.2.10"), address(2, "192.0.2.11"), address(3, "2001:db8::1")];
        let wanted = desired(&NUMBERS, Family::V4, &links, &addresses, &[LinkId(0)], 10);
        for place in 0..2 {
            let table = NUMBERS.link_table(place);
            assert!(wanted.routes.iter().any(|r| r.table == table && r.lead == Lead::Unreachable));
        }
        let priorities: Vec<_> = wanted.rules.iter().map(|rule| rule.priority - NUMBERS.rule_base).collect();
        assert_eq!(priorities, [0, 1, 200, 400, 400, 600]);
        assert!(wanted.rules.iter().all(|rule| rule.suppress == (rule.table == super::super::rtnl::MAIN)));
    }

    #[test]
    fn a_family_that_no_link_manages_gets_nothing() {
        assert_eq!(desired(&NUMBERS, Family::V6, &[], &[], &[], 10), Desired::default());
    }
}
