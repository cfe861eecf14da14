//! The probes of all links, sent and read on the event loop's own wake-ups.

use super::error::ProbeError;
use super::gateway::{GatewayAnswer, Gateways};
use super::page::Client;
use super::path::{Ask, Path, Request, Watch};
use super::receive::Buffers;
use super::socket::family_of;
use super::spent::{Bill, Spent};
use super::spot::Spot;
use super::sys::{self, Stamps};
use crate::netlink::Binding;
use shunt_config::{Endpoint, Target};
use shunt_decision::{CheckId, Family, LinkId, Outcome, PerFamily, ProbeId, TargetId, Timestamp};
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

/// Time between two attempts to open sockets that could not be opened: what was short (descriptors, memory) may be back,
/// and a link must not stay dead for it.
const REOPEN: Duration = Duration::from_secs(1);

/// Owns every probe socket. It never waits, and is never woken by a reply: the kernel stamps packets when they leave and
/// arrive, so reading them late costs no accuracy, and reading them together saves most of the cost.
pub struct Prober {
    links: Vec<Link>,
    client: Arc<Client>,
    /// This machine's addresses on its links.
    own: Arc<[IpAddr]>,
    gateways: Gateways,
    unsendable: Vec<ProbeId>,
    watch: Watch,
    buffers: Buffers,
    dropped: u64,
    /// Keeps the kernel stamping packets.
    _stamping: Option<UdpSocket>,
}

struct Link {
    /// `None` for a target that cannot be asked.
    targets: Vec<Option<Ask>>,
    /// The same, as they were written.
    written: Vec<Target>,
    /// Who is asked for names.
    resolvers: Vec<IpAddr>,
    /// Also of pages whose path is gone.
    bill: Bill,
    sides: PerFamily<Option<Side>>,
}

/// A link in one family, while it has what a packet needs.
struct Side {
    binding: Binding,
    /// `None`: its sockets could not be opened.
    path: Option<Path>,
    /// When it was tried last.
    tried: Timestamp,
}

impl Prober {
    /// A prober without sockets. `links[i]` are the targets of `LinkId(i)`.
    #[must_use]
    pub fn new(links: &[Vec<Target>]) -> Self {
        let link = |targets: &Vec<Target>| Link {
            targets: targets.iter().map(Ask::new).collect(),
            written: targets.clone(),
            resolvers: Vec::new(),
            bill: Bill::default(),
            sides: PerFamily { v4: None, v6: None },
        };
        Self {
            links: links.iter().map(link).collect(),
            client: Arc::default(),
            own: Arc::default(),
            gateways: Gateways::default(),
            unsendable: Vec::new(),
            watch: Watch::default(),
            buffers: Buffers::new(),
            dropped: 0,
            _stamping: keep_stamping().ok(),
        }
    }

    /// The same, with the resolvers that are asked for names over each link; `resolvers[i]` are those of `LinkId(i)`.
    #[must_use]
    pub fn resolving_by(mut self, resolvers: &[Vec<IpAddr>]) -> Self {
        for (link, resolvers) in self.links.iter_mut().zip(resolvers) {
            link.resolvers.clone_from(resolvers);
        }
        self
    }

    /// Asks these for names over the link from now on. What is known stays known, and what is being asked is asked on.
    pub fn resolve_by(&mut self, link: LinkId, resolvers: &[IpAddr]) {
        let Some(known) = self.links.get_mut(usize::from(link.0)) else { return };
        known.resolvers = resolvers.to_vec();
        for family in Family::ALL {
            if let Some(path) = known.sides.get_mut(family).as_mut().and_then(|side| side.path.as_mut()) {
                path.resolve_by(resolvers);
            }
        }
    }

    /// The same, trusting these certificates (in DER) beside the public authorities, so that a test can be a server.
    #[cfg(feature = "https")]
    #[doc(hidden)]
    #[must_use]
    pub fn trusting(self, certificates: &[Vec<u8>]) -> Self {
        Self { client: Arc::new(Client::trusting(certificates)), ..self }
    }

    /// Opens the sockets of one path, bound by device, source and mark; with `None`, closes them. Probes in flight on the
    /// path are forgotten in both cases.
    ///
    /// # Errors
    ///
    /// The path has no sockets then, and its probes are unsendable; it is tried again, at most once a second, when one
    /// is to be sent. The error names the interface and the mend.
    pub fn bind(
        &mut self,
        link: LinkId,
        family: Family,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Result<(), ProbeError> {
        self.gateways.forget(link, family);
        let Some(link) = self.links.get_mut(usize::from(link.0)) else { return Ok(()) };
        let side = link.sides.get_mut(family);
        // By another router the packets still leave with the same sockets: what is under way goes on, and names stay known.
        if let (Some(Side { binding: held, path: Some(path), .. }), Some(binding)) = (side.as_mut(), &binding)
            && held.router != binding.router
            && (Binding { router: binding.router, ..held.clone() }) == *binding
        {
            path.lead_by(binding.router);
            held.router = binding.router;
            return Ok(());
        }
        self.dropped += side.take().and_then(|side| side.path).map_or(0, |path| path.dropped());
        let Some(binding) = binding else { return Ok(()) };
        *side = Some(Side { binding, path: None, tried: now });
        let opened = link.open(family, &self.client);
        self.keep_off_own();
        opened
    }

    /// Tells all paths which addresses are this machine's own.
    fn keep_off_own(&mut self) {
        let sides = self.links.iter().flat_map(|link| link.sides.v4.iter().chain(&link.sides.v6));
        self.own = sides.map(|side| side.binding.source).collect();
        for path in self.links.iter_mut().flat_map(Link::paths_mut) {
            path.keep_off(&self.own);
        }
    }

    /// Sends one probe over one link, or not at all. What became of it comes by [`drain`](Self::drain); nothing comes
    /// when it is not answered before `expires`. Returns what a look-up of its name may cost the link, if one
    /// began for it.
    pub fn send(
        &mut self,
        id: ProbeId,
        link: LinkId,
        target: TargetId,
        now: Timestamp,
        expires: Timestamp,
    ) -> Spent {
        let (request, client, own) = (Request { id, target, expires }, &self.client, &self.own);
        let sent = self.links.get_mut(usize::from(link.0)).and_then(|link| {
            let family = link.targets.get(usize::from(target.0))?.as_ref()?.family();
            link.reopen(family, (client, own), now);
            let ask = link.targets.get(usize::from(target.0))?.as_ref()?;
            let path = link.sides.get_mut(family).as_mut()?.path.as_mut()?;
            Some((path.send(request, ask).is_ok(), path.take_owed()))
        });
        let (sent, owed) = sent.unwrap_or_default();
        if !sent {
            self.unsendable.push(id);
        }
        owed
    }

    /// Whether a path has its sockets, at the first attempt or a later one.
    #[must_use]
    pub fn is_open(&self, link: LinkId, family: Family) -> bool {
        let side = self.links.get(usize::from(link.0)).and_then(|link| link.sides.get(family).as_ref());
        side.is_some_and(|side| side.path.is_some())
    }

    /// Reads everything that lies in the sockets, without waiting, and appends the outcomes; forgets what expired before
    /// `now`.
    pub fn drain(&mut self, now: Timestamp, outcomes: &mut Vec<(ProbeId, Outcome)>) {
        outcomes.extend(self.unsendable.drain(..).map(|id| (id, Outcome::Unsendable)));
        self.watch.clear();
        for path in self.links.iter().flat_map(Link::paths) {
            path.watch(&mut self.watch);
        }
        self.watch.look();
        for path in self.links.iter_mut().flat_map(Link::paths_mut) {
            path.drain(now, &mut self.watch, &mut self.buffers, outcomes);
        }
    }

    /// What the pages whose probes ended since the last call took beyond their price, by link; also of those that were
    /// given up. Before a page's outcome comes by [`drain`](Self::drain), what it took is here.
    pub fn billed(&self) -> impl Iterator<Item = (LinkId, Spent)> {
        let taken = (0..u8::MAX).map(LinkId).zip(&self.links).map(|(id, link)| (id, link.bill.take()));
        taken.filter(|(_, spent)| *spent != Spent::default())
    }

    /// Completes when the probe of a page went wrong, or the address of a name is known that a probe waits for: it is
    /// worth a [`drain`](Self::drain) before the loop wakes by itself.
    pub async fn called(&self) {
        self.client.called().await;
    }

    /// What a packet that goes as a client's asks in the place of a target: of a page a connection to its port, of a name
    /// its address. `None` for what needs no stand-in, and while the address of its name is not known.
    #[must_use]
    pub fn stand_in(&self, link: LinkId, target: TargetId) -> Option<Target> {
        let link = self.links.get(usize::from(link.0))?;
        let ask = link.targets.get(usize::from(target.0))?.as_ref()?;
        let path = || link.sides.get(ask.family()).as_ref()?.path.as_ref();
        match ask {
            Ask::Page(page) => {
                let host = path()?.known(page.spot())?.into();
                Some(Target::Tcp(Endpoint { host, port: page.port() }))
            }
            Ask::Echo(spot @ Spot::Name(..))
            | Ask::Connect(spot @ Spot::Name(..), _)
            | Ask::Query(spot @ Spot::Name(..), ..) => {
                let host = path()?.known(spot)?.into();
                Some(link.written.get(usize::from(target.0))?.clone().at(host))
            }
            Ask::Echo(Spot::Address(_))
            | Ask::Connect(Spot::Address(_), _)
            | Ask::Query(Spot::Address(_), ..) => None,
        }
    }

    /// Asks `router` on its link whether it is there. The answer comes by [`gateway_answers`](Self::gateway_answers), at
    /// the latest when `expires` has passed. Nothing comes where nothing can be asked (the link has no path, or knows no
    /// such requests, as PPP and raw IP), or when the path changes or is asked about anew meanwhile.
    pub fn ask_gateway(
        &mut self,
        (id, link): (CheckId, LinkId),
        router: IpAddr,
        now: Timestamp,
        expires: Timestamp,
    ) {
        let side = self.links.get(usize::from(link.0)).map(|link| link.sides.get(family_of(router)));
        let Some(Some(side)) = side else { return };
        if let Err(error) = self.gateways.ask((id, link), router, &side.binding, now, expires) {
            tracing::debug!("failed to ask for {router} on {}: {error}", side.binding.interface);
        }
    }

    /// Reads what came from gateways, without waiting, and appends what became of the checks that are over.
    pub fn gateway_answers(&mut self, now: Timestamp, answers: &mut Vec<GatewayAnswer>) {
        self.gateways.drain(now, &mut self.buffers.received, answers);
    }

    /// When a check of a gateway is over even without an answer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.gateways.poll_timeout()
    }

    /// Probes forgotten because too many were in flight; it only grows.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped + self.links.iter().flat_map(Link::paths).map(Path::dropped).sum::<u64>()
    }
}

/// The kernel stamps received packets only while some socket asks for it, and begins a moment after the first did; a
/// packet that came before is stamped when it is read. So one socket asks from the start, also while no link has any.
fn keep_stamping() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sys::enable_stamps(socket.as_fd(), Stamps::Driver)?;
    Ok(socket)
}

impl Link {
    fn open(&mut self, family: Family, client: &Arc<Client>) -> Result<(), ProbeError> {
        let echo = |ask: &Option<Ask>| matches!(ask, Some(Ask::Echo(spot)) if spot.family() == family);
        let echo = self.targets.iter().any(echo);
        if let Some(side) = self.sides.get_mut(family) {
            let path = Path::open(family, Some(side.binding.clone()), echo)?;
            side.path = Some(path.with_pages(client, &self.resolvers, &self.bill));
        }
        Ok(())
    }

    /// Tries again to open what could not be opened. The first failure was told.
    fn reopen(&mut self, family: Family, (client, own): (&Arc<Client>, &Arc<[IpAddr]>), now: Timestamp) {
        let Some(side) = self.sides.get_mut(family) else { return };
        if side.path.is_none() && now.since(side.tried) >= REOPEN {
            side.tried = now;
            if let Err(error) = self.open(family, client) {
                tracing::debug!("failed again to {error}");
            }
            self.paths_mut().for_each(|path| path.keep_off(own));
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.sides.v4, &self.sides.v6].into_iter().flatten().filter_map(|side| side.path.as_ref())
    }

    fn paths_mut(&mut self) -> impl Iterator<Item = &mut Path> {
        [&mut self.sides.v4, &mut self.sides.v6].into_iter().flatten().filter_map(|side| side.path.as_mut())
    }
}
