//! The MCU's port: found, opened, and read no faster than its line can be.

use super::trouble::BAUD;
use shunt_config::McuPort;
use shunt_decision::Timestamp;
use shunt_modem::Port;
use shunt_modem::ports::{DeviceId, Sysfs};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The line brings 11,520 bytes in a second; more come only by a fault, over USB or a pty.
const BYTES_A_SECOND: usize = 2 * 11_520;
const SECOND: Duration = Duration::from_secs(1);
/// A flood is told until it has been over for so long.
const CALM: Duration = Duration::from_secs(60);

/// Opens the port.
///
/// # Errors
/// A phrase that completes "failed to …".
pub(super) fn open(port: &McuPort) -> Result<(Port, PathBuf), String> {
    let path = path(port)?;
    open_path(&path).map(|port| (port, path))
}

/// Whether two names lead to one device, as far as that can be told: one that is not there may be any.
pub(crate) fn is_same(one: &McuPort, other: &McuPort) -> bool {
    let device = |port| path(port).ok()?.canonicalize().ok();
    one == other || device(one).is_some_and(|one| device(other) == Some(one))
}

fn path(port: &McuPort) -> Result<PathBuf, String> {
    match port {
        McuPort::Path(path) => Ok(path.clone()),
        McuPort::Usb { vendor, product } => {
            find(&Sysfs::system(), DeviceId { vendor: *vendor, product: *product })
        }
    }
}

fn open_path(path: &Path) -> Result<Port, String> {
    Port::open(path, BAUD).map_err(|error| {
        let busy = error.kind() == io::ErrorKind::ResourceBusy;
        let why = if busy { "another program has it".into() } else { error.to_string() };
        format!("open {}: {why}", path.display())
    })
}

/// The port of the only adapter of this kind; of one with several, the first.
fn find(sysfs: &Sysfs, id: DeviceId) -> Result<PathBuf, String> {
    let devices = sysfs.devices().map_err(|error| format!("look for USB {id}: {error}"))?;
    let mut found = devices.into_iter().filter(|device| device.id == Some(id));
    match (found.next(), found.next()) {
        (None, _) => Err(format!("find USB {id}: it is not there")),
        (Some(_), Some(_)) => {
            Err(format!("choose one of several USB {id}: name the one by port = \"/dev/serial/by-id/…\""))
        }
        (Some(device), None) => {
            let first = device.ports.into_iter().next();
            first.map(|port| port.node).ok_or_else(|| format!("find USB {id}: it has no serial port"))
        }
    }
}

/// How much may be read.
#[derive(Debug)]
pub(super) struct Budget {
    since: Timestamp,
    taken: usize,
    flooded: Option<Timestamp>,
}

impl Budget {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { since: now, taken: 0, flooded: None }
    }

    /// So many bytes came.
    pub(super) fn take(&mut self, bytes: usize, now: Timestamp) {
        if now.since(self.since) >= SECOND {
            (self.since, self.taken) = (now, 0);
        }
        self.taken += bytes;
        if self.taken > BYTES_A_SECOND {
            self.flooded = Some(now);
        }
    }

    /// Until when nothing is read: what comes meanwhile waits in the kernel, or is lost there.
    pub(super) fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.since + SECOND;
        (self.taken > BYTES_A_SECOND && now < until).then_some(until)
    }

    /// Whether too much came a short while ago.
    pub(super) fn is_flooded(&self, now: Timestamp) -> bool {
        self.flooded.is_some_and(|at| now.since(at) < CALM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_flood_rests_and_is_told_until_it_is_over() {
        let at = |millis| Timestamp::ZERO + Duration::from_millis(millis);
        let mut budget = Budget::new(at(0));
        budget.take(BYTES_A_SECOND, at(10));
        assert_eq!((budget.rests_until(at(10)), budget.is_flooded(at(10))), (None, false));
        budget.take(1, at(20));
        assert_eq!((budget.rests_until(at(20)), budget.is_flooded(at(20))), (Some(at(1_000)), true));
        assert_eq!(budget.rests_until(at(1_000)), None);
        budget.take(512, at(1_000));
        assert_eq!((budget.rests_until(at(1_000)), budget.is_flooded(at(60_019))), (None, true));
        assert!(!budget.is_flooded(at(60_020)));
    }

    #[test]
    fn an_adapter_is_found_by_its_id_and_only_if_it_is_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        let (sys, dev) = (root.path().join("sys"), root.path().join("dev"));
        fs::create_dir_all(sys.join("class/tty")).unwrap();
        fs::create_dir_all(&dev).unwrap();
        let plant = |place: &str, tty: &str| {
            let device = sys.join("devices/usb1").join(place);
            let port = device.join(format!("{place}:1.0")).join(tty);
            fs::create_dir_all(&port).unwrap();
            fs::write(device.join("idVendor"), "1a86\n").unwrap();
            fs::write(device.join("idProduct"), "7523\n").unwrap();
            fs::write(device.join(format!("{place}:1.0/bInterfaceNumber")), "00\n").unwrap();
            std::os::unix::fs::symlink(&port, sys.join("class/tty").join(tty)).unwrap();
            fs::write(dev.join(tty), "").unwrap();
        };
        let sysfs = Sysfs::at(&sys, &dev);
        let id = DeviceId { vendor: 0x1a86, product: 0x7523 };
        assert!(find(&sysfs, id).unwrap_err().contains("it is not there"));
        plant("1-1", "ttyUSB3");
        assert_eq!(find(&sysfs, id), Ok(dev.join("ttyUSB3")));
        assert!(find(&sysfs, DeviceId { product: 1, ..id }).is_err());
        plant("1-2", "ttyUSB4");
        assert!(find(&sysfs, id).unwrap_err().contains("several USB 1a86:7523"));
    }
}
