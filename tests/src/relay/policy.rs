//! What a relay does to the frames of each direction. Plain values: a change is a new value.

use std::net::IpAddr;
use std::time::Duration;

/// What happens on one access line, each way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// From the gateway to the ISP.
    pub up: Direction,
    /// From the ISP to the gateway.
    pub down: Direction,
}

impl Policy {
    /// A line with this delay each way, and no faults.
    #[must_use]
    pub fn delay(one_way: Duration) -> Self {
        let direction = Direction { delay: one_way, ..Direction::default() };
        Self { up: direction.clone(), down: direction }
    }

    /// The same line with another filter, both ways.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.up.filter = filter.clone();
        self.down.filter = filter;
        self
    }

    /// The same line losing this share of the packets (from 0 to 1) each way.
    #[must_use]
    pub fn with_loss(mut self, share: f64) -> Self {
        self.up.loss = share;
        self.down.loss = share;
        self
    }
}

/// What happens to the frames of one direction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Direction {
    /// Every frame is held this long.
    pub delay: Duration,
    /// And up to this much longer, evenly spread; the order is kept.
    pub jitter: Duration,
    /// The share of frames that vanish, from 0 to 1.
    pub loss: f64,
    /// The share of frames that do not wait for their delay and so overtake others, from 0 to 1.
    pub reorder: f64,
    /// Which frames never pass.
    pub filter: Filter,
}

/// Which frames never pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Filter {
    /// All frames pass.
    #[default]
    Nothing,
    /// No frame passes: the medium carries, and nobody is there. Also ARP and neighbour discovery die.
    Everything,
    /// The ISP's router answers for itself (ARP, neighbour discovery, its own addresses), but nothing goes
    /// beyond it: the classical silent black hole.
    Beyond {
        /// The router's own addresses.
        router: Vec<IpAddr>,
    },
    /// IPv4 is dead, ARP too.
    V4,
    /// IPv6 is dead, neighbour discovery too.
    V6,
    /// Packets from or to these addresses vanish.
    Addresses(Vec<IpAddr>),
}

impl Filter {
    /// Whether this Ethernet frame passes.
    pub(crate) fn passes(&self, frame: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::Everything => false,
            Self::V4 => !matches!(ether_type(frame), ETHERTYPE_V4 | ETHERTYPE_ARP),
            Self::V6 => ether_type(frame) != ETHERTYPE_V6,
            Self::Addresses(addresses) => !ends(frame).iter().flatten().any(|end| addresses.contains(end)),
            Self::Beyond { router } => {
                let ends = ends(frame);
                is_neighbour_discovery(frame)
                    || ends.iter().all(Option::is_none)
                    || ends.iter().flatten().any(|end| router.contains(end))
            }
        }
    }
}

const ETHERTYPE_V4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_V6: u16 = 0x86dd;

fn ether_type(frame: &[u8]) -> u16 {
    bytes(frame, 12).map_or(0, u16::from_be_bytes)
}

/// Source and destination of an IP packet.
fn ends(frame: &[u8]) -> [Option<IpAddr>; 2] {
    let v4 = |at| bytes::<4>(frame, at).map(IpAddr::from);
    let v6 = |at| bytes::<16>(frame, at).map(IpAddr::from);
    match ether_type(frame) {
        ETHERTYPE_V4 => [v4(26), v4(30)],
        ETHERTYPE_V6 => [v6(22), v6(38)],
        _ => [None, None],
    }
}

/// ICMPv6 types 133 to 137 (RFC 4861), directly behind the IPv6 header.
fn is_neighbour_discovery(frame: &[u8]) -> bool {
    const ICMPV6: u8 = 58;
    ether_type(frame) == ETHERTYPE_V6
        && frame.get(20) == Some(&ICMPV6)
        && frame.get(54).is_some_and(|kind| (133..=137).contains(kind))
}

fn bytes<const N: usize>(frame: &[u8], at: usize) -> Option<[u8; N]> {
    frame.get(at..at + N)?.try_into().ok()
}
