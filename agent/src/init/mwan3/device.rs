//! The devices of OpenWrt's logical interfaces, as netifd and its protocols name them, by the config of the network.
//!
//! Sources: <https://openwrt.org/docs/guide-user/network/wan/wan_interface_protocols>, and the packages comgt, uqmi, umbim,
//! modemmanager and xmm-modem for those of modems.

use super::Notes;
use super::uci::Section;
use std::collections::BTreeMap;

/// Protocols of modems that have a network interface besides the port they are ordered by.
const MODEMS: &[&str] = &["qmi", "mbim", "ncm", "modemmanager", "wwan", "directip", "xmm"];

/// Protocols that run on the device that the interface names.
const WIRED: &[&str] = &["none", "static", "dhcp", "dhcpv6"];

/// The device of an interface.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) cellular: bool,
}

/// The devices of all interfaces.
pub(super) struct Devices<'a> {
    network: Option<&'a [Section]>,
    /// N of the `wwanN` that the modem behind an interface is taken to have.
    modems: BTreeMap<&'a str, u32>,
}

impl<'a> Devices<'a> {
    /// Without the `network` each device is named as its interface.
    pub(super) fn of(network: Option<&'a [Section]>) -> Self {
        Self { network, modems: numbered(network.unwrap_or_default()) }
    }

    /// The device of the interface with that name; what is only taken to be so is told.
    pub(super) fn find(&self, name: &str, notes: &mut Notes) -> Device {
        let unknown = Device { name: name.to_owned(), cellular: false };
        let Some(network) = self.network else { return unknown };
        let Some(section) = find(network, name) else {
            notes.push(format!(
                "The network has no interface `{name}`: write its device's name in its place."
            ));
            return unknown;
        };
        let proto = proto(section);
        let prefixed = |prefix: &str, cellular| Device { name: format!("{prefix}-{name}"), cellular };
        if let Some(number) = self.modems.get(name) {
            let device = Device { name: format!("wwan{number}"), cellular: true };
            let note = format!(
                "Interface `{name}` is a modem (proto {proto}), taken to be {}; look at `ip link`. Shunt can bring it up \
                 and watch it: see [[modem]] in the reference. Then remove its interface from the network.",
                device.name
            );
            // An alias of it asks again.
            if !notes.contains(&note) {
                notes.push(note);
            }
            return device;
        }
        match proto {
            "pppoe" | "pppoa" | "pptp" | "l2tp" => prefixed(proto, false),
            "3g" | "ppp" => prefixed(proto, proto == "3g"),
            "wireguard" => unknown,
            _ => {
                let device = self.on_wire(section, unknown, notes);
                if !WIRED.contains(&proto) {
                    notes.push(format!(
                        "Interface `{name}` has the proto {proto}, which is not known here, and its device is taken to be \
                         {}; look at `ip link`. If it is a mobile link, add `metered = true`.",
                        device.name
                    ));
                }
                device
            }
        }
    }

    fn on_wire(&self, section: &Section, unknown: Device, notes: &mut Notes) -> Device {
        match wire(section) {
            // Another interface's device, as those for IPv6 have it. An alias of an alias is no config that works.
            Some(alias) if let Some(other) = alias.strip_prefix('@') => {
                match self.network.and_then(|network| find(network, other)) {
                    Some(section) if !wire(section).is_some_and(|wire| wire.starts_with('@')) => {
                        self.find(other, notes)
                    }
                    _ => unknown,
                }
            }
            // A port for orders is no network interface.
            Some(port) if port.starts_with('/') => unknown,
            Some(devices) => {
                let first = devices.split_whitespace().next().unwrap_or(&unknown.name);
                Device { name: first.to_owned(), cellular: first.starts_with("wwan") }
            }
            None => unknown,
        }
    }
}

/// Each modem has an interface of its own: `wwan1` where its port is `cdc-wdm1`, for the kernel counts both alike as a rule,
/// or else the first that is free.
fn numbered(network: &[Section]) -> BTreeMap<&str, u32> {
    let modem = |section: &&Section| section.kind == "interface" && MODEMS.contains(&proto(section));
    let modems: Vec<(&str, Option<u32>)> = network
        .iter()
        .filter(modem)
        .filter_map(|section| Some((section.name.as_deref()?, number_of_port(section))))
        .collect();
    let mut numbers = BTreeMap::new();
    let is_free =
        |numbers: &BTreeMap<&str, u32>, number: u32| !numbers.values().any(|taken| *taken == number);
    for (name, number) in &modems {
        if let Some(number) = number.filter(|number| is_free(&numbers, *number)) {
            numbers.insert(*name, number);
        }
    }
    for (name, _) in &modems {
        let free = (0..).find(|number| is_free(&numbers, *number)).unwrap_or_default();
        numbers.entry(*name).or_insert(free);
    }
    numbers
}

fn number_of_port(section: &Section) -> Option<u32> {
    wire(section)?.strip_prefix("/dev/cdc-wdm")?.parse().ok()
}

fn proto(section: &Section) -> &str {
    section.option("proto").unwrap_or("none")
}

/// What an interface of the network runs on, by the key of today or that of before OpenWrt 21.02.
fn wire(section: &Section) -> Option<&str> {
    section.option("device").or_else(|| section.option("ifname"))
}

fn find<'a>(network: &'a [Section], name: &str) -> Option<&'a Section> {
    network.iter().find(|section| section.kind == "interface" && section.name.as_deref() == Some(name))
}
