//! `[modem.remote]`: who may order what by SMS.

use super::{Remote, RemoteOperator, small};
use crate::keys::{self, MODEM_REMOTE};
use crate::values::{Complaint, Parsed, boolean, integer, path, quoted, show, text, word};
use crate::walk::{Place, Section, Walker};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// Some people, not a public: what `shunt_sms` takes.
const MAX_OPERATORS: usize = 16;

/// The keys of an operator.
const KEYS: &[&str] = &["name", "number", "secret_file"];

/// Longest name of an operator: it stands in log lines.
const MAX_NAME: usize = 32;

/// Digits of an international number (E.164: at most 15 with the country code; the shortest in use have seven).
const NUMBER_DIGITS: RangeInclusive<usize> = 7..=15;

/// Digits of a country code (E.164).
const COUNTRY_DIGITS: RangeInclusive<usize> = 1..=3;

/// What national numbers begin with has two digits at most.
const MAX_TRUNK: usize = 2;

/// Codes as authenticator programs make them (RFC 4226 5.3).
const CODE_DIGITS: RangeInclusive<i64> = 6..=8;

/// Six, which all such programs know.
const DIGITS: u8 = 6;

/// An operator in trouble writes a handful of messages, and an answer to each costs money.
const PER_NUMBER: u16 = 10;
const IN_ALL: u16 = 30;

/// More than one attempt a minute and operator is no operator's.
const ATTEMPTS: RangeInclusive<i64> = 1..=600;

const EXAMPLE: &str =
    "{ name = \"anna\", number = \"+491701234567\", secret_file = \"/etc/shunt/anna.secret\" }";

/// The section of one modem; `None`: no message orders anything.
pub(super) fn remote<'t>(walk: &mut Walker, modem: &Section<'t>) -> Option<Remote> {
    const CODES: &[(&str, bool)] = &[("counter", false), ("time", true)];
    let section = walk.inner(modem, "remote", MODEM_REMOTE);
    let enabled = walk.read(&section, "enabled", false, boolean);
    let operators = operators(walk, &section);
    let country = walk.read(&section, "country", None, |value| country(value).map(Some)).value;
    let trunk = walk.read(&section, "trunk", "0".to_owned(), trunk).value;
    let by_time = walk.read(&section, "codes", false, word(CODES)).value;
    let digits = walk.read(&section, "digits", DIGITS, |value| small(CODE_DIGITS, value)).value;
    let per_number = walk.read(&section, "per_number", PER_NUMBER, attempts).value;
    let in_all = walk.read(&section, "in_all", IN_ALL, attempts).value;
    if !enabled.value {
        return None;
    }
    if let (Some(place), None) = (enabled.place(), section.get("operators")) {
        let why = "remote control is on, and nobody may order anything";
        walk.fault(place.clone(), Complaint::new(why, format!("add operators = [{EXAMPLE}]")));
    }
    Some(Remote { operators, country, trunk, by_time, digits, per_number, in_all })
}

fn operators<'t>(walk: &mut Walker, section: &Section<'t>) -> Vec<RemoteOperator> {
    let Some((value, place)) = section.get("operators") else { return Vec::new() };
    let entries = match value {
        DeValue::Array(entries) if (1..=MAX_OPERATORS).contains(&entries.len()) => entries,
        _ => {
            let why = format!("{} is no list of 1 to {MAX_OPERATORS} operators", show(value));
            walk.fault(place, Complaint::new(why, format!("write [{EXAMPLE}]")));
            return Vec::new();
        }
    };
    let mut all: Vec<RemoteOperator> = Vec::new();
    for entry in entries.iter() {
        let place = Place { span: entry.span(), key: place.key.clone() };
        let DeValue::Table(table) = entry.get_ref() else {
            let why = format!("{} is no operator", show(entry.get_ref()));
            walk.fault(place, Complaint::new(why, format!("write a table, such as {EXAMPLE}")));
            continue;
        };
        let Some(operator) = operator(walk, table, &place) else { continue };
        if all.iter().any(|other| other.number == operator.number) {
            let why = format!("the number {} is in the list twice", operator.number);
            walk.fault(place, Complaint::new(why, "remove one of the two"));
        }
        all.push(operator);
    }
    all
}

/// One operator; `None`: the faults are noted.
fn operator<'t>(walk: &mut Walker, table: &'t DeTable<'t>, place: &Place) -> Option<RemoteOperator> {
    let before = walk.count();
    let section = Section::new("", place.key.clone(), table, place.span.clone());
    for key in table.keys() {
        let name: &str = key.get_ref();
        if !KEYS.contains(&name) {
            let mend = match keys::nearest(name, KEYS) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("remove it; known here: {}", KEYS.join(", ")),
            };
            let place = Place { span: key.span(), key: place.key.clone() };
            walk.fault(place, Complaint::new(format!("{} is not a key of an operator", quoted(name)), mend));
        }
    }
    for key in KEYS {
        if section.get(key).is_none() {
            let why = format!("this operator has no {key}");
            walk.fault(place.clone(), Complaint::new(why, format!("add it, such as {EXAMPLE}")));
            break;
        }
    }
    let name = walk.read(&section, "name", String::new(), operator_name).value;
    let number = walk.read(&section, "number", String::new(), number).value;
    let secret_file = walk.read(&section, "secret_file", PathBuf::new(), path).value;
    (walk.count() == before).then_some(RemoteOperator { name, number, secret_file })
}

fn operator_name(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    let fits = !given.trim().is_empty() && given.len() <= MAX_NAME && !given.contains(char::is_control);
    if fits {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(
        format!("{} cannot be the name of an operator", quoted(given)),
        format!("write a name of 1 to {MAX_NAME} bytes"),
    ))
}

fn number(value: &DeValue<'_>) -> Parsed<String> {
    let mend = "write it with its country code in \"quotes\", such as \"+491701234567\"";
    let given = text(value).map_err(|fault| Complaint::new(fault.why, mend))?;
    match given.strip_prefix('+') {
        Some(digits) if are_digits(digits, &NUMBER_DIGITS) && !digits.starts_with('0') => {
            Ok(given.to_owned())
        }
        Some(_) | None => Err(Complaint::new(format!("{} is no international number", quoted(given)), mend)),
    }
}

fn country(value: &DeValue<'_>) -> Parsed<String> {
    let mend = "write the country code alone in \"quotes\", such as \"49\"";
    let given = text(value).map_err(|fault| Complaint::new(fault.why, mend))?;
    if are_digits(given, &COUNTRY_DIGITS) && !given.starts_with('0') {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(format!("{} is no country code", quoted(given)), mend))
}

fn trunk(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    if are_digits(given, &(0..=MAX_TRUNK)) {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(
        format!("{} is nothing that national numbers begin with", quoted(given)),
        "write its digits in \"quotes\", such as \"0\", or \"\" where there is nothing",
    ))
}

fn are_digits(text: &str, lengths: &RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit())
}

fn attempts(value: &DeValue<'_>) -> Parsed<u16> {
    integer(ATTEMPTS)(value).map(|number| u16::try_from(number).unwrap_or(u16::MAX))
}
