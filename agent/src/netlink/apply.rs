//! The only place that changes routes and rules in the kernel, and the mirror of what lies there.
//!
//! The mirror is read by dump and then follows our own acknowledged changes, so that the fast path compares
//! without asking.

use super::diff::Step;
use super::error::{KernelError, family_name};
use super::model::Way;
use super::rtnl::{
    Found, Lead, RTM_DELROUTE, RTM_DELRULE, RTM_GETROUTE, RTM_GETRULE, RTM_NEWROUTE, RTM_NEWRULE, Route,
    address_family, found, route_outline,
};
use super::rules::{self, FoundRule, Rule, Selector};
use super::socket::{Refusal, RequestSocket};
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol};
use rtnetlink::packet_route::rule::RuleMessage;
use shunt_config::{Kernel as Numbers, MAX_LINKS};
use shunt_decision::{Family, PerFamily};
use std::fmt;

/// What lies in the kernel for one family.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    /// Everything in our tables, whoever put it there; and what is ours in those of former links.
    pub(crate) routes: Vec<Found>,
    /// Every rule, in the kernel's order.
    pub(crate) rules: Vec<FoundRule>,
}

/// What became of some steps.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) failures: Vec<KernelError>,
    /// The kernel's answer shows that the mirror was wrong: it is to be read again.
    pub(crate) surprised: bool,
}

/// Our tables and rules.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) request: RequestSocket,
    pub(crate) numbers: Numbers,
    pub(crate) mirror: PerFamily<Mirror>,
    links: usize,
    /// Tables of links that the configuration no longer has, where routes of ours were found.
    retired: PerFamily<Vec<u32>>,
}

impl Tables {
    pub(crate) fn new(request: RequestSocket, numbers: Numbers, links: usize) -> Self {
        let (mirror, retired) =
            (PerFamily::from_fn(|_| Mirror::default()), PerFamily::from_fn(|_| Vec::new()));
        Self { request, numbers, mirror, links, retired }
    }

    /// Looks for what a longer configuration left behind; [`read_routes`](Self::read_routes) reads it from then on.
    pub(crate) fn find_retired(&mut self, family: Family) -> Result<(), KernelError> {
        let (numbers, links) = (self.numbers, self.links);
        let mut filter = RouteMessage::default();
        filter.header.address_family = address_family(family);
        filter.header.protocol = RouteProtocol::from(numbers.protocol);
        let past = numbers.link_table(links)..numbers.link_table(MAX_LINKS);
        let list = self.request.dump(RTM_GETROUTE, &filter, |list, payload| {
            let outline = route_outline(payload).filter(|(_, _, _, protocol)| *protocol == numbers.protocol);
            list.extend(outline.map(|(_, _, table, _)| table).filter(|table| past.contains(table)));
        });
        let what = || format!("list the {} routes of former links", family_name(family));
        let mut tables = list.map_err(|refusal| KernelError::refused(what(), refusal))?;
        tables.sort_unstable();
        tables.dedup();
        *self.retired.get_mut(family) = tables;
        Ok(())
    }

    /// Whether a table is one of ours.
    pub(crate) fn owns(&self, table: u32) -> bool {
        self.ids().any(|id| id == table)
    }

    fn ids(&self) -> impl Iterator<Item = u32> + use<> {
        let numbers = self.numbers;
        std::iter::once(numbers.uplink_table())
            .chain((0..self.links).map(move |place| numbers.link_table(place)))
    }

    /// Reads our tables.
    pub(crate) fn read_routes(&mut self, family: Family) -> Result<(), KernelError> {
        let mut all = Vec::new();
        let own = self.numbers.protocol;
        let retired = self.retired.get(family).clone();
        // In a table that is no longer ours, only what we put there is.
        for (table, whole) in self.ids().map(|id| (id, true)).chain(retired.into_iter().map(|id| (id, false)))
        {
            let mut filter = RouteMessage::default();
            filter.header.address_family = address_family(family);
            filter.header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
            filter.attributes.push(RouteAttribute::Table(table));
            let list = self.request.dump(RTM_GETROUTE, &filter, |list, payload| {
                // A kernel that does not filter sends everything.
                let ours = |found: &Found| found.table == table && (whole || found.protocol == own);
                list.extend(found(payload).filter(ours));
            });
            let what = || format!("list the {} routes of table {table}", family_name(family));
            all.append(&mut list.map_err(|refusal| KernelError::refused(what(), refusal))?);
        }
        self.mirror.get_mut(family).routes = all;
        Ok(())
    }

    /// Reads all rules.
    pub(crate) fn read_rules(&mut self, family: Family) -> Result<(), KernelError> {
        let mut filter = RuleMessage::default();
        filter.header.family = address_family(family);
        let list = self.request.dump(RTM_GETRULE, &filter, |list, payload| {
            list.extend(rules::found(payload).filter(|found| found.family == family));
        });
        let what = || format!("list the {} rules", family_name(family));
        self.mirror.get_mut(family).rules = list.map_err(|refusal| KernelError::refused(what(), refusal))?;
        Ok(())
    }

    /// The rules of our protocol.
    pub(crate) fn own_rules(&self, family: Family) -> Vec<FoundRule> {
        let ours = |rule: &&FoundRule| rule.protocol == self.numbers.protocol;
        self.mirror.get(family).rules.iter().filter(ours).cloned().collect()
    }

    /// Whether the mirror holds the route as ours.
    pub(crate) fn holds(&self, route: &Route) -> bool {
        let ours = |found: &Found| found.protocol == self.numbers.protocol && found.route == Some(*route);
        self.mirror.get(route.family).routes.iter().any(ours)
    }

    /// The route of the uplink table that packets use now: its metric, and where it leads.
    pub(crate) fn standing(&self, family: Family) -> Option<(u32, Option<Lead>)> {
        let table = self.numbers.uplink_table();
        let uplinks = self.mirror.get(family).routes.iter().filter(|found| found.table == table);
        let best = uplinks.min_by_key(|found| found.metric)?;
        let ours = best.route.filter(|_| best.protocol == self.numbers.protocol);
        Some((best.metric, ours.map(|route| route.lead)))
    }

    /// Takes the steps in order. Routes stand each by itself; rules are added all or none.
    pub(crate) fn apply(&mut self, family: Family, steps: &[Step]) -> Applied {
        let mut applied = Applied::default();
        let (mut tried, mut put) = (0_usize, 0_usize);
        let mut added: Vec<Rule> = Vec::new();
        for step in steps {
            match step {
                Step::PutRoute(route) => {
                    tried += 1;
                    match self.put(route) {
                        Ok(surprised) => {
                            put += 1;
                            applied.surprised |= surprised;
                        }
                        Err(error) => applied.failures.push(error),
                    }
                }
                // Where the kernel takes no route at all, rules would lead into empty tables.
                Step::AddRule(_) | Step::DeleteRule(_) | Step::DeleteRoute(_)
                    if tried > 0 && put == 0 && self.has_no_route(family) =>
                {
                    break;
                }
                Step::AddRule(rule) => match self.add_rule(*rule) {
                    Ok(()) => added.push(*rule),
                    Err(error) => {
                        applied.failures.push(error);
                        self.roll_back(family, &added);
                        break;
                    }
                },
                Step::DeleteRule(rule) => self.note(&mut applied, |tables| tables.delete_rule(rule)),
                Step::DeleteRoute(route) => {
                    self.note(&mut applied, |tables| tables.delete_route(family, route))
                }
            }
        }
        applied
    }

    fn has_no_route(&self, family: Family) -> bool {
        !self.mirror.get(family).routes.iter().any(|found| found.protocol == self.numbers.protocol)
    }

    fn note(&mut self, applied: &mut Applied, delete: impl FnOnce(&mut Self) -> Result<bool, KernelError>) {
        match delete(self) {
            Ok(surprised) => applied.surprised |= surprised,
            Err(error) => applied.failures.push(error),
        }
    }

    fn roll_back(&mut self, family: Family, added: &[Rule]) {
        for rule in added.iter().rev() {
            let own = FoundRule::own(*rule, self.numbers.protocol);
            if let Err(error) = self.delete_rule(&own) {
                tracing::warn!(
                    "failed to take back a half-written {} rule set: {error}",
                    family_name(family)
                );
            }
        }
    }

    /// Puts a route in one replace; `true`: it stood there already, behind another of the same metric.
    pub(crate) fn put(&mut self, route: &Route) -> Result<bool, KernelError> {
        let protocol = self.numbers.protocol;
        let message = route.message(protocol);
        let surprised = match self.request.execute(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &message) {
            Ok(()) => false,
            Err(refusal) if refusal.code == libc::EEXIST => true,
            Err(refusal) => return Err(KernelError::refused(format!("put the {}", Say(route)), refusal)),
        };
        let routes = &mut self.mirror.get_mut(route.family).routes;
        let own = Found { message, ..Found::own(*route, protocol) };
        match routes.iter_mut().find(|found| found.table == route.table && found.metric == route.metric) {
            Some(place) => *place = own,
            None => routes.push(own),
        }
        Ok(surprised)
    }

    fn add_rule(&mut self, rule: Rule) -> Result<(), KernelError> {
        // Not NLM_F_EXCL: the kernel would take a stranger's rule of another protocol for ours.
        let message = rule.message(self.numbers.protocol);
        self.request
            .execute(RTM_NEWRULE, NLM_F_CREATE, &message)
            .map_err(|refusal| KernelError::refused(format!("add the {}", SayRule(&rule)), refusal))?;
        let own = FoundRule::own(rule, self.numbers.protocol);
        self.mirror.get_mut(rule.family).rules.push(own);
        Ok(())
    }

    /// `true`: it was gone already.
    pub(crate) fn delete_rule(&mut self, rule: &FoundRule) -> Result<bool, KernelError> {
        let result = self.request.execute(RTM_DELRULE, 0, &rule.message);
        let rules = &mut self.mirror.get_mut(rule.family).rules;
        if let Some(place) = rules.iter().position(|found| found == rule) {
            rules.remove(place);
        }
        gone(result, || format!("delete the {} rule {}", family_name(rule.family), rule.priority))
    }

    /// `true`: it was gone already.
    pub(crate) fn delete_route(&mut self, family: Family, route: &Found) -> Result<bool, KernelError> {
        let result = self.request.execute(RTM_DELROUTE, 0, &route.message);
        let routes = &mut self.mirror.get_mut(family).routes;
        if let Some(place) = routes.iter().position(|found| found == route) {
            routes.remove(place);
        }
        let name = family_name(family);
        gone(result, || {
            format!("delete the {name} route of metric {} in table {}", route.metric, route.table)
        })
    }
}

/// Deleting what is not there is no failure.
fn gone(result: Result<(), Refusal>, what: impl FnOnce() -> String) -> Result<bool, KernelError> {
    match result {
        Ok(()) => Ok(false),
        Err(refusal) if matches!(refusal.code, libc::ESRCH | libc::ENOENT | libc::ENODEV) => Ok(true),
        Err(refusal) => Err(KernelError::refused(what(), refusal)),
    }
}

/// A route in words.
pub(crate) struct Say<'a>(pub(crate) &'a Route);

impl fmt::Display for Say<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Route { family, table, metric, lead } = self.0;
        let family = family_name(*family);
        match lead {
            Lead::Unreachable => write!(f, "{family} route \"unreachable default\"")?,
            Lead::Out { index, way: Way::OnLink } => {
                write!(f, "{family} route \"default\" by interface {index}")?;
            }
            Lead::Out { index, way: Way::Via(router) } => {
                write!(f, "{family} route \"default via {router}\" by interface {index}")?;
            }
        }
        write!(f, ", metric {metric}, in table {table}")
    }
}

/// A rule in words.
pub(crate) struct SayRule<'a>(pub(crate) &'a Rule);

impl fmt::Display for SayRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { family, priority, selector, table, suppress } = self.0;
        write!(f, "{} rule {priority} \"", family_name(*family))?;
        match selector {
            Selector::All => write!(f, "from all")?,
            Selector::Mark { mark, mask } => write!(f, "fwmark {mark:#x}/{mask:#x}")?,
            Selector::From(source) => write!(f, "from {source}")?,
        }
        write!(f, " lookup {table}{}\"", if *suppress { " suppress_prefixlength 0" } else { "" })
    }
}
