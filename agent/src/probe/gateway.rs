//! Whether a link's gateway answers on the link itself: it tells a fault of the line or of the provider's first box
//! from one beyond it.
//!
//! A request of our own goes out and its answer is read from the wire. The kernel's neighbour table is no witness: it
//! takes the gateway for reachable as long as packets come from anywhere, and for minutes after the last.

use super::neighbour::{self, Hardware};
use super::path::MAX_BATCHES;
use super::receive::{BATCH, Batch, Queue};
use super::socket::{address, family_of};
use super::sys;
use crate::netlink::Binding;
use shunt_decision::{CheckId, Family, LinkId, Timestamp};
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::time::Duration;

/// A request that was not answered is repeated when the loop looks again, but not sooner than this: a broadcast is lost
/// more easily than other packets, above all over radio.
const REPEAT: Duration = Duration::from_millis(100);

/// Everybody on an Ethernet.
const BROADCAST: Hardware = [0xff; 6];

/// Checks that are going on: at most one for each link and family.
#[derive(Default)]
pub(super) struct Gateways {
    checks: Vec<Check>,
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayAnswer {
    /// Which check.
    pub id: CheckId,
    /// Which link.
    pub link: LinkId,
    /// Which family.
    pub family: Family,
    /// It answered before the check expired.
    pub answers: bool,
}

struct Check {
    id: CheckId,
    link: LinkId,
    asked: Asked,
    socket: Socket,
    request: Vec<u8>,
    to: SockAddr,
    sent: Timestamp,
    expires: Timestamp,
}

/// Who was asked, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    V4 { hardware: Hardware, source: Ipv4Addr, router: Ipv4Addr },
    V6 { router: Ipv6Addr },
}

impl Gateways {
    /// Begins a check; `false` on a link that has no such requests (TUN, raw IP, PPP), so that nothing will come of it.
    /// It takes the place of a check that is going on for the same path: what answered that one says nothing of now.
    pub(super) fn ask(
        &mut self,
        (id, link): (CheckId, LinkId),
        router: IpAddr,
        binding: &Binding,
        now: Timestamp,
        expires: Timestamp,
    ) -> io::Result<bool> {
        self.forget(link, family_of(router));
        let check = Check::begin((id, link), router, binding, now, expires)?;
        let asked = check.is_some();
        self.checks.extend(check);
        Ok(asked)
    }

    /// Forgets a check: the path is another now.
    pub(super) fn forget(&mut self, link: LinkId, family: Family) {
        self.checks.retain(|check| !check.is_of(link, family));
    }

    /// Reads what came, concludes what was answered or has expired, and asks the others again.
    pub(super) fn drain(&mut self, now: Timestamp, batch: &mut Batch, answers: &mut Vec<GatewayAnswer>) {
        self.checks.retain_mut(|check| {
            let answered = check.read(batch);
            if answered || check.expires <= now {
                let (link, family) = (check.link, check.asked.family());
                answers.push(GatewayAnswer { id: check.id, link, family, answers: answered });
                return false;
            }
            if now.since(check.sent) >= REPEAT {
                check.sent = now;
                // What cannot be sent now was sent before: the deadline judges.
                let _ = check.send();
            }
            true
        });
    }

    /// When the first check expires.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.checks.iter().map(|check| check.expires).min()
    }
}

impl Check {
    fn begin(
        (id, link): (CheckId, LinkId),
        router: IpAddr,
        binding: &Binding,
        now: Timestamp,
        expires: Timestamp,
    ) -> io::Result<Option<Self>> {
        let any = Socket::new(Domain::UNIX, Type::DGRAM.cloexec(), None)?;
        let Some(hardware) = sys::ethernet_address(any.as_fd(), &binding.interface)? else { return Ok(None) };
        let (asked, socket, request, to) = match (router, binding.source) {
            (IpAddr::V4(router), IpAddr::V4(source)) => {
                let request = neighbour::arp_request(hardware, source, router).to_vec();
                let to = sys::packet_address(binding.index, libc::ETH_P_ARP as u16, BROADCAST);
                let asked = Asked::V4 { hardware, source, router };
                (asked, arp_socket(router, binding)?, request, to)
            }
            (IpAddr::V6(router), _) => {
                let request = neighbour::solicitation(hardware, router).to_vec();
                let group = address(neighbour::solicited_node(router).into(), 0, None);
                (Asked::V6 { router }, discovery_socket(binding)?, request, SockAddr::from(group))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let check = Self { id, link, asked, socket, request, to, sent: now, expires };
        check.send()?;
        Ok(Some(check))
    }

    fn is_of(&self, link: LinkId, family: Family) -> bool {
        self.link == link && self.asked.family() == family
    }

    fn send(&self) -> io::Result<()> {
        self.socket.send_to(&self.request, &self.to).map(|_| ())
    }

    /// Whether the answer lies in the socket.
    fn read(&self, batch: &mut Batch) -> bool {
        for _ in 0..MAX_BATCHES {
            // A pending error ("network is down") is taken off the socket by being read; the deadline judges.
            let count = batch.receive(self.socket.as_fd(), Queue::Received).unwrap_or(0);
            let answers = batch.messages().any(|message| match self.asked {
                Asked::V4 { hardware, source, router } => {
                    neighbour::is_arp_reply(message.data, hardware, source, router)
                }
                Asked::V6 { router } => {
                    neighbour::is_advertisement(message.data, message.hop_limit(), router)
                }
            });
            if answers || count < BATCH {
                return answers;
            }
        }
        false
    }
}

impl Asked {
    const fn family(self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }
}

/// Hears the ARP replies of one router on one interface: on a large segment all others' would fill its queue.
fn arp_socket(router: Ipv4Addr, binding: &Binding) -> io::Result<Socket> {
    // Without a protocol it hears nothing until it is bound: no packet of another interface comes in between.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking().cloexec(), None)?;
    socket.attach_filter(&replies_of(router))?;
    socket.bind(&sys::packet_address(binding.index, libc::ETH_P_ARP as u16, BROADCAST))?;
    Ok(socket)
}

/// Operation 2 (reply) and the router's protocol address, in the kernel's classic filter language (bpf(4)).
fn replies_of(router: Ipv4Addr) -> [SockFilter; 6] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_HALF, 0, 0, 6),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, 2),
        SockFilter::new(LOAD_WORD, 0, 0, 14),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, router.to_bits()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Sends solicitations from the interface's link-local address, and hears advertisements.
fn discovery_socket(binding: &Binding) -> io::Result<Socket> {
    let kind = Type::RAW.nonblocking().cloexec();
    let socket = Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6))?;
    sys::only_icmp_v6(socket.as_fd(), neighbour::ADVERTISEMENT)?;
    socket.bind_device(Some(binding.interface.as_bytes()))?;
    socket.set_mark(binding.mark)?;
    socket.set_multicast_if_v6(binding.index)?;
    socket.set_multicast_hops_v6(neighbour::HOPS.into())?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_recv_hoplimit_v6(true)?;
    Ok(socket)
}
