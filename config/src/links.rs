//! The list of links, and what must not be the same in two of them.

use crate::budget::{check_budget, probe_budget};
use crate::defaults;
use crate::kernel::MAX_LINKS;
use crate::keys::LINK;
use crate::resolvers::{self, resolvers};
use crate::sections::{LimitSettings, ProbeSettings};
use crate::target::targets;
use crate::values::{Complaint, Parsed, boolean, interface, not_unicast, quoted, text};
use crate::walk::{Place, Section, Setting, Walker, later};
use crate::{Gateway, Limits, Link, Probe, TimeLimit, Weighted};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// Longest name of a link: it stands in every table and log line.
const MAX_NAME: usize = 32;

/// What a mend shows of a link.
const EXAMPLE: &str = "add [[link]] with name = \"fiber\" and interface = \"eth0\" below it";

/// What links take from the rest of the file.
#[derive(Debug)]
pub(crate) struct General {
    pub(crate) targets: Vec<Weighted>,
    pub(crate) resolvers: Setting<Vec<IpAddr>>,
    pub(crate) probe: ProbeSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) canary_interface: Setting<String>,
}

/// The tables of the links with their headers; whatever is no such list is a fault.
pub(crate) fn tables<'t>(
    walk: &mut Walker,
    root: &Section<'t>,
    end: usize,
) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
    let Some((value, place)) = root.get(LINK) else {
        let place = Place { span: end..end, key: LINK.to_owned() };
        walk.fault(place, Complaint::new("there is no link", EXAMPLE));
        return Vec::new();
    };
    let DeValue::Array(entries) = value else {
        let why = if value.is_table() {
            "[link] opens one section, and links are a list"
        } else {
            "links are a list"
        };
        let mend = "write [[link]] with double brackets, once for each link";
        walk.fault(place, Complaint::new(why, mend));
        return Vec::new();
    };
    if entries.is_empty() || entries.len() > MAX_LINKS {
        let why = match entries.len() {
            0 => "there is no link".to_owned(),
            many => format!("{many} links are too many"),
        };
        let mend = if entries.is_empty() { EXAMPLE.to_owned() } else { format!("keep at most {MAX_LINKS}") };
        walk.fault(place.clone(), Complaint::new(why, mend));
    }
    let mut tables = Vec::new();
    for entry in entries.iter().take(MAX_LINKS) {
        match entry.get_ref() {
            DeValue::Table(table) => tables.push((table, entry.span())),
            _ => {
                let place = Place { span: entry.span(), key: LINK.to_owned() };
                walk.fault(place, Complaint::new("this is not a link", EXAMPLE));
            }
        }
    }
    tables
}

/// Reads all links.
pub(crate) fn links<'t>(
    walk: &mut Walker,
    tables: Vec<(&'t DeTable<'t>, Range<usize>)>,
    general: &General,
) -> Vec<Link> {
    let mut seen = Seen { names: Vec::new(), interfaces: Vec::new() };
    let mut links = Vec::new();
    for (index, (table, span)) in tables.into_iter().enumerate() {
        let path = match table.get("name").map(|name| link_name(name.get_ref())) {
            Some(Ok(name)) => format!("link \"{name}\""),
            _ => format!("link[{}]", index + 1),
        };
        let section = Section::new(LINK, path, table, span);
        walk.known_only(&section);
        links.push(link(walk, &section, general, &mut seen));
    }
    links
}

/// What links before this one have taken.
struct Seen {
    names: Vec<String>,
    /// Each interface with the link that has it.
    interfaces: Vec<(String, String)>,
}

fn link<'t>(walk: &mut Walker, section: &Section<'t>, general: &General, seen: &mut Seen) -> Link {
    let name = required(walk, section, "name", link_name, "name = \"fiber\"");
    let interface = required(walk, section, "interface", interface, "interface = \"eth0\"");
    distinct(walk, &name, &interface, general, seen);
    let metered = walk.read(section, "metered", false, boolean).value;
    let gateway = walk.read(section, "gateway", None, way_out::<Ipv4Addr>).value;
    let gateway6 = walk.read(section, "gateway6", None, way_out::<Ipv6Addr>).value;
    let targets = targets(walk, section).unwrap_or_else(|| general.targets.clone());
    let budget = walk.read(section, "probe_budget", None, probe_budget);
    let resolvers = resolvers(walk, section, general.resolvers.clone());
    check_budget(walk, &section.path, &budget, &targets, &resolvers.value);
    let probe_section = walk.inner(section, "probe", "link.probe");
    let limits_section = walk.inner(section, "limits", "link.limits");
    let mut probe = general.probe.clone().overlaid(walk, &probe_section);
    let limits = general.limits.clone().overlaid(walk, &limits_section);
    if probe.standby_interval.place().is_none() {
        // The default must not contradict a long interval that somebody wrote.
        probe.standby_interval.value = probe.standby_interval.value.max(probe.interval.value);
    }
    check_times(walk, &section.path, &probe, &limits);
    resolvers::check(walk, &section.path, &resolvers, &targets);
    check_quorum(walk, &section.path, &probe.quorum, &targets);
    Link {
        name: name.value,
        interface: interface.value,
        metered,
        gateway,
        gateway6,
        targets,
        resolvers_named: resolvers.value != defaults::RESOLVERS,
        resolvers: resolvers.value,
        probe: Probe {
            interval: probe.interval.value,
            standby_interval: probe.standby_interval.value,
            timeout: probe.timeout.value,
            quorum: probe.quorum.value,
        },
        probe_budget: budget.value,
        limits: Limits {
            loss_percent: limits.loss.value,
            rtt: limits.rtt.value,
            jitter: limits.jitter.value,
        },
    }
}

fn required<'t>(
    walk: &mut Walker,
    section: &Section<'t>,
    key: &str,
    parse: impl FnOnce(&DeValue<'_>) -> Parsed<String>,
    example: &str,
) -> Setting<String> {
    if section.get(key).is_none() {
        let mend = format!("add it, such as {example}");
        walk.fault(section.missing(key), Complaint::new(format!("the link has no {key}"), mend));
    }
    walk.read(section, key, String::new(), parse)
}

/// Refuses a name or an interface that another link has.
fn distinct(
    walk: &mut Walker,
    name: &Setting<String>,
    interface: &Setting<String>,
    general: &General,
    seen: &mut Seen,
) {
    if let Some(place) = name.place() {
        if let Some(other) = seen.names.iter().find(|other| other.eq_ignore_ascii_case(&name.value)) {
            let why = format!("two links are called {}", quoted(other));
            walk.fault(
                place.clone(),
                Complaint::new(why, "give each link a name of its own, whatever the case"),
            );
        }
        seen.names.push(name.value.clone());
    }
    let Some(place) = interface.place() else { return };
    if let Some((_, other)) = seen.interfaces.iter().find(|(taken, _)| *taken == interface.value) {
        let why = format!("{} is already the interface of link {}", quoted(&interface.value), quoted(other));
        let mend = "give each link an interface of its own; two providers on one port need a VLAN each";
        walk.fault(place.clone(), Complaint::new(why, mend));
    }
    if interface.value == general.canary_interface.value && !general.canary_interface.refused() {
        let why = format!("{} is the interface that the canary enters by", quoted(&interface.value));
        walk.fault(
            place.clone(),
            Complaint::new(why, "name the link's own interface, or change canary.interface"),
        );
    }
    seen.interfaces.push((interface.value.clone(), name.value.clone()));
}

/// A name that can be typed after a command and printed in a table.
pub(crate) fn link_name(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins = given.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if begins && given.chars().all(fits) && given.len() <= MAX_NAME {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(
        format!("{} cannot be the name of a link or modem", quoted(given)),
        format!(
            "use letters, digits, \"-\", \"_\" and \".\", at most {MAX_NAME}, and begin with a letter or digit"
        ),
    ))
}

/// `"auto"`, `"on-link"` or an address.
fn way_out<A: FromStr + Into<IpAddr> + Copy>(value: &DeValue<'_>) -> Parsed<Option<Gateway<A>>> {
    let given = text(value)?;
    match given {
        "auto" => return Ok(None),
        "on-link" => return Ok(Some(Gateway::OnLink)),
        _ => {}
    }
    let mend = "write \"auto\", \"on-link\" or the address of the router";
    let Ok(address) = given.parse::<A>() else {
        return Err(match given.parse() {
            Ok(IpAddr::V4(_)) => {
                Complaint::new(format!("{} is an IPv4 address", quoted(given)), "move it to gateway")
            }
            Ok(IpAddr::V6(_)) => {
                Complaint::new(format!("{} is an IPv6 address", quoted(given)), "move it to gateway6")
            }
            Err(_) => Complaint::new(format!("{} is not the address of a router", quoted(given)), mend),
        });
    };
    match not_unicast(address.into()) {
        None => Ok(Some(Gateway::Via(address))),
        Some(why) => Err(Complaint::new(format!("{} {why}", quoted(given)), mend)),
    }
}

/// Times that contradict each other.
fn check_times(walk: &mut Walker, link: &str, probe: &ProbeSettings, limits: &LimitSettings) {
    if probe.standby_interval.value < probe.interval.value
        && let Some(place) = later(&probe.standby_interval, &probe.interval)
    {
        let why = format!(
            "{link} would be probed more often standing by (every {}) than in use (every {})",
            show(probe.standby_interval.value),
            show(probe.interval.value)
        );
        walk.fault(place.clone(), Complaint::new(why, "make standby_interval at least as long as interval"));
    }
    for (what, limit) in [("rtt", &limits.rtt), ("jitter", &limits.jitter)] {
        if let Some(TimeLimit::At(value)) = limit.value
            && value >= probe.timeout.value
            && let Some(place) = later(limit, &probe.timeout)
        {
            let why = format!(
                "{link} can never exceed its {what} limit of {}: a reply after {} counts as lost",
                show(value),
                show(probe.timeout.value)
            );
            walk.fault(
                place.clone(),
                Complaint::new(why, format!("make the {what} limit shorter than timeout")),
            );
        }
    }
}

/// A quorum that a family cannot reach, so that the link would always be dead there.
fn check_quorum(walk: &mut Walker, link: &str, quorum: &Setting<u8>, targets: &[Weighted]) {
    let Some(place) = quorum.place() else { return };
    for (family, is_ipv4) in [("IPv4", true), ("IPv6", false)] {
        let of_family = targets.iter().filter(|weighted| weighted.target.is_ipv4() == is_ipv4);
        let weight: u32 = of_family.map(|weighted| u32::from(weighted.weight)).sum();
        if (1..u32::from(quorum.value)).contains(&weight) {
            let why = format!(
                "a quorum of {} can never answer: the {family} targets of {link} weigh {weight} together",
                quorum.value
            );
            walk.fault(place.clone(), Complaint::new(why, "add targets of that family, or lower the quorum"));
        }
    }
}

fn show(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
}
