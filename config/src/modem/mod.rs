//! The list of modems, and what must not be the same in two of them.

mod find;
mod model;
mod remote;
mod sim;

pub use model::{BearerAuth, BearerIp, Find, Modem, Power, Remote, RemoteOperator, Sim};

use crate::keys::{MODEM, MODEM_POWER};
use crate::links::link_name;
use crate::values::{Complaint, Parsed, duration, integer, path, quoted, text, word};
use crate::walk::{Place, Section, Setting, Walker};
use crate::watchdog::Rail;
use crate::{Link, Mcu};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// More modems than these no gateway has slots for.
const MAX_MODEMS: usize = 16;

/// The context that nearly every modem has for data.
const CONTEXT: u8 = 1;
/// Numbers of contexts that modems take (27.007 10.1.1 leaves it to them; sixteen are the most in use).
const CONTEXTS: RangeInclusive<i64> = 1..=16;

/// Twice a minute a modem answers some questions within 50 ms.
const WATCH: Duration = Duration::from_secs(30);
/// Below 5 s the questions are never over on a slow modem; above 10 min a lost registration is found out by users.
const WATCHES: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(600);

/// The change of a SIM takes the link down for minutes: more often than every ten it is no service. A month is a bill.
const RETURNS: RangeInclusive<Duration> = Duration::from_secs(600)..=Duration::from_secs(30 * 86_400);

/// Lines of one GPIO chip: the kernel counts them by 32 bits, boards have far fewer than these.
const LINES: RangeInclusive<i64> = 0..=1_023;

/// What a mend shows of a modem.
const EXAMPLE: &str = "add [[modem]] with link = \"lte\" and usb = \"2c7c:0125\" below it";

/// The links as far as they could be read: a fault of theirs is said there. `mcu` may switch the supply of one modem.
pub(crate) fn modems<'t>(walk: &mut Walker, root: &Section<'t>, links: &[Link], mcu: &Mcu) -> Vec<Modem> {
    let mut read: Vec<Modem> = Vec::new();
    let mut rail = Rail::default();
    for (index, (table, span)) in walk.list(root, MODEM, MAX_MODEMS, EXAMPLE).into_iter().enumerate() {
        let named = ["name", "link"].iter().find_map(|key| link_name(table.get(*key)?.get_ref()).ok());
        let path = match named {
            Some(name) => format!("modem \"{name}\""),
            None => format!("modem[{}]", index + 1),
        };
        let section = Section::new(MODEM, path, table, span);
        walk.known_only(&section);
        let modem = modem(walk, &section, links, &read);
        if let (Some(Power::Mcu), Some((_, place))) = (&modem.power, section.get("power")) {
            rail.modems.push((modem.name.clone(), place));
        }
        read.push(modem);
    }
    rail.check(walk, mcu);
    read
}

fn modem<'t>(walk: &mut Walker, section: &Section<'t>, links: &[Link], before: &[Modem]) -> Modem {
    if section.get("link").is_none() {
        let mend = "name the link that it carries, such as link = \"lte\"";
        walk.fault(section.missing("link"), Complaint::new("the modem has no link", mend));
    }
    let link = walk.read(section, "link", String::new(), link_name);
    let name = walk.read(section, "name", link.value.clone(), link_name);
    check_link(walk, &link, links, before);
    check_name(walk, section, &name, before);
    let find = find::find(walk, section, before);
    let context = walk.read(section, "context", CONTEXT, |value| small(CONTEXTS, value)).value;
    let ip = walk.read(section, "ip", BearerIp::V4V6, word(IPS)).value;
    let return_after = walk.read(section, "return_after", None, |value| duration(RETURNS)(value).map(Some));
    let watch = walk.read(section, "watch", WATCH, duration(WATCHES)).value;
    let sims = sim::sims(walk, section);
    if let (Some(place), true) = (return_after.place(), sims.len() < 2) {
        let mend = "add a second [[modem.sim]], or remove return_after";
        walk.fault(place.clone(), Complaint::new("there is no other SIM to return from", mend));
    }
    Modem {
        name: name.value,
        link: link.value,
        find,
        context,
        ip,
        sims,
        return_after: return_after.value,
        watch,
        power: power(walk, section),
        remote: remote::remote(walk, section),
    }
}

const IPS: &[(&str, BearerIp)] = &[("v4", BearerIp::V4), ("v6", BearerIp::V6), ("v4v6", BearerIp::V4V6)];

/// A link that is not there, or has a modem already.
fn check_link(walk: &mut Walker, link: &Setting<String>, links: &[Link], before: &[Modem]) {
    let Some(place) = link.place() else { return };
    if let Some(other) = before.iter().find(|other| other.link == link.value) {
        let why = format!("link {} is carried by modem {} already", quoted(&link.value), quoted(&other.name));
        walk.fault(place.clone(), Complaint::new(why, "give each modem a link of its own"));
    }
    // Names that could not be read are empty, and their fault is said.
    let known: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    if !known.contains(&link.value.as_str()) && !known.contains(&"") {
        let why = format!("there is no link {}", quoted(&link.value));
        let mend = match crate::keys::nearest(&link.value, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("name one of the links: {}", known.join(", ")),
        };
        walk.fault(place.clone(), Complaint::new(why, mend));
    }
}

fn check_name<'t>(walk: &mut Walker, section: &Section<'t>, name: &Setting<String>, before: &[Modem]) {
    let Some(other) = before.iter().find(|other| other.name.eq_ignore_ascii_case(&name.value)) else {
        return;
    };
    if name.value.is_empty() || name.refused() || other.link == name.value && name.place().is_none() {
        // Two modems for one link: that is said.
        return;
    }
    let place = name.place().cloned().unwrap_or_else(|| section.missing("name"));
    let why = format!("two modems are called {}", quoted(&other.name));
    walk.fault(place, Complaint::new(why, "give each modem a name of its own, whatever the case"));
}

fn power<'t>(walk: &mut Walker, modem: &Section<'t>) -> Option<Power> {
    const BY: &[(&str, bool)] = &[("gpio", false), ("mcu", true)];
    const LEVELS: &[(&str, bool)] = &[("high", true), ("low", false)];
    let (_, place) = modem.get("power")?;
    let section = walk.inner(modem, "power", MODEM_POWER);
    let by_mcu = walk.read(&section, "by", false, word(BY));
    let chip = walk.read(&section, "chip", PathBuf::new(), chip);
    let line = walk.read(&section, "line", 0, gpio_line);
    let active_high = walk.read(&section, "active", true, word(LEVELS));
    if by_mcu.value {
        let written = [chip.place(), line.place(), active_high.place()];
        if let Some(place) = written.into_iter().flatten().next() {
            let mend = "remove chip, line and active, or write by = \"gpio\"";
            walk.fault(place.clone(), Complaint::new("the MCU switches the supply, and no line does", mend));
        }
        return Some(Power::Mcu);
    }
    for (key, absent, example) in [
        ("chip", section.get("chip").is_none(), "chip = \"/dev/gpiochip0\""),
        ("line", section.get("line").is_none(), "line = 17"),
    ] {
        if absent && !by_mcu.refused() {
            let place = Place { key: section.missing(key).key, ..place.clone() };
            let why = format!("the line of the modem's supply has no {key}");
            walk.fault(place, Complaint::new(why, format!("add it, such as {example}")));
        }
    }
    Some(Power::Gpio { chip: chip.value, line: line.value, active_high: active_high.value })
}

/// `/dev/gpiochip0`, or its last part.
pub(crate) fn chip(value: &DeValue<'_>) -> Parsed<PathBuf> {
    let given = text(value)?;
    let bare = !given.is_empty() && given.bytes().all(|c| c.is_ascii_alphanumeric());
    if bare { Ok(PathBuf::from("/dev").join(given)) } else { path(value) }
}

/// A line of a chip.
pub(crate) fn gpio_line(value: &DeValue<'_>) -> Parsed<u32> {
    integer(LINES)(value).map(|line| u32::try_from(line).unwrap_or(u32::MAX))
}

/// A whole number that fits a byte.
fn small(range: RangeInclusive<i64>, value: &DeValue<'_>) -> Parsed<u8> {
    integer(range)(value).map(|number| u8::try_from(number).unwrap_or(u8::MAX))
}
