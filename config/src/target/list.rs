//! The `targets` list: each entry is a text, or a table with a text and what else is wanted of the target.

use super::forms;
use crate::defaults::{MAX_TARGETS, MAX_WEIGHT};
use crate::keys;
use crate::values::{Complaint, Parsed, integer, quoted, show, text, word};
use crate::walk::{Place, Section, Setting, Walker};
use crate::{Host, Page, Target, Weighted};
use std::net::IpAddr;
use toml::de::{DeTable, DeValue};

/// The weight of a target that is given none.
pub(super) const WEIGHT: u8 = 1;

/// The keys of a target that is written as a table.
const KEYS: &[&str] = &["target", "weight", "answer", "status", "body", "family"];

/// Longest text that a body must contain: enough for any mark, little beside what is read of a body.
const MAX_BODY: usize = 256;

/// What a server can say at last: 1xx are interim.
const STATUS: std::ops::RangeInclusive<i64> = 200..=599;

/// The words of `family`; whether it is IPv6.
const FAMILIES: &[(&str, bool)] = &[("v4", false), ("v6", true)];

/// What a list is to look like, for a mend.
const EXAMPLE: &str = "[\"1.1.1.1\", \"9.9.9.9\"]";

/// Reads a `targets` list: every fault in it, each at its own entry. `None`: the section has none.
pub(crate) fn targets<'t>(walk: &mut Walker, section: &Section<'t>) -> Option<Vec<Weighted>> {
    let (value, place) = section.get("targets")?;
    let DeValue::Array(entries) = value else {
        let mend = format!("write a list in brackets, such as {EXAMPLE}");
        walk.fault(place, Complaint::new(format!("{} is not a list of targets", show(value)), mend));
        return Some(Vec::new());
    };
    if entries.is_empty() || entries.len() > MAX_TARGETS {
        let why = if entries.is_empty() {
            "without targets a link cannot be judged".to_owned()
        } else {
            format!("{} targets are more than a link can have", entries.len())
        };
        walk.fault(
            place,
            Complaint::new(why, format!("write 1 to {MAX_TARGETS} targets, such as {EXAMPLE}")),
        );
        return Some(Vec::new());
    }
    let mut all: Vec<Weighted> = Vec::new();
    let mut faulty = false;
    for entry in entries.iter() {
        let place = Place { span: entry.span(), key: place.key.clone() };
        let read = entry_of(walk, entry.get_ref(), &place);
        let twice = read.as_ref().is_some_and(|new| all.iter().any(|old| old.target == new.target));
        if let (Some(new), true) = (&read, twice) {
            walk.fault(place, Complaint::new(format!("{new} is in the list twice"), "remove one of them"));
        }
        faulty |= read.is_none() || twice;
        all.extend(read);
    }
    // A list with a fault is not judged further: what is missing in it would be said twice.
    Some(if faulty { Vec::new() } else { all })
}

/// One entry; `None`: its faults are noted.
fn entry_of<'t>(walk: &mut Walker, value: &'t DeValue<'t>, place: &Place) -> Option<Weighted> {
    if let DeValue::Table(table) = value {
        return table_of(walk, table, place);
    }
    let read = text(value)
        .map_err(|fault| Complaint::new(fault.why, "write a text in \"quotes\", or a { table }"))
        .and_then(forms::target);
    match read {
        Ok(target) => Some(target.into()),
        Err(complaint) => {
            walk.fault(place.clone(), complaint);
            None
        }
    }
}

/// An entry with wishes beyond its text.
fn table_of<'t>(walk: &mut Walker, table: &'t DeTable<'t>, place: &Place) -> Option<Weighted> {
    let before = walk.count();
    for key in table.keys() {
        let name: &str = key.get_ref();
        if !KEYS.contains(&name) {
            let place = Place { span: key.span(), key: place.key.clone() };
            walk.fault(place, unknown(name));
        }
    }
    let section = Section::new("", place.key.clone(), table, place.span.clone());
    if section.get("target").is_none() {
        let mend = "add it, such as target = \"1.1.1.1\"";
        walk.fault(place.clone(), Complaint::new("this table names no target", mend));
    }
    let target =
        walk.read(&section, "target", None, |value| text(value).and_then(forms::target).map(Some)).value;
    let weight = walk.read(&section, "weight", WEIGHT, weight).value;
    let answer = walk.read(&section, "answer", None, |value| address(value).map(Some));
    let status = walk.read(&section, "status", None, |value| status(value).map(Some));
    let body = walk.read(&section, "body", None, |value| body(value).map(Some));
    let ipv6 = walk.read(&section, "family", None, |value| word(FAMILIES)(value).map(Some));
    let mut target = target?;
    // First, for an answer is of the server's family.
    wish(walk, &ipv6, |wanted| of_name(&mut target).map(|ipv6| *ipv6 = wanted));
    wish(walk, &answer, |wanted| expect_answer(&mut target, wanted));
    wish(walk, &status, |wanted| of_page(&mut target, "status").map(|page| page.status = Some(wanted)));
    wish(walk, &body, |wanted| of_page(&mut target, "body").map(|page| page.body = Some(wanted)));
    (walk.count() == before).then_some(Weighted { target, weight })
}

/// Applies a wish to the target, where one was written; its place is to blame when the target has no use for it.
fn wish<T: Clone>(walk: &mut Walker, wanted: &Setting<Option<T>>, apply: impl FnOnce(T) -> Parsed<()>) {
    if let (Some(place), Some(value)) = (wanted.place(), wanted.value.clone())
        && let Err(complaint) = apply(value)
    {
        walk.fault(place.clone(), complaint);
    }
}

fn status(value: &DeValue<'_>) -> Parsed<u16> {
    integer(STATUS)(value).map(|status| u16::try_from(status).unwrap_or(u16::MAX))
}

fn body(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    if (1..=MAX_BODY).contains(&given.len()) {
        return Ok(given.to_owned());
    }
    let why = if given.is_empty() { "every body contains nothing" } else { "the text is too long" };
    Err(Complaint::new(why, format!("write a text of 1 to {MAX_BODY} bytes that only the true page has")))
}

/// What only a page has.
fn of_page<'t>(target: &'t mut Target, key: &str) -> Parsed<&'t mut Page> {
    match target {
        Target::Page(page) => Ok(page),
        other => Err(Complaint::new(
            format!("{other} is no page, and has no {key}"),
            format!("remove {key}, or ask for a page by \"http://HOST/PATH\""),
        )),
    }
}

/// The family of a name; an address has its own.
fn of_name(target: &mut Target) -> Parsed<&mut bool> {
    let complaint = Complaint::new(
        format!("the address of {target} tells its family"),
        "remove family, which is for names",
    );
    match target.host_mut() {
        Host::Name { ipv6, .. } => Ok(ipv6),
        Host::Address(_) => Err(complaint),
    }
}

fn unknown(name: &str) -> Complaint {
    let mend = keys::nearest(name, KEYS).map_or_else(
        || format!("remove it; known here: {}", KEYS.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    Complaint::new(format!("{} is not a key of a target", quoted(name)), mend)
}

fn weight(value: &DeValue<'_>) -> Parsed<u8> {
    integer(1..=MAX_WEIGHT.into())(value).map(|weight| u8::try_from(weight).unwrap_or(MAX_WEIGHT))
}

fn address(value: &DeValue<'_>) -> Parsed<IpAddr> {
    let given = text(value)?;
    given.parse().map_err(|_| {
        Complaint::new(
            format!("{} is not an IP address", quoted(given)),
            "write the address that the name must have, such as \"192.0.2.7\"",
        )
    })
}

/// Only a DNS target has an answer to be compared, and only of the family that is asked for.
fn expect_answer(target: &mut Target, wanted: IpAddr) -> Parsed<()> {
    let Target::Dns { server, answer, .. } = target else {
        return Err(Complaint::new(
            format!("{target} gives no answer that could be compared"),
            "remove answer, or ask a server by \"dns://ADDRESS/NAME\"",
        ));
    };
    if server.host.is_ipv4() != wanted.is_ipv4() {
        let family = if server.host.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(Complaint::new(
            format!(
                "{wanted} can never be the answer: a server with an {family} address is asked for {family} addresses"
            ),
            format!("write an {family} address, or ask a server of the other family"),
        ));
    }
    *answer = Some(wanted);
    Ok(())
}
