//! Where a failed link is broken, as far as can be told from this side of it.

use crate::path::Path;
use crate::{Missing, ModemState, Reason, TargetKind};
use serde::{Deserialize, Serialize};

/// The nearest thing that is known not to work; everything on this side of it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The interface, its address or its default route is missing.
    Interface,
    /// Layer 1/2: the cable, the radio, the modem in front.
    Carrier,
    /// The router at the other end of the link does not answer on the link itself (or the segment before it is broken).
    Gateway,
    /// The provider: what lies behind the gateway does not answer. On a link without a gateway: all behind the interface.
    Provider,
    /// Name resolution: all targets that fail are DNS servers, or have names that are not known, and others answer.
    Dns,
    /// Some targets, though others answer: their own networks, or the way to them.
    Target,
    /// A captive portal answers in the targets' place.
    Portal,
    /// The modem that carries the link: it has no bearer, lost its network, does not answer, or is not there.
    Modem,
}

impl Path {
    /// Where it is broken; `None` while nothing is known to be.
    pub(crate) fn fault(&self) -> Option<Fault> {
        // The interface and its carrier go with the modem.
        let modem = self.modem.is_some_and(|state| state != ModemState::Sound);
        match self.reason {
            Reason::Missing(Missing::Bearer) => Some(Fault::Modem),
            Reason::Missing(_) | Reason::NoCarrier | Reason::Silent { alive: 0, .. } if modem => {
                Some(Fault::Modem)
            }
            Reason::Missing(_) => Some(Fault::Interface),
            Reason::NoCarrier => Some(Fault::Carrier),
            Reason::Intercepted => Some(Fault::Portal),
            // Also where all targets have names that nobody tells: the resolvers are behind the provider, and a router
            // that answers "no such name" in their place may itself have lost it.
            Reason::Silent { alive: 0, .. } => {
                Some(if self.gateway_answers == Some(false) { Fault::Gateway } else { Fault::Provider })
            }
            Reason::Silent { .. } => {
                let mut silent =
                    self.targets.iter().filter(|target| !target.answers() && !target.blamed).peekable();
                // Where none is silent any more, nothing is known of names.
                let only_dns = silent.peek().is_some()
                    && silent.all(|target| target.kind == TargetKind::Dns || target.unresolved);
                Some(if only_dns { Fault::Dns } else { Fault::Target })
            }
            _ => None,
        }
    }
}
