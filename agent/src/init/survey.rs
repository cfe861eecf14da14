//! What this machine has, as far as a first config is concerned: read, and nothing changed.
//!
//! Sources: Linux `Documentation/ABI/testing/sysfs-class-net` (`type`, `uevent`), `net/ipv4/fib_trie.c`
//! (`/proc/net/route`), `net/ipv6/route.c` (`/proc/net/ipv6_route`).

use shunt_modem::ports::{Device, Sysfs};
use std::net::Ipv4Addr;
use std::path::Path;
use std::{fs, io};

/// ARPHRD_ETHER and ARPHRD_PPP of `linux/if_arp.h`.
const ETHERNET: &str = "1";
const PPP: &str = "512";

/// RTF_UP and RTF_REJECT of `linux/route.h`.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// Drivers of cellular modems' network interfaces that do not say so by DEVTYPE.
const CELLULAR_DRIVERS: &[&str] = &[
    "qmi_wwan",
    "qmi_wwan_q",
    "cdc_mbim",
    "huawei_cdc_ncm",
    "sierra_net",
    "hso",
    "option",
    "iosm",
    "mtk_t7xx",
    "GobiNet",
];

/// Drivers of modems that are routers themselves and have no ports, and of some Ethernet adapters.
const PERHAPS_CELLULAR_DRIVERS: &[&str] = &["cdc_ether", "rndis_host", "cdc_ncm"];

/// Where DHCP clients keep their leases, by program: a directory, and what the file's name has besides the interface.
const LEASES: &[(&str, &str)] = &[
    ("dhclient", "var/lib/dhcp"),
    ("NetworkManager", "var/lib/NetworkManager"),
    ("dhcpcd", "var/lib/dhcpcd"),
    ("udhcpc", "var/run"),
];

/// Everything that the proposal goes by.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Survey {
    /// The network interfaces, by name.
    pub(crate) interfaces: Vec<Interface>,
    /// The IPv4 default routes of `main`, as the kernel lists them.
    pub(crate) defaults: Vec<DefaultRoute>,
    /// Interfaces with an IPv6 default route.
    pub(crate) defaults6: Vec<String>,
    /// USB and PCI devices with ports that may take AT commands.
    pub(crate) modems: Vec<Device>,
    /// ModemManager runs, and holds the modems' ports.
    pub(crate) modem_manager: bool,
    /// The interfaces on which PPPoE sessions of the kernel stand, one for each session.
    pub(crate) pppoe: Vec<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// It is a device of this machine, and not made by a program.
    pub(crate) physical: bool,
    /// Its driver is one of both modems and Ethernet adapters.
    pub(crate) perhaps_modem: bool,
    /// It carries another interface, such as a bridge or a VLAN, and is no way out by itself.
    pub(crate) beneath: bool,
    /// Who leased its address, where a lease was found.
    pub(crate) leased_by: Option<&'static str>,
}

/// What kind of way an interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An Ethernet port, or what looks like one: a VLAN, a bridge, the end of a container's pair.
    Wired,
    /// A WLAN.
    Wireless,
    /// A dial-up session, as DSL has it.
    Dialled,
    /// A cellular modem.
    Cellular,
    /// A tunnel of a VPN, or something else that is no way out by itself.
    Virtual,
}

/// An IPv4 default route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefaultRoute {
    pub(crate) interface: String,
    /// `None`: the interface itself leads there.
    pub(crate) gateway: Option<Ipv4Addr>,
    pub(crate) metric: u32,
}

impl Survey {
    /// Reads the machine whose file system is at `root` (`/`, except in tests).
    ///
    /// # Errors
    ///
    /// When the interfaces or routes cannot be read. What else cannot be read is as if it were not there.
    pub(crate) fn take(root: &Path) -> io::Result<Self> {
        let mut names: Vec<String> = fs::read_dir(root.join("sys/class/net"))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        let routes = fs::read_to_string(root.join("proc/net/route"))?;
        // A kernel without IPv6 has no such file.
        let routes6 = fs::read_to_string(root.join("proc/net/ipv6_route")).unwrap_or_default();
        let sysfs = Sysfs::at(root.join("sys"), root.join("dev"));
        Ok(Self {
            interfaces: names.into_iter().map(|name| Interface::read(root, name)).collect(),
            defaults: routes.lines().skip(1).filter_map(default_route).collect(),
            defaults6: routes6.lines().filter_map(default_route6).collect(),
            modems: sysfs.devices().unwrap_or_default(),
            modem_manager: runs(root, "ModemManager"),
            pppoe: pppoe(root),
        })
    }
}

impl Interface {
    fn read(root: &Path, name: String) -> Self {
        let folder = root.join("sys/class/net").join(&name);
        let kind = kind(&folder);
        let physical = folder.join("device").exists();
        let leased_by = leased_by(root, &folder, &name);
        let perhaps_modem = driver(&folder).is_some_and(|it| PERHAPS_CELLULAR_DRIVERS.contains(&it.as_str()));
        let beneath = has_upper(&folder);
        Self { name, kind, physical, perhaps_modem, beneath, leased_by }
    }
}

fn driver(folder: &Path) -> Option<String> {
    fs::read_link(folder.join("device/driver")).ok()?.file_name()?.to_str().map(str::to_owned)
}

/// Each interface that stands on this one has a link in its folder, `upper_br-lan`.
fn has_upper(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| name.starts_with("upper_"))
}

/// The last word of each line after the first is the interface (`drivers/net/ppp/pppoe.c`). Without the kernel's module there
/// is no such file.
fn pppoe(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("proc/net/pppoe")).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| Some(line.split_whitespace().last()?.to_owned())).collect()
}

fn kind(folder: &Path) -> Kind {
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let uevent = text("uevent");
    let device_type = uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE="));
    let is_modems = |driver: String| CELLULAR_DRIVERS.contains(&driver.as_str());
    if device_type == Some("wwan") || driver(folder).is_some_and(is_modems) {
        return Kind::Cellular;
    }
    let is_tap = folder.join("tun_flags").exists();
    match text("type").trim() {
        PPP => Kind::Dialled,
        ETHERNET if device_type == Some("wlan") => Kind::Wireless,
        ETHERNET if !is_tap => Kind::Wired,
        _ => Kind::Virtual,
    }
}

fn leased_by(root: &Path, folder: &Path, name: &str) -> Option<&'static str> {
    let index = fs::read_to_string(folder.join("ifindex")).unwrap_or_default();
    if !index.is_empty() && root.join("run/systemd/netif/leases").join(index.trim()).exists() {
        return Some("systemd-networkd");
    }
    let is_of = |file: &str| {
        // `dhclient.eth0.leases`, `internal-…-eth0.lease`, `eth0.lease`, `udhcpc-eth0.pid`.
        let stem = file.strip_suffix(".leases").or_else(|| file.strip_suffix(".lease"));
        let stem = stem.or_else(|| file.strip_suffix(".pid").filter(|stem| stem.starts_with("udhcpc")));
        stem.is_some_and(|stem| {
            stem == name || stem.strip_suffix(name).is_some_and(|before| before.ends_with(['-', '.']))
        })
    };
    LEASES.iter().find_map(|(program, directory)| {
        let entries = fs::read_dir(root.join(directory)).ok()?;
        let found = entries.filter_map(Result::ok).any(|entry| entry.file_name().to_str().is_some_and(is_of));
        found.then_some(*program)
    })
}

/// A line of `/proc/net/route`: addresses are hexadecimal numbers in the order of the machine's memory.
fn default_route(line: &str) -> Option<DefaultRoute> {
    let mut words = line.split_whitespace();
    let interface = words.next()?.to_owned();
    let mut number = || u32::from_str_radix(words.next()?, 16).ok();
    let (destination, gateway, flags) = (number()?, number()?, number()?);
    let mut words = words.skip(2);
    let metric = words.next()?.parse().ok()?;
    let mask = u32::from_str_radix(words.next()?, 16).ok()?;
    let gateway = Some(Ipv4Addr::from(gateway.to_ne_bytes())).filter(|gateway| !gateway.is_unspecified());
    (destination == 0 && mask == 0 && flags & UP != 0 && flags & REJECT == 0).then_some(DefaultRoute {
        interface,
        gateway,
        metric,
    })
}

/// A line of `/proc/net/ipv6_route`: the interface, if it is a default route.
fn default_route6(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [destination, length, .., flags, interface] = words.as_slice() else { return None };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let whole = destination.bytes().all(|digit| digit == b'0') && *length == "00";
    (whole && flags & UP != 0 && flags & REJECT == 0).then(|| (*interface).to_owned())
}

/// Whether a program of that name runs.
fn runs(root: &Path, program: &str) -> bool {
    let Ok(entries) = fs::read_dir(root.join("proc")) else { return false };
    let name =
        |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim_end() == program);
    entries.filter_map(Result::ok).any(|entry| name(&entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn routes_are_read_as_the_kernel_writes_them() {
        // From a machine with two default routes and a network, and one that refuses.
        let gateway = format!("{:08X}", u32::from_ne_bytes([192, 0, 2, 1]));
        for (line, expected) in [
            (
                format!("eth0\t00000000\t{gateway}\t0003\t0\t0\t100\t00000000\t0\t0\t0"),
                Some(("eth0", true, 100)),
            ),
            (
                "wwan0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0".into(),
                Some(("wwan0", false, 700)),
            ),
            ("eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0".into(), None),
            ("*\t00000000\t00000000\t0200\t0\t0\t1\t00000000\t0\t0\t0".into(), None),
            ("eth0\t00000000".into(), None),
        ] {
            let read = default_route(&line);
            let read = read.as_ref().map(|r| (r.interface.as_str(), r.gateway.is_some(), r.metric));
            assert_eq!(read, expected, "{line:?}");
        }
        let zeros = "0".repeat(32);
        let line = |length: &str, flags: &str, interface: &str| {
            format!(
                "{zeros} {length} {zeros} 00 fe80000000000000000000000000000a 00000400 1 0 {flags}     {interface}"
            )
        };
        assert_eq!(default_route6(&line("00", "00450003", "eth0")).as_deref(), Some("eth0"));
        assert_eq!(default_route6(&line("00", "00200200", "lo")), None);
        assert_eq!(default_route6(&line("40", "00000001", "eth0")), None);
    }

    #[test]
    fn interfaces_tell_their_kind_and_who_leased_their_address() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (name, uevent, kind) in [
            ("eth0", "INTERFACE=eth0\n", "1"),
            ("eth1.7", "DEVTYPE=vlan\n", "1"),
            ("ppp0", "", "512"),
            ("tap0", "", "1"),
            ("usb0", "", "1"),
            ("wg0", "DEVTYPE=wireguard\n", "65534"),
            ("wlan0", "DEVTYPE=wlan\n", "1"),
            ("wwan0", "DEVTYPE=wwan\n", "1"),
        ] {
            write(&format!("sys/class/net/{name}/uevent"), uevent);
            write(&format!("sys/class/net/{name}/type"), kind);
        }
        write("sys/class/net/tap0/tun_flags", "0x1002\n");
        write("sys/class/net/eth0/ifindex", "2\n");
        write("sys/class/net/eth0/device/vendor", "");
        fs::create_dir_all(root.join("sys/class/net/usb0/device")).unwrap();
        symlink("/sys/bus/usb/drivers/qmi_wwan", root.join("sys/class/net/usb0/device/driver")).unwrap();
        write("run/systemd/netif/leases/2", "");
        fs::create_dir_all(root.join("sys/class/net/eth2/device")).unwrap();
        write("sys/class/net/eth2/type", "1");
        symlink("/sys/bus/usb/drivers/cdc_ether", root.join("sys/class/net/eth2/device/driver")).unwrap();
        symlink("../br-lan", root.join("sys/class/net/eth0/upper_br-lan")).unwrap();
        write(
            "proc/net/pppoe",
            "Id       Address              Device\n00000001 02:00:00:00:00:01     eth1\n",
        );
        write("var/lib/NetworkManager/internal-1c2d-wlan0.lease", "");
        write("var/lib/dhcp/dhclient.eth1.7.leases", "");
        write("proc/net/route", "Iface\tDestination\n");
        write("proc/17/comm", "ModemManager\n");
        let survey = Survey::take(root).unwrap();
        let read: Vec<_> =
            survey.interfaces.iter().map(|i| (i.name.as_str(), i.kind, i.physical, i.leased_by)).collect();
        assert_eq!(
            read,
            [
                ("eth0", Kind::Wired, true, Some("systemd-networkd")),
                ("eth1.7", Kind::Wired, false, Some("dhclient")),
                ("eth2", Kind::Wired, true, None),
                ("ppp0", Kind::Dialled, false, None),
                ("tap0", Kind::Virtual, false, None),
                ("usb0", Kind::Cellular, true, None),
                ("wg0", Kind::Virtual, false, None),
                ("wlan0", Kind::Wireless, false, Some("NetworkManager")),
                ("wwan0", Kind::Cellular, false, None),
            ]
        );
        let those = |is: fn(&Interface) -> bool| {
            survey.interfaces.iter().filter(|i| is(i)).map(|i| i.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((those(|i| i.beneath), those(|i| i.perhaps_modem)), (vec!["eth0"], vec!["eth2"]));
        assert_eq!(survey.pppoe, ["eth1"]);
        assert!(survey.modem_manager);
        assert_eq!((survey.defaults.len(), survey.defaults6.len(), survey.modems.len()), (0, 0, 0));
    }
}
