//! From what a machine has to a config for it, with the reason for each choice.

use super::draft::{Draft, Key, Notes, Section};
use super::survey::{DefaultRoute, Interface, Kind, Survey};
use shunt_modem::ports::Device;

/// Asked over IPv4 alone: the same operators as by default.
const TARGETS_V4: [&str; 2] = ["1.1.1.1", "9.9.9.9"];

/// There is nothing that a config could be made of. Completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "find a way out of this machine: no interface has a default route, and none is a cellular modem's; connect one and \
     let it get its address, or write the config by hand (reference.toml, which came with the program, has every key)"
)]
pub(crate) struct NothingFound;

/// What would serve this machine: wired links first, the best metric first; wireless ones behind them; mobile ones last.
///
/// # Errors
///
/// When there is no way out at all.
pub(crate) fn propose(survey: &Survey) -> Result<Draft, NothingFound> {
    let mut draft =
        Draft { origin: "this machine's interfaces, routes and modems".into(), ..Draft::default() };
    let ways = ways(survey, &mut draft.notes);
    if ways.is_empty() {
        return Err(NothingFound);
    }
    if ways.len() == 1 {
        draft.notes.push(
            "There is one way out only: Shunt can watch it, but has nothing to move to. Connect the second one and \
             run `shunt init` again, or add it by hand.",
        );
    }
    if !ways.iter().any(|way| survey.defaults6.contains(&way.interface.name)) {
        let why = "No link has an IPv6 default route, so that IPv4 alone is managed.";
        draft.general.push(Key::because("targets", TARGETS_V4.to_vec(), why));
    }
    let mut names: Vec<String> = Vec::new();
    for (place, way) in ways.iter().enumerate() {
        let name = free_name(&names, way.kind);
        draft.sections.push(link(place, way, &name));
        if let Some(device) =
            survey.modems.iter().find(|modem| modem.interfaces.contains(&way.interface.name))
        {
            draft.sections.extend(modem(survey, device, &name, &mut draft.notes));
        }
        names.push(name);
    }
    shared_routers(&ways, &names, &mut draft.notes);
    Ok(draft)
}

/// A way out.
struct Way<'a> {
    interface: &'a Interface,
    /// What it is here, beside the modems and sessions that there are.
    kind: Kind,
    /// Its best IPv4 default route.
    route: Option<&'a DefaultRoute>,
    six: bool,
}

fn ways<'a>(survey: &'a Survey, notes: &mut Notes) -> Vec<Way<'a>> {
    let mut ways: Vec<Way<'_>> = Vec::new();
    for interface in &survey.interfaces {
        let own = survey.defaults.iter().filter(|route| route.interface == interface.name);
        let route = own.min_by_key(|route| route.metric);
        let six = survey.defaults6.contains(&interface.name);
        let leads_out = route.is_some() || six;
        let kind = kind(survey, interface);
        match kind {
            Kind::Virtual if leads_out => notes.push(format!(
                "{} has a default route, but is a tunnel or another virtual interface, that itself needs a way out: it is \
                 no link.",
                interface.name
            )),
            // A port beneath a bridge, a VLAN or a session has no route of its own, whatever it is for.
            Kind::Wired if !leads_out && interface.physical && !is_beneath(survey, interface) => {
                notes.push(format!(
                    "{} has no default route, and is taken for the LAN. If it is a way out, connect it, let it get its \
                     address, and run `shunt init` again.",
                    interface.name
                ));
            }
            Kind::Cellular if !leads_out && is_dialled(survey, interface) => {}
            // A modem that Shunt brings up has no route before that.
            Kind::Cellular => ways.push(Way { interface, kind, route, six }),
            Kind::Wired | Kind::Wireless | Kind::Dialled if leads_out => {
                ways.push(Way { interface, kind, route, six });
            }
            Kind::Wired | Kind::Wireless | Kind::Dialled | Kind::Virtual => {}
        }
    }
    doubtful(survey, &ways, notes);
    ways.sort_by_key(|way| (rank(way.kind), way.route.map_or(u32::MAX, |route| route.metric)));
    ways
}

/// What an interface is, told by its surroundings where it does not tell by itself.
fn kind(survey: &Survey, interface: &Interface) -> Kind {
    match interface.kind {
        // Modems in ECM, RNDIS or NCM mode look like Ethernet.
        Kind::Wired if survey.modems.iter().any(|modem| modem.interfaces.contains(&interface.name)) => {
            Kind::Cellular
        }
        // pppd dials over a modem's port as well. A session of DSL is one that the kernel's PPPoE knows, as a rule.
        Kind::Dialled if !survey.modems.is_empty() && survey.pppoe.is_empty() => Kind::Cellular,
        kind => kind,
    }
}

fn is_beneath(survey: &Survey, interface: &Interface) -> bool {
    interface.beneath || survey.pppoe.contains(&interface.name)
}

/// Whether it belongs to the one modem over which a session is dialled already.
fn is_dialled(survey: &Survey, interface: &Interface) -> bool {
    let session =
        survey.interfaces.iter().any(|other| dials_modem(survey, other) && other.name != interface.name);
    session && matches!(survey.modems.as_slice(), [one] if one.interfaces.contains(&interface.name))
}

/// Whether it is a session that is taken for one over a modem.
fn dials_modem(survey: &Survey, interface: &Interface) -> bool {
    interface.kind == Kind::Dialled && kind(survey, interface) == Kind::Cellular
}

/// Tells what may be of another kind than it is taken for.
fn doubtful(survey: &Survey, ways: &[Way<'_>], notes: &mut Notes) {
    let sessions = ways.iter().filter(|way| way.interface.kind == Kind::Dialled).count();
    for way in ways {
        let name = &way.interface.name;
        if dials_modem(survey, way.interface) {
            notes.push(format!(
                "{name} is taken for a session that pppd dials over the modem. To let Shunt bring the modem up instead, \
                 end that session and run `shunt init` again. If it is DSL, put it first and remove `metered`."
            ));
        } else if way.kind == Kind::Dialled && !survey.modems.is_empty() && sessions > survey.pppoe.len() {
            notes.push(format!(
                "{name} is taken for DSL, but there is a modem as well: if pppd dials over that, put {name} last and add \
                 `metered = true`."
            ));
        }
        if way.kind == Kind::Wired && way.interface.perhaps_modem {
            notes.push(format!(
                "{name} is plugged in by USB and speaks as Ethernet adapters do, and modems that are routers themselves. If \
                 it is a modem, put it last and add `metered = true`."
            ));
        }
    }
}

/// The usual preference: what is quick and costs nothing first.
const fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Wired | Kind::Dialled => 0,
        Kind::Wireless => 1,
        Kind::Cellular => 2,
        Kind::Virtual => 3,
    }
}

fn free_name(taken: &[String], kind: Kind) -> String {
    let name = match kind {
        Kind::Wired | Kind::Virtual => "wan",
        Kind::Dialled => "dsl",
        Kind::Wireless => "wifi",
        Kind::Cellular => "lte",
    };
    let numbered = (2..).map(|number| format!("{name}{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

fn link(place: usize, way: &Way<'_>, name: &str) -> Section {
    let interface = &way.interface.name;
    let mut keys = vec![Key::plain("name", name), Key::plain("interface", interface.as_str())];
    if way.kind == Kind::Cellular {
        let why = "Mobile data costs money as a rule: it is probed sparsely while it stands by.";
        keys.push(Key::because("metered", true, why));
    }
    let kind = match way.kind {
        Kind::Wired => "is wired",
        Kind::Wireless => "is a WLAN",
        Kind::Dialled => "is a dial-up session, as DSL has it",
        Kind::Cellular => "is a cellular modem's",
        Kind::Virtual => "is virtual",
    };
    let route = match way.route {
        Some(DefaultRoute { gateway: Some(gateway), metric, .. }) => {
            format!("has a default route of metric {metric} via {gateway}")
        }
        Some(DefaultRoute { gateway: None, metric, .. }) => {
            format!("has a default route of metric {metric} without a router")
        }
        None if way.six => "has an IPv6 default route".into(),
        None => "has no default route now".into(),
    };
    let lease = way.interface.leased_by.map(|program| format!(" (by {program})")).unwrap_or_default();
    let six = if way.six && way.route.is_some() { ", and one for IPv6" } else { "" };
    let rank = match place {
        0 => "It comes first",
        _ => "It comes next",
    };
    Section { header: "[[link]]", why: format!("{interface} {kind} and {route}{lease}{six}. {rank}."), keys }
}

/// The modem behind a link, told by what stays the same when it is plugged in again.
fn modem(survey: &Survey, device: &Device, link: &str, notes: &mut Notes) -> Option<Section> {
    let place = device.path.file_name()?.to_str()?.to_owned();
    if survey.modem_manager {
        notes.push(format!(
            "ModemManager runs and holds the ports of the modem of `{link}`, so that Shunt leaves it to that program: the \
             link is probed, but a modem that hangs is not brought back. To let Shunt do it: `systemctl disable --now \
             ModemManager`, then run `shunt init` again."
        ));
        return None;
    }
    let alike = survey.modems.iter().filter(|other| other.id == device.id).count();
    let by_id = device.id.filter(|_| alike == 1);
    let (key, which) = match by_id {
        Some(id) => {
            (Key::plain("usb", id.to_string()), "the only one with these numbers of vendor and product")
        }
        None => (Key::plain("path", place), "by the place where it is plugged in"),
    };
    notes.push(format!(
        "If the provider of `{link}` wants an access point of its own, add `apn = \"…\"` to its [[modem]]; if the SIM has a \
         PIN, add pin_file."
    ));
    Some(Section {
        header: "[[modem]]",
        why: format!(
            "A modem with {} ports for commands: Shunt registers it, watches it and brings it back when it hangs. It is \
             found as {which}.",
            device.ports.len()
        ),
        keys: vec![Key::plain("link", link), key],
    })
}

/// Links behind one router fail together.
fn shared_routers(ways: &[Way<'_>], names: &[String], notes: &mut Notes) {
    for (place, (way, name)) in ways.iter().zip(names).enumerate() {
        let Some(router) = way.route.and_then(|route| route.gateway) else { continue };
        let same =
            |other: &&(&Way<'_>, &String)| other.0.route.and_then(|route| route.gateway) == Some(router);
        let rest: Vec<_> = ways.iter().zip(names).skip(place + 1).collect();
        if let Some((_, other)) = rest.iter().find(same) {
            notes.push(format!(
                "`{name}` and `{other}` have routers of the same address, {router}: if it is one device, they fail together."
            ));
        }
    }
}

#[cfg(test)]
mod tests;
