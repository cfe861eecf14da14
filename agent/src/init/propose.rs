//! From what a machine has to a config for it, with the reason for each choice.

use super::draft::{Draft, Key, Section};
use super::survey::{DefaultRoute, Interface, Kind, Survey};
use shunt_modem::ports::Device;

/// Asked over IPv4 alone: the same operators as by default.
const TARGETS_V4: [&str; 2] = ["1.1.1.1", "9.9.9.9"];

/// There is nothing that a config could be made of. Completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "find a way out of this machine: no interface has a default route, and none is a cellular modem's; connect one and \
     let it get its address, or write the config by hand (shunt.toml of the reference has every key)"
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
             run `shunt init` again, or add it by hand."
                .into(),
        );
    }
    if !ways.iter().any(|way| survey.defaults6.contains(&way.interface.name)) {
        let why = "No link has an IPv6 default route, so that IPv4 alone is managed.";
        draft.general.push(Key::because("targets", TARGETS_V4.to_vec(), why));
    }
    let mut names: Vec<String> = Vec::new();
    for (place, way) in ways.iter().enumerate() {
        let name = free_name(&names, way.interface.kind);
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
    /// Its best IPv4 default route.
    route: Option<&'a DefaultRoute>,
    six: bool,
}

fn ways<'a>(survey: &'a Survey, notes: &mut Vec<String>) -> Vec<Way<'a>> {
    let mut ways: Vec<Way<'_>> = Vec::new();
    for interface in &survey.interfaces {
        let own = survey.defaults.iter().filter(|route| route.interface == interface.name);
        let route = own.min_by_key(|route| route.metric);
        let six = survey.defaults6.contains(&interface.name);
        let leads_out = route.is_some() || six;
        match interface.kind {
            Kind::Virtual if leads_out => notes.push(format!(
                "{} has a default route, but is a tunnel or another virtual interface, that itself needs a way out: it is \
                 no link.",
                interface.name
            )),
            Kind::Wired if !leads_out && interface.physical => notes.push(format!(
                "{} has no default route, and is taken for the LAN. If it is a way out, connect it, let it get its \
                 address, and run `shunt init` again.",
                interface.name
            )),
            // A modem that Shunt brings up has no route before that.
            Kind::Cellular => ways.push(Way { interface, route, six }),
            Kind::Wired | Kind::Wireless | Kind::Dialled if leads_out => {
                ways.push(Way { interface, route, six });
            }
            Kind::Wired | Kind::Wireless | Kind::Dialled | Kind::Virtual => {}
        }
    }
    ways.sort_by_key(|way| (rank(way.interface.kind), way.route.map_or(u32::MAX, |route| route.metric)));
    ways
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
    if way.interface.kind == Kind::Cellular {
        let why = "Mobile data costs money as a rule: it is probed sparsely while it stands by.";
        keys.push(Key::because("metered", true, why));
    }
    let kind = match way.interface.kind {
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
fn modem(survey: &Survey, device: &Device, link: &str, notes: &mut Vec<String>) -> Option<Section> {
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
fn shared_routers(ways: &[Way<'_>], names: &[String], notes: &mut Vec<String>) {
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
mod tests {
    use super::*;
    use shunt_modem::ports::{Bus, DeviceId};
    use std::path::Path;

    fn interface(name: &str, kind: Kind) -> Interface {
        Interface { name: name.into(), kind, physical: true, leased_by: None }
    }

    fn route(interface: &str, last: u8, metric: u32) -> DefaultRoute {
        DefaultRoute { interface: interface.into(), gateway: Some([192, 0, 2, last].into()), metric }
    }

    fn stick(path: &str, interface: &str) -> Device {
        Device {
            path: path.into(),
            bus: Bus::Usb,
            id: Some(DeviceId { vendor: 0x2c7c, product: 0x0125 }),
            serial: None,
            ports: Vec::new(),
            interfaces: vec![interface.into()],
        }
    }

    fn survey() -> Survey {
        Survey {
            interfaces: vec![
                interface("eth0", Kind::Wired),
                interface("eth1", Kind::Wired),
                interface("eth2", Kind::Wired),
                interface("lo", Kind::Virtual),
                interface("ppp0", Kind::Dialled),
                interface("wg0", Kind::Virtual),
                interface("wlan0", Kind::Wireless),
                interface("wwan0", Kind::Cellular),
            ],
            defaults: vec![
                route("wlan0", 3, 600),
                route("eth1", 1, 100),
                route("ppp0", 2, 50),
                route("wg0", 9, 1),
            ],
            defaults6: vec!["eth1".into()],
            modems: vec![stick("devices/usb1/1-2", "wwan0")],
            modem_manager: false,
        }
    }

    fn config(draft: &Draft) -> shunt_config::Config {
        let text = draft.to_string();
        shunt_config::parse(&text, Path::new("proposed")).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    #[test]
    fn ways_out_are_put_in_their_usual_order() {
        let draft = propose(&survey()).unwrap();
        let config = config(&draft);
        let links: Vec<_> = config
            .links
            .iter()
            .map(|link| (link.name.as_str(), link.interface.as_str(), link.metered))
            .collect();
        assert_eq!(
            links,
            [
                ("dsl", "ppp0", false),
                ("wan", "eth1", false),
                ("wifi", "wlan0", false),
                ("lte", "wwan0", true)
            ]
        );
        assert_eq!(config.modems.len(), 1);
        assert!(config.links[0].targets.len() > 2, "IPv6 is there and is asked for");
        let told = draft.notes.join("\n");
        for part in ["eth0 has no default route", "eth2 has no default route", "wg0 has a default route, but"]
        {
            assert!(told.contains(part), "{part:?} is missing in:\n{told}");
        }
    }

    #[test]
    fn without_ipv6_its_targets_are_left_out() {
        let draft = propose(&Survey { defaults6: Vec::new(), ..survey() }).unwrap();
        assert!(config(&draft).links.iter().all(|link| link.targets.len() == 2));
    }

    #[test]
    fn two_modems_alike_are_told_apart_by_their_places() {
        let mut survey = survey();
        survey.interfaces.push(interface("wwan1", Kind::Cellular));
        survey.modems.push(stick("devices/usb1/1-3", "wwan1"));
        let text = propose(&survey).unwrap().to_string();
        assert!(text.contains("path = \"1-2\"") && text.contains("path = \"1-3\""), "{text}");
        assert!(text.contains("link = \"lte2\""), "{text}");
    }

    #[test]
    fn what_is_doubtful_is_told() {
        let told = |survey: &Survey| propose(survey).unwrap().notes.join("\n");
        let held = told(&Survey { modem_manager: true, ..survey() });
        assert!(held.contains("ModemManager runs"), "{held}");
        let twins =
            told(&Survey { defaults: vec![route("eth1", 1, 100), route("eth2", 1, 200)], ..survey() });
        assert!(twins.contains("`wan` and `wan2` have routers of the same address, 192.0.2.1"), "{twins}");
        let alone = Survey { interfaces: vec![interface("eth1", Kind::Wired)], ..survey() };
        assert!(told(&alone).contains("one way out only"));
        let none = Survey { interfaces: vec![interface("eth9", Kind::Wired)], ..survey() };
        assert_eq!(propose(&none), Err(NothingFound));
    }
}
