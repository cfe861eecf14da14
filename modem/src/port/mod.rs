//! A port as a file: opened for one process alone, and read and written without ever blocking.
//!
//! A terminal is opened and set up by `serialport`. What it does not know are the ports of the kernel's WWAN subsystem
//! (`/dev/wwan0at0`), which are no terminals, and that a close must neither drop the modem's lines, which ends a call, nor
//! wait for a modem that hangs.

mod sys;

use rustix::termios::{ControlModes, InputModes, OptionalActions};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use tokio::io::unix::AsyncFd;
use tracing::debug;

/// The numbers that the kernel gives to what is behind ptys (`Documentation/admin-guide/devices.txt`).
const PTYS: std::ops::RangeInclusive<u32> = 136..=143;

/// An open port. It is let go when this is dropped, which waits for nothing.
#[derive(Debug)]
pub struct Port {
    file: AsyncFd<File>,
    exclusive: bool,
    /// Behind `file`, since fields are dropped in their order.
    last: Last,
}

/// The same open file once more, where its close may wait for output: whoever lets go of it last has that wait.
#[derive(Debug, Default)]
struct Last(Option<File>);

impl Port {
    /// Opens the port at `path` for this process alone: by `flock`, which programs heed that know it, and by `TIOCEXCL`,
    /// which the kernel enforces save against root. Bytes go through as they are, at `baud` where the port has a speed.
    ///
    /// # Errors
    ///
    /// What the system says; `ResourceBusy` when another program has the port. Panics outside a tokio runtime.
    pub fn open(path: &Path, baud: u32) -> io::Result<Self> {
        let (file, exclusive) = match serialport::new(path.to_string_lossy(), baud).open_native() {
            Ok(terminal) => (sys::file_of(terminal), true),
            Err(error) => (open_plain(path, error)?, false),
        };
        if exclusive {
            keep_lines(&file)?;
        }
        let mut port = Self::new(file)?;
        port.exclusive = exclusive;
        if let Err(error) = sys::do_not_wait(port.file.get_ref()) {
            debug!(port = %path.display(), %error, "a close of the port may wait for its output");
            // It has such a wait, and only CAP_SYS_ADMIN may change it, which the agent has given up.
            if error.kind() == ErrorKind::PermissionDenied {
                port.close_aside()?;
            }
        }
        Ok(port)
    }

    /// A port that is open already: one side of a pty, or of a socket that stands for a port.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for, as an ordinary file. Panics outside a tokio runtime.
    pub fn new(file: File) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&file)?;
        rustix::fs::fcntl_setfl(&file, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { file: sys::watched(file)?, exclusive: false, last: Last::default() })
    }

    /// Has a thread wait for the port's close, and no other.
    fn close_aside(&mut self) -> io::Result<()> {
        self.last = Last(Some(self.file.get_ref().try_clone()?));
        Ok(())
    }

    /// Has each byte carry a bit of even parity from now on, and checks it; or not any more. What has a damaged one is read as
    /// zero. A port without a line, as a pty, has none.
    ///
    /// # Errors
    ///
    /// What the system says; `Unsupported` when the driver goes on as before, which it need not tell.
    pub fn set_even_parity(&self, even: bool) -> io::Result<()> {
        let file = self.file.get_ref();
        if !rustix::termios::isatty(file)
            || PTYS.contains(&rustix::fs::major(rustix::fs::fstat(file)?.st_rdev))
        {
            return Ok(());
        }
        let mut settings = rustix::termios::tcgetattr(file)?;
        settings.control_modes.set(ControlModes::PARENB, even);
        settings.control_modes.remove(ControlModes::PARODD);
        settings.input_modes.set(InputModes::INPCK, even);
        settings.input_modes.remove(InputModes::IGNPAR | InputModes::PARMRK);
        rustix::termios::tcsetattr(file, OptionalActions::Now, &settings)?;
        let has = rustix::termios::tcgetattr(file)?.control_modes.contains(ControlModes::PARENB);
        if has == even { Ok(()) } else { Err(ErrorKind::Unsupported.into()) }
    }

    /// Waits for bytes. None mean the end. May be dropped at any time.
    ///
    /// # Errors
    ///
    /// What the system says; a port that is gone reads as `EIO` or as ended, by its driver.
    pub async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.file.readable().await?;
            if let Ok(read) = ready.try_io(|file| file.get_ref().read(bytes)) {
                return read;
            }
        }
    }

    /// Writes all bytes; waits while the other side takes none.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let mut ready = self.file.writable().await?;
            if let Ok(written) = ready.try_io(|file| file.get_ref().write(left)) {
                match written? {
                    0 => return Err(ErrorKind::WriteZero.into()),
                    written => left = left.get(written..).unwrap_or_default(),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // The flag stays with a port that somebody else has open as well, and would keep the next one out.
        if self.exclusive {
            let _ = rustix::termios::ioctl_tiocnxcl(self.file.get_ref());
        }
        // So does the lock while a close waits.
        if self.last.0.is_some() {
            let _ = self.file.get_ref().unlock();
        }
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            // Up to 30 s, the kernel's own limit. Without a thread it is waited for here.
            let _ended_by_itself = thread::Builder::new().name("close".into()).spawn(move || drop(file));
        }
    }
}

/// Opens what is no terminal; where it is one, what kept it from being opened as such is `error`.
fn open_plain(path: &Path, error: serialport::Error) -> io::Result<File> {
    if error.kind() == serialport::ErrorKind::NoDevice {
        return Err(ErrorKind::ResourceBusy.into());
    }
    // Without O_NOCTTY the port's hang-up would end the daemon; without O_NONBLOCK an open waits for the carrier.
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    if rustix::termios::isatty(&file) {
        return Err(error.into());
    }
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => ErrorKind::ResourceBusy.into(),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// Lets the modem's lines stand when the port is closed: they would fall when the agent is replaced.
fn keep_lines(terminal: &File) -> io::Result<()> {
    let mut settings = rustix::termios::tcgetattr(terminal)?;
    settings.control_modes -= ControlModes::HUPCL;
    Ok(rustix::termios::tcsetattr(terminal, OptionalActions::Now, &settings)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    /// In the place of a hung modem's port: a connection whose other side takes nothing, and whose close waits for it.
    fn stuck(linger: Duration) -> (File, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut port = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        port.set_nonblocking(true).unwrap();
        while port.write(&[0; 65_536]).is_ok() {}
        socket2::SockRef::from(&port).set_linger(Some(linger)).unwrap();
        (File::from(OwnedFd::from(port)), listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn nobody_waits_for_the_close_of_a_port_that_does_not_empty() {
        let linger = Duration::from_secs(20);
        let (file, _peer) = stuck(linger);
        let mut port = Port::new(file).unwrap();
        port.close_aside().unwrap();
        let began = Instant::now();
        drop(port);
        assert!(began.elapsed() < linger / 2, "{:?}", began.elapsed());
    }
}
