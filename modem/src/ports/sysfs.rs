//! The devices that have ports, as the kernel tells them in its tree.
//!
//! Sources: Linux `Documentation/ABI/testing/sysfs-bus-usb` (`idVendor`, `bInterfaceNumber`,
//! `authorized`), `sysfs-bus-pci`, and
//! `drivers/net/wwan/wwan_core.c` (`wwan0at0` is port 0 of kind AT of the device `wwan0`).

use super::selector::DeviceId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Entries of one class that are looked at; more are left out. A machine has some 80 consoles.
const ENTRIES_AT_MOST: usize = 4096;

/// The kernel's tree, and where the ports' files are.
#[derive(Debug, Clone)]
pub struct Sysfs {
    root: PathBuf,
    dev: PathBuf,
}

/// What a device is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// USB: the ports are `ttyUSB…` and `ttyACM…`, or those of the WWAN subsystem.
    Usb,
    /// PCI Express: the ports are those of the WWAN subsystem.
    Pci,
    /// A serial line of the machine itself.
    Line,
}

/// Where in its device a port is: what stays the same when the names do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The USB interface of this number.
    Interface(u8),
    /// The WWAN port of this kind and number (`at0`).
    Channel(String),
    /// The only port.
    Only,
}

/// One port of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePort {
    /// The file to open (`/dev/ttyUSB2`).
    pub node: PathBuf,
    /// Where it is in its device.
    pub place: Place,
}

/// A device that has ports: a modem, or something else with serial ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where it is attached, below the tree's root (`devices/…/usb1/1-2`): the same as long as it is not moved.
    pub path: PathBuf,
    /// What it is attached to.
    pub bus: Bus,
    /// Vendor and product, where the bus tells them.
    pub id: Option<DeviceId>,
    /// The serial number, where the device tells one; many tell the same for all.
    pub serial: Option<String>,
    /// Its ports, by their place.
    pub ports: Vec<DevicePort>,
    /// Its network interfaces.
    pub interfaces: Vec<String>,
}

impl Sysfs {
    /// This machine's.
    #[must_use]
    pub fn system() -> Self {
        Self::at("/sys", "/dev")
    }

    /// The tree at `root`, and the ports' files in the directory `dev`.
    pub fn at(root: impl Into<PathBuf>, dev: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), dev: dev.into() }
    }

    /// Where `device` is in the tree.
    #[must_use]
    pub fn folder(&self, device: &Device) -> PathBuf {
        self.root.join(&device.path)
    }

    /// All devices on USB and PCI that have ports which may take commands, by their path. A port without a file is left
    /// out: udev may be about to make it.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read. What vanishes meanwhile is left out.
    pub fn devices(&self) -> io::Result<Vec<Device>> {
        let root = self.root.canonicalize()?;
        let mut devices = BTreeMap::new();
        for (class, is_port) in [("tty", is_usb_port as fn(&str) -> bool), ("wwan", is_wwan_port)] {
            for (name, path) in entries(&root.join("class").join(class))? {
                let node = self.dev.join(&name);
                if is_port(&name)
                    && node.exists()
                    && let Some((folder, bus)) = owner(&path, &root)
                {
                    let device =
                        devices.entry(folder.clone()).or_insert_with(|| describe(&root, &folder, bus));
                    device.ports.push(DevicePort { node, place: place(&name, &path) });
                }
            }
        }
        for (name, path) in entries(&root.join("class/net"))? {
            if let Some((folder, _)) = owner(&path, &root)
                && let Some(device) = devices.get_mut(&folder)
            {
                device.interfaces.push(name);
            }
        }
        let mut devices: Vec<Device> = devices.into_values().collect();
        for device in &mut devices {
            device.ports.sort_by(|one, other| one.place.cmp(&other.place));
        }
        Ok(devices)
    }

    /// All devices on USB that were taken off it by `authorized`, by their path. They have no ports, but still tell what they
    /// are.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read.
    pub fn off_usb(&self) -> io::Result<Vec<Device>> {
        let root = self.root.canonicalize()?;
        let mut all = entries(&root.join("bus/usb/devices"))?;
        // Interfaces have such a file, too.
        all.retain(|(_, folder)| {
            folder.join("idVendor").is_file() && attribute(folder, "authorized").as_deref() == Some("0")
        });
        Ok(all.into_iter().map(|(_, folder)| describe(&root, &folder, Bus::Usb)).collect())
    }
}

/// `ttyS…` are the machine's own lines, and named by their file.
fn is_usb_port(name: &str) -> bool {
    name.starts_with("ttyUSB") || name.starts_with("ttyACM")
}

fn is_wwan_port(name: &str) -> bool {
    channel(name).is_some_and(|channel| channel.starts_with("at"))
}

/// `at0` of `wwan0at0`.
fn channel(name: &str) -> Option<&str> {
    let channel = name.strip_prefix("wwan")?.trim_start_matches(|digit: char| digit.is_ascii_digit());
    Some(channel).filter(|channel| !channel.is_empty())
}

/// The entries of a class by name, each with the folder it stands for. None where the class is unknown.
fn entries(class: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let found = match fs::read_dir(class) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found?,
    };
    let mut entries = Vec::new();
    for entry in found.take(ENTRIES_AT_MOST) {
        let entry = entry?;
        if let (Ok(name), Ok(path)) = (entry.file_name().into_string(), entry.path().canonicalize()) {
            entries.push((name, path));
        }
    }
    entries.sort();
    Ok(entries)
}

/// The folder of the device on a bus that `path` belongs to: the nearest, since a modem may sit behind hubs.
fn owner(path: &Path, root: &Path) -> Option<(PathBuf, Bus)> {
    path.ancestors().take_while(|folder| *folder != root).find_map(|folder| {
        if folder.join("idVendor").is_file() {
            Some((folder.to_owned(), Bus::Usb))
        } else if folder.join("vendor").is_file() && folder.join("device").is_file() {
            Some((folder.to_owned(), Bus::Pci))
        } else {
            None
        }
    })
}

fn describe(root: &Path, folder: &Path, bus: Bus) -> Device {
    let (vendor, product) = match bus {
        Bus::Usb => ("idVendor", "idProduct"),
        Bus::Pci | Bus::Line => ("vendor", "device"),
    };
    let number = |file| u16::from_str_radix(attribute(folder, file)?.trim_start_matches("0x"), 16).ok();
    let id = number(vendor).zip(number(product)).map(|(vendor, product)| DeviceId { vendor, product });
    Device {
        path: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
        bus,
        id,
        serial: attribute(folder, "serial").filter(|serial| !serial.is_empty()),
        ports: Vec::new(),
        interfaces: Vec::new(),
    }
}

fn place(name: &str, path: &Path) -> Place {
    if let Some(channel) = channel(name) {
        return Place::Channel(channel.to_owned());
    }
    let interface = path.ancestors().find_map(|folder| attribute(folder, "bInterfaceNumber"));
    let number = interface.and_then(|number| u8::from_str_radix(&number, 16).ok());
    number.map_or(Place::Only, Place::Interface)
}

fn attribute(folder: &Path, file: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(file)).ok()?.trim().to_owned())
}
