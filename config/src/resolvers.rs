//! The DNS servers that the names of targets are looked up with, over the link that is probed.

use crate::defaults::MAX_RESOLVERS;
use crate::target::checked;
use crate::values::{Complaint, Parsed, show, text};
use crate::walk::{Section, Setting, Walker};
use crate::{Host, Weighted};
use std::net::IpAddr;
use toml::de::DeValue;

/// What a list is to look like, for a mend.
const EXAMPLE: &str = "[\"1.1.1.1\", \"9.9.9.9\"]";

/// Reads a `resolvers` list over the general one.
pub(crate) fn resolvers<'t>(
    walk: &mut Walker,
    section: &Section<'t>,
    general: Setting<Vec<IpAddr>>,
) -> Setting<Vec<IpAddr>> {
    walk.override_of(section, "resolvers", general, list)
}

/// A name in a family in which nobody can be asked for it.
pub(crate) fn check(walk: &mut Walker, link: &str, resolvers: &Setting<Vec<IpAddr>>, targets: &[Weighted]) {
    let Some(place) = resolvers.place() else { return };
    for (family, wanted) in [("IPv4", false), ("IPv6", true)] {
        let name = targets.iter().find_map(|weighted| match weighted.target.host() {
            Host::Name { name, ipv6 } if *ipv6 == wanted => Some(name),
            Host::Name { .. } | Host::Address(_) => None,
        });
        if let Some(name) = name
            && !resolvers.value.iter().any(|resolver| resolver.is_ipv6() == wanted)
        {
            let why = format!(
                "{link} looks up {name} over {family}, and none of the resolvers has an {family} address"
            );
            let mend = format!("add a resolver with an {family} address");
            walk.fault(place.clone(), Complaint::new(why, mend));
        }
    }
}

fn list(value: &DeValue<'_>) -> Parsed<Vec<IpAddr>> {
    let mend = || format!("write a list of 1 to {MAX_RESOLVERS} addresses, such as {EXAMPLE}");
    let DeValue::Array(entries) = value else {
        return Err(Complaint::new(format!("{} is not a list of resolvers", show(value)), mend()));
    };
    if entries.is_empty() || entries.len() > MAX_RESOLVERS {
        return Err(Complaint::new(format!("{} resolvers are none or too many", entries.len()), mend()));
    }
    let mut all = Vec::new();
    for entry in entries.iter() {
        let given = text(entry.get_ref())?;
        let address: IpAddr = given.parse().map_err(|_| {
            Complaint::new(
                format!("{} is not an IP address", show(entry.get_ref())),
                format!("write addresses without ports, such as {EXAMPLE}"),
            )
        })?;
        let address = checked(given, address)?;
        if all.contains(&address) {
            return Err(Complaint::new(format!("{address} is in the list twice"), "remove one of them"));
        }
        all.push(address);
    }
    Ok(all)
}
