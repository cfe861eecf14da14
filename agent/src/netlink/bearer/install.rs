//! The edge of it: holds each modem's bearer against its interface, takes the steps that are missing, tells what came of
//! it. What a killed predecessor put there is adopted, with the way out that stands in the link's own table, until the
//! modem's driver says what the bearer is now.

use super::super::apply::Tables;
use super::super::backoff::{Backoff, Truce};
use super::super::error::KernelError;
use super::super::model::{self, Address, Interface, Way, family_of};
use super::super::rtnl::{self, Lead};
use super::super::{Kernel, Notice, Stale, Subject};
use super::request::{add_address, delete_address, raise, set_mtu};
use super::{Offer, Setup, Step, There, clear, steps};
use shunt_decision::{Family, LinkId, PerFamily, Timestamp};
use shunt_recovery::facts::{Addresses, IpSettings};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A link that a modem is behind.
#[derive(Debug, Default)]
pub(in super::super) struct Slot {
    /// What the bearer wants; `None`: there is no bearer, or nothing to be written.
    wanted: Option<Setup>,
    /// What the bearer names.
    resolvers: Vec<IpAddr>,
    /// The interface that `put` is about, and on which the interface was put up for this bearer.
    index: u32,
    raised: bool,
    /// What stood there: what is missing of it was taken away by somebody.
    put: BTreeSet<IpAddr>,
    backoff: Backoff,
    /// The steps that failed last: other steps are tried at once.
    failed: Vec<Step>,
    truce: Truce,
}

impl Slot {
    /// What the bearer offers in a family.
    pub(in super::super) fn offer(&self, family: Family) -> Option<Offer> {
        *self.wanted.as_ref()?.offers.get(family)
    }

    /// When to try again, if something failed.
    pub(in super::super) const fn due(&self) -> Option<Timestamp> {
        self.backoff.due()
    }

    fn want(&mut self, wanted: Option<Setup>) {
        if self.wanted != wanted {
            self.raised = false;
            self.backoff.succeeded();
        }
        self.wanted = wanted;
    }

    fn resolve_by(&mut self, link: LinkId, resolvers: &[IpAddr], notices: &mut Vec<Notice>) {
        if self.resolvers != resolvers {
            self.resolvers = resolvers.to_vec();
            notices.push(Notice::Resolvers { link, resolvers: resolvers.to_vec() });
        }
    }

    /// Takes in which interface it is and whether it is up. What goes with it, the kernel took.
    fn see(&mut self, interface: &Interface) {
        if self.index != interface.index {
            (self.index, self.raised) = (interface.index, false);
            self.put.clear();
        }
        if !interface.admin_up {
            self.put.retain(IpAddr::is_ipv4);
        }
    }
}

impl Kernel {
    /// Sets the link's interface up as the bearer of its modem wants it, and keeps it so: up, the addresses, the largest
    /// packet where it is smaller; the way out is taken into the link's own table. Where the modem serves DHCP nothing is
    /// written, and what others put there is learned. Answers the addresses that the interface has then.
    ///
    /// # Errors
    ///
    /// When no modem of the config is behind the link, when its interface does not exist, or when an address could not be
    /// put there; that is told by [`Notice::Warnings`] too, and tried again.
    pub fn set_bearer(
        &mut self,
        link: LinkId,
        settings: &IpSettings,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> Result<Addresses, KernelError> {
        let wanted = Setup::of(settings);
        let wanted = if self.has_ipv6 { wanted } else { wanted.map(|setup| setup.without(Family::V6)) };
        let slot = self.slot(link)?;
        slot.want(wanted);
        slot.resolve_by(link, &settings.dns, notices);
        self.settle(now, notices);
        let has = self.host_addresses(link);
        let name = || self.interfaces.get(usize::from(link.0)).cloned().unwrap_or_default();
        let offered = |family| wanted.is_some_and(|setup| setup.offers.get(family).is_some());
        let whole = (!offered(Family::V4) || has.v4.is_some()) && (!offered(Family::V6) || has.v6.is_some());
        if self.world.interfaces.get(usize::from(link.0)).is_none_or(Option::is_none) {
            return Err(KernelError::NoInterface(name()));
        }
        if whole { Ok(has) } else { Err(KernelError::NotSet(name())) }
    }

    /// The bearer of the link's modem is gone: what was put onto the interface for it is taken away.
    ///
    /// # Errors
    ///
    /// When no modem of the config is behind the link.
    pub fn no_bearer(
        &mut self,
        link: LinkId,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> Result<(), KernelError> {
        let slot = self.slot(link)?;
        slot.want(None);
        slot.resolve_by(link, &[], notices);
        self.settle(now, notices);
        Ok(())
    }

    /// Waits until what is kept of the bearers is on the disk, for a successor to read.
    pub fn finish_bearers(&mut self) {
        // The failure is in the log.
        let _told = self.kept.finish();
    }

    /// The addresses that packets of the link leave with, whoever put them there; those of the bearer come first.
    #[must_use]
    pub fn host_addresses(&self, link: LinkId) -> Addresses {
        let place = usize::from(link.0);
        let Some(interface) = self.world.interfaces.get(place).and_then(Option::as_ref) else {
            return Addresses::default();
        };
        let slot = self.links.get(place).and_then(|link| link.bearer.as_ref());
        let address = |family| {
            let offer = slot.and_then(|slot| slot.offer(family)).map(|offer| offer.address);
            model::choose(&self.world.addresses, interface.index, family, offer)
        };
        Addresses {
            v4: address(Family::V4).and_then(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }),
            v6: address(Family::V6).and_then(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None }),
        }
    }

    fn slot(&mut self, link: LinkId) -> Result<&mut Slot, KernelError> {
        let known = self.links.get_mut(usize::from(link.0));
        known.and_then(|link| link.bearer.as_mut()).ok_or(KernelError::NoModem(link))
    }

    /// Once, at the start: takes away what no modem is behind any more, and adopts the rest.
    pub(in super::super) fn adopt_bearers(&mut self) -> Vec<KernelError> {
        let behind = self.links.iter().zip(&self.interfaces).filter(|(link, _)| link.bearer.is_some());
        let spare: Vec<&str> = behind.map(|(_, name)| name.as_str()).collect();
        let failures = clear(&mut self.tables.request, &mut self.kept, self.has_ipv6, &spare);
        for place in 0..self.links.len() {
            let found = self.find_bearer(place);
            if let Some(slot) = self.links.get_mut(place).and_then(|link| link.bearer.as_mut()) {
                slot.wanted = found;
                slot.raised = true;
            }
        }
        failures
    }

    fn find_bearer(&self, place: usize) -> Option<Setup> {
        let interface = self.world.interfaces.get(place)?.as_ref()?;
        let offers = PerFamily::from_fn(|family| {
            let ours = |address: &&Address| {
                address.index == interface.index
                    && family_of(address.address) == family
                    && self.kept.is_ours(&interface.name, address)
            };
            let address = self.world.addresses.iter().find(ours)?.address;
            let way = way_in_table(&self.tables, place, family, interface.index);
            Some(Offer { address, way: way.unwrap_or(Way::OnLink), guessed: way.is_none() })
        });
        let any = offers.v4.is_some() || offers.v6.is_some();
        any.then_some(Setup { offers, mtu: Some(interface.mtu) })
    }

    /// Brings the interfaces to what the bearers want.
    pub(in super::super) fn settle_bearers(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        for place in 0..self.links.len() {
            // Taken out for the while, so that the rest of `self` is free.
            let Some(mut slot) = self.links.get_mut(place).and_then(|link| link.bearer.take()) else {
                continue;
            };
            if self.settle_bearer(place, &mut slot, now, notices) {
                self.look_again(slot.index, now, notices);
            }
            if let Some(link) = self.links.get_mut(place) {
                link.bearer = Some(slot);
            }
        }
    }

    /// `true`: something was changed.
    fn settle_bearer(
        &mut self,
        place: usize,
        slot: &mut Slot,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> bool {
        let Ok(id) = u8::try_from(place).map(LinkId) else { return false };
        let Some(interface) = self.world.interfaces.get(place).and_then(Option::as_ref).cloned() else {
            // There is nothing to try again: what comes back is another interface.
            (slot.index, slot.backoff) = (0, Backoff::default());
            return false;
        };
        slot.see(&interface);
        if slot.truce.is_peace(now) {
            self.warnings.set(Subject::BearerFight(id), Vec::new(), notices);
        }
        let there = There {
            interface: &interface,
            addresses: &self.world.addresses,
            mtu_before: self.kept.mtu_before(&interface.name, interface.mtu),
            may_raise: !slot.raised,
        };
        let ours = |address: &Address| self.kept.is_ours(&interface.name, address);
        let steps = steps(slot.wanted.as_ref(), there, ours);
        if steps.is_empty() {
            self.note_bearer(id, slot, &[], now, notices);
            return false;
        }
        if let Some(until) = slot.truce.holds(now) {
            slot.backoff.put_off(until);
            self.put_off(until);
            return false;
        }
        if slot.backoff.due().is_some_and(|due| due > now) && steps == slot.failed {
            return false;
        }
        let undone: Vec<_> = steps.iter().filter_map(|step| slot.undone(step)).collect();
        let failures = self.take_steps(&interface, slot, &steps);
        self.note_bearer(id, slot, &failures, now, notices);
        if failures.is_empty() {
            slot.failed.clear();
            self.tell_repair(id, slot, &interface.name, &undone, now, notices);
        } else {
            slot.failed = steps;
        }
        true
    }

    fn take_steps(&mut self, interface: &Interface, slot: &mut Slot, steps: &[Step]) -> Vec<KernelError> {
        let name = &interface.name;
        for step in steps {
            match step {
                Step::Mtu(mtu) => {
                    let before = self.kept.mtu_before(name, interface.mtu).unwrap_or(interface.mtu);
                    self.kept.change_mtu(name, before, *mtu);
                }
                Step::Add(address) => self.kept.add(name, *address),
                Step::Up | Step::Delete(_) => {}
            }
        }
        // Before the change: a crash right after it should not leave what nobody knows. But nobody waits for a disk here.
        self.kept.save();
        let protocol = self.tables.numbers.protocol;
        let request = &mut self.tables.request;
        let mut failures = Vec::new();
        for step in steps {
            let result = match step {
                Step::Mtu(mtu) => set_mtu(request, interface, *mtu),
                Step::Up => raise(request, interface).map(|()| slot.raised = true),
                Step::Add(address) => add_address(request, interface, *address, protocol).map(|()| {
                    slot.put.insert(*address);
                }),
                Step::Delete(address) => delete_address(request, name, address).map(|()| {
                    slot.put.remove(&address.address);
                    self.kept.remove(name, address.address);
                }),
            };
            failures.extend(result.err());
        }
        self.kept.save();
        failures
    }

    fn note_bearer(
        &mut self,
        id: LinkId,
        slot: &mut Slot,
        failures: &[KernelError],
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) {
        if failures.is_empty() {
            slot.backoff.succeeded();
        } else {
            slot.backoff.failed(now);
        }
        let first = failures.first();
        let sentence =
            first.map(|error| format!("Failed to {error}. It is tried again at growing intervals."));
        self.warnings.set(Subject::Bearer(id), sentence.into_iter().collect(), notices);
    }

    fn tell_repair(
        &mut self,
        id: LinkId,
        slot: &mut Slot,
        name: &str,
        undone: &[IpAddr],
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) {
        if undone.is_empty() {
            return;
        }
        let what = undone.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        let text = format!("Another program took the bearer's address {what} off {name}; this is put right.");
        notices.push(Notice::Repaired(text));
        if slot.truce.repaired(now) {
            let sentence = format!(
                "Another program keeps taking the bearer's address {what} off {name}: repairs are slowed down; find it \
                 by `ip monitor address` and keep it off that interface."
            );
            self.warnings.set(Subject::BearerFight(id), vec![sentence], notices);
        }
    }

    /// What became of our own changes, so that the paths are judged by it at once.
    fn look_again(&mut self, index: u32, now: Timestamp, notices: &mut Vec<Notice>) {
        if let Some(said) = self.ask_interface(index, false) {
            self.take_in_interface(&said, false, now, notices);
        }
        // The kernel flushes v4 routes silently when an address goes.
        self.stale.addresses = true;
        self.stale.routes = Stale::BOTH;
        let failures = self.read_stale(now, notices);
        self.report_reading(&failures, notices);
    }
}

impl Slot {
    /// The address that somebody took away, if that is why the step is to be taken.
    fn undone(&self, step: &Step) -> Option<IpAddr> {
        match step {
            Step::Add(address) => self.put.contains(address).then_some(*address),
            Step::Mtu(_) | Step::Up | Step::Delete(_) => None,
        }
    }
}

/// Where a predecessor's route in the link's own table leads.
fn way_in_table(tables: &Tables, place: usize, family: Family, index: u32) -> Option<Way> {
    let table = tables.numbers.link_table(place);
    let ours = |found: &&rtnl::Found| found.table == table && found.protocol == tables.numbers.protocol;
    tables.mirror.get(family).routes.iter().filter(ours).find_map(|found| match found.route?.lead {
        Lead::Out { index: out, way } => (out == index).then_some(way),
        Lead::Unreachable => None,
    })
}
