//! The modem's place in a tree like the kernel's, so that it can be looked for as a real one is: by what stays the same
//! when its ports have other names.

use crate::sys;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// Where it is plugged in, and stays.
const DEVICE: &str = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2";
/// The attribute that takes it from the bus and back.
const AUTHORIZED: &str = "authorized";
/// An EC25's AT ports are its interfaces 2 and 3; those before them are for diagnosis and positions.
const FIRST_INTERFACE: usize = 2;

/// What is written to take a device back onto the bus; sysfs takes it with or without a line's end.
const BACK: u8 = b'1';

/// The switch that takes the modem from the bus and back. It is of the bus and stays, and so it lies beside the tree.
#[derive(Debug)]
pub(super) struct Switch(File);

impl Switch {
    /// The switch of the modem in `directory`.
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join(AUTHORIZED);
        sys::make_fifo(&path)?;
        // Open both ways: neither this nor a writer's open waits for the other side.
        let file = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        Ok(Self(file))
    }

    /// What can be read when somebody has used it.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// How often the modem was taken back since.
    pub(super) fn take(&mut self) -> usize {
        let mut written = [0; 64];
        let mut times = 0;
        while let Ok(length @ 1..) = self.0.read(&mut written) {
            times += written.iter().take(length).filter(|byte| **byte == BACK).count();
        }
        times
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
    match symlink(directory.join(AUTHORIZED), device.join(AUTHORIZED)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    std::fs::write(function.join("bInterfaceNumber"), format!("{interface:02x}\n"))?;
    let class = directory.join("sys/class/tty");
    std::fs::create_dir_all(&class)?;
    symlink(port, class.join(name))?;
    let dev = directory.join("dev");
    std::fs::create_dir_all(&dev)?;
    Ok(dev.join(name))
}

/// Takes the port of this file out of the tree, and with it the device, of which all ports go together.
pub(super) fn uproot(file: &Path) -> io::Result<()> {
    std::fs::remove_file(file)?;
    let (Some(name), Some(directory)) = (file.file_name(), file.parent().and_then(Path::parent)) else {
        return Ok(());
    };
    std::fs::remove_file(directory.join("sys/class/tty").join(name))?;
    match std::fs::remove_dir_all(directory.join(DEVICE)) {
        // The port before it took the device along.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
