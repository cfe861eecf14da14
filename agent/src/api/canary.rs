//! How a new path is proved, for the status: an operator must see that a proof is weaker than it could be.

use super::types::{CanaryKind, CanaryStatus, Families};
use crate::probe::{Canary, LocalBecause, ProbeError};
use shunt_decision::{Family, Snapshot};
use std::io;

/// How the canaries of each family go; nothing for a family that no link has targets of.
#[must_use]
pub fn canary(canary: &Canary, snapshot: &Snapshot) -> Families<Option<CanaryStatus>> {
    let of = |family| {
        let managed = snapshot.links.iter().any(|link| link.paths.get(family).is_some());
        managed.then(|| canary_status(canary.local_because(family)))
    };
    Families { v4: of(Family::V4), v6: of(Family::V6) }
}

fn canary_status(local: Option<LocalBecause<'_>>) -> CanaryStatus {
    let kind = if local.is_some() { CanaryKind::Local } else { CanaryKind::Forwarded };
    CanaryStatus { kind, reason: local.map(why) }
}

/// A phrase without a capital or a full stop; the mend is in the warnings.
fn why(local: LocalBecause<'_>) -> String {
    match local {
        LocalBecause::Ipv6 => "IPv6 has no other".into(),
        LocalBecause::SwitchedOff => "switched off by [canary] enabled = false".into(),
        LocalBecause::Failed(ProbeError::Tun { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            "/dev/net/tun is missing".into()
        }
        LocalBecause::Failed(ProbeError::Tun { interface, source }) => {
            format!("{interface} cannot be made: {source}")
        }
        LocalBecause::Failed(ProbeError::CanaryRoute { interface, address, source }) => {
            format!("{address} cannot be routed to {interface}: {source}")
        }
        LocalBecause::Failed(other) => format!("failed to {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_named() {
        let tun = |kind: io::ErrorKind| ProbeError::Tun { interface: "shunt0".into(), source: kind.into() };
        let (missing, denied) = (tun(io::ErrorKind::NotFound), tun(io::ErrorKind::PermissionDenied));
        let route = ProbeError::CanaryRoute {
            interface: "shunt0".into(),
            address: std::net::Ipv4Addr::new(198, 19, 255, 254).into(),
            source: io::ErrorKind::AlreadyExists.into(),
        };
        for (local, reason) in [
            (LocalBecause::Ipv6, "IPv6 has no other"),
            (LocalBecause::SwitchedOff, "switched off by [canary] enabled = false"),
            (LocalBecause::Failed(&missing), "/dev/net/tun is missing"),
            (LocalBecause::Failed(&denied), "shunt0 cannot be made: permission denied"),
            (
                LocalBecause::Failed(&route),
                "198.19.255.254 cannot be routed to shunt0: entity already exists",
            ),
        ] {
            let shown = canary_status(Some(local));
            assert_eq!((shown.kind, shown.reason.as_deref()), (CanaryKind::Local, Some(reason)));
        }
        assert_eq!(canary_status(None), CanaryStatus { kind: CanaryKind::Forwarded, reason: None });
    }
}
