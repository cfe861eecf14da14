//! A TAP interface whose carrier the laboratory can switch: veth cannot show the kernel's delay of a second
//! carrier notice, because both ends of a pair change together.

use super::checked;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

/// `_IOW('T', 226, int)`: `linux/if_tun.h`.
const TUNSETCARRIER: libc::c_ulong = 0x4004_54e2;

/// Makes a TAP interface in the calling thread's namespace. Frames begin with a `virtio_net_hdr`, as those of
/// a packet socket do.
pub(crate) fn open_tap(name: &str) -> io::Result<File> {
    let tap = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")?;
    // SAFETY: all zeroes is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the interface name is too long"));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    request.ifr_ifru.ifru_flags = i16::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which outlives the call.
    checked(unsafe { libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF as libc::Ioctl, &raw mut request) })?;
    Ok(tap)
}

/// Switches the carrier of a TAP interface.
pub(crate) fn set_tap_carrier(tap: &File, up: bool) -> io::Result<()> {
    let value = libc::c_int::from(up);
    // SAFETY: TUNSETCARRIER reads one int, which outlives the call.
    checked(unsafe { libc::ioctl(tap.as_raw_fd(), TUNSETCARRIER as libc::Ioctl, &raw const value) }).map(drop)
}
