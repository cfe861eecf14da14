//! What needs `unsafe`: an open descriptor that changes hands, twice, and a request to the kernel that no crate in use knows.

#![allow(unsafe_code)]

use rustix::ioctl::{Getter, Setter, ioctl};
use serialport::TTYPort;
use std::ffi::{c_int, c_uchar, c_uint, c_ulong, c_ushort, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use tokio::io::unix::AsyncFd;

/// Discard the output at a close (Linux, `linux/tty_flags.h`: `ASYNC_CLOSING_WAIT_NONE`).
const NONE: c_ushort = 65_535;

/// `struct serial_struct` of `linux/serial.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Serial {
    kind: c_int,
    line: c_int,
    port: c_uint,
    irq: c_int,
    flags: c_int,
    xmit_fifo_size: c_int,
    custom_divisor: c_int,
    baud_base: c_int,
    close_delay: c_ushort,
    io_type: c_uchar,
    reserved: [c_uchar; 1],
    hub6: c_int,
    closing_wait: c_ushort,
    closing_wait2: c_ushort,
    iomem_base: *mut c_void,
    iomem_reg_shift: c_ushort,
    port_high: c_uint,
    iomap_base: c_ulong,
}

/// The open file of a terminal.
pub(super) fn file_of(terminal: TTYPort) -> File {
    // SAFETY: `into_raw_fd` gives the descriptor away, so that it belongs to nobody else.
    unsafe { File::from_raw_fd(terminal.into_raw_fd()) }
}

/// The file as one that can be waited for.
///
/// # Errors
///
/// When it cannot be, as an ordinary one.
pub(super) fn watched(file: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` names the same open descriptor until it is dropped, which the `AsyncFd` that owns it does last.
    unsafe { AsyncFd::register(file) }.map_err(Into::into)
}

/// Lets a close of `port` discard what was not sent. Else it waits up to 30 s, which a hung modem makes it do. The agent has
/// not the right to change it on most ports, and closes these aside.
///
/// # Errors
///
/// Where the port knows no such wait (ptys, WWAN), or the rights are missing.
pub(super) fn do_not_wait(port: &File) -> io::Result<()> {
    // SAFETY: TIOCGSERIAL writes one `struct serial_struct`, of which `Serial` is the layout: see `layout` below.
    let mut serial = unsafe { ioctl(port, Getter::<{ libc::TIOCGSERIAL as _ }, Serial>::new())? };
    if serial.closing_wait == NONE {
        return Ok(());
    }
    // All else stays as the kernel gave it, addresses too: another one would move the port.
    serial.closing_wait = NONE;
    // SAFETY: TIOCSSERIAL reads one `struct serial_struct`, of which `Serial` is the layout.
    unsafe { ioctl(port, Setter::<{ libc::TIOCSSERIAL as _ }, Serial>::new(serial))? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn layout() {
        assert_eq!(size_of::<Serial>(), 72);
        assert_eq!(std::mem::offset_of!(Serial, closing_wait), 40);
        assert_eq!(std::mem::offset_of!(Serial, iomap_base), 64);
    }

    #[test]
    fn what_is_no_serial_port_is_told() {
        assert!(do_not_wait(&File::open("/dev/null").unwrap()).is_err());
    }

    /// Whether the kernel keeps all but root from opening the terminal.
    fn is_exclusive(port: &File) -> bool {
        // SAFETY: TIOCGEXCL writes one int.
        let exclusive: c_int =
            unsafe { ioctl(port, Getter::<{ libc::TIOCGEXCL as _ }, c_int>::new()) }.unwrap();
        exclusive != 0
    }

    #[tokio::test]
    async fn a_port_is_kept_from_others_until_it_is_dropped() {
        use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        unlockpt(&master).unwrap();
        let other = File::from(ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
        let path = rustix::pty::ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let port = crate::Port::open(path.as_ref(), 115_200).unwrap();
        assert!(is_exclusive(&other) && other.try_lock().is_err());
        drop(port);
        assert!(!is_exclusive(&other) && other.try_lock().is_ok());
    }
}
