//! rtnetlink without waiting for a runtime: one request, one answer. The messages are those of the rtnetlink crate.

use crate::error::{Doing, LabError, Result};
use crate::namespace::Namespace;
use crate::netem::Impairment;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage as Route;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteMessage, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rtnetlink::{AddressMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One end of a veth pair.
#[derive(Debug)]
pub struct End<'a> {
    /// Where it lives.
    pub namespace: &'a Namespace,
    /// Its name there.
    pub name: &'a str,
    /// Its index there, distinct from the other end's: equal ones hide the kernel's delay of carrier notices.
    pub index: u32,
}

/// A default route, or one to a prefix.
#[derive(Debug, Clone, Copy)]
pub struct RouteTo {
    /// The destination and its prefix length; `(0.0.0.0, 0)` or `(::, 0)` for a default route.
    pub prefix: (IpAddr, u8),
    /// The next router; `None`: on the link.
    pub gateway: Option<IpAddr>,
    /// The outgoing interface.
    pub interface: u32,
    /// The metric; the lower wins.
    pub metric: u32,
    /// Whose route it is.
    pub protocol: RouteProtocol,
    /// The table; 254 is `main`.
    pub table: u32,
}

impl RouteTo {
    /// The default route of `gateway`'s family, as an administrator would write it into `main`.
    #[must_use]
    pub const fn default_via(gateway: IpAddr, interface: u32) -> Self {
        let any = match gateway {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self::to(any, 0, Some(gateway), interface)
    }

    /// A static route in `main`.
    #[must_use]
    pub const fn to(address: IpAddr, length: u8, gateway: Option<IpAddr>, interface: u32) -> Self {
        Self {
            prefix: (address, length),
            gateway,
            interface,
            metric: 0,
            protocol: RouteProtocol::Static,
            table: 254,
        }
    }

    fn message(&self) -> RouteMessage {
        let (address, length) = self.prefix;
        let mut route = match (address, self.gateway) {
            (IpAddr::V4(to), Some(IpAddr::V4(via))) => RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(to, length)
                .gateway(via)
                .output_interface(self.interface)
                .build(),
            (IpAddr::V4(to), _) => RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(to, length)
                .output_interface(self.interface)
                .scope(rtnetlink::packet_route::route::RouteScope::Link)
                .build(),
            (IpAddr::V6(to), Some(IpAddr::V6(via))) => RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(to, length)
                .gateway(via)
                .output_interface(self.interface)
                .build(),
            (IpAddr::V6(to), _) => RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(to, length)
                .output_interface(self.interface)
                .build(),
        };
        use rtnetlink::packet_route::route::RouteAttribute;
        if self.metric != 0 {
            route.attributes.push(RouteAttribute::Priority(self.metric));
        }
        route.attributes.push(RouteAttribute::Table(self.table));
        route.header.table = u8::try_from(self.table).unwrap_or(0);
        route.header.protocol = self.protocol;
        route
    }
}

/// A connection to one namespace's rtnetlink.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a connection in the calling thread's namespace.
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn open() -> Result<Self> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            io::Result::Ok(socket)
        };
        Ok(Self { socket: open().doing(|| "open a netlink socket".into())?, sequence: 0 })
    }

    /// The index of the interface `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn index(&mut self, name: &str) -> Result<u32> {
        Ok(self.link(name)?.header.index)
    }

    /// What the kernel says of the interface `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn link(&mut self, name: &str) -> Result<LinkMessage> {
        let message = LinkUnspec::new_with_name(name).build();
        let answers = self
            .request(Route::GetLink(message), NLM_F_REQUEST)
            .doing(|| format!("look up the interface {name}"))?;
        answers
            .into_iter()
            .find_map(|answer| if let Route::NewLink(link) = answer { Some(link) } else { None })
            .ok_or_else(|| LabError::Garbled {
                reading: format!("the interface {name}"),
                fault: "the kernel did not answer with a link".into(),
            })
    }

    /// Makes a veth pair, both ends up.
    ///
    /// # Errors
    /// When a name or index is taken, or the kernel has no veth.
    pub fn add_veth(&mut self, one: &End<'_>, other: &End<'_>) -> Result<()> {
        let peer = LinkUnspec::new_with_name(other.name)
            .index(other.index)
            .setns_by_fd(other.namespace.descriptor())
            .build();
        let message = LinkVeth::new(one.name, other.name)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .index(one.index)
            .setns_by_fd(one.namespace.descriptor())
            .build();
        self.request(Route::NewLink(message), NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
            .doing(|| format!("make the veth pair {}–{}", one.name, other.name))?;
        // Not in one go: an end cannot be up before it has a peer.
        for end in [one, other] {
            end.namespace.netlink()?.set_link_up(end.index, true)?;
        }
        Ok(())
    }

    /// Sets an interface up or down.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn set_link_up(&mut self, index: u32, up: bool) -> Result<()> {
        let link = LinkUnspec::new_with_index(index);
        let message = if up { link.up() } else { link.down() }.build();
        self.request(Route::SetLink(message), NLM_F_REQUEST | NLM_F_ACK)
            .map(drop)
            .doing(|| format!("set interface {index} {}", if up { "up" } else { "down" }))
    }

    /// Has the kernel impair what leaves by an interface.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel has no `sch_netem`.
    pub fn impair(&mut self, interface: u32, impairment: &Impairment) -> Result<()> {
        let message = Route::NewQueueDiscipline(impairment.message(interface));
        self.request(message, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
            .map(drop)
            .doing(|| format!("impair interface {interface} (the kernel needs sch_netem)"))
    }

    /// Removes an interface.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn delete_link(&mut self, index: u32) -> Result<()> {
        let message = LinkUnspec::new_with_index(index).build();
        self.request(Route::DelLink(message), NLM_F_REQUEST | NLM_F_ACK)
            .map(drop)
            .doing(|| format!("remove interface {index}"))
    }

    /// Gives an interface another name; it must be down.
    ///
    /// # Errors
    /// When there is no such interface, or the name is taken.
    pub fn rename_link(&mut self, index: u32, name: &str) -> Result<()> {
        let message = LinkUnspec::new_with_index(index).name(name.to_owned()).build();
        self.request(Route::SetLink(message), NLM_F_REQUEST | NLM_F_ACK)
            .map(drop)
            .doing(|| format!("rename interface {index} to {name}"))
    }

    /// Whether the interface's medium carries, by the kernel's own operational word.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn carrier(&mut self, name: &str) -> Result<bool> {
        let link = self.link(name)?;
        Ok(link.attributes.iter().any(|a| matches!(a, LinkAttribute::Carrier(1))))
    }

    /// Gives an interface an address; one that is there already stays.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn add_address(&mut self, interface: u32, address: IpAddr, length: u8) -> Result<()> {
        let mut message = address_message(interface, address, length);
        if address.is_ipv6() {
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        self.request(Route::NewAddress(message), NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
            .map(drop)
            .doing(|| format!("give interface {interface} the address {address}/{length}"))
    }

    /// Takes an address from an interface.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete_address(&mut self, interface: u32, address: IpAddr, length: u8) -> Result<()> {
        let message = address_message(interface, address, length);
        self.request(Route::DelAddress(message), NLM_F_REQUEST | NLM_F_ACK)
            .map(drop)
            .doing(|| format!("take the address {address}/{length} from interface {interface}"))
    }

    /// Adds a route, or replaces the one with the same destination, metric and table.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn put_route(&mut self, route: &RouteTo) -> Result<()> {
        self.request(
            Route::NewRoute(route.message()),
            NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
        )
        .map(drop)
        .doing(|| format!("put the route {route:?}"))
    }

    /// Removes a route.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete_route(&mut self, route: &RouteTo) -> Result<()> {
        self.request(Route::DelRoute(route.message()), NLM_F_REQUEST | NLM_F_ACK)
            .map(drop)
            .doing(|| format!("remove the route {route:?}"))
    }

    /// All routes of both families, in all tables.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn routes(&mut self) -> Result<Vec<RouteMessage>> {
        let answers = self
            .request(Route::GetRoute(RouteMessage::default()), NLM_F_REQUEST | NLM_F_DUMP)
            .doing(|| "list the routes".into())?;
        Ok(answers
            .into_iter()
            .filter_map(|a| if let Route::NewRoute(r) = a { Some(r) } else { None })
            .collect())
    }

    /// All rules of both families.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn rules(&mut self) -> Result<Vec<RuleMessage>> {
        let answers = self
            .request(Route::GetRule(RuleMessage::default()), NLM_F_REQUEST | NLM_F_DUMP)
            .doing(|| "list the rules".into())?;
        Ok(answers
            .into_iter()
            .filter_map(|a| if let Route::NewRule(r) = a { Some(r) } else { None })
            .collect())
    }

    /// Removes a rule as [`Netlink::rules`] listed it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete_rule(&mut self, rule: RuleMessage) -> Result<()> {
        self.request(Route::DelRule(rule), NLM_F_REQUEST | NLM_F_ACK)
            .map(drop)
            .doing(|| "remove a rule".into())
    }

    /// Has packets with `mark` use `table`, in both families.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn add_mark_rule(&mut self, priority: u32, mark: u32, table: u32) -> Result<()> {
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut rule = RuleMessage::default();
            rule.header.family = family;
            rule.header.action = RuleAction::ToTable;
            rule.attributes = vec![
                RuleAttribute::Priority(priority),
                RuleAttribute::FwMark(mark),
                RuleAttribute::Table(table),
            ];
            self.request(Route::NewRule(rule), NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
                .doing(|| format!("add a rule for mark {mark}"))?;
        }
        Ok(())
    }

    /// The kernel's answer to "where would this packet go", or the error it would get.
    pub fn look_up(&mut self, lookup: &RouteMessage) -> io::Result<RouteMessage> {
        let answers = self.request(Route::GetRoute(lookup.clone()), NLM_F_REQUEST)?;
        answers
            .into_iter()
            .find_map(|a| if let Route::NewRoute(route) = a { Some(route) } else { None })
            .ok_or_else(|| io::Error::other("the kernel did not answer with a route"))
    }

    /// Sends one request and reads until its acknowledgement, its one answer or the end of its dump.
    fn request(&mut self, payload: Route, flags: u16) -> io::Result<Vec<Route>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(payload);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let one_answer = flags & (NLM_F_ACK | NLM_F_DUMP) == 0;
        let mut answers = Vec::new();
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<Route>::deserialize(rest).map_err(io::Error::other)?;
                let length = usize::try_from(message.header.length).map_err(io::Error::other)?;
                rest = rest.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => {
                        answers.push(answer);
                        if one_answer {
                            return Ok(answers);
                        }
                    }
                    NetlinkPayload::Error(error) => {
                        return if error.code.is_some() { Err(error.to_io()) } else { Ok(answers) };
                    }
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Noop | NetlinkPayload::Overrun(_) => {}
                    _ => {}
                }
            }
        }
    }
}

fn address_message(interface: u32, address: IpAddr, length: u8) -> AddressMessage {
    match address {
        IpAddr::V4(v4) => {
            AddressMessageBuilder::<Ipv4Addr>::new().index(interface).address(v4, length).build()
        }
        IpAddr::V6(v6) => {
            AddressMessageBuilder::<Ipv6Addr>::new().index(interface).address(v6, length).build()
        }
    }
}
