//! What is known of the kernel's world: interfaces, addresses, default routes of others. Plain data, no I/O.

use shunt_decision::Family;
use std::net::IpAddr;

/// The family of an address.
pub(crate) const fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) admin_up: bool,
    /// Layer 1/2 carries, by the driver's live word.
    pub(crate) carrier: bool,
    pub(crate) point_to_point: bool,
    /// The largest packet, in octets.
    pub(crate) mtu: u32,
    /// What went through it, where the kernel told.
    pub(crate) traffic: Option<Traffic>,
}

/// Packets that went through an interface since it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Towards us.
    pub received: u64,
    /// Away from us.
    pub sent: u64,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) index: u32,
    pub(crate) address: IpAddr,
    /// Valid beyond the link.
    pub(crate) global: bool,
    /// Not the first choice: a v4 secondary, a v6 temporary address.
    pub(crate) secondary: bool,
    pub(crate) deprecated: bool,
    /// Not yet, or not at all, usable: duplicate address detection runs or failed.
    pub(crate) tentative: bool,
    pub(crate) prefix: u8,
    /// Who put it there (`IFA_PROTO`), where the kernel knows: since 5.18.
    pub(crate) protocol: Option<u8>,
}

impl Address {
    /// A packet may leave with it as its source.
    pub(crate) const fn usable(&self) -> bool {
        self.global && !self.tentative
    }

    /// Order of choice, the smallest first.
    fn reluctance(&self) -> (bool, bool, bool) {
        (self.deprecated, self.is_local(), self.secondary)
    }

    /// A unique local v6 address (RFC 4193) reaches no far end by itself.
    const fn is_local(&self) -> bool {
        match self.address {
            IpAddr::V6(address) => address.is_unique_local(),
            IpAddr::V4(_) => false,
        }
    }
}

/// The address that packets of `family` leave the interface with: the one that the default route prefers, else
/// the first primary one of global scope; deprecated ones only when there is nothing else.
pub(crate) fn choose(
    addresses: &[Address],
    index: u32,
    family: Family,
    preferred: Option<IpAddr>,
) -> Option<IpAddr> {
    let usable =
        || addresses.iter().filter(|a| a.index == index && family_of(a.address) == family && a.usable());
    usable()
        .find(|a| Some(a.address) == preferred)
        .or_else(|| usable().min_by_key(|a| a.reluctance()))
        .map(|a| a.address)
}

/// How packets get from the interface to the rest of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// By a router.
    Via(IpAddr),
    /// The interface itself leads there.
    OnLink,
}

impl Way {
    /// The router, if there is one.
    pub(crate) const fn router(self) -> Option<IpAddr> {
        match self {
            Self::Via(router) => Some(router),
            Self::OnLink => None,
        }
    }
}

/// One next hop of a default route that somebody else put into `main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefaultRoute {
    pub(crate) family: Family,
    pub(crate) metric: u32,
    pub(crate) index: u32,
    pub(crate) way: Way,
    pub(crate) source: Option<IpAddr>,
}

/// Everything that was read of others' doings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct World {
    /// By the link's place in the configuration; `None`: no interface of that name exists.
    pub(crate) interfaces: Vec<Option<Interface>>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) defaults: Vec<DefaultRoute>,
}

impl World {
    pub(crate) fn new(links: usize) -> Self {
        Self { interfaces: vec![None; links], ..Self::default() }
    }

    /// Takes in what the kernel says of one interface; the places that changed, with what was there before.
    pub(crate) fn interface(
        &mut self,
        names: &[String],
        said: &Interface,
        gone: bool,
    ) -> Vec<(usize, Option<Interface>)> {
        let mut changed = Vec::new();
        for (place, (slot, name)) in self.interfaces.iter_mut().zip(names).enumerate() {
            let named = !gone && said.name == *name;
            let held = slot.as_ref().is_some_and(|held| held.index == said.index);
            // A notice of another interface of that name cannot be older than the one held: names are unique.
            let next = match (named, held) {
                (true, _) => Some(Interface { traffic: None, ..said.clone() }),
                (false, true) => None,
                (false, false) => continue,
            };
            if *slot != next {
                changed.push((place, std::mem::replace(slot, next)));
            }
        }
        changed
    }

    /// Whether some link's interface has that index.
    pub(crate) fn knows(&self, index: u32) -> bool {
        self.interfaces.iter().flatten().any(|interface| interface.index == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(index: u32, name: &str) -> Interface {
        Interface {
            index,
            name: name.to_owned(),
            admin_up: true,
            carrier: true,
            point_to_point: false,
            mtu: 1_500,
            traffic: None,
        }
    }

    fn address(text: &str) -> Address {
        Address {
            index: 2,
            address: text.parse().unwrap(),
            global: true,
            secondary: false,
            deprecated: false,
            tentative: false,
            prefix: 64,
            protocol: None,
        }
    }

    #[test]
    fn a_renamed_interface_leaves_its_link_and_may_come_to_another() {
        let names = ["wan0".to_owned(), "wan1".to_owned()];
        let mut world = World::new(2);
        assert_eq!(world.interface(&names, &interface(7, "eth5"), false), []);
        assert_eq!(world.interface(&names, &interface(7, "wan0"), false), [(0, None)]);
        assert_eq!(world.interface(&names, &interface(7, "wan0"), false), []);
        let changed = world.interface(&names, &interface(7, "wan1"), false);
        assert_eq!(changed.len(), 2);
        assert_eq!(world.interfaces[0], None);
        assert!(world.knows(7));
        assert_eq!(world.interface(&names, &interface(7, "wan1"), true).len(), 1);
        assert!(!world.knows(7));
    }

    #[test]
    fn the_address_of_the_default_route_comes_first_then_the_first_primary() {
        let deprecated = Address { deprecated: true, ..address("2001:db8::9") };
        let tentative = Address { tentative: true, ..address("2001:db8::8") };
        let temporary = Address { secondary: true, ..address("2001:db8::7") };
        let link_local = Address { global: false, ..address("fe80::1") };
        let local = address("fd00::1");
        let plain = address("2001:db8::1");
        let all = [
            link_local.clone(),
            tentative.clone(),
            deprecated.clone(),
            local,
            temporary.clone(),
            plain.clone(),
            address("192.0.2.1"),
        ];
        let pick = |list: &[Address], preferred: Option<&Address>| {
            choose(list, 2, Family::V6, preferred.map(|a| a.address))
        };
        assert_eq!(pick(&all, None), Some(plain.address));
        assert_eq!(pick(&all, Some(&temporary)), Some(temporary.address));
        assert_eq!(pick(&all, Some(&tentative)), Some(plain.address));
        assert_eq!(pick(&[link_local, deprecated.clone()], None), Some(deprecated.address));
        assert_eq!(pick(&[tentative], None), None);
        assert_eq!(choose(&all, 3, Family::V6, None), None);
    }
}
