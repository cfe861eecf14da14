//! An uplink whose line is a modem's bearer: without a bearer no packet passes, and the gateway has the addresses that
//! the modem was given.

use super::address::Access;
use super::{Lab, Uplink, learned_protocol};
use crate::error::{Doing, Result};
use crate::modem::{Addresses, Bearer, Endpoint, Network, Profile, Simulator};
use crate::namespace::Namespace;
use crate::netlink::{Netlink, RouteTo};
use crate::relay::Gate;
use std::io;
use std::net::IpAddr;

/// Who gives the gateway's interface what the modem was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// The modem serves DHCP on its interface, and the gateway has a client for it: the laboratory plays both.
    Dhcp,
    /// The agent itself; the laboratory touches neither addresses nor routes.
    Agent,
}

impl Lab {
    /// Puts a modem on the uplink `name`, which needs a relay. What the uplink had of addresses and routes is taken
    /// away; from now on it carries what the modem's bearer carries, and has a carrier while there is one.
    ///
    /// # Errors
    /// Without such an uplink or its relay, or when the system refuses something.
    pub fn modem(
        &self,
        name: &str,
        profile: Profile,
        endpoints: Vec<Endpoint>,
        addressing: Addressing,
    ) -> Result<Simulator> {
        let none = || io::Error::new(io::ErrorKind::NotFound, "there is no such uplink");
        let uplink = self.uplink(name).ok_or_else(none).doing(|| format!("put a modem on {name}"))?;
        let mut line = Line::new(uplink, &self.gateway, addressing)?;
        line.clear(uplink)?;
        line.follow(&Bearer::default())?;
        let network = Network { addresses: vec![uplink.offer()], ..Network::default() };
        let hook = Box::new(move |bearer: &Bearer| line.follow(bearer));
        Simulator::start(profile, network, endpoints, Some(hook), u64::from(uplink.interface_index()))
    }
}

impl Uplink {
    /// What its ISP gives a bearer.
    #[must_use]
    pub fn offer(&self) -> Addresses {
        let offered = |address: IpAddr| (address, Access::length(address));
        let [address, address_v6] = self.addresses().map(offered);
        let [router, router_v6] = self.router();
        Addresses {
            v4: v4(address.0).map(|v4| (v4, address.1)),
            gateway_v4: v4(router),
            v6: v6(address_v6.0).map(|v6| (v6, address_v6.1)),
            gateway_v6: v6(router_v6),
            ..Addresses::default()
        }
    }
}

const fn v4(address: IpAddr) -> Option<std::net::Ipv4Addr> {
    if let IpAddr::V4(v4) = address { Some(v4) } else { None }
}

const fn v6(address: IpAddr) -> Option<std::net::Ipv6Addr> {
    if let IpAddr::V6(v6) = address { Some(v6) } else { None }
}

/// The uplink's line as the modem has it in hand.
struct Line {
    gate: Gate,
    air: Namespace,
    air_index: u32,
    gateway: Netlink,
    interface: u32,
    metric: u32,
    addressing: Addressing,
    given: Option<Addresses>,
}

impl Line {
    fn new(uplink: &Uplink, gateway: &Namespace, addressing: Addressing) -> Result<Self> {
        let none = || io::Error::new(io::ErrorKind::Unsupported, "it is wired without a veth relay");
        let (relay, air, air_index) =
            uplink.air().ok_or_else(none).doing(|| format!("put a modem on {}", uplink.name()))?;
        Ok(Self {
            gate: relay.gate()?,
            air: air.clone(),
            air_index,
            gateway: gateway.netlink()?,
            interface: uplink.interface_index(),
            metric: uplink.default_route(false).metric,
            addressing,
            given: None,
        })
    }

    /// Takes away what the uplink was built with.
    fn clear(&mut self, uplink: &Uplink) -> Result<()> {
        self.gateway.delete_route(&uplink.default_route(false))?;
        self.gateway.delete_route(&uplink.default_route(true))?;
        for address in uplink.addresses() {
            self.gateway.delete_address(self.interface, address, Access::length(address))?;
        }
        Ok(())
    }

    /// Makes the line what the bearer is: addresses before packets, and packets before addresses go.
    fn follow(&mut self, bearer: &Bearer) -> Result<()> {
        if !bearer.passes {
            self.gate.set_open(false);
        }
        self.air.netlink()?.set_link_up(self.air_index, bearer.addresses.is_some())?;
        if self.addressing == Addressing::Dhcp && self.given != bearer.addresses {
            if let Some(old) = self.given.take() {
                self.give_up(&old)?;
            }
            if let Some(new) = &bearer.addresses {
                self.take_over(new)?;
            }
            self.given.clone_from(&bearer.addresses);
        }
        self.gate.set_open(bearer.passes);
        Ok(())
    }

    fn take_over(&mut self, new: &Addresses) -> Result<()> {
        for (address, length, router) in parts(new) {
            self.gateway.add_address(self.interface, address, length)?;
            if let Some(router) = router {
                self.gateway.put_route(&self.default_route(router))?;
            }
        }
        Ok(())
    }

    fn give_up(&mut self, old: &Addresses) -> Result<()> {
        for (address, length, router) in parts(old) {
            if let Some(router) = router {
                self.gateway.delete_route(&self.default_route(router))?;
            }
            self.gateway.delete_address(self.interface, address, length)?;
        }
        Ok(())
    }

    fn default_route(&self, router: IpAddr) -> RouteTo {
        let route = RouteTo::default_via(router, self.interface);
        RouteTo { metric: self.metric, protocol: learned_protocol(router), ..route }
    }
}

/// Each family's address, length and router.
fn parts(given: &Addresses) -> impl Iterator<Item = (IpAddr, u8, Option<IpAddr>)> {
    let v4 = given.v4.map(|(v4, length)| (v4.into(), length, given.gateway_v4.map(IpAddr::V4)));
    let v6 = given.v6.map(|(v6, length)| (v6.into(), length, given.gateway_v6.map(IpAddr::V6)));
    v4.into_iter().chain(v6)
}
