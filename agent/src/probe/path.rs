//! All probes of one link in one family.

use super::dns::Query;
use super::dns_wire::Question;
use super::error::ProbeError;
use super::icmp::IcmpSocket;
use super::page::{self, Client, Names, Page, Running};
use super::receive::Buffers;
use super::socket::family_of;
use super::sys;
use super::tcp::Connect;
use super::token::Random;
use super::waiting::Waiting;
use crate::clock;
use crate::netlink::Binding;
use shunt_config::Target;
use shunt_decision::{Family, Outcome, ProbeId, TargetId, Timestamp};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::Arc;

/// Batches read from one socket in one drain: a flood waits for the next one, and the other links are not kept waiting.
pub(super) const MAX_BATCHES: usize = 16;

/// What a probe is asked to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) id: ProbeId,
    pub(super) target: TargetId,
    pub(super) expires: Timestamp,
}

/// A target made ready for being asked.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Echo(IpAddr),
    Connect(SocketAddr),
    Query(SocketAddr, Arc<Question>),
    Page(Arc<Page>),
}

impl Ask {
    /// `None` for a name that cannot be asked for.
    pub(super) fn new(target: &Target) -> Option<Self> {
        Some(match target {
            Target::Icmp(address) => Self::Echo(*address),
            Target::Tcp(address) => Self::Connect(*address),
            Target::Dns { server, name, answer } => {
                let question = Question::new(name, family_of(server.ip()))?;
                Self::Query(*server, Arc::new(question.expecting(*answer)))
            }
            Target::Page(page) => Self::Page(Arc::new(Page::new(page)?)),
        })
    }
}

impl Ask {
    /// The family by which it is asked.
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Echo(address) => family_of(*address),
            Self::Connect(address) | Self::Query(address, _) => family_of(address.ip()),
            Self::Page(page) => page.family(),
        }
    }
}

/// The sockets that one drain looks at, in a fixed order.
#[derive(Default)]
pub(super) struct Watch {
    set: Vec<libc::pollfd>,
    next: usize,
}

impl Watch {
    pub(super) fn clear(&mut self) {
        self.set.clear();
        self.next = 0;
    }

    pub(super) fn add(&mut self, descriptor: RawFd, events: libc::c_short) {
        self.set.push(libc::pollfd { fd: descriptor, events, revents: 0 });
    }

    /// Looks at all of them; when that is impossible, all count as ready, and reading finds out.
    pub(super) fn look(&mut self) {
        if !self.set.is_empty() && sys::poll(&mut self.set).is_err() {
            for entry in &mut self.set {
                entry.revents = entry.events;
            }
        }
    }

    /// Whether the next one in order has something to read.
    pub(super) fn next_ready(&mut self) -> bool {
        let entry = self.set.get(self.next);
        self.next += 1;
        entry.is_some_and(|entry| entry.revents != 0)
    }
}

/// The sockets of one path.
pub(super) struct Path {
    family: Family,
    binding: Option<Binding>,
    icmp: Option<IcmpSocket>,
    connects: Waiting<Connect>,
    queries: Waiting<Query>,
    pages: Waiting<Running>,
    client: Option<Arc<Client>>,
    names: Names,
    random: Random,
}

impl Path {
    /// A path over one link, or a local one that goes wherever the routes say; `echo`: with an ICMP socket.
    pub(super) fn open(family: Family, binding: Option<Binding>, echo: bool) -> Result<Self, ProbeError> {
        let mut random = Random::default();
        let icmp = if echo { Some(IcmpSocket::open(family, binding.as_ref(), &mut random)?) } else { None };
        let (connects, queries, pages) =
            (Waiting::default(), Waiting::default(), Waiting::at_most(page::MAX_RUNNING));
        let (client, names) = (None, Names::default());
        Ok(Self { family, binding, icmp, connects, queries, pages, client, names, random })
    }

    /// The same, by which pages can be asked for; names at the resolvers of its family.
    pub(super) fn with_pages(mut self, client: &Arc<Client>, resolvers: &[IpAddr]) -> Self {
        let family = self.family;
        self.client = Some(Arc::clone(client));
        self.names = Names::new(resolvers.iter().copied().filter(|ip| family_of(*ip) == family).collect());
        self
    }

    /// Where a page is, without asking anybody.
    pub(super) fn place(&self, page: &Page) -> Option<IpAddr> {
        page.known_place(&self.names)
    }

    /// Asks one target; an error means that nothing left.
    pub(super) fn send(&mut self, request: Request, ask: &Ask) -> io::Result<()> {
        let binding = self.binding.as_ref();
        match ask {
            Ask::Echo(target) => match &mut self.icmp {
                Some(icmp) => icmp.send(request, *target, binding),
                None => Err(io::ErrorKind::NotConnected.into()),
            },
            Ask::Connect(target) => {
                self.connects.push(request, Connect::send(*target, self.family, binding)?);
                Ok(())
            }
            Ask::Query(server, question) => {
                let query = Query::send(*server, question, self.family, binding, &mut self.random)?;
                self.queries.push(request, query);
                Ok(())
            }
            Ask::Page(page) => {
                let client = self.client.as_ref().ok_or(io::ErrorKind::NotConnected)?;
                let place = page.place(client, &mut self.names, binding, clock::now());
                self.pages.push(request, client.ask(page, place, binding, request.expires)?);
                Ok(())
            }
        }
    }

    /// Adds the sockets to be looked at, in the order in which [`drain`](Self::drain) reads them.
    pub(super) fn watch(&self, watch: &mut Watch) {
        if let Some(descriptor) = self.icmp.as_ref().and_then(IcmpSocket::awaited) {
            watch.add(descriptor, libc::POLLIN);
        }
        self.connects.watch(watch);
        self.queries.watch(watch);
    }

    /// Reads what lies in the sockets, and forgets what expired.
    pub(super) fn drain(
        &mut self,
        now: Timestamp,
        watch: &mut Watch,
        buffers: &mut Buffers,
        outcomes: &mut Vec<(ProbeId, Outcome)>,
    ) {
        if let Some(icmp) = self.icmp.as_mut().filter(|icmp| icmp.awaited().is_some()) {
            if watch.next_ready() {
                icmp.drain(buffers, outcomes);
            }
            icmp.forget(now);
        }
        self.connects.drain(now, watch, buffers, outcomes);
        self.queries.drain(now, watch, buffers, outcomes);
        self.pages.conclude(now, outcomes, Running::poll);
    }

    /// Whether no answer is awaited.
    pub(super) fn is_idle(&self) -> bool {
        let echoes = self.icmp.as_ref().and_then(IcmpSocket::awaited);
        echoes.is_none() && self.connects.is_empty() && self.queries.is_empty() && self.pages.is_empty()
    }

    /// Probes forgotten because too many were in flight.
    pub(super) fn dropped(&self) -> u64 {
        let icmp = self.icmp.as_ref().map_or(0, IcmpSocket::dropped);
        icmp + self.connects.dropped() + self.queries.dropped() + self.pages.dropped()
    }
}
