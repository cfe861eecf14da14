//! IP addresses in the ways modems write them, and the configuration that is made of them.
//!
//! 3GPP TS 27.007 (10.1.23, `+CGCONTRDP`): numbers between dots, 4 for IPv4 and 16 for IPv6, twice as many with the
//! mask behind the address; after `+CGPIAF` IPv6 comes in colons, with a blank or a slash before its prefix.

use shunt_recovery::facts::{Addresses, IpSettings, V4Settings, V6Settings};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// DNS servers that are kept. Networks give two of each family.
const MAX_DNS: usize = 6;

/// The smallest MTU that is believed: what every IPv4 host must take (RFC 791).
const MIN_MTU: u64 = 576;
/// The largest: modems' interfaces are Ethernets or raw IP, with jumbo frames at most.
const MAX_MTU: u64 = 9_216;

/// An address with what came along: `10.1.2.3` or `10.1.2.3.255.255.255.0` or `2001:db8::1/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) address: IpAddr,
    pub(super) prefix: Option<u8>,
}

/// What lines told of a bearer's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct IpConfig {
    v4: Family<Ipv4Addr>,
    v6: Family<Ipv6Addr>,
    dns: Vec<IpAddr>,
    mtu: Option<u16>,
}

/// One family of it. A prefix belongs to its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Family<A> {
    address: Option<A>,
    prefix: Option<u8>,
    gateway: Option<A>,
}

impl<A> Default for Family<A> {
    fn default() -> Self {
        Self { address: None, prefix: None, gateway: None }
    }
}

impl<A: Copy + PartialEq> Family<A> {
    fn set(&mut self, address: A, prefix: Option<u8>) {
        if self.address.is_none() {
            self.address = Some(address);
        }
        if self.address == Some(address) {
            self.prefix = self.prefix.or(prefix);
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some(address) = other.address {
            self.set(address, other.prefix);
        }
        self.gateway = self.gateway.or(other.gateway);
    }
}

impl IpConfig {
    /// The addresses alone.
    pub(super) fn addresses(&self) -> Addresses {
        Addresses { v4: self.v4.address, v6: self.v6.address }
    }

    /// What the host's interface is to be set to, if there is an address. Without a prefix, IPv4 is point-to-point, and
    /// IPv6 has the 64 bits that each bearer gets (3GPP TS 23.401, 5.3.1.2.2).
    pub(super) fn settings(&self) -> Option<IpSettings> {
        let v4 = self.v4.address.map(|address| V4Settings {
            address,
            prefix: self.v4.prefix.unwrap_or(32),
            gateway: self.v4.gateway,
        });
        let v6 = self.v6.address.map(|address| V6Settings {
            address,
            prefix: self.v6.prefix.unwrap_or(64),
            gateway: self.v6.gateway,
        });
        if v4.is_none() && v6.is_none() {
            return None;
        }
        Some(IpSettings { v4, v6, served: false, dns: self.dns.clone(), mtu: self.mtu })
    }

    pub(super) fn put_address(&mut self, written: Written) {
        match written.address {
            IpAddr::V4(address) => self.v4.set(address, written.prefix),
            IpAddr::V6(address) => self.v6.set(address, written.prefix),
        }
    }

    pub(super) fn put_mask(&mut self, text: &str) {
        if self.v4.address.is_some() && self.v4.prefix.is_none() {
            self.v4.prefix = dotted(text).and_then(|bytes| mask_length(&bytes));
        }
    }

    pub(super) fn put_gateway(&mut self, gateway: IpAddr) {
        match gateway {
            IpAddr::V4(gateway) => self.v4.gateway = self.v4.gateway.or(Some(gateway)),
            IpAddr::V6(gateway) => self.v6.gateway = self.v6.gateway.or(Some(gateway)),
        }
    }

    pub(super) fn put_dns(&mut self, server: IpAddr) {
        if self.dns.len() < MAX_DNS && !self.dns.contains(&server) {
            self.dns.push(server);
        }
    }

    /// The largest packet; a number that makes no sense is left out.
    pub(super) fn put_mtu(&mut self, bytes: u64) {
        if (MIN_MTU..=MAX_MTU).contains(&bytes) {
            self.mtu = self.mtu.or(u16::try_from(bytes).ok());
        }
    }

    /// Takes from `other` what is not known yet.
    pub(super) fn merge(&mut self, other: Self) {
        self.v4.merge(other.v4);
        self.v6.merge(other.v6);
        self.mtu = self.mtu.or(other.mtu);
        for server in other.dns {
            self.put_dns(server);
        }
    }
}

/// The numbers between the dots, if there are 4, 8, 16 or 32 and each is a byte.
pub(super) fn dotted(text: &str) -> Option<Vec<u8>> {
    /// An IPv6 address and its mask.
    const MOST: usize = 32;
    let mut bytes = Vec::new();
    for part in text.split('.') {
        let plain = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || bytes.len() == MOST {
            return None;
        }
        bytes.push(part.parse().ok()?);
    }
    matches!(bytes.len(), 4 | 8 | 16 | MOST).then_some(bytes)
}

/// How many leading ones a mask has, if nothing but zeroes follows them.
pub(super) fn mask_length(mask: &[u8]) -> Option<u8> {
    let ones: u32 = mask.iter().map(|byte| byte.leading_ones()).sum();
    let first = mask.iter().map(|byte| byte.leading_ones()).take_while(|ones| *ones == 8).count();
    let rest = mask.get(first..).unwrap_or_default();
    let contiguous = rest.iter().enumerate().all(|(at, byte)| {
        if at == 0 { byte.leading_ones() + byte.trailing_zeros() >= 8 } else { *byte == 0 }
    });
    if contiguous { u8::try_from(ones).ok() } else { None }
}

/// An address that means something: not the unspecified one, which says "none".
pub(super) fn known(address: IpAddr) -> Option<IpAddr> {
    (!address.is_unspecified()).then_some(address)
}

/// An address in any of the ways.
pub(super) fn read(text: &str) -> Option<Written> {
    if text.contains(':') {
        let (address, prefix) = match text.split_once(['/', ' ']) {
            Some((address, prefix)) => (address, prefix.trim().parse().ok().filter(|bits| *bits <= 128)),
            None => (text, None),
        };
        let address = known(IpAddr::V6(address.trim().parse().ok()?))?;
        return Some(Written { address, prefix });
    }
    let bytes = dotted(text)?;
    let half = match bytes.len() {
        8 => 4,
        32 => 16,
        whole => whole,
    };
    let (address, mask) = bytes.split_at_checked(half)?;
    let address = match half {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
    };
    // A mask of zeroes tells nothing: some modems send it for "unknown".
    let prefix = if mask.is_empty() { None } else { mask_length(mask).filter(|bits| *bits > 0) };
    Some(Written { address: known(address)?, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<(String, Option<u8>)> {
        read(text).map(|written| (written.address.to_string(), written.prefix))
    }

    #[test]
    fn an_address_is_read_in_every_way_of_writing() {
        for (text, address, prefix) in [
            ("10.1.2.3", "10.1.2.3", None),
            ("2.197.17.49.255.255.255.255", "2.197.17.49", Some(32)),
            ("10.1.2.3.255.255.255.248", "10.1.2.3", Some(29)),
            ("10.1.2.3.0.0.0.0", "10.1.2.3", None),
            ("10.1.2.3.255.0.255.0", "10.1.2.3", None),
            ("253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.9", "fd00:976a::9", None),
            ("2001::1:200:FF:FE00:0/64", "2001::1:200:ff:fe00:0", Some(64)),
            ("2607:FB90:B59A:02C1:0AD3:1B57:4FD4:21F4", "2607:fb90:b59a:2c1:ad3:1b57:4fd4:21f4", None),
        ] {
            assert_eq!(written(text), Some((address.to_owned(), prefix)), "{text}");
        }
        let masked = ["32.1.13.184", &".0".repeat(12), &".255".repeat(8), &".0".repeat(8)].concat();
        assert_eq!(written(&masked), Some(("2001:db8::".to_owned(), Some(64))));
        for text in
            ["", "0.0.0.0", "::", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.-4", "1..2.3", "::/0 x", ":"]
        {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn a_mask_has_its_ones_in_front() {
        assert_eq!(mask_length(&[255, 255, 255, 0]), Some(24));
        assert_eq!(mask_length(&[255, 255, 255, 255]), Some(32));
        assert_eq!(mask_length(&[0, 0, 0, 0]), Some(0));
        assert_eq!(mask_length(&[255, 254, 0, 0]), Some(15));
        assert_eq!(mask_length(&[0, 255, 255, 255]), None);
        assert_eq!(mask_length(&[255, 0, 255, 0]), None);
        assert_eq!(mask_length(&[255, 253, 0, 0]), None);
        assert_eq!(mask_length(&[254, 0, 0, 1]), None);
    }

    #[test]
    fn only_a_sensible_mtu_is_taken() {
        let mut config = IpConfig::default();
        for bytes in [0, 68, 65_535, 70_000] {
            config.put_mtu(bytes);
        }
        assert_eq!(config.mtu, None);
        config.put_mtu(1_430);
        assert_eq!(config.mtu, Some(1_430));
    }
}
