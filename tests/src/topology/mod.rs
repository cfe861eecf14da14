//! The laboratory's network:
//!
//! ```text
//!  client ── lan ── gateway ─┬─ fiber ── [relay] ── isp-fiber ─┬─ far (targets, stream's end)
//!                            └─ lte ──── [relay] ── isp-lte ───┘
//! ```
//!
//! The relay sits on the access line, so that one policy can express everything that a gateway can meet there: a
//! router that is gone, a hole behind it, a family or a target that is dead. All addresses are of the documentation
//! ranges (RFC 5737, RFC 3849) or private.

mod address;
mod mobile;
mod uplink;

pub use address::{
    CLIENT_V4, CLIENT_V6, DNS_TARGET_V4, DNS_TARGET_V6, STREAM_TARGET_V4, TARGETS_V4, TARGETS_V6,
};
pub use mobile::Addressing;
pub use uplink::{Uplink, Wiring};

use crate::error::Result;
use crate::namespace::Namespace;
use crate::netlink::{End, Netlink, RouteTo};
use crate::nft;
use crate::relay::Policy;
use crate::responders::Responders;
use address::{Access, FREE_LAN_V4, GATEWAY_LAN_V4, GATEWAY_LAN_V6, LAN_V4, LAN_V6};
use rtnetlink::packet_route::route::RouteProtocol;
use std::net::{IpAddr, Ipv4Addr};

/// What network to build.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The gateway's uplinks, the preferred first; at most [`MAX_UPLINKS`].
    pub uplinks: Vec<UplinkPlan>,
    /// The gateway translates the client's addresses, as it would at home. Without, the ISPs route the LAN.
    pub masquerade: bool,
    /// The seed of all chance in the relays.
    pub seed: u64,
}

/// As many access networks as the address plan has room for.
pub const MAX_UPLINKS: usize = 64;

/// One uplink of the gateway.
#[derive(Debug, Clone)]
pub struct UplinkPlan {
    /// The link's name; its interface in the gateway is called the same with a `0` behind it.
    pub name: String,
    /// How it is wired.
    pub wiring: Wiring,
    /// What its relay does to begin with.
    pub policy: Policy,
    /// Whether there is a router to name; `false`: the default route is on the link, as on PPP.
    pub router: bool,
}

impl UplinkPlan {
    /// An uplink with a relay.
    #[must_use]
    pub fn relayed(name: &str, policy: Policy) -> Self {
        Self { name: name.to_owned(), wiring: Wiring::Relay, policy, router: true }
    }

    /// An uplink that is one veth pair.
    #[must_use]
    pub fn direct(name: &str) -> Self {
        Self { name: name.to_owned(), wiring: Wiring::Direct, policy: Policy::default(), router: true }
    }
}

/// A running network. It is gone when this is dropped.
#[derive(Debug)]
pub struct Lab {
    /// The user's machine in the LAN.
    pub client: Namespace,
    /// The gateway, where the agent runs.
    pub gateway: Namespace,
    /// The far end with all targets.
    pub far: Namespace,
    /// The uplinks, in the plan's order.
    pub uplinks: Vec<Uplink>,
    masquerade: bool,
    responders: Responders,
}

impl Lab {
    /// Builds the network.
    ///
    /// # Errors
    /// When the kernel refuses something.
    pub fn build(plan: &Plan) -> Result<Self> {
        let client = Namespace::new("client")?;
        let gateway = Namespace::new("gateway")?;
        let far = Namespace::new("far")?;
        forward(&gateway)?;
        let mut netlink = gateway.netlink()?;
        let mut indexes = Indexes::default();
        join_lan(&client, &gateway, &mut netlink, &mut indexes)?;
        set_up_far(&far, &plan.uplinks)?;
        let mut uplinks = Vec::new();
        for (number, uplink) in (0..).zip(&plan.uplinks) {
            let access = Access::new(number);
            uplinks.push(Uplink::build(uplink, access, &gateway, &far, &mut indexes, plan.seed)?);
        }
        if plan.masquerade {
            let interfaces: Vec<&str> = uplinks.iter().map(Uplink::interface).collect();
            nft::masquerade(&gateway, &interfaces)?;
        }
        let names: Vec<String> = plan.uplinks.iter().map(|uplink| far_interface(&uplink.name)).collect();
        nft::mark_by_interface(&far, &names)?;
        let responders = Responders::start(&far)?;
        Ok(Self { client, gateway, far, uplinks, masquerade: plan.masquerade, responders })
    }

    /// The uplink of this name.
    #[must_use]
    pub fn uplink(&self, name: &str) -> Option<&Uplink> {
        self.uplinks.iter().find(|uplink| uplink.name() == name)
    }

    /// The source that a canary needs to be answered; `None`: any, for it is translated.
    #[must_use]
    pub fn canary_source(&self) -> Option<Ipv4Addr> {
        (!self.masquerade).then_some(FREE_LAN_V4)
    }

    /// Answers that the far end's DNS and TCP responders gave.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.responders.answered()
    }
}

/// Gives every interface of a laboratory an index of its own, over all namespaces.
#[derive(Debug)]
pub(crate) struct Indexes(u32);

impl Default for Indexes {
    fn default() -> Self {
        // Above what a fresh namespace uses for `lo` and for tunnels that the kernel makes by itself.
        Self(100)
    }
}

impl Indexes {
    pub(crate) const fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

/// The far end's interface toward the ISP of the uplink `name`.
pub(crate) fn far_interface(name: &str) -> String {
    format!("{name}1")
}

/// Makes a namespace a router.
pub(crate) fn forward(namespace: &Namespace) -> Result<()> {
    namespace.set_sysctl("ipv4/ip_forward", "1")?;
    namespace.set_sysctl("ipv6/conf/all/forwarding", "1")
}

fn join_lan(
    client: &Namespace,
    gateway: &Namespace,
    gateway_netlink: &mut Netlink,
    indexes: &mut Indexes,
) -> Result<()> {
    let ours = End { namespace: gateway, name: "lan0", index: indexes.next() };
    let theirs = End { namespace: client, name: "lan0", index: indexes.next() };
    gateway_netlink.add_veth(&ours, &theirs)?;
    let mut client_netlink = client.netlink()?;
    for (netlink, index, v4, v6) in [
        (&mut *gateway_netlink, ours.index, GATEWAY_LAN_V4, GATEWAY_LAN_V6),
        (&mut client_netlink, theirs.index, CLIENT_V4, CLIENT_V6),
    ] {
        netlink.add_address(index, IpAddr::V4(v4), LAN_V4.1)?;
        netlink.add_address(index, IpAddr::V6(v6), LAN_V6.1)?;
    }
    client_netlink.put_route(&RouteTo::default_via(IpAddr::V4(GATEWAY_LAN_V4), theirs.index))?;
    client_netlink.put_route(&RouteTo::default_via(IpAddr::V6(GATEWAY_LAN_V6), theirs.index))
}

/// The far end has every target's address, and answers by the way on which it was asked: packets are marked by the
/// interface they came in by, answers bear the same mark, and each mark has a table of its own. So a reply says
/// something about the line that is probed, and nothing about another one.
fn set_up_far(far: &Namespace, uplinks: &[UplinkPlan]) -> Result<()> {
    for key in ["ipv4/fwmark_reflect", "ipv6/fwmark_reflect", "ipv4/tcp_fwmark_accept"] {
        far.set_sysctl(key, "1")?;
    }
    let mut netlink = far.netlink()?;
    let lo = netlink.index("lo")?;
    for target in TARGETS_V4.map(IpAddr::V4) {
        netlink.add_address(lo, target, 32)?;
    }
    for target in TARGETS_V6.map(IpAddr::V6) {
        netlink.add_address(lo, target, 128)?;
    }
    for (mark, _) in (1..).zip(uplinks) {
        netlink.add_mark_rule(mark_rule_priority(mark), mark, mark_table(mark))?;
    }
    Ok(())
}

const fn mark_rule_priority(mark: u32) -> u32 {
    1000 + mark
}

const fn mark_table(mark: u32) -> u32 {
    1000 + mark
}

/// Whose routes the gateway's defaults in `main` are: as DHCP and router advertisements would leave them.
pub(crate) const fn learned_protocol(address: IpAddr) -> RouteProtocol {
    if address.is_ipv4() { RouteProtocol::Dhcp } else { RouteProtocol::Ra }
}
