//! How a modem is found: one of four ways.

use super::{Find, Modem};
use crate::values::{Complaint, Parsed, path, quoted, text, usb_id};
use crate::walk::{Place, Section, Walker};
use std::path::PathBuf;
use toml::de::DeValue;

/// Digits of an IMEI, the last of which checks the others (3GPP TS 23.003 6.2).
const IMEI_DIGITS: usize = 15;

/// Longest path in sysfs that is taken: the longest of a hub behind hubs is a quarter of it.
const MAX_PATH: usize = 255;

/// Reads the one way that is written.
pub(super) fn find<'t>(walk: &mut Walker, section: &Section<'t>, before: &[Modem]) -> Find {
    let port = walk.read(section, "port", None, |value| port(value).map(Some));
    let place = walk.read(section, "path", None, |value| place_in_sysfs(value).map(Some));
    let usb = walk.read(section, "usb", None, |value| usb(value).map(Some));
    let imei = walk.read(section, "imei", None, |value| imei(value).map(Some));
    let written: Vec<Place> = ["port", "path", "usb", "imei"]
        .iter()
        .filter_map(|key| section.get(key).map(|(_, place)| place))
        .collect();
    let found: Option<Find> = port.value.or(place.value).or(usb.value).or(imei.value);
    match written.as_slice() {
        [] => {
            let mend = "add usb = \"2c7c:0125\" (see lsusb), imei, path (its place on the bus) or port";
            walk.fault(section.missing("usb"), Complaint::new("nothing says which modem is meant", mend));
        }
        [one] => {
            let other = before.iter().find(|other| Some(&other.find) == found.as_ref());
            if let Some(other) = other {
                let why = format!("modem {} is found the same way", quoted(&other.name));
                let mend = "tell two modems apart by imei, or by path";
                walk.fault(one.clone(), Complaint::new(why, mend));
            }
        }
        several => {
            let last = several.iter().max_by_key(|place| place.span.start);
            if let Some(place) = last {
                let why = "a modem is found in one way, and here are several";
                walk.fault(place.clone(), Complaint::new(why, "keep one of port, path, usb and imei"));
            }
        }
    }
    found.unwrap_or(Find::Port(PathBuf::new()))
}

fn port(value: &DeValue<'_>) -> Parsed<Find> {
    let given = path(value)?;
    let renumbered = |node: &str| node.starts_with("/dev/ttyUSB") || node.starts_with("/dev/ttyACM");
    if given.to_str().is_some_and(renumbered) {
        return Err(Complaint::new(
            format!("{} belongs to another port after each restart of the modem", quoted(text(value)?)),
            "name the modem by usb, imei or path; port is for serial lines of the board, such as \"/dev/ttyS1\"",
        ));
    }
    Ok(Find::Port(given))
}

/// `1-1.2` or `0000:02:00.0`, or the whole path in sysfs.
fn place_in_sysfs(value: &DeValue<'_>) -> Parsed<Find> {
    let given = text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_' | '/');
    let whole = !given.contains('/') || given.starts_with("/sys/devices/") && !given.contains("..");
    if !given.is_empty() && given.len() <= MAX_PATH && given.chars().all(fits) && whole {
        return Ok(Find::Path(given.to_owned()));
    }
    Err(Complaint::new(
        format!("{} is no place of a modem", quoted(given)),
        "write its name in /sys/bus/usb/devices, such as \"1-1.2\", or in /sys/bus/pci/devices",
    ))
}

fn usb(value: &DeValue<'_>) -> Parsed<Find> {
    usb_id(value).map(|(vendor, product)| Find::Usb { vendor, product })
}

fn imei(value: &DeValue<'_>) -> Parsed<Find> {
    let mend = "write its 15 digits in \"quotes\"; they are printed on the modem, and AT+CGSN tells them";
    let given = text(value).map_err(|fault| Complaint::new(fault.why, mend))?;
    // Luhn's formula: every second digit is doubled, and the sum of all digits is a multiple of ten.
    let weigh = |(place, digit): (usize, char)| {
        let digit = digit.to_digit(10)?;
        Some(if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
    };
    let sum: Option<u32> = given.chars().enumerate().map(weigh).sum();
    match sum {
        Some(sum) if given.len() == IMEI_DIGITS && sum % 10 == 0 => Ok(Find::Imei(given.to_owned())),
        Some(_) if given.len() == IMEI_DIGITS => {
            Err(Complaint::new(format!("the digits of {} do not fit the last of them", quoted(given)), mend))
        }
        _ => Err(Complaint::new(format!("{} is no IMEI", quoted(given)), mend)),
    }
}
