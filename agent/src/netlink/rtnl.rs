//! Links, addresses and routes as Shunt speaks of them, to and from the kernel's messages.

use super::model::{Address, DefaultRoute, Interface, Traffic, Way};
use super::socket::u32_at;
use rtnetlink::packet_core::{NlasIterator, Parseable};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType, RouteVia,
};
use shunt_decision::Family;
use std::net::IpAddr;

pub(crate) const RTM_NEWLINK: u16 = 16;
pub(crate) const RTM_DELLINK: u16 = 17;
pub(crate) const RTM_GETLINK: u16 = 18;
pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_DELADDR: u16 = 21;
pub(crate) const RTM_GETADDR: u16 = 22;
pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(crate) const RTM_DELROUTE: u16 = 25;
pub(crate) const RTM_GETROUTE: u16 = 26;
pub(crate) const RTM_NEWRULE: u16 = 32;
pub(crate) const RTM_DELRULE: u16 = 33;
pub(crate) const RTM_GETRULE: u16 = 34;
pub(crate) const RTM_GETSTATS: u16 = 94;
/// The `main` table's number.
pub(crate) const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_STATS64: u16 = 23;
const IFLA_CARRIER: u16 = 33;
const IFLA_STATS_LINK_64: u16 = 1;
/// Length of `struct if_stats_msg`.
const STATS_HEADER: usize = 12;
/// `IF_OPER_*` states (RFC 2863) in which nothing passes although the driver has a carrier.
const OPER_NOT_PRESENT: u8 = 1;
const OPER_LOWER_LAYER_DOWN: u8 = 3;
const OPER_DORMANT: u8 = 5;

/// The kernel's name of a family.
pub(crate) const fn address_family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

/// Where a default route of ours leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Lead {
    /// Out of an interface.
    Out { index: u32, way: Way },
    /// Nowhere: the sender is told so.
    Unreachable,
}

/// A default route of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Route {
    pub(crate) family: Family,
    pub(crate) table: u32,
    pub(crate) metric: u32,
    pub(crate) lead: Lead,
}

impl Route {
    pub(crate) fn message(&self, protocol: u8) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = address_family(self.family);
        message.header.protocol = RouteProtocol::from(protocol);
        message.header.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        message.header.scope = RouteScope::Universe;
        message.attributes.push(RouteAttribute::Table(self.table));
        message.attributes.push(RouteAttribute::Priority(self.metric));
        match self.lead {
            Lead::Unreachable => message.header.kind = RouteType::Unreachable,
            Lead::Out { index, way } => {
                message.header.kind = RouteType::Unicast;
                message.attributes.push(RouteAttribute::Oif(index));
                match way {
                    Way::OnLink if self.family == Family::V4 => message.header.scope = RouteScope::Link,
                    Way::OnLink => {}
                    Way::Via(router) => {
                        message.header.flags = RouteFlags::Onlink;
                        message.attributes.push(self.gateway(router));
                    }
                }
            }
        }
        message
    }

    /// A v4 route may lead by a v6 router (RFC 8950).
    fn gateway(&self, router: IpAddr) -> RouteAttribute {
        match (self.family, router) {
            (Family::V4, IpAddr::V6(router)) => RouteAttribute::Via(RouteVia::Inet6(router)),
            _ => RouteAttribute::Gateway(router.into()),
        }
    }
}

/// A route as it lies in one of our tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is, if it could be one of ours to the last detail.
    pub(crate) route: Option<Route>,
    /// Its metric, whoever put it there.
    pub(crate) metric: u32,
    pub(crate) table: u32,
    pub(crate) protocol: u8,
    /// The interface it leads out of.
    pub(crate) index: Option<u32>,
    /// What deletes exactly it.
    pub(crate) message: RouteMessage,
}

impl Found {
    /// One that was just put there.
    pub(crate) fn own(route: Route, protocol: u8) -> Self {
        let index = match route.lead {
            Lead::Out { index, .. } => Some(index),
            Lead::Unreachable => None,
        };
        let message = route.message(protocol);
        Self { route: Some(route), metric: route.metric, table: route.table, protocol, index, message }
    }
}

/// The cheap look at a route message: family, prefix length and table, before anything is taken apart.
pub(crate) fn route_outline(payload: &[u8]) -> Option<(Family, u8, u32, u8)> {
    let family = match i32::from(*payload.first()?) {
        libc::AF_INET => Family::V4,
        libc::AF_INET6 => Family::V6,
        _ => return None,
    };
    let table = NlasIterator::new(payload.get(12..)?)
        .flatten()
        .find(|attribute| attribute.kind() == libc::RTA_TABLE)
        .and_then(|attribute| u32_at(attribute.value(), 0))
        .or_else(|| payload.get(4).map(|table| u32::from(*table)))?;
    Some((family, *payload.get(1)?, table, *payload.get(5)?))
}

fn address_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn gateway_of(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(address) => address_of(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn way_of(attributes: &[RouteAttribute]) -> Way {
    attributes.iter().find_map(gateway_of).map_or(Way::OnLink, Way::Via)
}

fn outgoing(attributes: &[RouteAttribute]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn metric_of(message: &RouteMessage) -> u32 {
    let metric = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    metric.unwrap_or(0)
}

/// A route of one of our tables, taken apart; `None`: not a route message.
pub(crate) fn found(payload: &[u8]) -> Option<Found> {
    let (family, length, table, protocol) = route_outline(payload)?;
    let mut message = RouteMessage::parse(payload).ok()?;
    let metric = metric_of(&message);
    let index = outgoing(&message.attributes);
    let lead = match message.header.kind {
        RouteType::Unreachable => Some(Lead::Unreachable),
        RouteType::Unicast => index.map(|index| Lead::Out { index, way: way_of(&message.attributes) }),
        _ => None,
    };
    let route = lead
        .filter(|_| length == 0)
        .map(|lead| Route { family, table, metric, lead })
        .filter(|route| is_plain(&message, &route.message(protocol)));
    message.attributes.retain(identifies);
    message.header.flags = RouteFlags::empty();
    Some(Found { route, metric, table, protocol, index, message })
}

/// Attributes that tell one route from another when it is deleted.
const fn identifies(attribute: &RouteAttribute) -> bool {
    matches!(
        attribute,
        RouteAttribute::Destination(_)
            | RouteAttribute::Source(_)
            | RouteAttribute::Gateway(_)
            | RouteAttribute::Via(_)
            | RouteAttribute::Oif(_)
            | RouteAttribute::Priority(_)
            | RouteAttribute::Table(_)
            | RouteAttribute::PrefSource(_)
            | RouteAttribute::MultiPath(_)
            | RouteAttribute::NhId(_)
    )
}

/// Nothing about the route differs from how we would have written it.
fn is_plain(seen: &RouteMessage, own: &RouteMessage) -> bool {
    let odd = |attribute: &RouteAttribute| {
        matches!(
            attribute,
            RouteAttribute::PrefSource(_)
                | RouteAttribute::Metrics(_)
                | RouteAttribute::MultiPath(_)
                | RouteAttribute::NhId(_)
                | RouteAttribute::Encap(_)
                | RouteAttribute::EncapType(_)
                | RouteAttribute::Source(_)
        )
    };
    let onlink = RouteFlags::Onlink;
    seen.header.tos == own.header.tos
        && seen.header.scope == own.header.scope
        && (seen.header.flags & onlink) == (own.header.flags & onlink)
        && !seen.attributes.iter().any(odd)
}

/// The next hops of a default route in `main` that is not ours.
pub(crate) fn defaults(payload: &[u8], own: u8, each: &mut Vec<DefaultRoute>) {
    let Some((family, 0, MAIN, protocol)) = route_outline(payload) else { return };
    if protocol == own {
        return;
    }
    let Ok(message) = RouteMessage::parse(payload) else { return };
    if message.header.kind != RouteType::Unicast || message.header.tos != 0 {
        return;
    }
    let metric = metric_of(&message);
    let source = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::PrefSource(address) => address_of(address),
        _ => None,
    });
    let mut add = |index, way| each.push(DefaultRoute { family, metric, index, way, source });
    for attribute in &message.attributes {
        if let RouteAttribute::MultiPath(hops) = attribute {
            hops.iter().for_each(|hop| add(hop.interface_index, way_of(&hop.attributes)));
            return;
        }
    }
    if let Some(index) = outgoing(&message.attributes) {
        add(index, way_of(&message.attributes));
    }
}

/// What a link message says. Read by hand: newer kernels add attributes that a strict parser would stumble over.
pub(crate) fn interface(payload: &[u8]) -> Option<Interface> {
    // A bridge speaks of its ports in the same messages, under another family.
    if i32::from(*payload.first()?) != libc::AF_UNSPEC {
        return None;
    }
    let index = u32_at(payload, 4)?;
    let flags = u32_at(payload, 8)?.cast_signed();
    let (mut name, mut carrier, mut state, mut traffic) = (None, flags & libc::IFF_LOWER_UP != 0, 0, None);
    let mut mtu = 0;
    for attribute in NlasIterator::new(payload.get(16..)?).flatten() {
        let value = attribute.value();
        match attribute.kind() {
            IFLA_IFNAME => name = Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()),
            IFLA_CARRIER => carrier = value.first() == Some(&1),
            IFLA_MTU => mtu = u32_at(value, 0).unwrap_or(0),
            IFLA_OPERSTATE => state = value.first().copied().unwrap_or(0),
            IFLA_STATS64 => traffic = counters(value),
            _ => {}
        }
    }
    let admin_up = flags & libc::IFF_UP != 0;
    let blocked = matches!(state, OPER_NOT_PRESENT | OPER_LOWER_LAYER_DOWN | OPER_DORMANT);
    Some(Interface {
        index,
        name: name?,
        admin_up,
        carrier: admin_up && carrier && !blocked,
        point_to_point: flags & libc::IFF_POINTOPOINT != 0,
        mtu,
        traffic,
    })
}

/// What a message of counters alone says. Read by hand: newer kernels have more counters behind the first ones.
pub(crate) fn traffic(payload: &[u8]) -> Option<Traffic> {
    let mut attributes = NlasIterator::new(payload.get(STATS_HEADER..)?).flatten();
    let counted = attributes.find(|attribute| attribute.kind() == IFLA_STATS_LINK_64)?;
    counters(counted.value())
}

/// The first two counters of `struct rtnl_link_stats64`: packets received, packets sent.
fn counters(value: &[u8]) -> Option<Traffic> {
    let word = |at| value.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes);
    Some(Traffic { received: word(0)?, sent: word(8)? })
}

/// What an address message says.
pub(crate) fn address(payload: &[u8]) -> Option<Address> {
    let message = AddressMessage::parse(payload).ok()?;
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    let (mut local, mut remote, mut protocol) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            // On a point-to-point link `Address` is the peer's and `Local` ours.
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => remote = Some(*address),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::Protocol(who) => protocol = Some(u8::from(*who)),
            _ => {}
        }
    }
    Some(Address {
        index: message.header.index,
        address: local.or(remote)?,
        global: message.header.scope == AddressScope::Universe,
        secondary: flags.contains(AddressFlags::Secondary),
        deprecated: flags.contains(AddressFlags::Deprecated),
        tentative: flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed)
            && !flags.contains(AddressFlags::Optimistic),
        prefix: message.header.prefix_len,
        protocol,
    })
}
