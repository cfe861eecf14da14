//! What is there, for whoever only looks (`shunt doctor`): lists, read once over a socket of their own. Nothing is
//! changed, and the running agent's sockets and mirror are not touched.

use super::error::{KernelError, family_name};
use super::model::{Address, DefaultRoute, Interface};
use super::rtnl::{self, MAIN, RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, RTM_GETRULE, address_family};
use super::rules::{self, FoundRule};
use super::socket::{Refusal, RequestSocket, u16_at, u32_at};
use rtnetlink::packet_core::NlasIterator;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::packet_route::neighbour::NeighbourMessage;
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage};
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use shunt_decision::Family;
use std::collections::BTreeMap;
use std::net::IpAddr;

const RTM_GETNEIGH: u16 = 30;
/// Length of `struct ndmsg`, and where in it the interface and the state stand.
const NEIGHBOUR_HEADER: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// `NUD_INCOMPLETE` and `NUD_FAILED`: nobody has answered.
const UNANSWERED: u16 = 0x01 | 0x20;
/// Attributes of a link, and the length of `struct ifinfomsg` before them.
const IFLA_LINK: u16 = 5;
const IFLA_LINK_NETNSID: u16 = 37;
const LINK_HEADER: usize = 16;

/// Somebody on the same wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// On which interface.
    pub(crate) index: u32,
    pub(crate) address: IpAddr,
    /// Its hardware address.
    pub(crate) hardware: Vec<u8>,
}

/// A socket to ask by.
#[derive(Debug)]
pub(crate) struct Survey {
    request: RequestSocket,
}

impl Survey {
    pub(crate) fn open() -> Result<Self, KernelError> {
        let open = RequestSocket::open(NETLINK_ROUTE);
        let request = open.map_err(|source| KernelError::Open { what: "request", source })?;
        Ok(Self { request })
    }

    /// All interfaces, and beside each the index of the one that it stands on (a VLAN's own), where there is one.
    pub(crate) fn interfaces(&mut self) -> Result<Vec<(Interface, Option<u32>)>, KernelError> {
        let mut query = LinkMessage::default();
        query.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let list = self.request.dump(RTM_GETLINK, &query, |list, payload| {
            list.extend(rtnl::interface(payload).map(|interface| (interface, parent(payload))));
        });
        list.map_err(|refusal| KernelError::refused("list the interfaces".to_owned(), refusal))
    }

    pub(crate) fn addresses(&mut self, family: Family) -> Result<Vec<Address>, KernelError> {
        let mut query = AddressMessage::default();
        query.header.family = address_family(family);
        let list = self.request.dump(RTM_GETADDR, &query, |list, payload| {
            list.extend(rtnl::address(payload));
        });
        list.map_err(|refusal| refused("addresses", family, refusal))
    }

    /// The default routes of `main` that are not of the protocol `own`.
    pub(crate) fn defaults(&mut self, family: Family, own: u8) -> Result<Vec<DefaultRoute>, KernelError> {
        let list = self.request.dump(RTM_GETROUTE, &table_query(family, MAIN), |list, payload| {
            rtnl::defaults(payload, own, list);
        });
        list.map_err(|refusal| refused("default routes of table main", family, refusal))
    }

    /// The routes of a table: for each protocol that put some there, whether a default route is among them.
    pub(crate) fn table(&mut self, family: Family, table: u32) -> Result<BTreeMap<u8, bool>, KernelError> {
        let list = self.request.dump(RTM_GETROUTE, &table_query(family, table), |list, payload| {
            // A kernel that does not filter sends everything.
            let outline = rtnl::route_outline(payload).filter(|(of, _, id, _)| *of == family && *id == table);
            list.extend(outline.map(|(_, length, _, protocol)| (protocol, length == 0)));
        });
        let list = list.map_err(|refusal| refused(&format!("routes of table {table}"), family, refusal))?;
        let mut found = BTreeMap::new();
        for (protocol, default) in list {
            *found.entry(protocol).or_default() |= default;
        }
        Ok(found)
    }

    /// All rules, in the kernel's order.
    pub(crate) fn rules(&mut self, family: Family) -> Result<Vec<FoundRule>, KernelError> {
        let mut query = RuleMessage::default();
        query.header.family = address_family(family);
        let list = self.request.dump(RTM_GETRULE, &query, |list, payload| {
            list.extend(rules::found(payload).filter(|found| found.family == family));
        });
        list.map_err(|refusal| refused("rules", family, refusal))
    }

    /// Whoever has answered on a wire of late.
    pub(crate) fn neighbours(&mut self) -> Result<Vec<Neighbour>, KernelError> {
        let list = self.request.dump(RTM_GETNEIGH, &NeighbourMessage::default(), |list, payload| {
            list.extend(neighbour(payload));
        });
        list.map_err(|refusal| KernelError::refused("list the neighbours".to_owned(), refusal))
    }
}

fn table_query(family: Family, table: u32) -> RouteMessage {
    let mut query = RouteMessage::default();
    query.header.address_family = address_family(family);
    query.header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    query.attributes.push(RouteAttribute::Table(table));
    query
}

fn refused(what: &str, family: Family, refusal: Refusal) -> KernelError {
    KernelError::refused(format!("list the {} {what}", family_name(family)), refusal)
}

/// The interface beneath; one in another namespace is none of ours.
fn parent(payload: &[u8]) -> Option<u32> {
    let (mut parent, mut elsewhere) = (None, false);
    for attribute in NlasIterator::new(payload.get(LINK_HEADER..)?).flatten() {
        match attribute.kind() {
            IFLA_LINK => parent = u32_at(attribute.value(), 0),
            IFLA_LINK_NETNSID => elsewhere = true,
            _ => {}
        }
    }
    let own = u32_at(payload, 4);
    // Some tunnels name themselves, or 0 for "any".
    parent.filter(|parent| *parent != 0 && Some(*parent) != own && !elsewhere)
}

/// Read by hand: newer kernels add attributes that a strict parser would stumble over.
fn neighbour(payload: &[u8]) -> Option<Neighbour> {
    let index = u32_at(payload, 4)?;
    let state = u16_at(payload, 8)?;
    let (mut address, mut hardware) = (None, Vec::new());
    for attribute in NlasIterator::new(payload.get(NEIGHBOUR_HEADER..)?).flatten() {
        let value = attribute.value();
        match attribute.kind() {
            NDA_DST => address = ip(value),
            NDA_LLADDR => hardware = value.to_vec(),
            _ => {}
        }
    }
    let answered = state & UNANSWERED == 0 && hardware.iter().any(|byte| *byte != 0);
    answered.then_some(Neighbour { index, address: address?, hardware })
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_who_answered_is_a_neighbour() {
        let message = |state: u8, hardware: [u8; 6]| {
            let mut bytes = vec![2, 0, 0, 0, 7, 0, 0, 0, state, 0, 0, 0];
            bytes.extend([8, 0, 1, 0, 192, 0, 2, 1, 10, 0, 2, 0]);
            bytes.extend(hardware);
            bytes
        };
        let found = neighbour(&message(0x02, [2, 0, 0, 0, 0, 1])).unwrap();
        assert_eq!((found.index, found.address), (7, "192.0.2.1".parse().unwrap()));
        assert_eq!(found.hardware, [2, 0, 0, 0, 0, 1]);
        assert_eq!(neighbour(&message(0x20, [2, 0, 0, 0, 0, 1])), None);
        assert_eq!(neighbour(&message(0x02, [0; 6])), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (neighbour(&bytes), parent(&bytes));
        }
    }
}
