//! Brings the kernel to what it ought to hold: judges the paths, takes the missing steps, tells what came of it.

use super::bearer;
use super::desired::{self, Desired};
use super::diff;
use super::error::{KernelError, family_name};
use super::learn::Given;
use super::model::{Way, choose, family_of};
use super::rtnl;
use super::{Binding, Kernel, Notice, Path, Progress, Subject};
use shunt_decision::{Family, LinkId, Missing, PathState, Timestamp};
use std::time::Duration;

/// Time between two looks at everything, notice or not: the kernel flushes some routes silently.
pub(crate) const SLOW: Duration = Duration::from_secs(60);
/// Failures in a row of a step that the interface's state may explain before they are told.
const PATIENCE: u32 = 2;
/// Looks at the outcome of our own steps before the rest is left to the next settling.
const ROUNDS: usize = 3;
/// Wait before what could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

impl Kernel {
    /// The first look: what is there, and which link a predecessor left as the uplink.
    pub(super) fn begin(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        let wanted = self.links.iter().any(|link| link.sides.v6.is_some());
        if wanted && !self.has_ipv6 {
            let sentence = "The kernel has no IPv6: the IPv6 targets are not probed; remove them from the \
                            configuration, or boot without ipv6.disable=1.";
            self.warnings.set(Subject::NoIpv6, vec![sentence.to_owned()], notices);
        }
        let usable = |family: &Family| *family == Family::V4 || self.has_ipv6;
        let families: Vec<_> = Family::ALL.into_iter().filter(usable).collect();
        let mut failures: Vec<_> =
            families.into_iter().filter_map(|family| self.tables.find_retired(family).err()).collect();
        failures.extend(self.read_stale(now, notices));
        failures.extend(self.adopt_bearers());
        self.report_reading(&failures, notices);
        for place in 0..self.links.len() {
            let held = self.world.interfaces.get(place).and_then(Option::as_ref);
            // What does not exist has no carrier to speak of: that it is missing is told with its path.
            if let Some(up) = held.map(|interface| interface.carrier) {
                self.carrier(place, up, now, notices);
            }
        }
        for family in Family::ALL {
            self.adopt(family);
        }
        self.settle(now, notices);
    }

    /// Takes the order of the uplink table for the ranking, until the daemon gives one.
    fn adopt(&mut self, family: Family) {
        let numbers = self.tables.numbers;
        let ours = |f: &&rtnl::Found| {
            f.table == numbers.uplink_table() && f.protocol == numbers.protocol && f.index.is_some()
        };
        let mut found: Vec<_> = self.tables.mirror.get(family).routes.iter().filter(ours).collect();
        found.sort_by_key(|found| found.metric);
        let place = |index: u32| {
            let held =
                |slot: &Option<_>| slot.as_ref().is_some_and(|i: &super::model::Interface| i.index == index);
            self.world.interfaces.iter().position(held).and_then(|place| u8::try_from(place).ok()).map(LinkId)
        };
        let first = found.first().map(|found| found.metric);
        let mut order: Vec<LinkId> = Vec::new();
        for link in found.iter().filter_map(|found| found.index.and_then(place)) {
            if !order.contains(&link) {
                order.push(link);
            }
        }
        let progress = self.progress.get_mut(family);
        progress.adopted = order.first().copied();
        progress.order = order;
        progress.first = first.unwrap_or(progress.first);
    }

    /// When settling is due.
    pub(super) fn settle_due(&self) -> Option<Timestamp> {
        let mut due = self.due.map_or(self.slow, |due| due.min(self.slow));
        for link in &self.links {
            due = link.bearer.as_ref().and_then(bearer::Slot::due).map_or(due, |retry| retry.min(due));
            for side in Family::ALL.iter().filter_map(|family| link.sides.get(*family).as_ref()) {
                due = side.memory.deadline().map_or(due, |deadline| deadline.min(due));
            }
        }
        for family in Family::ALL {
            due = self.progress.get(family).backoff.due().map_or(due, |retry| retry.min(due));
        }
        Some(due)
    }

    /// Reads, judges, repairs, tells.
    pub(super) fn settle(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        self.due = None;
        if self.slow <= now {
            self.slow = now + SLOW;
        }
        let failures = self.read_stale(now, notices);
        self.report_reading(&failures, notices);
        if !failures.is_empty() {
            self.due = Some(now + READ_AGAIN);
        }
        self.settle_bearers(now, notices);
        self.judge(now);
        self.tell_paths(true, notices);
        for family in Family::ALL {
            if family == Family::V4 || self.has_ipv6 {
                self.install(family, now, notices);
            }
        }
        self.tell_paths(false, notices);
        for family in Family::ALL {
            self.tell_ranked(family, notices);
        }
    }

    /// What each link has in each family, by what is known.
    pub(super) fn judge(&mut self, now: Timestamp) {
        for (link, slot) in self.links.iter_mut().zip(&self.world.interfaces) {
            for family in Family::ALL {
                let Some(side) = link.sides.get_mut(family) else { continue };
                let (addresses, defaults) = (&self.world.addresses, &self.world.defaults);
                let bearer = link.bearer.as_ref().and_then(|bearer| bearer.offer(family));
                let given = Given { configured: side.configured, bearer };
                side.path = side.memory.judge(slot.as_ref(), addresses, defaults, family, given, now);
                let own = |a: &&super::model::Address| {
                    a.index == side.path.index && family_of(a.address) == family && a.usable()
                };
                if choose(addresses, side.path.index, family, None).is_some() {
                    side.addresses = addresses.iter().filter(own).map(|a| a.address).collect();
                }
            }
        }
    }

    /// Tells the paths that changed; `only_missing`: those that lack something, which must not wait.
    pub(super) fn tell_paths(&mut self, only_missing: bool, notices: &mut Vec<Notice>) {
        for place in 0..self.links.len() {
            for family in Family::ALL {
                if let Some(told) = self.path_to_tell(place, family, only_missing) {
                    let Some(link) = self.links.get_mut(place) else { continue };
                    let Some(side) = link.sides.get_mut(family) else { continue };
                    side.told = Some(told.clone());
                    let Ok(id) = u8::try_from(place) else { continue };
                    let (state, binding) = told;
                    notices.push(Notice::Path { link: LinkId(id), family, state, binding });
                }
            }
        }
    }

    fn path_to_tell(
        &self,
        place: usize,
        family: Family,
        only_missing: bool,
    ) -> Option<(PathState, Option<Binding>)> {
        let side = self.links.get(place)?.sides.get(family).as_ref()?;
        let mut state = side.path.state;
        if state == PathState::Ready {
            if only_missing {
                return None;
            }
            if !self.stands(place, family, &side.path) {
                state = PathState::Missing(Missing::Gateway);
            }
        }
        let binding = match state {
            PathState::Missing(_) => None,
            PathState::Ready => Some(self.binding(place, &side.path)?),
        };
        let told = (state, binding);
        (side.told.as_ref() != Some(&told)).then_some(told)
    }

    fn binding(&self, place: usize, path: &Path) -> Option<Binding> {
        Some(Binding {
            interface: self.interfaces.get(place)?.clone(),
            index: path.index,
            source: path.source?,
            router: path.way.and_then(Way::router),
            mark: self.tables.numbers.link_mark(place),
        })
    }

    fn wanted(&self, family: Family) -> Desired {
        let Progress { order, first, .. } = self.progress.get(family);
        let mut wanted = desired::desired(
            &self.tables.numbers,
            family,
            &self.views(family),
            &self.world.addresses,
            order,
            *first,
        );
        self.keep_last_uplinks(family, &mut wanted);
        wanted
    }

    /// The uplink table is never emptied: while no link of the ranking is ready, what stands there stays.
    fn keep_last_uplinks(&self, family: Family, wanted: &mut Desired) {
        let numbers = self.tables.numbers;
        let table = numbers.uplink_table();
        if wanted.rules.is_empty() || wanted.routes.iter().any(|route| route.table == table) {
            return;
        }
        let ours = |f: &&rtnl::Found| f.table == table && f.protocol == numbers.protocol;
        let standing = self.tables.mirror.get(family).routes.iter().filter(ours);
        wanted.routes.extend(standing.filter_map(|found| found.route));
    }

    /// Takes the steps that lead to what ought to be there, if they are not held back.
    fn install(&mut self, family: Family, now: Timestamp, notices: &mut Vec<Notice>) {
        let progress = self.progress.get_mut(family);
        let undone = std::mem::take(&mut progress.undone);
        if progress.truce.is_peace(now) {
            self.warnings.set(Subject::Fight(family), Vec::new(), notices);
        }
        let progress = self.progress.get_mut(family);
        if let Some(until) = progress.truce.holds(now) {
            progress.backoff.put_off(until);
            self.put_off(until);
            return;
        }
        let mut failures = Vec::new();
        let mut mended = false;
        for _ in 0..ROUNDS {
            let wanted = self.wanted(family);
            let (routes, rules) = (&self.tables.mirror.get(family).routes, self.tables.own_rules(family));
            let steps = diff::steps(&wanted, routes, &rules, self.tables.numbers.protocol);
            let progress = self.progress.get(family);
            let waits = progress.backoff.due().is_some_and(|due| due > now);
            if steps.is_empty() {
                break;
            }
            if waits && steps == progress.failed {
                return;
            }
            let applied = self.tables.apply(family, &steps);
            mended = true;
            failures = applied.failures;
            if !failures.is_empty() {
                self.progress.get_mut(family).failed = steps;
                break;
            }
            if applied.surprised {
                failures.extend(self.tables.read_routes(family).err());
                failures.extend(self.tables.read_rules(family).err());
            }
        }
        self.report(family, &failures, now, notices);
        if mended && failures.is_empty() && !undone.is_empty() {
            self.repaired(family, &undone, now, notices);
        }
    }

    pub(super) fn put_off(&mut self, until: Timestamp) {
        self.due = Some(self.due.map_or(until, |due| due.min(until)));
    }

    fn report(
        &mut self,
        family: Family,
        failures: &[KernelError],
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) {
        let progress = self.progress.get_mut(family);
        if failures.is_empty() {
            progress.failed.clear();
            progress.backoff.succeeded();
            self.warnings.set(Subject::Refused(family), Vec::new(), notices);
            return;
        }
        progress.backoff.failed(now);
        let patient = progress.backoff.failures() < PATIENCE;
        // What failed may have changed more than the mirror knows.
        *self.stale.routes.get_mut(family) = true;
        *self.stale.rules.get_mut(family) = true;
        let passing = |error: &&KernelError| {
            matches!(error, KernelError::Refused { source, .. }
                if matches!(source.code, libc::ENETDOWN | libc::ENODEV | libc::ENETUNREACH))
        };
        // One cause makes many failures: the first is told, the others are for whoever looks closer.
        let told = failures.iter().find(|error| !(patient && passing(error)));
        let sentences: Vec<_> = told
            .map(|error| format!("Failed to {error}. It is tried again at growing intervals."))
            .into_iter()
            .collect();
        for error in failures {
            tracing::debug!("failed to {error}");
        }
        self.warnings.set(Subject::Refused(family), sentences, notices);
    }

    fn repaired(&mut self, family: Family, undone: &[String], now: Timestamp, notices: &mut Vec<Notice>) {
        let what = undone.join(", ");
        notices.push(Notice::Repaired(format!("Another program {what}; this is put right.")));
        if self.progress.get_mut(family).truce.repaired(now) {
            let sentence = format!(
                "Another program keeps changing Shunt's {} routes or rules (it {what}): repairs are slowed down; \
                 find it by `ip monitor route rule` and keep it off protocol {} and Shunt's tables.",
                family_name(family),
                self.tables.numbers.protocol
            );
            self.warnings.set(Subject::Fight(family), vec![sentence], notices);
        }
    }

    /// Tells that a ranking which could not be placed stands now.
    fn tell_ranked(&mut self, family: Family, notices: &mut Vec<Notice>) {
        let progress = self.progress.get(family);
        let Some(id) = progress.pending else { return };
        let routes = desired::uplink_routes(
            &self.tables.numbers,
            family,
            &self.views(family),
            &progress.order,
            progress.first,
        );
        if routes.first().is_some_and(|best| self.tables.holds(best)) {
            self.progress.get_mut(family).pending = None;
            notices.push(Notice::Ranked { family, id, at: crate::clock::now(), accepted: true });
        }
    }
}
