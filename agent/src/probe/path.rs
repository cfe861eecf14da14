//! All probes of one link in one family.

use super::dns::Query;
use super::dns_wire::Question;
use super::error::ProbeError;
use super::icmp::IcmpSocket;
use super::names::{Names, Place};
use super::page::{self, Client, Page, Running};
use super::receive::Buffers;
use super::socket::family_of;
use super::spent::{Bill, Spent};
use super::spot::Spot;
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
    Echo(Spot),
    /// To a port.
    Connect(Spot, u16),
    /// To a port.
    Query(Spot, u16, Arc<Question>),
    Page(Arc<Page>),
}

impl Ask {
    /// `None` for a name that cannot be asked for.
    pub(super) fn new(target: &Target) -> Option<Self> {
        Some(match target {
            Target::Icmp(host) => Self::Echo(Spot::new(host)?),
            Target::Tcp(endpoint) => Self::Connect(Spot::new(&endpoint.host)?, endpoint.port),
            Target::Dns { server, name, answer } => {
                let spot = Spot::new(&server.host)?;
                let question = Question::new(name, spot.family())?.expecting(*answer);
                Self::Query(spot, server.port, Arc::new(question))
            }
            Target::Page(page) => Self::Page(Arc::new(Page::new(page)?)),
        })
    }

    /// Where it is asked.
    pub(super) fn spot(&self) -> &Spot {
        match self {
            Self::Echo(spot) | Self::Connect(spot, _) | Self::Query(spot, ..) => spot,
            Self::Page(page) => page.spot(),
        }
    }

    /// The family by which it is asked.
    pub(super) fn family(&self) -> Family {
        self.spot().family()
    }
}

/// A probe that waits for the address of its name.
struct Unnamed {
    request: Request,
    ask: Ask,
    place: Place,
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
    unnamed: Waiting<Unnamed>,
    client: Option<Arc<Client>>,
    bill: Bill,
    names: Names,
    random: Random,
}

impl Path {
    /// A path over one link, or a local one that goes wherever the routes say; `echo`: with an ICMP socket.
    pub(super) fn open(family: Family, binding: Option<Binding>, echo: bool) -> Result<Self, ProbeError> {
        let mut random = Random::default();
        let icmp = if echo { Some(IcmpSocket::open(family, binding.as_ref(), &mut random)?) } else { None };
        Ok(Self {
            family,
            binding,
            icmp,
            connects: Waiting::default(),
            queries: Waiting::default(),
            pages: Waiting::at_most(page::MAX_RUNNING),
            unnamed: Waiting::at_most(page::MAX_RUNNING),
            client: None,
            bill: Bill::default(),
            names: Names::default(),
            random,
        })
    }

    /// The same, by which pages and names can be asked for; names at the resolvers of its family. What pages take beyond
    /// their price goes on the bill.
    pub(super) fn with_pages(mut self, client: &Arc<Client>, resolvers: &[IpAddr], bill: &Bill) -> Self {
        self.client = Some(Arc::clone(client));
        self.bill = bill.clone();
        self.resolve_by(resolvers);
        self
    }

    /// Asks those of its family for names from now on; what is known stays known.
    pub(super) fn resolve_by(&mut self, resolvers: &[IpAddr]) {
        let family = self.family;
        self.names.ask(resolvers.iter().copied().filter(|ip| family_of(*ip) == family).collect());
    }

    /// Its packets go by another router from now on, or by none.
    pub(super) const fn lead_by(&mut self, router: Option<IpAddr>) {
        if let Some(binding) = &mut self.binding {
            binding.router = router;
        }
    }

    /// Takes no name for one of these addresses, which are this machine's own.
    pub(super) fn keep_off(&mut self, own: &Arc<[IpAddr]>) {
        self.names.keep_off(own);
    }

    /// What the look-ups may cost that began since the last call.
    pub(super) fn take_owed(&mut self) -> Spent {
        self.names.take_owed()
    }

    /// Where it is, without asking anybody.
    pub(super) fn known(&self, spot: &Spot) -> Option<IpAddr> {
        spot.known(&self.names)
    }

    /// Asks one target; an error means that nothing left.
    pub(super) fn send(&mut self, request: Request, ask: &Ask) -> io::Result<()> {
        let binding = self.binding.as_ref();
        let place = match (ask.spot(), &self.client) {
            (Spot::Address(address), _) => Place::Known(*address),
            (spot @ Spot::Name(..), Some(client)) => {
                client.place(spot, &mut self.names, binding, clock::now())
            }
            (Spot::Name(..), None) => return Err(io::ErrorKind::NotConnected.into()),
        };
        match (ask, place) {
            (Ask::Page(page), place) => {
                let client = self.client.as_ref().ok_or(io::ErrorKind::NotConnected)?;
                self.pages.push(request, client.ask(page, place, (binding, &self.bill), request.expires)?);
                Ok(())
            }
            (_, Place::Known(address)) => self.send_to(address, request, ask),
            (_, place @ (Place::Asked(_) | Place::Unknown)) => {
                if let (Place::Unknown, Some(client)) = (&place, &self.client) {
                    client.call();
                }
                self.unnamed.push(request, Unnamed { request, ask: ask.clone(), place });
                Ok(())
            }
        }
    }

    fn send_to(&mut self, target: IpAddr, request: Request, ask: &Ask) -> io::Result<()> {
        let binding = self.binding.as_ref();
        match ask {
            Ask::Echo(_) => match &mut self.icmp {
                Some(icmp) => icmp.send(request, target, binding),
                None => Err(io::ErrorKind::NotConnected.into()),
            },
            Ask::Connect(_, port) => {
                let target = SocketAddr::new(target, *port);
                self.connects.push(request, Connect::send(target, self.family, binding)?);
                Ok(())
            }
            Ask::Query(_, port, question) => {
                let server = SocketAddr::new(target, *port);
                let query = Query::send(server, question, self.family, binding, &mut self.random)?;
                self.queries.push(request, query);
                Ok(())
            }
            // It finds its place itself.
            Ask::Page(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Sends the probes whose names are known by now, and ends those whose are not.
    fn send_named(&mut self, now: Timestamp, outcomes: &mut Vec<(ProbeId, Outcome)>) {
        let mut found = Vec::new();
        self.unnamed.conclude(now, outcomes, |unnamed| {
            unnamed.place.poll().map(|address| match address {
                Some(address) => {
                    found.push((address, unnamed.request, unnamed.ask.clone()));
                    None
                }
                None => Some(Outcome::Unresolved),
            })
        });
        for (address, request, ask) in found.into_iter().filter(|(_, request, _)| request.expires >= now) {
            if self.send_to(address, request, &ask).is_err() {
                outcomes.push((request.id, Outcome::Unsendable));
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
        // At last: what is sent now has no place in the watch.
        self.send_named(now, outcomes);
    }

    /// Whether no answer is awaited.
    pub(super) fn is_idle(&self) -> bool {
        let echoes = self.icmp.as_ref().and_then(IcmpSocket::awaited);
        let sockets = echoes.is_none() && self.connects.is_empty() && self.queries.is_empty();
        sockets && self.pages.is_empty() && self.unnamed.is_empty()
    }

    /// Probes forgotten because too many were in flight.
    pub(super) fn dropped(&self) -> u64 {
        let icmp = self.icmp.as_ref().map_or(0, IcmpSocket::dropped);
        icmp + self.connects.dropped()
            + self.queries.dropped()
            + self.pages.dropped()
            + self.unnamed.dropped()
    }
}
