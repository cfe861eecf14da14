//! The canary: a packet that goes as a client's would, through FORWARD and NAT, to prove a new uplink.
//!
//! A plain local probe is no proof: it passes neither the FORWARD chain nor the masquerade. So the canary writes IPv4
//! packets into a TUN interface of its own; the kernel takes them for a client's.
//!
//! Where that is impossible, a local probe stands in: for IPv6 always, for IPv4 when the canary is switched off or the
//! interface cannot be made. It is neither bound nor marked, so it follows the uplink table, but it proves the path
//! only up to this host. [`Canary::local_because`] tells when and why.

use super::dns_wire::Answer;
use super::echo;
use super::error::ProbeError;
use super::packet::{self, ACK, Ends, ICMP, Inbound, RST, SYN};
use super::path::{Ask, Path, Request, Watch};
use super::receive::Buffers;
use super::socket::family_of;
use super::token::{Cookie, Random};
use super::tun::Tun;
use crate::clock;
use shunt_config::Target;
use shunt_decision::{Family, Outcome, PerFamily, ProbeId, TargetId, Timestamp};
use socket2::Type;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Canaries in flight: a verification sends a handful; more are a fault of the caller.
const MAX_WAITING: usize = 64;
/// Packets read in one drain: strangers may send to the canary's address as well, and must not hold the loop.
const MAX_PACKETS: usize = 256;
/// Longest packet read: the default MTU of a TUN interface.
const PACKET: usize = 1_500;
/// The first port of the dynamic range (RFC 6335), and how many follow.
const PORTS: (u16, u16) = (49_152, 16_384);

/// Why canaries go from this host, by the uplink table, and prove neither forwarding nor translation.
#[derive(Debug, Clone, Copy)]
pub enum LocalBecause<'a> {
    /// There is no forwarded one for IPv6.
    Ipv6,
    /// The config wants none.
    SwitchedOff,
    /// The interface could not be made.
    Failed(&'a ProbeError),
}

/// Sends canaries, and reads what comes back. It never waits.
pub struct Canary {
    tun: Option<Client>,
    /// Open while a local canary is in flight: the sockets are bound to no link, so the replies to all probes come to
    /// them as well.
    local: PerFamily<Option<Path>>,
    /// Local canaries forgotten on paths that are closed again.
    dropped: u64,
    fallback: Option<ProbeError>,
    unsendable: Vec<ProbeId>,
    watch: Watch,
    buffers: Buffers,
}

/// The client that the canaries seem to come from.
struct Client {
    tun: Tun,
    source: Ipv4Addr,
    random: Random,
    cookie: Cookie,
    /// Each canary is a flow of its own: one that connection tracking remembers would go by the *old* uplink's address.
    flow: u16,
    waiting: VecDeque<Flying>,
    dropped: u64,
}

struct Flying {
    id: ProbeId,
    ask: Ask,
    target: Ipv4Addr,
    flow: u16,
    /// Sequence number of TCP, id of DNS.
    number: u32,
    sent: Timestamp,
    expires: Timestamp,
}

impl Canary {
    /// Makes the interface, or falls back to local probes.
    #[must_use]
    pub fn open(config: &shunt_config::Canary) -> Self {
        let made = config.enabled.then(|| Client::open(config));
        let (tun, fallback) = match made {
            Some(Ok(client)) => (Some(client), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let local = PerFamily { v4: None, v6: None };
        let (watch, buffers) = (Watch::default(), Buffers::new());
        Self { tun, local, dropped: 0, fallback, unsendable: Vec::new(), watch, buffers }
    }

    /// Tries once more to make the interface that could not be made; `true`: canaries are forwarded from now on.
    pub fn reopen(&mut self, config: &shunt_config::Canary) -> bool {
        if self.fallback.is_none() {
            return false;
        }
        match Client::open(config) {
            Ok(client) => {
                (self.tun, self.fallback) = (Some(client), None);
                true
            }
            Err(error) => {
                self.fallback = Some(error);
                false
            }
        }
    }

    /// Why the canaries of a family are local; `None`: they are forwarded and translated, as a client's packets.
    #[must_use]
    pub fn local_because(&self, family: Family) -> Option<LocalBecause<'_>> {
        match (family, &self.tun, &self.fallback) {
            (Family::V6, ..) => Some(LocalBecause::Ipv6),
            (Family::V4, Some(_), _) => None,
            (Family::V4, None, Some(error)) => Some(LocalBecause::Failed(error)),
            (Family::V4, None, None) => Some(LocalBecause::SwitchedOff),
        }
    }

    /// The TUN interface's descriptor, for a loop that wants to be woken when a canary comes back: unlike the probes',
    /// its replies have no kernel stamp, and their time is that of the drain.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.tun.as_ref().map(|client| client.tun.as_fd())
    }

    /// Canaries forgotten because too many were in flight; it only grows.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let local = [&self.local.v4, &self.local.v6].into_iter().flatten().map(Path::dropped);
        self.dropped + self.tun.as_ref().map_or(0, |client| client.dropped) + local.sum::<u64>()
    }

    /// Sends one canary; for a page or a name, the caller gives what stands in for it. What became of it comes by [`drain`](Self::drain); nothing comes when it is not answered before
    /// `expires`.
    pub fn send(&mut self, id: ProbeId, target: &Target, _now: Timestamp, expires: Timestamp) {
        let sent = Ask::new(target).and_then(|ask| match (target.address()?, &mut self.tun) {
            (IpAddr::V4(address), Some(client)) => client.send(id, ask, address, expires),
            (address, _) => {
                // All local canaries share one bound on what is in flight.
                let request = Request { id, target: TargetId(0), expires };
                self.local_path(family_of(address))?.send(request, &ask).ok()
            }
        });
        if sent.is_none() {
            self.unsendable.push(id);
        }
    }

    /// Reads everything that came back, without waiting, and appends the outcomes; forgets what expired before `now`.
    pub fn drain(&mut self, now: Timestamp, outcomes: &mut Vec<(ProbeId, Outcome)>) {
        outcomes.extend(self.unsendable.drain(..).map(|id| (id, Outcome::Unsendable)));
        let Self { tun, local, dropped, watch, buffers, .. } = self;
        watch.clear();
        if let Some(client) = tun {
            watch.add(client.tun.as_fd().as_raw_fd(), libc::POLLIN);
        }
        for path in [&local.v4, &local.v6].into_iter().flatten() {
            path.watch(watch);
        }
        watch.look();
        if let Some(client) = tun {
            if watch.next_ready() {
                client.drain(outcomes);
            }
            client.waiting.retain(|flying| flying.expires >= now);
        }
        for slot in [&mut local.v4, &mut local.v6] {
            let Some(path) = slot else { continue };
            path.drain(now, watch, buffers, outcomes);
            if path.is_idle() {
                *dropped += path.dropped();
                *slot = None;
            }
        }
    }

    /// Whether a canary's answer is awaited, or one could not be sent and [`drain`](Self::drain) is to say so.
    #[must_use]
    pub fn is_out(&self) -> bool {
        let local = [&self.local.v4, &self.local.v6].into_iter().any(Option::is_some);
        local || !self.unsendable.is_empty() || self.tun.as_ref().is_some_and(|tun| !tun.waiting.is_empty())
    }

    /// The sockets of local canaries; a host without the family, or without the right, has none.
    fn local_path(&mut self, family: Family) -> Option<&mut Path> {
        let slot = self.local.get_mut(family);
        if slot.is_none() {
            let open = |echo| Path::open(family, None, echo).ok();
            *slot = open(true).or_else(|| open(false));
        }
        slot.as_mut()
    }
}

impl Client {
    fn open(config: &shunt_config::Canary) -> Result<Self, ProbeError> {
        let tun = Tun::open(&config.interface, config.source)?;
        let mut random = Random::default();
        let (cookie, flow) = (random.cookie(), random.short());
        Ok(Self { tun, source: config.source, random, cookie, flow, waiting: VecDeque::new(), dropped: 0 })
    }

    fn send(&mut self, id: ProbeId, ask: Ask, target: Ipv4Addr, expires: Timestamp) -> Option<()> {
        self.flow = self.flow.wrapping_add(1);
        let number = u32::from(self.random.short()) << 16 | u32::from(self.random.short());
        let flying = Flying { id, ask, target, flow: self.flow, number, sent: clock::now(), expires };
        let ends = flying.ends(self.source);
        let packet = match &flying.ask {
            Ask::Echo(_) => {
                let request = echo::request_v4(flying.flow, flying.query_id(), self.cookie.token(id));
                packet::ipv4(ICMP, self.source, target, &request)
            }
            Ask::Connect(..) => packet::tcp(ends, number, 0, SYN),
            Ask::Query(.., question) => packet::udp(ends, &question.query(flying.query_id())),
            Ask::Page(_) => return None,
        };
        self.tun.write(&packet).ok()?;
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(flying);
        Some(())
    }

    fn drain(&mut self, outcomes: &mut Vec<(ProbeId, Outcome)>) {
        let mut buffer = [0; PACKET];
        for _ in 0..MAX_PACKETS {
            let Some(packet) = self.tun.read(&mut buffer) else { return };
            let at = clock::now();
            let Some(inbound) = packet::parse(packet) else { continue };
            let judged = self.waiting.iter().enumerate().find_map(|(place, flying)| {
                let good = flying.judge(self.source, self.cookie, packet, inbound)?;
                Some((place, good))
            });
            let Some((place, good)) = judged else { continue };
            if let Inbound::Segment { ends, acknowledged, flags, .. } = inbound
                && flags & RST == 0
            {
                // As a client that gives up would: the target keeps no half-open connection.
                let _ = self.tun.write(&packet::tcp(ends.reversed(), acknowledged, 0, RST));
            }
            let Some(flying) = self.waiting.remove(place) else { continue };
            if at > flying.expires {
                continue;
            }
            let reply = Outcome::Reply { rtt: at.since(flying.sent), at };
            outcomes.push((flying.id, if good { reply } else { Outcome::Refused }));
        }
    }
}

impl Flying {
    fn ends(&self, source: Ipv4Addr) -> Ends {
        let to_port = match &self.ask {
            Ask::Echo(_) | Ask::Page(_) => 0,
            Ask::Connect(_, port) | Ask::Query(_, port, _) => *port,
        };
        let from_port = PORTS.0 + self.flow % PORTS.1;
        Ends { from: source, from_port, to: self.target, to_port }
    }

    const fn query_id(&self) -> u16 {
        (self.number & 0xffff) as u16
    }

    /// Whether `inbound` answers this canary, and how; `None`: it does not.
    fn judge(&self, source: Ipv4Addr, cookie: Cookie, packet: &[u8], inbound: Inbound<'_>) -> Option<bool> {
        let expected = self.ends(source).reversed();
        match (&self.ask, inbound) {
            (Ask::Echo(_), Inbound::Icmp { from }) => {
                let reply = echo::reply_v4(packet, Type::RAW, from)?;
                let ours = from == self.target
                    && reply.identifier == self.flow
                    && reply.sequence == self.query_id()
                    && reply.payload == cookie.token(self.id);
                ours.then_some(true)
            }
            (Ask::Connect(..), Inbound::Segment { ends, acknowledged, flags, .. }) => {
                let ours =
                    ends == expected && flags & ACK != 0 && acknowledged == self.number.wrapping_add(1);
                (ours && flags & (SYN | RST) != 0).then_some(flags & RST == 0)
            }
            (Ask::Query(.., question), Inbound::Datagram { ends, data }) if ends == expected => {
                question.answer(self.query_id(), data).map(|answer| answer == Answer::Good)
            }
            _ => None,
        }
    }
}
