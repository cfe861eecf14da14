//! What a modem's bearer gives, on the network interface of its link: address, largest packet, interface up. This part
//! is pure: what the modem says and what is there in, steps out.
//!
//! Nothing of it is written into `main`: addresses bring no route along (`IFA_F_NOPREFIXROUTE`), and the way out goes to
//! the learning of the paths, as another source beside `main`. All addresses are written without a network (/32, /128):
//! the prefix that a modem names is made up, nobody else is on the line, and the kernel would take an address of the same
//! network away together with the first one.

mod aside;
mod clear;
mod install;
mod kept;
mod request;

pub(crate) use clear::clear;
pub(super) use install::Slot;
pub(crate) use kept::Kept;

use super::model::{Address, Interface, Way, family_of};
use shunt_decision::{Family, PerFamily};
use shunt_recovery::facts::IpSettings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Smaller packets than any network may have are a modem's mistake (RFC 791).
const SMALLEST_V4: u32 = 576;
/// With less the kernel takes IPv6 off the interface (RFC 8200, section 5).
const SMALLEST_V6: u32 = 1_280;

/// What a bearer offers in one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) address: IpAddr,
    pub(crate) way: Way,
    /// The modem named no way out in IPv6: a router's advertisement is believed before this.
    pub(crate) guessed: bool,
}

/// What a bearer wants of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Setup {
    pub(crate) offers: PerFamily<Option<Offer>>,
    /// The largest packet, in octets.
    pub(crate) mtu: Option<u32>,
}

impl Setup {
    /// What is to be written; `None`: nothing, since the modem serves DHCP or gave no address that a packet could have.
    pub(crate) fn of(settings: &IpSettings) -> Option<Self> {
        if settings.served {
            return None;
        }
        let v4 = settings.v4.as_ref().filter(|given| is_host_v4(given.address)).map(|given| {
            let router = given.gateway.filter(|router| is_host_v4(*router) && *router != given.address);
            let way = router.map_or(Way::OnLink, |router| Way::Via(router.into()));
            Offer { address: given.address.into(), way, guessed: false }
        });
        let v6 = settings.v6.as_ref().filter(|given| is_global_v6(given.address)).map(|given| {
            let router = given.gateway.filter(|router| is_router_v6(*router) && *router != given.address);
            let way = router.map_or(Way::OnLink, |router| Way::Via(router.into()));
            Offer { address: given.address.into(), way, guessed: router.is_none() }
        });
        let smallest = if v6.is_some() { SMALLEST_V6 } else { SMALLEST_V4 };
        let mtu = settings.mtu.map(u32::from).filter(|mtu| *mtu >= SMALLEST_V4).map(|mtu| mtu.max(smallest));
        (v4.is_some() || v6.is_some()).then_some(Self { offers: PerFamily { v4, v6 }, mtu })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let PerFamily { v4, v6 } = self.offers;
        v4.into_iter().chain(v6).map(|offer| offer.address)
    }

    /// The same without a family that the kernel does not speak.
    pub(crate) fn without(mut self, family: Family) -> Self {
        *self.offers.get_mut(family) = None;
        self
    }
}

fn is_host_v4(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_broadcast())
}

/// Of a bearer the modem often knows the interface identifier only, behind `fe80::`: the rest comes by advertisement.
const fn is_global_v6(address: Ipv6Addr) -> bool {
    is_router_v6(address) && !address.is_unicast_link_local()
}

const fn is_router_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// One step, to be taken in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Mtu(u32),
    Up,
    Add(IpAddr),
    Delete(Address),
}

/// What there is of an interface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct There<'a> {
    pub(crate) interface: &'a Interface,
    /// Of all interfaces.
    pub(crate) addresses: &'a [Address],
    /// Its largest packet before we changed it; `None` where we did not.
    pub(crate) mtu_before: Option<u32>,
    /// It may be put up: an operator's "down" after that is respected.
    pub(crate) may_raise: bool,
}

/// The steps from what is there to what the bearer wants; additions come before deletions, so that an interface that gets
/// another address is never without. An address of a stranger that is the bearer's is there.
pub(crate) fn steps(wanted: Option<&Setup>, there: There<'_>, ours: impl Fn(&Address) -> bool) -> Vec<Step> {
    let There { interface, addresses, mtu_before, may_raise } = there;
    let mut steps = Vec::new();
    // Never above what the interface had, and never above what somebody else made of it.
    let base = mtu_before.unwrap_or(interface.mtu);
    let mtu = wanted.and_then(|setup| setup.mtu).map_or(base, |mtu| mtu.min(base));
    if mtu != interface.mtu {
        steps.push(Step::Mtu(mtu));
    }
    let raise = wanted.is_some() && !interface.admin_up && may_raise;
    if raise {
        steps.push(Step::Up);
    }
    let own = || addresses.iter().filter(|address| address.index == interface.index);
    let wants = |address: IpAddr| wanted.is_some_and(|setup| setup.addresses().any(|w| w == address));
    if interface.admin_up || raise {
        let missing = |address: &IpAddr| !own().any(|there| there.address == *address);
        steps.extend(wanted.iter().flat_map(|setup| setup.addresses()).filter(missing).map(Step::Add));
    }
    let stale = own().filter(|there| ours(there) && !wants(there.address));
    steps.extend(stale.cloned().map(Step::Delete));
    steps
}

/// The prefix length of an address without a network.
pub(crate) const fn whole(address: IpAddr) -> u8 {
    match family_of(address) {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

#[cfg(test)]
mod tests;
