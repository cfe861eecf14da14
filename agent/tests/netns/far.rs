//! A second network namespace, `far`, that answers, and links to it from the test's own.

use super::unshare;
use super::wire::{Wire, index};
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMetric, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use shunt::netlink::Binding;
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{self, Sender};
use std::thread;

/// Addresses that every link leads to.
pub const TARGET_V4: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
pub const TARGET_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 9);

/// Writes a sysctl of the calling thread's namespace.
pub fn sysctl(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{name}"), value).unwrap_or_else(|error| panic!("{name}: {error}"));
}

pub fn set_up(name: &str, up: bool) {
    let mut wire = Wire::open();
    if up { wire.up(name) } else { wire.down(name) }
}

pub fn add_address(name: &str, address: IpAddr, prefix: u8) {
    Wire::open().address(name, &address.to_string(), prefix);
}

type Job = Box<dyn FnOnce() + Send>;

/// The far namespace: a thread that lives in it.
pub struct Far {
    jobs: Sender<Job>,
    namespace: File,
}

impl Far {
    pub fn new() -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, opened) = mpsc::channel();
        thread::spawn(move || {
            unshare(libc::CLONE_NEWNET).unwrap();
            set_up("lo", true);
            add_address("lo", TARGET_V4.into(), 32);
            add_address("lo", TARGET_V6.into(), 128);
            ready.send(File::open("/proc/thread-self/ns/net").unwrap()).unwrap();
            for job in queue {
                job();
            }
        });
        Self { jobs, namespace: opened.recv().unwrap() }
    }

    /// A socket that sees every packet of the far side, from the IP header on.
    pub fn tap(&self) -> Socket {
        self.run(|| {
            let every = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(every)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        })
    }

    /// Does something in the far namespace and waits for it.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        self.jobs.send(Box::new(move || drop(done.send(work())))).unwrap();
        result.recv().expect("the far side's work")
    }

    /// The namespace itself, for a thread that wants to enter it.
    pub fn descriptor(&self) -> RawFd {
        self.namespace.as_raw_fd()
    }

    /// Link number `n` (from 1): `w<n>` here with 10.0.n.1, `f<n>` there with 10.0.n.2, a table of its own for its mark.
    pub fn link(&self, n: u8) {
        let (near, far) = (format!("w{n}"), format!("f{n}"));
        Wire::open().veth_into(&near, &far, self.namespace.as_raw_fd());
        let [here, there, here6, there6] = addresses(n);
        let peer = far.clone();
        self.run(move || {
            set_up(&peer, true);
            add_address(&peer, there, 24);
            add_address(&peer, there6, 64);
        });
        set_up(&near, true);
        add_address(&near, here, 24);
        add_address(&near, here6, 64);
        table(n, n);
        let peer = far.clone();
        self.run(move || Wire::open().wait_until_up(&peer));
        Wire::open().wait_until_up(&near);
    }
}

/// This side's and the far side's addresses of a link, in both families.
pub fn addresses(n: u8) -> [IpAddr; 4] {
    let v4 = |end| Ipv4Addr::new(10, 0, n, end).into();
    let v6 = |end| Ipv6Addr::new(0xfd00, u16::from(n) + 0x100, 0, 0, 0, 0, 0, end).into();
    [v4(1), v4(2), v6(1), v6(2)]
}

/// The mark of a link.
pub fn mark(n: u8) -> u32 {
    u32::from(n) << 8
}

/// What probes of a link are bound to.
pub fn binding(n: u8, v6: bool) -> Binding {
    let interface = format!("w{n}");
    let [v4_source, v4_router, v6_source, v6_router] = addresses(n);
    let (source, router) = if v6 { (v6_source, v6_router) } else { (v4_source, v4_router) };
    Binding { index: index(&interface), interface, source, router: Some(router), mark: mark(n) }
}

/// Hop limit of the routes in a table, by which a packet shows which table it was routed by.
pub const fn hops(n: u8) -> u8 {
    100 + n
}

/// A table for mark `n`: defaults by link `by`, and `unreachable` beneath them.
pub fn table(n: u8, by: u8) {
    let table = 1_000 + u32::from(n);
    let out = index(&format!("w{by}"));
    let [_, there, _, there6] = addresses(by);
    let (IpAddr::V4(there), IpAddr::V6(there6)) = (there, there6) else { panic!() };
    let nothing = RouteType::Unreachable;
    let v4 = || RouteMessageBuilder::<Ipv4Addr>::new().table_id(table);
    let v6 = || RouteMessageBuilder::<Ipv6Addr>::new().table_id(table);
    let mut best4 = v4().output_interface(out).gateway(there).priority(1).build();
    let mut best6 = v6().output_interface(out).gateway(there6).priority(1).build();
    for best in [&mut best4, &mut best6] {
        let hops = vec![RouteMetric::Hoplimit(hops(n).into())];
        best.attributes.push(RouteAttribute::Metrics(hops));
    }
    let mut wire = Wire::open();
    for route in [v4().kind(nothing).priority(9_999).build(), best4] {
        wire.put(&route);
    }
    for route in [v6().kind(nothing).priority(9_999).build(), best6] {
        wire.put(&route);
    }
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut rule = RuleMessage::default();
        rule.header.family = family;
        rule.header.action = RuleAction::ToTable;
        rule.attributes.push(RuleAttribute::Table(table));
        rule.attributes.push(RuleAttribute::FwMark(mark(n)));
        rule.attributes.push(RuleAttribute::Priority(100 + u32::from(n)));
        wire.add_rule(&rule);
    }
}

/// A route in `main`.
pub fn main_route(to: Ipv4Addr, prefix: u8, via: IpAddr) {
    let IpAddr::V4(via) = via else { panic!() };
    let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(to, prefix).gateway(via).build();
    Wire::open().put(&route);
}
