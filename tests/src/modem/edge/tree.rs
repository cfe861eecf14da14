//! The modem's place in a tree like the kernel's, so that it can be looked for as a real one is: by what stays the same
//! when its ports have other names.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Where it is plugged in, and stays.
const DEVICE: &str = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2";
/// An EC25: vendor and product.
const ID: [(&str, &str); 2] = [("idVendor", "2c7c\n"), ("idProduct", "0125\n")];
/// The attribute that takes it from the bus and back.
const AUTHORIZED: &str = "authorized";
/// An EC25's AT ports are its interfaces 2 and 3; those before them are for diagnosis and positions.
const FIRST_INTERFACE: usize = 2;

/// Adds the port `number` under this name to the tree; tells the file that is to lead to its pty.
pub(super) fn plant(directory: &Path, name: &str, number: usize) -> io::Result<PathBuf> {
    let device = directory.join(DEVICE);
    let interface = FIRST_INTERFACE + number;
    let function = device.join(format!("1-2:1.{interface}"));
    let port = function.join(name).join("tty").join(name);
    std::fs::create_dir_all(&port)?;
    for (attribute, value) in ID {
        std::fs::write(device.join(attribute), value)?;
    }
    // What takes a device from the bus is of the bus, and stays: whoever wants to see it written puts a file there.
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
