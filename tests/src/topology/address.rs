//! The address plan.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The LAN behind the gateway.
pub(crate) const LAN_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(192, 168, 77, 0), 24);
/// The LAN behind the gateway.
pub(crate) const LAN_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0), 64);
/// The gateway in its LAN.
pub(crate) const GATEWAY_LAN_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);
/// The gateway in its LAN.
pub(crate) const GATEWAY_LAN_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1);
/// The client.
pub const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 2);
/// The client.
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 2);
/// An address of the LAN that nobody has: the canary's, where nothing translates addresses.
pub(crate) const FREE_LAN_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 254);

/// What can be probed at the far end: ICMP everywhere, TCP ports 80 and 443 everywhere, DNS at the last.
pub const TARGETS_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2), DNS_TARGET_V4];
/// The same targets over IPv6.
pub const TARGETS_V6: [Ipv6Addr; 3] = [far_v6(1), far_v6(2), DNS_TARGET_V6];
/// The far end's name server.
pub const DNS_TARGET_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
/// The far end's name server.
pub const DNS_TARGET_V6: Ipv6Addr = far_v6(0x53);
/// Where the client's stream goes: not one of the addresses that a test makes vanish.
pub const STREAM_TARGET_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

const fn far_v6(host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host)
}

/// One access network, and the ISP's way to the far end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Its place in the plan, from 0.
    pub(crate) number: u8,
}

impl Access {
    pub(crate) const fn new(number: u8) -> Self {
        Self { number }
    }

    /// The second access network is of another range, so that a human tells them apart; the rest fill up the first.
    const fn v4(self, host: u8) -> Ipv4Addr {
        match self.number {
            1 => Ipv4Addr::new(198, 51, 100, host),
            n => Ipv4Addr::new(192, 0, 2, (n % 64) * 4 + host),
        }
    }

    const fn v6(self, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0x100 + self.number as u16, 0, 0, 0, 0, host)
    }

    /// Prefix lengths of the access networks.
    pub(crate) const fn length(address: IpAddr) -> u8 {
        if address.is_ipv4() { 30 } else { 64 }
    }

    /// The ISP's router, as the gateway sees it.
    pub(crate) const fn router(self) -> [IpAddr; 2] {
        [IpAddr::V4(self.v4(1)), IpAddr::V6(self.v6(1))]
    }

    /// The gateway on this network.
    pub(crate) const fn gateway(self) -> [IpAddr; 2] {
        [IpAddr::V4(self.v4(2)), IpAddr::V6(self.v6(2))]
    }

    /// The ISP's end of its line to the far end.
    pub(crate) const fn core(self) -> [IpAddr; 2] {
        [IpAddr::V4(Ipv4Addr::new(100, 64, self.number, 1)), IpAddr::V6(self.core_v6(1))]
    }

    /// The far end of that line.
    pub(crate) const fn far(self) -> [IpAddr; 2] {
        [IpAddr::V4(Ipv4Addr::new(100, 64, self.number, 2)), IpAddr::V6(self.core_v6(2))]
    }

    const fn core_v6(self, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0x200 + self.number as u16, 0, 0, 0, 0, host)
    }

    /// The mark that the far end gives to what comes by this ISP.
    pub(crate) fn mark(self) -> u32 {
        u32::from(self.number) + 1
    }
}
