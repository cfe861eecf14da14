//! Ptys that are seen from the modem's side: raw, and with a notice when somebody opens or closes them.

use super::checked;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest name of a pty.
const NAME_BYTES: usize = 64;
/// Room for many notices at once; each is 16 bytes, for a watch on a file has no name with it.
const NOTICE_BYTES: usize = 4096;

/// Makes a pty; both ends are non-blocking, and the second one is what others open at the path.
pub(crate) fn open_pty() -> io::Result<(File, File, PathBuf)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: takes no pointer; the new descriptor is owned by the file from here on.
    let master = unsafe { File::from_raw_fd(checked(libc::posix_openpt(flags))?) };
    let mut name = [0; NAME_BYTES];
    // SAFETY: the descriptor is an open pty; the buffer is valid for the length that is told.
    let name = unsafe {
        checked(libc::grantpt(master.as_raw_fd()))?;
        checked(libc::unlockpt(master.as_raw_fd()))?;
        match libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr(), name.len()) {
            0 => CStr::from_ptr(name.as_ptr()),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    };
    let path = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    let slave = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(&path)?;
    make_raw(&slave)?;
    Ok((master, slave, path))
}

/// As a serial port is that nobody has open: raw, free for everybody, and with nothing left to read.
pub(crate) fn reset_pty(slave: &File) -> io::Result<()> {
    // SAFETY: neither call takes a pointer.
    unsafe {
        checked(libc::ioctl(slave.as_raw_fd(), libc::TIOCNXCL))?;
        checked(libc::tcflush(slave.as_raw_fd(), libc::TCIFLUSH))?;
    }
    make_raw(slave)
}

fn make_raw(slave: &File) -> io::Result<()> {
    // SAFETY: all zeroes is a valid termios, and it outlives the calls.
    unsafe {
        let mut termios: libc::termios = std::mem::zeroed();
        checked(libc::tcgetattr(slave.as_raw_fd(), &raw mut termios))?;
        libc::cfmakeraw(&raw mut termios);
        checked(libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &raw const termios)).map(drop)
    }
}

/// Tells when files are opened and closed.
#[derive(Debug)]
pub(crate) struct OpenWatch {
    notices: File,
}

impl OpenWatch {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the new descriptor is owned by the file from here on.
        let notices =
            unsafe { File::from_raw_fd(checked(libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC))?) };
        Ok(Self { notices })
    }

    /// Watches a file; tells the number that its notices have.
    pub(crate) fn add(&self, path: &Path) -> io::Result<i32> {
        self.watch(path, libc::IN_OPEN | libc::IN_CLOSE)
    }

    /// The same for a file of which only those are told as closing it who could write.
    pub(crate) fn add_written(&self, path: &Path) -> io::Result<i32> {
        self.watch(path, libc::IN_OPEN | libc::IN_CLOSE_WRITE)
    }

    fn watch(&self, path: &Path, wanted: u32) -> io::Result<i32> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the path ends in NUL and outlives the call.
        checked(unsafe { libc::inotify_add_watch(self.notices.as_raw_fd(), path.as_ptr(), wanted) })
    }

    /// The descriptor that can be read when there are notices.
    pub(crate) const fn file(&self) -> &File {
        &self.notices
    }

    /// Which files were opened (`true`) or closed since.
    pub(crate) fn take(&mut self) -> Vec<(i32, bool)> {
        const NOTICE: usize = size_of::<libc::inotify_event>();
        let mut buffer = [0; NOTICE_BYTES];
        let mut taken = Vec::new();
        while let Ok(length @ 1..) = self.notices.read(&mut buffer) {
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((watch, mask, name)) = notice(rest) {
                if mask & (libc::IN_OPEN | libc::IN_CLOSE) != 0 {
                    taken.push((watch, mask & libc::IN_OPEN != 0));
                }
                rest = rest.get(NOTICE + name..).unwrap_or_default();
            }
        }
        taken
    }
}

/// Watch, mask and length of the name of the first notice.
fn notice(bytes: &[u8]) -> Option<(i32, u32, usize)> {
    let number = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
    Some((number(0)?.cast_signed(), number(4)?, number(12)? as usize))
}
