//! The modem's place in a tree like the kernel's, so that it can be looked for as a real one is: by what stays the same
//! when its ports have other names.

use crate::sys::OpenWatch;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

/// Where it is plugged in, and stays.
const DEVICE: &str = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2";
/// The attribute that takes it from the bus and back.
const AUTHORIZED: &str = "authorized";
/// An EC25's AT ports are its interfaces 2 and 3; those before them are for diagnosis and positions.
const FIRST_INTERFACE: usize = 2;

/// Where the kernel lists all that is on USB.
const BUS: &str = "sys/bus/usb/devices";
/// What the switch has for a device on the bus.
const ON: &[u8] = b"1\n";
/// What begins the switch of one that was taken from it.
const OFF: [u8; 1] = *b"0";

/// The switch that takes the modem from the bus and back. It is of the bus and stays, and so it lies beside the tree.
#[derive(Debug)]
pub(super) struct Switch {
    /// Kept open: to open it would be a notice.
    file: File,
    watch: OpenWatch,
}

impl Switch {
    /// The switch of the modem in `directory`.
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join(AUTHORIZED);
        std::fs::write(&path, ON)?;
        let file = File::options().read(true).write(true).open(&path)?;
        let watch = OpenWatch::new()?;
        watch.add_written(&path)?;
        Ok(Self { file, watch })
    }

    /// What can be read when somebody has used it.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.watch.file().as_fd()
    }

    /// How it was set since, as far as that can be told: whoever set it twice set it off and on.
    pub(super) fn take(&mut self) -> Vec<bool> {
        let times = self.watch.take().iter().filter(|(_, opened)| !opened).count();
        let mut now = [0; 1];
        let on = self.file.read_at(&mut now, 0).is_ok() && now != OFF;
        match times {
            0 => Vec::new(),
            1 => vec![on],
            _ => vec![!on, on],
        }
    }

    /// As it is for a device that comes onto the bus anew.
    pub(super) fn reset(&self) -> io::Result<()> {
        self.file.write_all_at(ON, 0)
    }
}

/// Adds the port `number` of the modem with these ids under this name to the tree; tells the file that is to lead to its
/// pty.
pub(super) fn plant(
    directory: &Path,
    name: &str,
    number: usize,
    (vendor, product): (u16, u16),
) -> io::Result<PathBuf> {
    let device = directory.join(DEVICE);
    let interface = FIRST_INTERFACE + number;
    let function = device.join(format!("1-2:1.{interface}"));
    let port = function.join(name).join("tty").join(name);
    std::fs::create_dir_all(&port)?;
    for (attribute, value) in [("idVendor", vendor), ("idProduct", product)] {
        std::fs::write(device.join(attribute), format!("{value:04x}\n"))?;
    }
    let bus = directory.join(BUS);
    std::fs::create_dir_all(&bus)?;
    link(&directory.join(AUTHORIZED), &device.join(AUTHORIZED))?;
    link(&device, &bus.join("1-2"))?;
    std::fs::write(function.join("bInterfaceNumber"), format!("{interface:02x}\n"))?;
    let class = directory.join("sys/class/tty");
    std::fs::create_dir_all(&class)?;
    symlink(port, class.join(name))?;
    let dev = directory.join("dev");
    std::fs::create_dir_all(&dev)?;
    Ok(dev.join(name))
}

/// Takes the port of this file out of the tree, and with it all that its device has while it has ports: they go together.
/// A device that is `shut_out` stays, and has none.
pub(super) fn uproot(file: &Path, shut_out: bool) -> io::Result<()> {
    std::fs::remove_file(file)?;
    let (Some(name), Some(directory)) = (file.file_name(), file.parent().and_then(Path::parent)) else {
        return Ok(());
    };
    std::fs::remove_file(directory.join("sys/class/tty").join(name))?;
    let device = directory.join(DEVICE);
    if shut_out {
        for entry in std::fs::read_dir(device)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        return Ok(());
    }
    match std::fs::remove_dir_all(device) {
        // The port before it took the device along.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// A link from `place` to `target`, which may be there already.
fn link(target: &Path, place: &Path) -> io::Result<()> {
    match symlink(target, place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}
