//! The rules of udev that are shipped give the agent's user the devices that it opens, and no others.
//!
//! They are applied here as udev(7) tells; only a machine with such devices could apply them itself.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const RULES: &str = "../agent/packaging/systemd/shunt.udev";

/// What a rule says of one key: its operator and value.
type Term = (String, String, String);

fn rules() -> Vec<Vec<Term>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(RULES)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(", ").map(term).collect()).collect()
}

fn term(text: &str) -> Term {
    let (left, value) = text.split_once('"').unwrap();
    let key = left.trim_end_matches(['=', '!', '+']);
    (key.to_owned(), left.split_at(key.len()).1.to_owned(), value.strip_suffix('"').unwrap().to_owned())
}

/// Alternatives, each with `*` at its end or a class of characters before it: all that the rules have of patterns.
fn fits(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|one| match one.split_once("[0-9]*") {
        Some((begin, "")) => {
            text.strip_prefix(begin).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        }
        Some(_) => panic!("this test does not know {one}"),
        None => one == text,
    })
}

/// What is done with a device of these properties.
fn done(device: &str) -> Vec<String> {
    let known: BTreeMap<_, _> = device.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
    let mut done = Vec::new();
    for rule in rules() {
        let (tests, acts): (Vec<_>, Vec<_>) =
            rule.into_iter().partition(|(_, sign, _)| ["==", "!="].contains(&sign.as_str()));
        let holds = |(key, sign, value): &Term| {
            known.get(key.as_str()).is_some_and(|has| fits(value, has) == (sign == "=="))
        };
        if tests.iter().all(holds) {
            done.extend(acts.into_iter().map(|(key, sign, value)| format!("{key}{sign}{value}")));
        }
    }
    done
}

#[test]
fn the_agents_user_has_the_devices_that_it_opens_and_no_others() {
    let own = ["OWNER=shunt"].as_slice();
    let watchdog = ["OWNER=shunt", "MODE=0600"].as_slice();
    let authorized = ["RUN+=/bin/chown shunt $sys$devpath/authorized"].as_slice();
    let usb = "ACTION=add SUBSYSTEM=usb ENV{DEVTYPE}=usb_device";
    for (device, expected) in [
        ("ACTION=add SUBSYSTEM=misc KERNEL=watchdog".to_owned(), watchdog),
        ("ACTION=add SUBSYSTEM=watchdog KERNEL=watchdog0".to_owned(), watchdog),
        ("ACTION=add SUBSYSTEM=gpio KERNEL=gpiochip0".to_owned(), own),
        ("ACTION=add SUBSYSTEM=wwan KERNEL=wwan0at0".to_owned(), own),
        (format!("{usb} ATTR{{bDeviceClass}}=ef ATTR{{idVendor}}=2c7c ATTR{{idProduct}}=0125"), authorized),
        (format!("{usb} ATTR{{bDeviceClass}}=ef ATTR{{idVendor}}=8087 ATTR{{idProduct}}=095a"), authorized),
        // A Bluetooth adapter and a memory stick, a hub that a modem's maker sells, an interface of a modem.
        (format!("{usb} ATTR{{bDeviceClass}}=e0 ATTR{{idVendor}}=8087 ATTR{{idProduct}}=0029"), &[]),
        (format!("{usb} ATTR{{bDeviceClass}}=00 ATTR{{idVendor}}=0781 ATTR{{idProduct}}=5581"), &[]),
        (format!("{usb} ATTR{{bDeviceClass}}=09 ATTR{{idVendor}}=12d1 ATTR{{idProduct}}=0001"), &[]),
        (
            "ACTION=add SUBSYSTEM=usb ENV{DEVTYPE}=usb_interface ATTR{bDeviceClass}=ef ATTR{idVendor}=2c7c ATTR{idProduct}=0125"
                .to_owned(),
            &[],
        ),
        ("ACTION=add SUBSYSTEM=mem KERNEL=mem".to_owned(), &[]),
        ("ACTION=add SUBSYSTEM=block KERNEL=mmcblk0".to_owned(), &[]),
        ("ACTION=add SUBSYSTEM=misc KERNEL=rfkill".to_owned(), &[]),
    ] {
        assert_eq!(done(&device), expected, "{device}");
    }
}
