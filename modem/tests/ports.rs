//! Finding modems in a made-up `/sys`, with ptys in place of their ports.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

mod common;

use common::{LIMIT, Peer, SHORT, TIMING};
use shunt_modem::Timing;
use shunt_modem::at::Echo;
use shunt_modem::ports::{Bus, DeviceId, FindError, Finder, Place, Probing, Selector, Sysfs};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;

const IMEI: &str = "490154203237518";
const OTHER_IMEI: &str = "356938035643809";
/// Short, since silent ports use it up; the others answer at once.
const FENCE: Duration = Duration::from_millis(400);
const PROBING: Probing =
    Probing { baud: 115_200, timing: Timing { fence: FENCE, fences: 1, ..TIMING }, answer: LIMIT };
/// Of a modem on USB.
const PLACE: &str = "devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2";

/// `/sys` and `/dev`.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for folder in ["class/tty", "class/wwan", "class/net", "bus/usb/devices", "dev"] {
            fs::create_dir_all(tree.0.path().join(folder)).unwrap();
        }
        // What is no modem: the host controller, a hub, a console, a pty.
        tree.write("devices/pci0000:00/0000:00:14.0", &[("vendor", "0x8086\n"), ("device", "0xa36d\n")]);
        tree.write(
            "devices/pci0000:00/0000:00:14.0/usb1/1-1",
            &[("idVendor", "05e3\n"), ("idProduct", "0610\n")],
        );
        tree.class("tty", "ttyS0", "devices/platform/serial8250/tty/ttyS0");
        tree.class("tty", "ptmx", "devices/virtual/tty/ptmx");
        tree
    }

    fn sysfs(&self) -> Sysfs {
        Sysfs::at(self.0.path(), self.0.path().join("dev"))
    }

    fn finder(&self, selector: Selector) -> Finder {
        Finder::new(self.sysfs(), selector, PROBING)
    }

    fn write(&self, folder: &str, files: &[(&str, &str)]) {
        let folder = self.0.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    fn class(&self, class: &str, name: &str, folder: &str) {
        self.write(folder, &[]);
        symlink(self.0.path().join(folder), self.0.path().join("class").join(class).join(name)).unwrap();
    }

    /// A modem on USB.
    fn usb(&self, place: &str, product: &str) {
        let files = [("idVendor", "2c7c\n"), ("idProduct", product), ("serial", "0123456789ABCDEF\n")];
        self.write(place, &files);
    }

    /// A serial adapter, behind which there may be anything.
    fn adapter(&self, place: &str) {
        self.write(place, &[("idVendor", "0403\n"), ("idProduct", "6001\n")]);
    }

    /// A port of a modem on USB, whose far end is `peer`.
    fn port(&self, place: &str, interface: u8, name: &str, peer: &Peer) {
        let base = Path::new(place).file_name().unwrap().to_str().unwrap();
        let folder = format!("{place}/{base}:1.{interface}");
        self.write(&folder, &[("bInterfaceNumber", &format!("{interface:02x}\n"))]);
        self.class("tty", name, &format!("{folder}/{name}/tty/{name}"));
        self.node(name, &peer.path);
    }

    fn node(&self, name: &str, path: &Path) {
        symlink(path, self.0.path().join("dev").join(name)).unwrap();
    }

    /// Takes a modem away.
    fn unplug(&self, place: &str, names: &[&str]) {
        fs::remove_dir_all(self.0.path().join(place)).unwrap();
        for name in names {
            fs::remove_file(self.0.path().join("class/tty").join(name)).unwrap();
            fs::remove_file(self.0.path().join("dev").join(name)).unwrap();
        }
    }

    fn names(&self, nodes: &[shunt_modem::ports::DevicePort]) -> Vec<String> {
        let dev = self.0.path().join("dev");
        nodes.iter().map(|port| port.node.strip_prefix(&dev).unwrap().to_str().unwrap().to_owned()).collect()
    }
}

fn answers(imei: &str) -> Vec<(&'static str, String)> {
    vec![("AT+CGMM", "EC25".to_owned()), ("AT+CGSN", imei.to_owned())]
}

fn id() -> Selector {
    Selector::Id("2c7c:0125".parse().unwrap())
}

#[test]
fn devices_are_read_with_their_ports_in_order() {
    let tree = Tree::new();
    tree.usb(PLACE, "0125\n");
    let (pty, none) = (tempfile::NamedTempFile::new().unwrap(), Path::new("/dev/null"));
    for (interface, name) in [(3, "ttyUSB0"), (2, "ttyUSB1"), (10, "ttyACM7")] {
        let folder = format!("{PLACE}/1-1.2:1.{interface}");
        tree.write(&folder, &[("bInterfaceNumber", &format!("{interface:02x}\n"))]);
        tree.class("tty", name, &format!("{folder}/tty/{name}"));
        tree.node(name, pty.path());
    }
    tree.class("net", "wwan0", &format!("{PLACE}/1-1.2:1.4/net/wwan0"));
    tree.class("net", "eth0", "devices/pci0000:00/0000:00:1f.6/net/eth0");
    let card = "devices/pci0000:00/0000:00:1c.0/0000:02:00.0";
    tree.write(card, &[("vendor", "0x14c3\n"), ("device", "0x4d75\n")]);
    for name in ["wwan0", "wwan0at1", "wwan0at0", "wwan0mbim0"] {
        tree.class("wwan", name, &format!("{card}/wwan/wwan0/{name}"));
        tree.node(name, none);
    }

    let devices = tree.sysfs().devices().unwrap();
    let [usb, pci] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!((pci.bus, pci.path.as_path()), (Bus::Pci, Path::new(card)));
    assert_eq!(pci.id, Some(DeviceId { vendor: 0x14c3, product: 0x4d75 }));
    assert_eq!(tree.names(&pci.ports), ["wwan0at0", "wwan0at1"]);
    assert_eq!(pci.ports.first().unwrap().place, Place::Channel("at0".into()));
    assert_eq!((usb.bus, usb.path.as_path()), (Bus::Usb, Path::new(PLACE)));
    assert_eq!(usb.id, Some("2c7c:0125".parse().unwrap()));
    assert_eq!(usb.serial.as_deref(), Some("0123456789ABCDEF"));
    assert_eq!(tree.names(&usb.ports), ["ttyUSB1", "ttyUSB0", "ttyACM7"]);
    assert_eq!(usb.ports.last().unwrap().place, Place::Interface(10));
    assert_eq!(usb.interfaces, ["wwan0"]);

    for (path, selected) in [
        (PLACE, usb),
        ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2", usb),
        ("1-1.2", usb),
        ("0000:02:00.0", pci),
    ] {
        let selector = Selector::Path(path.into());
        let admitted: Vec<_> = devices.iter().filter(|device| selector.admits(device)).collect();
        assert_eq!(admitted, [selected], "{path}");
    }
}

#[test]
fn what_was_taken_off_usb_is_told_and_whether_it_must_be_the_modem() {
    let tree = Tree::new();
    for (place, product, authorized) in
        [("1-2", "0125\n", "0\n"), ("1-3", "0125\n", "1\n"), ("1-4", "0121\n", "0\n")]
    {
        let place = format!("devices/pci0000:00/0000:00:14.0/usb1/{place}");
        tree.usb(&place, product);
        tree.write(&place, &[("authorized", authorized)]);
    }
    tree.adapter(PLACE);
    tree.write(PLACE, &[("authorized", "0\n")]);
    for place in ["1-2", "1-3", "1-4", "1-1/1-1.2"] {
        let name = Path::new(place).file_name().unwrap().to_str().unwrap();
        tree.class("../bus/usb/devices", name, &format!("devices/pci0000:00/0000:00:14.0/usb1/{place}"));
    }
    let lost = |selector: Selector| -> Vec<(String, bool)> {
        let lost = tree.finder(selector).off_usb().unwrap();
        let place = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        lost.into_iter().map(|(device, sure)| (place(&device.path), sure)).collect()
    };
    assert_eq!(lost(id()), [("1-2".to_owned(), true)]);
    assert_eq!(lost(Selector::Path("1-4".into())), [("1-4".to_owned(), true)]);
    assert_eq!(lost(Selector::Path("1-3".into())), [], "it is on the bus");
    let maybe = [("1-2".to_owned(), false), ("1-4".to_owned(), false)];
    assert_eq!(lost(Selector::Imei(OTHER_IMEI.parse().unwrap())), maybe, "the adapter is no maker's");
    assert_eq!(lost(Selector::Line("/dev/ttyS1".into())), []);
}

#[tokio::test]
async fn ports_that_were_found_are_found_again_without_being_asked() {
    let tree = Tree::new();
    tree.usb(PLACE, "0125\n");
    // Diagnosis, which is silent, and positions, which are told all the time.
    let (silent, mut chatty) = (Peer::new(), Peer::new());
    let (commands, sibling) = (Peer::new(), Peer::new());
    let names = ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"];
    for (interface, peer) in [&silent, &chatty, &commands, &sibling].into_iter().enumerate() {
        tree.port(PLACE, u8::try_from(interface).unwrap(), names.get(interface).unwrap(), peer);
    }
    let paths = [&silent, &chatty, &commands, &sibling].map(|peer| peer.path.clone());
    chatty.say(&"$GPGGA,,,,,,0,,,,,,,,*66\r\nOK\r\n".repeat(20)).await;
    let mut modem = JoinSet::new();
    modem.spawn(commands.serve(answers(IMEI)));
    modem.spawn(sibling.serve(answers(IMEI)));
    let mut finder = tree.finder(id());
    let found = finder.find().await.unwrap();
    assert_eq!(tree.names(&found.ports), ["ttyUSB2", "ttyUSB3"]);
    assert_eq!((found.echo, found.model.as_slice()), (Echo::On, ["EC25".to_owned()].as_slice()));

    // It boots and comes back under other names; whoever asks now waits in vain.
    modem.shutdown().await;
    tree.unplug(PLACE, &names);
    let gone = finder.find().await.unwrap_err();
    assert!(matches!(gone, FindError::Missing { .. }), "{gone}");
    tree.usb(PLACE, "0125\n");
    let fresh: Vec<Peer> = paths.iter().map(|_| Peer::new()).collect();
    for (interface, peer) in fresh.iter().enumerate() {
        tree.port(PLACE, u8::try_from(interface).unwrap(), &format!("ttyUSB{}", 7 - interface), peer);
    }
    let again = finder.find().await.unwrap();
    assert_eq!(tree.names(&again.ports), ["ttyUSB5", "ttyUSB4"]);
    // As long as they are all there.
    let last = tree.0.path().join("dev/ttyUSB4");
    fs::rename(&last, tree.0.path().join("dev/later")).unwrap();
    let incomplete = finder.find().await.unwrap_err();
    assert!(matches!(incomplete, FindError::Incomplete { .. }), "{incomplete}");
    fs::rename(tree.0.path().join("dev/later"), &last).unwrap();
    assert_eq!(finder.find().await.unwrap(), again);
    // Unless it is told to forget.
    finder.forget();
    let silent = finder.find().await.unwrap_err();
    assert!(matches!(silent, FindError::Silent { count: 4, .. }), "{silent}");
}

#[tokio::test]
async fn an_imei_is_found_wherever_it_is() {
    let tree = Tree::new();
    let places = ["1", "2", "3"].map(|port| format!("devices/pci0000:00/0000:00:14.0/usb1/1-{port}"));
    let [first, second, third] = places.each_ref().map(String::as_str);
    let mut modems = JoinSet::new();
    let mut attach = |place: &str, name: &str, imei: &str| {
        let peer = Peer::new();
        tree.usb(place, "0125\n");
        tree.port(place, 2, name, &peer);
        modems.spawn(peer.serve(answers(imei)));
    };
    attach(first, "ttyUSB0", OTHER_IMEI);
    attach(second, "ttyUSB1", IMEI);
    let several = tree.finder(id()).find().await.unwrap_err();
    assert!(matches!(several, FindError::Ambiguous { count: 2, .. }), "{several}");
    let mut finder = tree.finder(Selector::Imei(IMEI.parse().unwrap()));
    assert_eq!(finder.find().await.unwrap().device.path, Path::new(second));
    // Somebody has plugged it in elsewhere.
    tree.unplug(second, &["ttyUSB1"]);
    attach(third, "ttyUSB2", IMEI);
    assert_eq!(finder.find().await.unwrap().device.path, Path::new(third));
    // Somebody has plugged in another of its kind in its place.
    tree.unplug(third, &["ttyUSB2"]);
    attach(third, "ttyUSB2", OTHER_IMEI);
    let missing = finder.find().await.unwrap_err();
    assert!(matches!(missing, FindError::Missing { .. }), "{missing}");
}

#[tokio::test]
async fn silent_devices_keep_nobody_from_being_found_by_its_imei() {
    let tree = Tree::new();
    let place = |port: usize| format!("devices/pci0000:00/0000:00:14.0/usb1/1-{port}");
    // Each would cost more than all may: one after the other, the last would not be found in time.
    let probing = Probing { timing: Timing { fence: LIMIT, ..PROBING.timing }, ..PROBING };
    let silent: Vec<Peer> = (1..=3).map(|_| Peer::new()).collect();
    for (peer, port) in silent.iter().zip(1..) {
        tree.adapter(&place(port));
        tree.port(&place(port), 0, &format!("ttyUSB{port}"), peer);
    }
    let peer = Peer::new();
    tree.adapter(&place(4));
    tree.port(&place(4), 0, "ttyUSB4", &peer);
    let mut modem = JoinSet::new();
    modem.spawn(peer.serve(answers(IMEI)));
    let mut finder = Finder::new(tree.sysfs(), Selector::Imei(IMEI.parse().unwrap()), probing);
    let found = timeout(LIMIT / 2, finder.find()).await.unwrap().unwrap();
    assert_eq!(found.device.path, Path::new(&place(4)));
}

#[tokio::test]
async fn strangers_are_not_disturbed_for_a_modem_of_a_known_maker() {
    let tree = Tree::new();
    let [place, other] = ["2", "1"].map(|port| format!("devices/pci0000:00/0000:00:14.0/usb1/1-{port}"));
    let (peer, mut stranger) = (Peer::new(), Peer::new());
    tree.adapter(&other);
    tree.port(&other, 0, "ttyUSB0", &stranger);
    tree.usb(&place, "0125\n");
    tree.port(&place, 2, "ttyUSB1", &peer);
    let mut modem = JoinSet::new();
    modem.spawn(peer.serve(answers(IMEI)));
    let mut finder = tree.finder(Selector::Imei(IMEI.parse().unwrap()));
    assert_eq!(finder.find().await.unwrap().device.path, Path::new(&place));
    // Nor when it is away: who makes it is known by now.
    tree.unplug(&place, &["ttyUSB1"]);
    let missing = finder.find().await.unwrap_err();
    assert!(matches!(missing, FindError::Missing { .. }), "{missing}");
    assert!(timeout(SHORT, stranger.hear()).await.is_err(), "nothing was written to it");
}

#[tokio::test]
async fn a_modem_that_comes_later_is_found_then() {
    let tree = Tree::new();
    let mut finder = tree.finder(id());
    let missing = finder.find().await.unwrap_err();
    assert!(matches!(missing, FindError::Missing { .. }), "{missing}");
    let peer = Peer::new();
    let path = peer.path.clone();
    tree.usb(PLACE, "0125\n");
    tree.port(PLACE, 2, "ttyUSB9", &peer);
    tokio::spawn(peer.serve(answers(IMEI)));
    let found = finder.find().await.unwrap();
    assert_eq!(found.ports.first().unwrap().node.canonicalize().unwrap(), path);
}

#[tokio::test]
async fn a_serial_line_is_asked_and_a_port_in_use_is_told() {
    let (tree, peer) = (Tree::new(), Peer::new());
    let path = peer.path.clone();
    let mut finder = tree.finder(Selector::Line(path.clone()));
    let held = common::session(&peer, TIMING);
    let refused = finder.find().await.unwrap_err();
    assert!(matches!(refused, FindError::Port { .. }), "{refused}");
    drop(held);
    let mut modem = JoinSet::new();
    modem.spawn(peer.serve(answers(IMEI)));
    let found = finder.find().await.unwrap();
    assert_eq!((found.device.bus, found.device.path), (Bus::Line, path));
    let missing = tree.finder(Selector::Line("/dev/ttyNone9".into())).find().await.unwrap_err();
    assert!(missing.to_string().starts_with("failed to find the modem on /dev/ttyNone9: "), "{missing}");
}
