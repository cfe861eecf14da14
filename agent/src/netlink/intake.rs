//! Takes in what the kernel says, and the carrier poll. Nothing here asks for lists: that is settling.

use super::Kernel;
use super::apply::{Say, SayRule};
use super::model::Interface;
use super::notice::Notice;
use super::rtnl::{
    self, MAIN, RTM_DELADDR, RTM_DELLINK, RTM_DELROUTE, RTM_DELRULE, RTM_GETLINK, RTM_NEWADDR, RTM_NEWLINK,
    RTM_NEWROUTE, RTM_NEWRULE,
};
use super::rules;
use super::socket::{Frame, frames, u32_at};
use super::watch::Read;
use super::{PerFamily, Stale};
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use shunt_decision::{Family, LinkId, Timestamp};

/// Datagrams taken in on one call; the socket stays readable when there are more.
const BATCH: usize = 1_024;
/// Repairs named one by one in a sentence; more are counted.
const NAMED: usize = 8;

impl Kernel {
    /// Reads all that the kernel said, and settles: updates the paths, repairs what differs. When a link lost its
    /// carrier the settling is left to [`handle_timeout`](Self::handle_timeout), due at once, so that the daemon
    /// can move first.
    pub fn process(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        let before = notices.len();
        let mut datagram = Vec::new();
        for _ in 0..BATCH {
            match self.watch.read() {
                Read::Empty => break,
                Read::Lost => {
                    tracing::debug!("the kernel dropped notices: reading everything anew");
                    self.stale = Stale::ALL;
                }
                Read::Notices(bytes) => {
                    datagram.clear();
                    datagram.extend_from_slice(bytes);
                    for frame in frames(&datagram) {
                        self.take_in(frame, now, notices);
                    }
                }
            }
        }
        self.cutter.collect(notices);
        self.conclude(before, now, notices);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        [self.poll.due(), self.settle_due()].into_iter().flatten().min()
    }

    /// Does what is due at `now`: looks at the uplink's carrier, settles, tries again what was refused.
    pub fn handle_timeout(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        let before = notices.len();
        if self.poll.fires(now) {
            self.look_at_uplinks(now, notices);
        }
        if self.slow <= now {
            self.stale = Stale::ALL;
        }
        if notices.len() > before || self.settle_due().is_some_and(|due| due <= now) {
            self.conclude(before, now, notices);
        }
    }

    /// Settles, or puts it off when a carrier was lost since `before`.
    fn conclude(&mut self, before: usize, now: Timestamp, notices: &mut Vec<Notice>) {
        let lost = |notice: &Notice| matches!(notice, Notice::Carrier { up: false, .. });
        if notices.iter().skip(before).any(lost) {
            self.judge(now);
            self.tell_paths(true, notices);
            self.due = Some(now);
        } else {
            self.settle(now, notices);
        }
    }

    fn take_in(&mut self, frame: Frame<'_>, now: Timestamp, notices: &mut Vec<Notice>) {
        // Our own changes are in the mirror since they were acknowledged.
        let own = frame.port == self.tables.request.port();
        match frame.kind {
            RTM_NEWLINK | RTM_DELLINK => {
                if let Some(said) = rtnl::interface(frame.payload) {
                    self.take_in_interface(&said, frame.kind == RTM_DELLINK, now, notices);
                }
            }
            RTM_NEWADDR | RTM_DELADDR => {
                let index = u32_at(frame.payload, 4).unwrap_or(0);
                if self.world.knows(index) {
                    self.stale.addresses = true;
                    // The kernel flushes v4 routes silently when an address goes.
                    self.stale.defaults = Stale::BOTH;
                    self.stale.routes = Stale::BOTH;
                }
            }
            RTM_NEWROUTE | RTM_DELROUTE if !own => self.take_in_route(frame),
            RTM_NEWRULE | RTM_DELRULE if !own => self.take_in_rule(frame),
            _ => {}
        }
    }

    fn take_in_route(&mut self, frame: Frame<'_>) {
        let Some((family, length, table, protocol)) = rtnl::route_outline(frame.payload) else { return };
        if table == MAIN && length == 0 {
            *self.stale.defaults.get_mut(family) = true;
        } else if self.tables.owns(table) {
            *self.stale.routes.get_mut(family) = true;
            // The kernel itself (port 0) takes routes away when a link goes: that is nobody's doing.
            let theirs = frame.port != 0;
            if frame.kind == RTM_NEWROUTE && theirs {
                self.undone(family, Some(format!("put a route into table {table}")));
            } else if theirs && protocol == self.tables.numbers.protocol {
                let found = rtnl::found(frame.payload);
                let what =
                    found.and_then(|found| found.route).map(|route| format!("deleted the {}", Say(&route)));
                self.undone(family, what);
            }
        }
    }

    fn take_in_rule(&mut self, frame: Frame<'_>) {
        let Some(found) = rules::found(frame.payload) else { return };
        *self.stale.rules.get_mut(found.family) = true;
        if found.protocol == self.tables.numbers.protocol {
            let verb = if frame.kind == RTM_DELRULE { "deleted" } else { "added" };
            self.undone(found.family, found.rule.map(|rule| format!("{verb} the {}", SayRule(&rule))));
        }
    }

    fn undone(&mut self, family: Family, what: Option<String>) {
        let undone = &mut self.progress.get_mut(family).undone;
        if undone.len() < NAMED {
            undone.extend(what);
        }
    }

    pub(super) fn take_in_interface(
        &mut self,
        said: &Interface,
        gone: bool,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) {
        for (place, before) in self.world.interface(&self.interfaces, said, gone) {
            let after = self.world.interfaces.get(place).and_then(Option::as_ref);
            let same = match (&before, after) {
                (Some(before), Some(after)) => {
                    before.index == after.index && before.admin_up == after.admin_up
                }
                _ => false,
            };
            let up = after.is_some_and(|interface| interface.carrier);
            if !same {
                self.stale = Stale { rules: self.stale.rules, links: self.stale.links, ..Stale::ALL };
            }
            self.carrier(place, up, now, notices);
        }
    }

    /// Tells a carrier that is not what was told.
    pub(super) fn carrier(&mut self, place: usize, up: bool, now: Timestamp, notices: &mut Vec<Notice>) {
        let Some(link) = self.links.get_mut(place) else { return };
        let Ok(id) = u8::try_from(place) else { return };
        let first = link.carrier.is_none();
        if link.carrier.replace(up) != Some(up) {
            notices.push(Notice::Carrier { link: LinkId(id), up, at: now });
            if !first {
                self.poll.noticed(now);
            }
        }
    }

    /// Asks for the carrier of each family's first link.
    fn look_at_uplinks(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        let first = |family: Family| self.progress.get(family).order.first().copied();
        let PerFamily { v4, v6 } = PerFamily::from_fn(first);
        for link in v4.into_iter().chain(v6.filter(|_| v6 != v4)) {
            let place = usize::from(link.0);
            let held = self.world.interfaces.get(place).and_then(Option::as_ref);
            let Some(index) = held.map(|interface| interface.index) else { continue };
            if let Some(said) = self.ask_interface(index, false) {
                self.take_in_interface(&said, false, now, notices);
            }
        }
    }

    /// What the kernel says of one interface now.
    pub(super) fn ask_interface(&mut self, index: u32, counters: bool) -> Option<Interface> {
        let mut query = LinkMessage::default();
        query.header.index = index;
        if !counters {
            query.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        }
        let mut said = None;
        let result =
            self.tables.request.query(RTM_GETLINK, &query, |payload| said = rtnl::interface(payload));
        result.ok().and(said)
    }
}
