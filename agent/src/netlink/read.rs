//! Reads from the kernel what is stale: interfaces, addresses, others' default routes, our tables, all rules.

use super::error::{KernelError, family_name};
use super::rtnl::{self, RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, address_family};
use super::{Kernel, Notice, Subject, conflicts};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage};
use shunt_decision::{Family, Timestamp};

impl Kernel {
    pub(super) fn report_reading(&mut self, failures: &[KernelError], notices: &mut Vec<Notice>) {
        let sentences = failures.iter().map(|error| format!("Failed to {error}.")).collect();
        self.warnings.set(Subject::Reading, sentences, notices);
    }

    /// Reads what is stale; what cannot be read stays stale.
    pub(super) fn read_stale(&mut self, now: Timestamp, notices: &mut Vec<Notice>) -> Vec<KernelError> {
        let stale = std::mem::take(&mut self.stale);
        let mut failures = Vec::new();
        let mut keep = |result: Result<(), KernelError>| match result {
            Ok(()) => false,
            Err(error) => {
                failures.push(error);
                true
            }
        };
        if stale.links {
            let failed = keep(self.read_interfaces(now, notices));
            self.stale.links |= failed;
        }
        // Reading the interfaces may have found new ones.
        let again = std::mem::take(&mut self.stale);
        self.stale.links = again.links;
        if stale.addresses || again.addresses {
            self.stale.addresses |= keep(self.read_addresses());
        }
        for family in Family::ALL {
            if family == Family::V6 && !self.has_ipv6 {
                continue;
            }
            if *stale.defaults.get(family) || *again.defaults.get(family) {
                *self.stale.defaults.get_mut(family) |= keep(self.read_defaults(family));
            }
            if *stale.routes.get(family) || *again.routes.get(family) {
                *self.stale.routes.get_mut(family) |= keep(self.tables.read_routes(family));
            }
            if *stale.rules.get(family) || *again.rules.get(family) {
                *self.stale.rules.get_mut(family) |= keep(self.tables.read_rules(family));
                let rules = &self.tables.mirror.get(family).rules;
                let found = conflicts::conflicts(&self.tables.numbers, family, rules);
                // Tables of others are not read here: whether a default route is in them is known by the rule's form alone.
                let sure = found.iter().filter(|found| found.clash != conflicts::Clash::Behind);
                let sentences = sure.map(ToString::to_string).collect();
                self.warnings.set(Subject::Conflict(family), sentences, notices);
            }
        }
        if stale.sysctls || again.sysctls {
            self.set_sysctls(notices);
        }
        failures
    }

    fn read_interfaces(&mut self, now: Timestamp, notices: &mut Vec<Notice>) -> Result<(), KernelError> {
        let mut query = LinkMessage::default();
        query.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let list = self.tables.request.dump(RTM_GETLINK, &query, |list, payload| {
            list.extend(rtnl::interface(payload));
        });
        let list = list.map_err(|refusal| KernelError::refused("list the interfaces".to_owned(), refusal))?;
        let held: Vec<_> = self.world.interfaces.iter().flatten().cloned().collect();
        for gone in held.iter().filter(|held| !list.iter().any(|said| said.index == held.index)) {
            self.take_in_interface(gone, true, now, notices);
        }
        for said in &list {
            self.take_in_interface(said, false, now, notices);
        }
        Ok(())
    }

    fn read_addresses(&mut self) -> Result<(), KernelError> {
        let mut all = Vec::new();
        for family in Family::ALL {
            if family == Family::V6 && !self.has_ipv6 {
                continue;
            }
            let mut query = AddressMessage::default();
            query.header.family = address_family(family);
            let world = &self.world;
            let list = self.tables.request.dump(RTM_GETADDR, &query, |list, payload| {
                list.extend(rtnl::address(payload).filter(|address| world.knows(address.index)));
            });
            let what = || format!("list the {} addresses", family_name(family));
            all.append(&mut list.map_err(|refusal| KernelError::refused(what(), refusal))?);
        }
        self.world.addresses = all;
        Ok(())
    }

    fn read_defaults(&mut self, family: Family) -> Result<(), KernelError> {
        let mut query = RouteMessage::default();
        query.header.address_family = address_family(family);
        query.header.table = RouteHeader::RT_TABLE_MAIN;
        query.attributes.push(RouteAttribute::Table(rtnl::MAIN));
        let own = self.tables.numbers.protocol;
        let list = self.tables.request.dump(RTM_GETROUTE, &query, |list, payload| {
            rtnl::defaults(payload, own, list);
        });
        let what = || format!("list the {} default routes of table main", family_name(family));
        let mut list = list.map_err(|refusal| KernelError::refused(what(), refusal))?;
        self.world.defaults.retain(|route| route.family != family);
        self.world.defaults.append(&mut list);
        Ok(())
    }

    fn set_sysctls(&mut self, notices: &mut Vec<Notice>) {
        let mut sentences = Vec::new();
        for (place, link) in self.links.iter().enumerate() {
            if self.world.interfaces.get(place).is_none_or(Option::is_none) {
                continue;
            }
            let managed: Vec<_> =
                Family::ALL.into_iter().filter(|family| link.sides.get(*family).is_some()).collect();
            if let Some(name) = self.interfaces.get(place) {
                sentences.append(&mut self.sysctls.ensure(name, &managed));
            }
        }
        sentences.extend(self.sysctls.keep());
        self.warnings.set(Subject::Sysctl, sentences, notices);
    }
}
