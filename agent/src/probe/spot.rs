//! Where a probe goes: to an address, or to that of a name.

use super::dns_wire::Question;
use super::names::{Asking, Names, Place};
use super::socket::family_of;
use shunt_config::Host;
use shunt_decision::Family;
use std::net::IpAddr;
use std::sync::Arc;

/// A host made ready for being probed.
#[derive(Debug, Clone)]
pub(super) enum Spot {
    /// There.
    Address(IpAddr),
    /// Where the name is.
    Name(Arc<str>, Family, Arc<Question>),
}

impl Spot {
    /// `None` for a name that cannot be asked for.
    pub(super) fn new(host: &Host) -> Option<Self> {
        Some(match host {
            Host::Address(address) => Self::Address(*address),
            Host::Name { name, ipv6 } => {
                let family = if *ipv6 { Family::V6 } else { Family::V4 };
                Self::Name(name.as_str().into(), family, Arc::new(Question::new(name, family)?))
            }
        })
    }

    /// The family in which it is probed.
    pub(super) const fn family(&self) -> Family {
        match self {
            Self::Address(address) => family_of(*address),
            Self::Name(_, family, _) => *family,
        }
    }

    /// Where it is, as far as is known; a name that is not (or no longer) known is looked up.
    pub(super) fn place(&self, names: &mut Names, asking: &Asking<'_>) -> Place {
        match self {
            Self::Address(address) => Place::Known(*address),
            Self::Name(name, _, question) => names.look_up(name, question, asking),
        }
    }

    /// Where it is, without asking anybody.
    pub(super) fn known(&self, names: &Names) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(name, ..) => names.known(name),
        }
    }
}
