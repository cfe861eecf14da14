//! One uplink: its access line, its ISP, and the ISP's line to the far end.

use super::address::{Access, LAN_V4, LAN_V6};
use super::{Indexes, UplinkPlan, far_interface, forward, learned_protocol, mark_table};
use crate::error::{Doing, LabError, Result};
use crate::namespace::Namespace;
use crate::netem::Impairment;
use crate::netlink::{End, Netlink, RouteTo};
use crate::relay::{Filter, Policy, Relay};
use crate::sys;
use shunt_decision::Timestamp;
use std::fs::File;
use std::io;
use std::net::IpAddr;

/// How an access line is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    /// One veth pair: the least latency, for measuring carrier loss. No impairments.
    Direct,
    /// Two veth pairs and a relay between them.
    Relay,
    /// A TAP interface and a relay: its carrier notices are delayed by the kernel as those of real cards are. Needs
    /// `/dev/net/tun`.
    Tap,
}

/// One uplink of the gateway.
#[derive(Debug)]
pub struct Uplink {
    name: String,
    interface: String,
    interface_index: u32,
    far_index: u32,
    access: Access,
    router: bool,
    policy: Policy,
    isp: Namespace,
    isp_index: u32,
    line: Line,
}

#[derive(Debug)]
enum Line {
    Direct,
    Relay { relay: Relay, air: Namespace, gateway_side: u32 },
    Tap { relay: Relay, tap: File },
}

const ISP_INTERFACE: &str = "access0";
const CORE_INTERFACE: &str = "core0";

impl Uplink {
    pub(super) fn build(
        plan: &UplinkPlan,
        access: Access,
        gateway: &Namespace,
        far: &Namespace,
        indexes: &mut Indexes,
        seed: u64,
    ) -> Result<Self> {
        let isp = Namespace::new(&format!("isp-{}", plan.name))?;
        forward(&isp)?;
        let interface = format!("{}0", plan.name);
        let far_index = join_far(&plan.name, access, &isp, far, indexes)?;
        let isp_index = indexes.next();
        let isp_end = End { namespace: &isp, name: ISP_INTERFACE, index: isp_index };
        let (line, interface_index) =
            lay_line(plan, &interface, gateway, &isp_end, indexes, seed ^ u64::from(access.number))?;
        let uplink = Self {
            name: plan.name.clone(),
            interface,
            interface_index,
            far_index,
            access,
            router: plan.router,
            policy: plan.policy.clone(),
            isp,
            isp_index,
            line,
        };
        uplink.address_isp()?;
        uplink.address_gateway(&mut gateway.netlink()?)?;
        Ok(uplink)
    }

    /// The link's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its interface in the gateway.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// That interface's index.
    #[must_use]
    pub const fn interface_index(&self) -> u32 {
        self.interface_index
    }

    /// The index of the interface by which its packets reach the far end: tells which way a packet came.
    #[must_use]
    pub const fn far_index(&self) -> u32 {
        self.far_index
    }

    /// The gateway's addresses on it, IPv4 and IPv6.
    #[must_use]
    pub const fn addresses(&self) -> [IpAddr; 2] {
        self.access.gateway()
    }

    /// The ISP's router, IPv4 and IPv6.
    #[must_use]
    pub const fn router(&self) -> [IpAddr; 2] {
        self.access.router()
    }

    /// The ISP.
    #[must_use]
    pub const fn isp(&self) -> &Namespace {
        &self.isp
    }

    /// Its relay, where the wiring has one.
    #[must_use]
    pub const fn relay(&self) -> Option<&Relay> {
        match &self.line {
            Line::Direct => None,
            Line::Relay { relay, .. } | Line::Tap { relay, .. } => Some(relay),
        }
    }

    /// Its relay, and the relay's interface toward the gateway, where it is one of a veth pair.
    pub(super) const fn air(&self) -> Option<(&Relay, &Namespace, u32)> {
        match &self.line {
            Line::Relay { relay, air, gateway_side } => Some((relay, air, *gateway_side)),
            Line::Direct | Line::Tap { .. } => None,
        }
    }

    /// The policy that the plan gave it: what [`Uplink::restore`] goes back to.
    #[must_use]
    pub const fn plan(&self) -> &Policy {
        &self.policy
    }

    /// Puts a policy in force; tells when it began.
    ///
    /// # Errors
    /// Without a relay.
    pub fn set(&self, policy: Policy) -> Result<Timestamp> {
        let none = || io::Error::new(io::ErrorKind::Unsupported, "it is wired without a relay");
        let relay = self.relay().ok_or_else(none).doing(|| format!("impair the uplink {}", self.name))?;
        relay.set(policy)
    }

    /// A silent black hole behind the ISP's router, which itself still answers.
    ///
    /// # Errors
    /// Without a relay.
    pub fn black_hole(&self) -> Result<Timestamp> {
        self.filter(Filter::Beyond { router: self.router().to_vec() })
    }

    /// The plan's policy with another filter.
    ///
    /// # Errors
    /// Without a relay.
    pub fn filter(&self, filter: Filter) -> Result<Timestamp> {
        self.set(self.policy.clone().with_filter(filter))
    }

    /// Has the kernel delay and lose what its ISP sends on to the far end: behind the router, which itself still answers.
    ///
    /// # Errors
    /// When the kernel has no `sch_netem`.
    pub fn impair(&self, impairment: &Impairment) -> Result<()> {
        let mut netlink = self.isp.netlink()?;
        let core = netlink.index(CORE_INTERFACE)?;
        netlink.impair(core, impairment)
    }

    /// Back to the plan's policy.
    ///
    /// # Errors
    /// Without a relay.
    pub fn restore(&self) -> Result<Timestamp> {
        self.set(self.policy.clone())
    }

    /// Pulls the cable (or plugs it in again); tells when the order was given.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_carrier(&self, up: bool) -> Result<Timestamp> {
        let now = shunt::clock::now();
        match &self.line {
            Line::Direct => {
                self.isp.netlink()?.set_link_up(self.isp_index, up)?;
                if up {
                    // Setting an interface down takes its routes with it.
                    self.address_isp()?;
                }
            }
            Line::Relay { air, gateway_side, .. } => air.netlink()?.set_link_up(*gateway_side, up)?,
            Line::Tap { tap, .. } => {
                sys::set_tap_carrier(tap, up)
                    .doing(|| format!("switch the carrier of {}", self.interface))?;
            }
        }
        Ok(now)
    }

    /// The default route that this uplink has in the gateway's `main` table, as DHCP (or an advertisement) made it.
    #[must_use]
    pub fn default_route(&self, v6: bool) -> RouteTo {
        let [v4_router, v6_router] = self.router();
        let router = if v6 { v6_router } else { v4_router };
        let mut route = RouteTo::default_via(router, self.interface_index);
        if !self.router {
            route.gateway = None;
        }
        route.metric = (u32::from(self.access.number) + 1) * 100;
        route.protocol = learned_protocol(router);
        route
    }

    /// Gives the gateway's side its addresses and the default routes in `main`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn address_gateway(&self, netlink: &mut Netlink) -> Result<()> {
        for address in self.addresses() {
            netlink.add_address(self.interface_index, address, Access::length(address))?;
        }
        netlink.put_route(&self.default_route(false))?;
        if self.router {
            netlink.put_route(&self.default_route(true))?;
        }
        Ok(())
    }

    fn address_isp(&self) -> Result<()> {
        let mut netlink = self.isp.netlink()?;
        for router in self.access.router() {
            netlink.add_address(self.isp_index, router, Access::length(router))?;
        }
        let [via_v4, via_v6] = self.access.gateway();
        let lan = [(IpAddr::V4(LAN_V4.0), LAN_V4.1, via_v4), (IpAddr::V6(LAN_V6.0), LAN_V6.1, via_v6)];
        for (prefix, length, via) in lan {
            netlink.put_route(&RouteTo::to(prefix, length, Some(via), self.isp_index))?;
        }
        if !self.router {
            // Nobody names a router on a point-to-point line; on Ethernet the ISP has to answer for all addresses.
            self.isp.set_sysctl(&format!("ipv4/conf/{ISP_INTERFACE}/proxy_arp"), "1")?;
        }
        Ok(())
    }
}

/// Joins the ISP to the far end; tells the index at the far end.
fn join_far(
    name: &str,
    access: Access,
    isp: &Namespace,
    far: &Namespace,
    indexes: &mut Indexes,
) -> Result<u32> {
    let far_name = far_interface(name);
    let near = End { namespace: isp, name: CORE_INTERFACE, index: indexes.next() };
    let there = End { namespace: far, name: &far_name, index: indexes.next() };
    let mut isp_netlink = isp.netlink()?;
    let mut far_netlink = far.netlink()?;
    isp_netlink.add_veth(&near, &there)?;
    for (core, far) in access.core().into_iter().zip(access.far()) {
        let length = if core.is_ipv4() { 24 } else { 64 };
        isp_netlink.add_address(near.index, core, length)?;
        far_netlink.add_address(there.index, far, length)?;
        isp_netlink.put_route(&RouteTo::default_via(far, near.index))?;
        let mut back = RouteTo::default_via(core, there.index);
        back.table = mark_table(access.mark());
        far_netlink.put_route(&back)?;
    }
    // Also without a mark the far end knows where the access network is.
    for (router, core) in access.router().into_iter().zip(access.core()) {
        far_netlink.put_route(&RouteTo::to(
            network_of(router),
            Access::length(router),
            Some(core),
            there.index,
        ))?;
    }
    Ok(there.index)
}

fn network_of(router: IpAddr) -> IpAddr {
    // Routers are host 1 of their network.
    match router {
        IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) - 1).into()),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) - 1).into()),
    }
}

/// Makes the access line; tells the index of the gateway's interface.
fn lay_line(
    plan: &UplinkPlan,
    interface: &str,
    gateway: &Namespace,
    isp: &End<'_>,
    indexes: &mut Indexes,
    seed: u64,
) -> Result<(Line, u32)> {
    match plan.wiring {
        Wiring::Direct => {
            let end = End { namespace: gateway, name: interface, index: indexes.next() };
            gateway.netlink()?.add_veth(&end, isp)?;
            Ok((Line::Direct, end.index))
        }
        Wiring::Relay => {
            let air = air(&plan.name)?;
            let end = End { namespace: gateway, name: interface, index: indexes.next() };
            let near = End { namespace: &air, name: "near", index: indexes.next() };
            gateway.netlink()?.add_veth(&end, &near)?;
            let (near_index, end_index) = (near.index, end.index);
            let relay_ends = [packet_end(&air, near_index)?, isp_side(&air, isp, indexes)?];
            let relay = start_relay(plan, relay_ends, seed)?;
            Ok((Line::Relay { relay, air, gateway_side: near_index }, end_index))
        }
        Wiring::Tap => {
            let air = air(&plan.name)?;
            let tap = gateway.run(|| sys::open_tap(interface))?.map_err(|source| LabError::System {
                doing: format!(
                    "make the TAP {interface} (it needs the right to open /dev/net/tun, which root has)"
                ),
                source,
            })?;
            let mut netlink = gateway.netlink()?;
            let index = netlink.index(interface)?;
            netlink.set_link_up(index, true)?;
            let relay_tap = tap.try_clone().doing(|| format!("duplicate the TAP {interface}"))?;
            let relay = start_relay(plan, [relay_tap, isp_side(&air, isp, indexes)?], seed)?;
            Ok((Line::Tap { relay, tap }, index))
        }
    }
}

fn start_relay(plan: &UplinkPlan, [gateway, isp]: [File; 2], seed: u64) -> Result<Relay> {
    Relay::start(&plan.name, gateway, isp, plan.policy.clone(), seed)
}

/// Where a relay's ends are: a namespace that itself says nothing.
fn air(name: &str) -> Result<Namespace> {
    let air = Namespace::new(&format!("air-{name}"))?;
    for scope in ["all", "default"] {
        air.set_sysctl(&format!("ipv6/conf/{scope}/disable_ipv6"), "1")?;
    }
    Ok(air)
}

/// The relay's end toward the ISP.
fn isp_side(air: &Namespace, isp: &End<'_>, indexes: &mut Indexes) -> Result<File> {
    let end = End { namespace: air, name: "far", index: indexes.next() };
    air.netlink()?.add_veth(&end, isp)?;
    packet_end(air, end.index)
}

fn packet_end(air: &Namespace, index: u32) -> Result<File> {
    air.run(|| sys::packet_socket(index))?.doing(|| format!("open a packet socket in {}", air.name()))
}
