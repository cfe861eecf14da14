//! A target's text: from `192.0.2.1`, `tcp://192.0.2.1:443` or `dns://192.0.2.1/example.com` to a [`Target`].

use super::page::page;
use crate::values::{Complaint, Parsed, not_unicast, quoted};
use crate::{Endpoint, Host, Target};
use std::net::{IpAddr, Ipv6Addr};

/// RFC 1035, section 2.3.4, without the closing root label: the longest name that can be asked for.
const MAX_NAME: usize = 253;

/// RFC 1035, section 2.3.4.
const MAX_LABEL: usize = 63;

/// The port of DNS (RFC 1035, section 4.2).
const DNS_PORT: u16 = 53;

/// What can be written, for a mend.
const FORMS: &str =
    "write an address or a name, \"tcp://HOST:PORT\", \"dns://HOST/NAME\" or \"https://HOST/PATH\"";

/// Reads one target.
pub(super) fn target(given: &str) -> Parsed<Target> {
    let Some((scheme, rest)) = given.split_once("://") else { return icmp(given) };
    match scheme {
        "tcp" => tcp(given, rest),
        "dns" => dns(given, rest),
        "icmp" | "ping" => Err(Complaint::new(
            format!("{} has a scheme that echo requests do not need", quoted(given)),
            format!("write the address alone: {}", quoted(rest)),
        )),
        "http" | "https" => page(given, rest, scheme == "https").map(Target::Page),
        _ => Err(Complaint::new(format!("{} cannot be probed: its scheme is unknown", quoted(given)), FORMS)),
    }
}

fn icmp(given: &str) -> Parsed<Target> {
    if given.parse::<IpAddr>().is_err()
        && let Ok((host, Some(port))) = host_and_port(given, given)
    {
        let endpoint = Endpoint { host: self::host(given, host)?, port };
        return Err(Complaint::new(
            format!("{} has a port, and echo requests have none", quoted(given)),
            format!(
                "write \"{}\" for an echo request, or \"tcp://{endpoint}\" for a connection",
                endpoint.host
            ),
        ));
    }
    host(given, given).map(Target::Icmp)
}

fn tcp(given: &str, rest: &str) -> Parsed<Target> {
    let (host, port) = host_and_port(given, rest)?;
    let host = self::host(given, host)?;
    let port = port.ok_or_else(|| {
        Complaint::new(
            format!("{} has no port", quoted(given)),
            format!("add one, such as \"tcp://{}\"", Endpoint { host: host.clone(), port: 443 }),
        )
    })?;
    Ok(Target::Tcp(Endpoint { host, port }))
}

fn dns(given: &str, rest: &str) -> Parsed<Target> {
    let (server, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host_and_port(given, server)?;
    let host = self::host(given, host)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    if !is_name(name) {
        let why =
            if name.is_empty() { "asks for no name" } else { "asks for a name that DNS does not allow" };
        return Err(Complaint::new(
            format!("{} {why}", quoted(given)),
            format!("add the name to ask for, such as \"dns://{}/example.com\"", host.bracketed()),
        ));
    }
    let server = Endpoint { host, port: port.unwrap_or(DNS_PORT) };
    Ok(Target::Dns { server, name: name.to_owned(), answer: None })
}

/// Whether DNS can be asked for it.
pub(super) fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    name.len() <= MAX_NAME && name.split('.').all(label)
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn host_and_port<'a>(given: &str, authority: &'a str) -> Parsed<(&'a str, Option<u16>)> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(Complaint::new(
            format!("{} has an IPv6 address without brackets", quoted(given)),
            format!("write it as \"[{authority}]\""),
        ));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => {
            (host, rest.strip_prefix(':').or(if rest.is_empty() { None } else { Some("") }))
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let Some(port) = port else { return Ok((host, None)) };
    let digits = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if digits && number > 0 => Ok((host, Some(number))),
        _ => Err(Complaint::new(
            format!("{} has no valid port", quoted(given)),
            "write a port from 1 to 65535",
        )),
    }
}

/// An address, or a name that can be looked up; it counts for IPv4 unless something else is said of it.
pub(super) fn host(given: &str, host: &str) -> Parsed<Host> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return checked(given, address).map(Host::Address);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.contains(['%', ':', '[', '/']) || is_like_an_address(name) {
        return Err(no_host(given, host));
    }
    if name.contains('.') && is_name(name) {
        return Ok(Host::Name { name: name.to_ascii_lowercase(), ipv6: false });
    }
    Err(Complaint::new(
        format!("{} names no host that can be looked up", quoted(given)),
        "write a whole name with its domain, such as \"example.com\", or an address",
    ))
}

/// No domain ends in a number, and what has three numbers before its end was to be an address.
fn is_like_an_address(name: &str) -> bool {
    let is_number = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_ascii_digit());
    let mut labels = name.rsplit('.');
    labels.next().as_ref().is_some_and(is_number) || labels.filter(|label| is_number(label)).count() >= 3
}

/// Why `host` is neither an address nor a name.
fn no_host(given: &str, host: &str) -> Complaint {
    if host.contains('%') {
        return Complaint::new(
            format!("{} names an interface", quoted(given)),
            "leave out \"%\" and what follows: each link has its own interface",
        );
    }
    if host.split_once('/').is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok()) {
        return Complaint::new(
            format!("{} is a network, not an address", quoted(given)),
            "leave out the prefix length",
        );
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Complaint::new(
            format!("{} has brackets that an address alone does not need", quoted(given)),
            format!("write {}", quoted(inner)),
        );
    }
    Complaint::new(
        format!("{} is neither an IP address nor a name", quoted(given)),
        "write an IPv4 or IPv6 address, such as \"9.9.9.9\", or a whole name, such as \"example.com\"",
    )
}

pub(crate) fn checked(given: &str, address: IpAddr) -> Parsed<IpAddr> {
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    match not_unicast(address).or(link_local.then_some("is a link-local address")) {
        None => Ok(address),
        Some(why) => Err(Complaint::new(
            format!("{} cannot be probed: {address} {why}", quoted(given)),
            "choose an address beyond the provider, such as \"9.9.9.9\"",
        )),
    }
}
