//! Requests to the kernel, as a stranger would make them.

use super::DEADLINE;
use rtnetlink::packet_core::{
    Emitable, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
    NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NetlinkHeader, Parseable,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, State};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use rtnetlink::sys::{Socket, SocketAddr};
use rtnetlink::{LinkUnspec, LinkVeth};
use shunt::clock;
use std::ffi::CString;
use std::net::IpAddr;
use std::os::fd::RawFd;

pub const OWN: u8 = 201;

pub struct Wire {
    socket: Socket,
    sequence: u32,
}

struct Raw(Vec<u8>);

impl Emitable for Raw {
    fn buffer_len(&self) -> usize {
        self.0.len()
    }
    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0);
    }
}

pub fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// By a system call, since `/sys` shows the namespace that mounted it.
pub fn index(name: &str) -> u32 {
    let name = CString::new(name).unwrap();
    // SAFETY: a terminated string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    assert_ne!(index, 0, "{name:?} does not exist");
    index
}

impl Wire {
    pub fn open() -> Self {
        Self::of(rtnetlink::sys::protocols::NETLINK_ROUTE)
    }

    pub fn netfilter() -> Self {
        Self::of(rtnetlink::sys::protocols::NETLINK_NETFILTER)
    }

    fn of(protocol: isize) -> Self {
        let mut socket = Socket::new(protocol).unwrap();
        socket.bind_auto().unwrap();
        socket.connect(&SocketAddr::new(0, 0)).unwrap();
        Self { socket, sequence: 0 }
    }

    pub fn raw(&mut self, kind: u16, flags: u16, body: Vec<u8>) -> Result<Vec<Vec<u8>>, i32> {
        self.ask(kind, flags, &Raw(body))
    }

    pub fn ask(&mut self, kind: u16, flags: u16, body: &impl Emitable) -> Result<Vec<Vec<u8>>, i32> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.length = 16 + body.buffer_len() as u32;
        header.message_type = kind;
        header.flags = flags | NLM_F_REQUEST;
        header.sequence_number = self.sequence;
        let mut bytes = vec![0; header.length as usize];
        header.emit(&mut bytes[..16]);
        body.emit(&mut bytes[16..]);
        self.socket.send(&bytes, 0).unwrap();
        let mut answer = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full().unwrap();
            let mut rest = &datagram[..];
            while rest.len() >= 16 {
                let buffer = NetlinkBuffer::new(rest);
                let length = buffer.length() as usize;
                match buffer.message_type() {
                    NLMSG_DONE => return Ok(answer),
                    NLMSG_ERROR => {
                        let code = i32::from_ne_bytes(rest[16..20].try_into().unwrap());
                        return if code == 0 { Ok(answer) } else { Err(-code) };
                    }
                    _ => answer.push(rest[16..length].to_vec()),
                }
                let next = length.next_multiple_of(4).min(rest.len());
                rest = &rest[next..];
            }
            if flags & (NLM_F_ACK | NLM_F_DUMP) == 0 {
                return Ok(answer);
            }
        }
    }

    fn must(&mut self, kind: u16, flags: u16, body: &impl Emitable) {
        if let Err(code) = self.ask(kind, flags | NLM_F_ACK, body) {
            panic!("request {kind}: {}", std::io::Error::from_raw_os_error(code));
        }
    }

    /// A pair of interfaces, both up; the first carries while the second, `{name}p`, is up.
    pub fn veth(&mut self, name: &str) {
        let message = LinkVeth::new(name, &format!("{name}p")).build();
        self.must(16, NLM_F_CREATE | NLM_F_EXCL, &message);
        self.up(name);
        self.up(&format!("{name}p"));
    }

    /// A pair of interfaces of which `far` goes into another namespace; both are down.
    pub fn veth_into(&mut self, near: &str, far: &str, namespace: RawFd) {
        self.must(16, NLM_F_CREATE | NLM_F_EXCL, &LinkVeth::new(near, far).build());
        self.must(16, 0, &LinkUnspec::new_with_name(far).setns_by_fd(namespace).build());
    }

    pub fn up(&mut self, name: &str) {
        let message = rtnetlink::LinkMessageBuilder::<LinkUnspec>::new().index(index(name)).up().build();
        self.must(16, 0, &message);
    }

    /// Changes an interface as the message says.
    pub fn set(&mut self, message: &LinkMessage) {
        self.must(16, 0, message);
    }

    pub fn down(&mut self, name: &str) {
        let message = rtnetlink::LinkMessageBuilder::<LinkUnspec>::new().index(index(name)).down().build();
        self.must(16, 0, &message);
    }

    /// The kernel activates a link some time after it came up; what is sent until then is lost.
    pub fn wait_until_up(&mut self, name: &str) {
        let until = clock::now() + DEADLINE;
        let message = rtnetlink::LinkMessageBuilder::<LinkUnspec>::new().index(index(name)).build();
        loop {
            let answer = self.ask(18, 0, &message).unwrap();
            let link = LinkMessage::parse(&answer[0][..]).unwrap();
            // The flag `IFF_RUNNING` is also set while the state is not known.
            if link.attributes.contains(&LinkAttribute::OperState(State::Up)) {
                // It shows a moment before packets can leave; the lock that is held meanwhile is needed for this.
                return self.up(name);
            }
            assert!(clock::now() < until, "{name} does not come up");
            std::thread::yield_now();
        }
    }

    pub fn remove(&mut self, name: &str) {
        let message = rtnetlink::LinkMessageBuilder::<LinkUnspec>::new().index(index(name)).build();
        self.must(17, 0, &message);
    }

    fn address_message(name: &str, address: &str, length: u8) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = family(ip(address));
        message.header.prefix_len = length;
        message.header.index = index(name);
        message.attributes.push(AddressAttribute::Local(ip(address)));
        message.attributes.push(AddressAttribute::Address(ip(address)));
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        message
    }

    pub fn address(&mut self, name: &str, address: &str, length: u8) {
        self.must(20, NLM_F_CREATE, &Self::address_message(name, address, length));
    }

    pub fn no_address(&mut self, name: &str, address: &str, length: u8) {
        self.must(21, 0, &Self::address_message(name, address, length));
    }

    /// Address, prefix length, and who put it there, in the kernel's order.
    pub fn addresses(&mut self, name: &str) -> Vec<(IpAddr, u8, Option<u8>)> {
        let list = self.ask(22, NLM_F_DUMP, &AddressMessage::default()).unwrap();
        let wanted = index(name);
        let mut found = Vec::new();
        for message in list.iter().map(|bytes| AddressMessage::parse(&bytes[..]).unwrap()) {
            let (mut address, mut who) = (None, None);
            for attribute in &message.attributes {
                match attribute {
                    AddressAttribute::Address(ip) => address = Some(*ip),
                    AddressAttribute::Protocol(protocol) => who = Some(u8::from(*protocol)),
                    _ => {}
                }
            }
            found.extend(
                address
                    .filter(|_| message.header.index == wanted)
                    .map(|ip| (ip, message.header.prefix_len, who)),
            );
        }
        found
    }

    /// The interface's largest packet.
    pub fn mtu(&mut self, name: &str) -> u32 {
        let message = rtnetlink::LinkMessageBuilder::<LinkUnspec>::new().index(index(name)).build();
        let answer = self.ask(18, 0, &message).unwrap();
        let link = LinkMessage::parse(&answer[0][..]).unwrap();
        let mtu = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Mtu(mtu) => Some(*mtu),
            _ => None,
        });
        mtu.unwrap()
    }

    pub fn route_message(table: u32, protocol: u8, metric: u32, gateway: &str, name: &str) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = family(ip(gateway));
        message.header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        message.header.protocol = RouteProtocol::from(protocol);
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.header.flags = RouteFlags::Onlink;
        message.attributes.push(RouteAttribute::Table(table));
        message.attributes.push(RouteAttribute::Priority(metric));
        message.attributes.push(RouteAttribute::Gateway(ip(gateway).into()));
        message.attributes.push(RouteAttribute::Oif(index(name)));
        message
    }

    /// As `ip route replace default via … dev … proto dhcp metric …` would.
    pub fn default_route(&mut self, metric: u32, gateway: &str, name: &str) {
        self.must(24, NLM_F_CREATE | NLM_F_REPLACE, &Self::route_message(254, 16, metric, gateway, name));
    }

    pub fn no_default_route(&mut self, metric: u32, gateway: &str, name: &str) {
        self.must(25, 0, &Self::route_message(254, 16, metric, gateway, name));
    }

    pub fn put(&mut self, message: &RouteMessage) {
        self.must(24, NLM_F_CREATE | NLM_F_APPEND, message);
    }

    pub fn delete(&mut self, message: &RouteMessage) {
        self.must(25, 0, message);
    }

    pub fn add_rule(&mut self, message: &RuleMessage) {
        self.must(32, NLM_F_CREATE, message);
    }

    pub fn delete_rule(&mut self, message: &RuleMessage) {
        self.must(33, 0, message);
    }

    /// All rules of a family that carry our protocol.
    pub fn own_rules(&mut self, family: AddressFamily) -> Vec<RuleMessage> {
        let mut filter = RuleMessage::default();
        filter.header.family = family;
        let list = self.ask(34, NLM_F_DUMP, &filter).unwrap();
        let ours = |rule: &RuleMessage| {
            rule.attributes.iter().any(|a| matches!(a, RuleAttribute::Protocol(p) if u8::from(*p) == OWN))
        };
        list.iter().map(|bytes| RuleMessage::parse(&bytes[..]).unwrap()).filter(ours).collect()
    }

    /// Everything in a table: (metric, interface, gateway), the smallest metric first.
    pub fn table(&mut self, family: AddressFamily, table: u32) -> Vec<(u32, Option<u32>, Option<IpAddr>)> {
        let mut filter = RouteMessage::default();
        filter.header.address_family = family;
        let list = self.ask(26, NLM_F_DUMP, &filter).unwrap();
        let mut routes = Vec::new();
        for bytes in list {
            let message = RouteMessage::parse(&bytes[..]).unwrap();
            let (mut metric, mut out, mut gateway, mut id) = (0, None, None, u32::from(message.header.table));
            for attribute in &message.attributes {
                match attribute {
                    RouteAttribute::Priority(value) => metric = *value,
                    RouteAttribute::Oif(value) => out = Some(*value),
                    RouteAttribute::Table(value) => id = *value,
                    RouteAttribute::Gateway(value) => gateway = address(value),
                    _ => {}
                }
            }
            if id == table {
                routes.push((metric, out, gateway));
            }
        }
        routes.sort_unstable_by_key(|route| route.0);
        routes
    }

    /// The interface a packet to `to` leaves by.
    pub fn look_up(&mut self, to: &str, mark: u32, from: Option<&str>) -> Result<u32, i32> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(ip(to));
        let length = if ip(to).is_ipv4() { 32 } else { 128 };
        message.header.destination_prefix_length = length;
        message.attributes.push(RouteAttribute::Destination(ip(to).into()));
        if mark != 0 {
            message.attributes.push(RouteAttribute::Mark(mark));
        }
        if let Some(from) = from {
            message.header.source_prefix_length = length;
            message.attributes.push(RouteAttribute::Source(ip(from).into()));
        }
        let answer = self.ask(26, 0, &message)?;
        let message = RouteMessage::parse(&answer[0][..]).unwrap();
        let out = message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        });
        Ok(out.expect("an interface in the answer"))
    }
}

fn address(address: &rtnetlink::packet_route::route::RouteAddress) -> Option<IpAddr> {
    use rtnetlink::packet_route::route::RouteAddress;
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// Listens to what anybody changes of addresses, routes and rules.
pub fn monitor() -> Socket {
    use rtnetlink::MulticastGroup as Group;
    let mut socket = Socket::new(rtnetlink::sys::protocols::NETLINK_ROUTE).unwrap();
    socket.bind_auto().unwrap();
    socket.set_non_blocking(true).unwrap();
    let addresses = [Group::Ipv4Ifaddr, Group::Ipv6Ifaddr];
    for group in
        [Group::Ipv4Route, Group::Ipv6Route, Group::Ipv4Rule, Group::Ipv6Rule].iter().chain(&addresses)
    {
        socket.add_membership(*group as u32).unwrap();
    }
    socket
}

/// The kinds of messages that came since.
pub fn told(monitor: &Socket) -> Vec<u16> {
    messages(monitor).into_iter().map(|(kind, _)| kind).collect()
}

/// The same, of IPv4 alone: of IPv6 addresses the kernel speaks again when it is done with them.
pub fn told_of_v4(monitor: &Socket) -> Vec<u16> {
    let v4 = |(_, family): &(u16, u8)| i32::from(*family) == libc::AF_INET;
    messages(monitor).into_iter().filter(v4).map(|(kind, _)| kind).collect()
}

/// Kind and family of each message that came since.
fn messages(monitor: &Socket) -> Vec<(u16, u8)> {
    let mut all = Vec::new();
    while let Ok((datagram, _)) = monitor.recv_from_full() {
        all.push((NetlinkBuffer::new(&datagram[..]).message_type(), datagram[16]));
    }
    all
}
