//! The bearer and what the host's interface needs for it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use serde::{Deserialize, Serialize};

/// One address of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// IPv4.
    pub v4: Option<Ipv4Addr>,
    /// IPv6; of a bearer often only the interface identifier, behind `fe80::`.
    pub v6: Option<Ipv6Addr>,
}

impl Addresses {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// Whether a host with these addresses can use a bearer with `bearer`'s. The IPv4 address must be the same
    /// where the bearer has one. The IPv6 address of a bearer is a mere hint (the prefix comes by router
    /// advertisement), so any will do. A bearer that tells no address is served by any address.
    #[must_use]
    pub fn serve(&self, bearer: &Self) -> bool {
        match (bearer.v4, bearer.v6) {
            (Some(v4), Some(_)) => self.v4.map_or(self.v6.is_some(), |own| own == v4),
            (Some(v4), None) => self.v4 == Some(v4),
            (None, Some(_)) => self.v6.is_some(),
            (None, None) => !self.is_empty(),
        }
    }
}

/// The bearer that carries the link's data, as the modem has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bearer {
    /// Whether it is active (`+CGACT`).
    pub active: bool,
    /// Its addresses (`+CGPADDR`, `+CGCONTRDP`); none where the modem does not tell or hides them behind a NAT
    /// of its own.
    pub addresses: Addresses,
}

/// IPv4 for the host's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V4Settings {
    /// The address.
    pub address: Ipv4Addr,
    /// Its prefix length; 32 where the modem names none.
    pub prefix: u8,
    /// The gateway; `None`: the default route is on-link.
    pub gateway: Option<Ipv4Addr>,
}

/// IPv6 for the host's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V6Settings {
    /// The address or the interface identifier.
    pub address: Ipv6Addr,
    /// Its prefix length.
    pub prefix: u8,
    /// The gateway; `None`: by router advertisement, or on-link.
    pub gateway: Option<Ipv6Addr>,
}

/// How the host's interface is to be set for the bearer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IpSettings {
    /// IPv4 as the modem gives it; `None`: there is none, or DHCP serves it.
    pub v4: Option<V4Settings>,
    /// IPv6 as the modem gives it; `None`: there is none, or router advertisement serves it.
    pub v6: Option<V6Settings>,
    /// The modem serves DHCP (and router advertisements) itself: the interface is left to the host's own client.
    pub served: bool,
    /// Resolvers, as the network gave them.
    pub dns: Vec<IpAddr>,
    /// The largest packet, in octets.
    pub mtu: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(v4: Option<u8>, v6: bool) -> Addresses {
        Addresses { v4: v4.map(|n| Ipv4Addr::new(10, 0, 0, n)), v6: v6.then_some(Ipv6Addr::LOCALHOST) }
    }

    #[test]
    fn a_host_serves_a_bearer_that_has_its_address() {
        for (host, bearer, serves) in [
            (addresses(Some(1), false), addresses(Some(1), false), true),
            (addresses(Some(1), true), addresses(Some(2), false), false),
            (addresses(Some(1), false), addresses(Some(2), true), false),
            (addresses(None, true), addresses(Some(2), true), true),
            (addresses(None, true), addresses(None, true), true),
            (addresses(None, false), addresses(None, true), false),
            (addresses(Some(9), false), addresses(None, false), true),
            (addresses(None, false), addresses(None, false), false),
        ] {
            assert_eq!(host.serve(&bearer), serves, "{host:?} for {bearer:?}");
        }
    }
}
