//! The kernel's side: what it says of the links, and the routes and rules that it is given.
//!
//! Two netlink sockets, both opened beforehand, on the daemon's one thread: one *watches*, one *asks*. Neither has a
//! task or a channel of its own, since each would be a queue on the fast path: between the kernel's notice and the
//! route replace lie one read, the decision, and one write (whose answer is there when the write returns). The
//! `rtnetlink` crate's messages are used over plain sockets for that reason; its connection is a background task.
//!
//! Notices are taken in at once; everything that asks the kernel for lists (and repairs what differs) is *settling*,
//! and waits for the next call when a carrier was lost, so that the move comes first.

mod apply;
mod backoff;
mod bearer;
mod binding;
mod carrier;
mod conflicts;
mod conntrack;
mod counters;
mod cutter;
mod desired;
mod diff;
mod error;
mod intake;
mod learn;
mod model;
mod notice;
mod read;
mod restore;
mod rtnl;
mod rules;
mod settle;
mod socket;
mod survey;
mod sysctl;
mod warnings;
mod watch;

pub use binding::Binding;
#[doc(hidden)]
pub use conntrack::{cut, cut_one_by_one};
#[doc(hidden)]
pub use cutter::Cut;
pub use error::KernelError;
pub use model::Traffic;
pub use notice::Notice;
pub use restore::restore;
pub use socket::Refusal;
pub use warnings::Subject;

pub(crate) use conflicts::{Clash, Conflict, conflicts};
pub(crate) use conntrack::Raw;
pub(crate) use error::family_name;
pub(crate) use learn::{Given, Memory, Path as WayOut};
pub(crate) use model::{Address, DefaultRoute, Interface, Way};
pub(crate) use rules::FoundRule;
#[cfg(test)]
pub(crate) use rules::{Rule, Selector};
pub(crate) use socket::RequestSocket;
pub(crate) use survey::{Neighbour, Survey};

use apply::Tables;
use backoff::{Backoff, Truce};
use bearer::Kept;
use carrier::CarrierPoll;
use counters::CounterQuery;
use cutter::Cutter;
use desired::LinkView;
use diff::Step;
use learn::Path;
use model::World;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnl::Lead;
use shunt_config::{Config, Gateway};
use shunt_decision::{Family, LinkId, PathState, PerFamily, RankingId, Timestamp};
use std::io;
use std::net::IpAddr;
use sysctl::Sysctls;
use warnings::Warnings;
use watch::WatchSocket;

/// A link's side in one family.
#[derive(Debug)]
struct Side {
    /// The operator's word on the way out.
    configured: Option<Way>,
    memory: Memory,
    path: Path,
    /// What the daemon was told last.
    told: Option<(PathState, Option<Binding>)>,
    /// Usable addresses when there last were any: flows were translated to them.
    addresses: Vec<IpAddr>,
}

/// A configured link.
#[derive(Debug)]
struct Link {
    /// `None`: no target of that family, so the family is not managed here.
    sides: PerFamily<Option<Side>>,
    carrier: Option<bool>,
    /// There where a modem of the config is behind the link.
    bearer: Option<bearer::Slot>,
}

/// What must be read anew.
#[derive(Debug, Clone, Copy, Default)]
struct Stale {
    links: bool,
    addresses: bool,
    sysctls: bool,
    defaults: PerFamily<bool>,
    routes: PerFamily<bool>,
    rules: PerFamily<bool>,
}

impl Stale {
    const BOTH: PerFamily<bool> = PerFamily { v4: true, v6: true };
    const ALL: Self = Self {
        links: true,
        addresses: true,
        sysctls: true,
        defaults: Self::BOTH,
        routes: Self::BOTH,
        rules: Self::BOTH,
    };
}

/// How installing goes in one family.
#[derive(Debug, Default)]
struct Progress {
    /// The ranking asked for last, best first.
    order: Vec<LinkId>,
    /// The metric of its first place.
    first: u32,
    adopted: Option<LinkId>,
    /// A ranking that could not be placed yet.
    pending: Option<RankingId>,
    backoff: Backoff,
    /// The steps that failed last: other steps are tried at once.
    failed: Vec<Step>,
    truce: Truce,
    /// What strangers undid since the last settling, in words.
    undone: Vec<String>,
}

/// The kernel, as the daemon sees it. One owner, one thread.
///
/// The daemon waits for [`readable`](Self::readable), calls [`process`](Self::process), acts on the notices, and
/// calls [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has come; that may be at
/// once. The kernel contract in `ARCHITECTURE.md` says what is installed.
#[derive(Debug)]
pub struct Kernel {
    watch: WatchSocket,
    tables: Tables,
    world: World,
    interfaces: Vec<String>,
    links: Vec<Link>,
    progress: PerFamily<Progress>,
    poll: CarrierPoll,
    cutter: Cutter,
    counters: CounterQuery,
    sysctls: Sysctls,
    kept: Kept,
    warnings: Warnings,
    has_ipv6: bool,
    stale: Stale,
    /// Settling was put off until then.
    due: Option<Timestamp>,
    /// The next slow look at everything.
    slow: Timestamp,
}

impl Kernel {
    /// Opens the sockets, reads what is there, adopts what a predecessor left, and installs what is missing.
    /// Interfaces that do not exist are waited for. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had, or the kept sysctl values cannot be read. What the kernel refuses later
    /// is told by [`Notice::Warnings`], and is tried again.
    pub fn open(config: &Config, now: Timestamp) -> Result<(Self, Vec<Notice>), KernelError> {
        Self::open_with(config, now, conntrack::cut)
    }

    /// The same with another way to cut flows, so that a test can choose it.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    #[doc(hidden)]
    pub fn open_with(config: &Config, now: Timestamp, cut: Cut) -> Result<(Self, Vec<Notice>), KernelError> {
        // The watch comes first: what changes during the dumps is told by it.
        let watch = WatchSocket::open().map_err(|source| KernelError::Open { what: "watch", source })?;
        let request = RequestSocket::open(NETLINK_ROUTE)
            .map_err(|source| KernelError::Open { what: "request", source })?;
        let has_ipv6 = sysctl::has_ipv6();
        let (sysctls, unread) = Sysctls::open(&config.agent.state_dir);
        let (kept, unread_bearer) = Kept::open(&config.agent.state_dir, config.kernel.protocol);
        let mut kernel = Self {
            watch,
            tables: Tables::new(request, config.kernel, config.links.len()),
            world: World::new(config.links.len()),
            interfaces: config.links.iter().map(|link| link.interface.clone()).collect(),
            links: config.links.iter().map(|link| Link::new(link, &config.modems)).collect(),
            progress: PerFamily::from_fn(|_| Progress {
                first: desired::FIRST_UPLINK_METRIC,
                ..Progress::default()
            }),
            poll: CarrierPoll::default(),
            cutter: Cutter::new(cut),
            counters: CounterQuery::default(),
            sysctls,
            kept,
            warnings: Warnings::default(),
            has_ipv6,
            stale: Stale::ALL,
            due: None,
            slow: now + settle::SLOW,
        };
        let mut notices = Vec::new();
        kernel.warnings.set(Subject::OldSysctls, unread.into_iter().collect(), &mut notices);
        kernel.warnings.set(Subject::OldBearers, unread_bearer.into_iter().collect(), &mut notices);
        kernel.begin(now, &mut notices);
        Ok((kernel, notices))
    }

    /// The link of the best route in the uplink table as it was found at open; `None`: there was none of ours.
    #[must_use]
    pub fn adopted(&self, family: Family) -> Option<LinkId> {
        self.progress.get(family).adopted
    }

    /// Completes when the kernel has said something, or flows have been cut.
    ///
    /// # Errors
    ///
    /// When the runtime can no longer wait.
    pub async fn readable(&self) -> io::Result<()> {
        tokio::select! {
            readable = self.watch.readable() => readable,
            () = self.cutter.ended() => Ok(()),
        }
    }

    /// Makes the uplink table's defaults this, best first; links whose path is not ready are left out and take
    /// their place when it is. A new best goes in below the metric of the old one, which stays in place: nothing
    /// that packets use is replaced or deleted. The answer is when the best one stood.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the best route, or no link of the ranking is ready. The ranking is kept and tried
    /// again; [`Notice::Ranked`] tells when it stands.
    pub fn rank(
        &mut self,
        id: RankingId,
        family: Family,
        order: &[LinkId],
        now: Timestamp,
    ) -> Result<Timestamp, KernelError> {
        if let Some(unknown) = order.iter().find(|link| self.links.get(usize::from(link.0)).is_none()) {
            return Err(KernelError::UnknownLink(*unknown));
        }
        let views = self.views(family);
        let progress = self.progress.get_mut(family);
        progress.order.clear();
        progress.order.extend_from_slice(order);
        progress.pending = Some(id);
        let numbers = self.tables.numbers;
        let routes = desired::uplink_routes(&numbers, family, &views, order, progress.first);
        progress.first = desired::first_metric(progress.first, &routes, self.tables.standing(family));
        let routes = desired::uplink_routes(&numbers, family, &views, order, progress.first);
        let Some((best, rest)) = routes.split_first() else { return Err(KernelError::NoPath(family)) };
        // The best one is written whatever the mirror says: the kernel flushes some routes silently.
        let surprised = match self.tables.put(best) {
            Ok(surprised) => surprised,
            Err(error) => {
                progress.backoff.failed(now);
                return Err(error);
            }
        };
        let at = crate::clock::now();
        progress.pending = None;
        let whole = !surprised && self.rank_rest(family, best.metric, rest);
        if !whole {
            *self.stale.routes.get_mut(family) = true;
            self.due = Some(now);
        }
        Ok(at)
    }

    /// The lower ranks, then what is left over above them; `false`: look again.
    fn rank_rest(&mut self, family: Family, best: u32, rest: &[rtnl::Route]) -> bool {
        let mut whole = true;
        for route in rest {
            if !self.tables.holds(route) {
                whole &= matches!(self.tables.put(route), Ok(false));
            }
        }
        let table = self.tables.numbers.uplink_table();
        let wanted = |metric| metric == best || rest.iter().any(|route| route.metric == metric);
        let mirror = &self.tables.mirror.get(family).routes;
        let over = |found: &&rtnl::Found| found.table == table && !wanted(found.metric);
        let stale: Vec<_> = mirror.iter().filter(over).cloned().collect();
        for found in &stale {
            whole &= matches!(self.tables.delete_route(family, found), Ok(false));
        }
        whole
    }

    /// The router by which the link leads out; `None`: it has no path, or needs no router.
    #[must_use]
    pub fn router(&self, link: LinkId, family: Family) -> Option<IpAddr> {
        self.links.get(usize::from(link.0))?.sides.get(family).as_ref()?.path.way?.router()
    }

    /// Begins to forget the tracked flows that were translated to the link's address, last known if it is gone. Flows
    /// of other links stay. A kernel without connection tracking has nothing to forget. It is done by a thread of its
    /// own, one request after the other; what the kernel refuses is a [`Notice::Warnings`].
    ///
    /// # Errors
    ///
    /// When there is no such link, or no thread can be had.
    pub fn cut_flows(&mut self, link: LinkId, family: Family) -> Result<(), KernelError> {
        let known = self.links.get(usize::from(link.0)).ok_or(KernelError::UnknownLink(link))?;
        let addresses = known.sides.get(family).as_ref().map_or(&[][..], |side| &side.addresses);
        let addresses = addresses.to_vec();
        self.cutter.ask(link, family, addresses)
    }

    fn views(&self, family: Family) -> Vec<LinkView> {
        let usable = family == Family::V4 || self.has_ipv6;
        let view = |(id, link): (u8, &Link)| {
            link.sides.get(family).as_ref().map(|side| LinkView { id: LinkId(id), path: side.path })
        };
        (0_u8..).zip(&self.links).filter(|_| usable).filter_map(view).collect()
    }

    /// Takes the link in its own table as standing, so that a probe finds its way.
    fn stands(&self, place: usize, family: Family, path: &Path) -> bool {
        let table = self.tables.numbers.link_table(place);
        let lead = path.way.map(|way| Lead::Out { index: path.index, way });
        lead.is_some_and(|lead| self.tables.holds(&desired::link_route(family, table, lead)))
    }

    /// Makes the watch socket's buffer as small as the kernel allows, so that a test can overrun it.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    #[doc(hidden)]
    pub fn shrink_watch_buffer(&self) -> io::Result<()> {
        self.watch.shrink()
    }
}

impl Link {
    fn new(config: &shunt_config::Link, modems: &[shunt_config::Modem]) -> Self {
        let managed = |family| config.targets.iter().any(|t| t.target.is_ipv4() == (family == Family::V4));
        let configured = |family| match family {
            Family::V4 => config.gateway.map(|gateway| match gateway {
                Gateway::Via(router) => Way::Via(router.into()),
                Gateway::OnLink => Way::OnLink,
            }),
            Family::V6 => config.gateway6.map(|gateway| match gateway {
                Gateway::Via(router) => Way::Via(router.into()),
                Gateway::OnLink => Way::OnLink,
            }),
        };
        let side = |family| Side {
            configured: configured(family),
            memory: Memory::default(),
            path: Path::NONE,
            told: None,
            addresses: Vec::new(),
        };
        let behind = modems.iter().any(|modem| modem.link == config.name);
        Self {
            sides: PerFamily::from_fn(|family| managed(family).then(|| side(family))),
            carrier: None,
            bearer: behind.then(bearer::Slot::default),
        }
    }
}
