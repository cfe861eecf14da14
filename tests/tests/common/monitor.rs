//! What changes in the gateway's routes and rules, and what they are: as `ip monitor` and `ip route` would show it.

use super::DEADLINE;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use shunt_lab::{Lab, Namespace};
use std::time::Instant;

/// The tables that the agent owns: the uplink table, and one for each link.
const TABLES: std::ops::Range<u32> = 21_000..21_128;
/// The uplink table.
pub(crate) const UPLINK_TABLE: u32 = 21_000;
/// The rule priorities that it owns.
const PRIORITIES: std::ops::Range<u32> = 20_000..21_000;
/// The priority of the rule to the uplink table.
pub(crate) const UPLINK_RULE: u32 = 20_600;

/// Listens to changes of routes and rules.
pub(crate) struct Monitor(Socket);

impl Monitor {
    /// Hears everything from now on.
    pub(crate) fn start(namespace: &Namespace) -> Self {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
            socket.set_non_blocking(true).unwrap();
            socket.bind(&SocketAddr::new(0, 0)).unwrap();
            for group in [
                MulticastGroup::Ipv4Route,
                MulticastGroup::Ipv6Route,
                MulticastGroup::Ipv4Rule,
                MulticastGroup::Ipv6Rule,
            ] {
                socket.add_membership(group as u32).unwrap();
            }
            socket
        };
        Self(namespace.run(open).unwrap())
    }

    /// The changes so far that concern forwarding by the uplinks: rules, the agent's tables, and default routes.
    pub(crate) fn changes(&mut self) -> Vec<Message> {
        let mut changes = Vec::new();
        loop {
            let mut bytes = Vec::with_capacity(65_536);
            match self.0.recv(&mut bytes, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return changes,
                Err(error) => panic!("the monitor lost count: {error}"),
            }
            let message = NetlinkMessage::<Message>::deserialize(&bytes).unwrap();
            if let NetlinkPayload::InnerMessage(change) = message.payload {
                let concerns = match &change {
                    Message::NewRoute(route) | Message::DelRoute(route) => {
                        TABLES.contains(&table(route)) || route.header.destination_prefix_length == 0
                    }
                    _ => true,
                };
                changes.extend(concerns.then_some(change));
            }
        }
    }
}

/// The routes in the agent's tables, in the order of table and metric, without what only counts or ages.
pub(crate) fn routes(lab: &Lab) -> Vec<RouteMessage> {
    let mut routes = lab.gateway.netlink().unwrap().routes().unwrap();
    routes.retain(|route| TABLES.contains(&table(route)));
    tidy(&mut routes);
    routes
}

/// All routes that somebody put there, without what only counts or ages. The kernel adds its own for each address,
/// those of IPv6 when it finds the time.
pub(crate) fn all_routes(lab: &Lab) -> Vec<RouteMessage> {
    let mut routes = lab.gateway.netlink().unwrap().routes().unwrap();
    routes.retain(|route| route.header.protocol != RouteProtocol::Kernel);
    tidy(&mut routes);
    routes
}

/// The rules of the agent's priorities, in the kernel's order.
pub(crate) fn rules(lab: &Lab) -> Vec<RuleMessage> {
    let mut rules = lab.gateway.netlink().unwrap().rules().unwrap();
    rules.retain(|rule| PRIORITIES.contains(&priority(rule)));
    rules
}

/// The router, or `None`, and the interface of the best route of the uplink table.
pub(crate) fn best_uplink(lab: &Lab) -> Option<(Option<std::net::IpAddr>, u32)> {
    use rtnetlink::packet_route::route::RouteAddress;
    let routes = routes(lab);
    let best = routes.iter().find(|route| {
        table(route) == UPLINK_TABLE
            && route.header.address_family == rtnetlink::packet_route::AddressFamily::Inet
    })?;
    let gateway = best.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(router)) => Some((*router).into()),
        _ => None,
    });
    let interface = best.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })?;
    Some((gateway, interface))
}

/// The table of a route.
pub(crate) fn table(route: &RouteMessage) -> u32 {
    let wide = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    wide.unwrap_or(u32::from(route.header.table))
}

/// The priority of a rule.
pub(crate) fn priority(rule: &RuleMessage) -> u32 {
    let named = rule.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    named.unwrap_or(0)
}

/// Waits for what no event of the agent announces, because it is in the kernel.
pub(crate) fn wait_until(awaited: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < DEADLINE, "{awaited} did not come about within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

fn tidy(routes: &mut [RouteMessage]) {
    for route in routes.iter_mut() {
        route.attributes.retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_)));
    }
    routes.sort_by_cached_key(|route| {
        let family = u8::from(route.header.address_family);
        (table(route), family, metric(route), format!("{route:?}"))
    });
}

fn metric(route: &RouteMessage) -> u32 {
    let metric = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    metric.unwrap_or(0)
}
