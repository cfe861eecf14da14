//! The kernel's watchdog (`/dev/watchdog`): it resets the machine by itself when feeds stop.
//!
//! Source: Linux `Documentation/watchdog/watchdog-api.rst`. A write is a feed. A close without a `V` before it leaves the
//! watchdog running: so an agent that is killed is missed, and one that is stopped is not.

use shunt_decision::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So many feeds fit into the time that it waits for one.
const FEEDS_PER_TIMEOUT: u32 = 4;
/// They need not be closer together than this, nor farther apart: most wait for a minute.
const LONGEST_PACE: Duration = Duration::from_secs(10);
const SHORTEST_PACE: Duration = Duration::from_millis(250);

/// A device that is not there, or in use, is looked for again after this: a module may be loaded late.
const AGAIN: Duration = Duration::from_secs(30);

/// A feed: any byte but the one that takes leave.
const FEED: &[u8] = b"\0";
/// The byte before a close that stops the watchdog ("magic close").
const LEAVE: &[u8] = b"V";

/// What the device is asked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// How long it waits, in seconds.
    pub(super) timeout: u32,
    /// Why the machine booted, in the kernel's bits; 0: the device does not say.
    pub(super) boot: u32,
}

/// The device, open or not.
#[derive(Debug)]
pub(super) struct Device {
    path: PathBuf,
    wanted: Duration,
    open: Option<(File, Duration)>,
    /// When it is tried again.
    due: Timestamp,
    /// What is wrong. Completes "failed to …".
    fault: Option<String>,
    /// Why the machine booted, until it was told.
    boot: Option<u32>,
    /// How long it waits, in seconds, until that was told.
    waits: Option<u32>,
}

impl Device {
    /// The device at `path`, opened at the first turn.
    pub(super) fn new(path: &Path, wanted: Duration, now: Timestamp) -> Self {
        Self { path: path.to_owned(), wanted, open: None, due: now, fault: None, boot: None, waits: None }
    }

    /// When [`feed`](Self::feed) is to be called next.
    pub(super) fn due(&self) -> Timestamp {
        self.due
    }

    /// Does nothing before then.
    pub(super) fn wait_until(&mut self, at: Timestamp) {
        self.due = at;
    }

    /// What is wrong, with its mend.
    pub(super) fn fault(&self) -> Option<String> {
        let fault = self.fault.as_ref()?;
        Some(format!("{} is not fed: failed to {fault}", self.path.display()))
    }

    /// Why the machine booted, by this device; told once.
    pub(super) fn take_boot_cause(&mut self) -> Option<&'static str> {
        boot_cause(self.boot.take()?)
    }

    /// For how many seconds it waits for a feed, whatever it was asked to; told once for each opening.
    pub(super) fn take_waits(&mut self) -> Option<u32> {
        self.waits.take()
    }

    /// Opens the device if need be, which begins its watch; `feed` says whether it may be fed.
    pub(super) fn turn(&mut self, feed: bool, now: Timestamp) {
        if self.due > now {
            return;
        }
        if self.open.is_none() {
            // To open it is to feed it.
            if feed {
                self.begin(now, sys::open);
            } else {
                self.due = now + AGAIN;
            }
            return;
        }
        let Some((file, pace)) = &mut self.open else { return };
        self.due = now + *pace;
        if !feed {
            return;
        }
        if let Err(error) = file.write_all(FEED) {
            self.fault = Some(format!("write to it: {error}; it will reset the machine if that lasts"));
            self.open = None;
            self.due = now;
        }
    }

    fn begin(&mut self, now: Timestamp, open: impl FnOnce(&Path, u32) -> io::Result<(File, Told)>) {
        let seconds = u32::try_from(self.wanted.as_secs()).unwrap_or(u32::MAX);
        match open(&self.path, seconds) {
            Ok((file, told)) => {
                if told.timeout != seconds {
                    let path = self.path.display();
                    tracing::warn!(
                        "{path} waits {} s for a feed, not {seconds} s as it was asked to",
                        told.timeout
                    );
                }
                let pace = Duration::from_secs(told.timeout.into()) / FEEDS_PER_TIMEOUT;
                let pace = pace.clamp(SHORTEST_PACE, LONGEST_PACE);
                tracing::info!("{} is fed every {} s", self.path.display(), pace.as_secs_f64());
                self.open = Some((file, pace));
                self.fault = None;
                self.boot = Some(told.boot);
                self.waits = Some(told.timeout);
                self.due = now + pace;
            }
            Err(error) => {
                let mend = match error.kind() {
                    io::ErrorKind::NotFound => {
                        "load its driver, such as softdog, or take [watchdog] device away"
                    }
                    io::ErrorKind::ResourceBusy => {
                        "another program feeds it, such as systemd by RuntimeWatchdogSec; leave it to one of the two"
                    }
                    io::ErrorKind::PermissionDenied => {
                        "give it to the agent's user by a rule of udev, as the packages do"
                    }
                    _ => "see [watchdog] device",
                };
                self.fault = Some(format!("open it: {error}; {mend}"));
                self.due = now + AGAIN;
            }
        }
    }

    /// Stops the watchdog and closes it. A driver that forbids that (`nowayout`) goes on, and the kernel logs it.
    pub(super) fn close(self) {
        if let Some((mut file, _)) = self.open
            && let Err(error) = file.write_all(LEAVE)
        {
            tracing::warn!("failed to stop {}: {error}; it may reset the machine", self.path.display());
        }
    }
}

/// What the kernel's bits say (`linux/watchdog.h`), the one that explains most first.
fn boot_cause(bits: u32) -> Option<&'static str> {
    const CAUSES: &[(u32, &str)] = &[
        (0x20, "feeds had stopped"),
        (0x01, "the processor was too hot"),
        (0x02, "a fan had failed"),
        (0x10, "the supply had sagged"),
        (0x40, "the supply was too high"),
        (0x04, "an external relay said so"),
        (0x08, "a second external relay said so"),
    ];
    CAUSES.iter().find(|(bit, _)| bits & bit != 0).map(|(_, cause)| *cause)
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

/// What a watchdog is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Wait for so long, and tell how long that is.
    SetTimeout(u32),
    /// How long does it wait?
    Timeout,
    /// Why did the machine boot?
    BootStatus,
}

/// Has a watchdog that was just opened wait so many seconds; a driver may take another number, or none.
///
/// # Errors
/// It is no watchdog.
fn set_up(seconds: u32, ask: impl Fn(Question) -> io::Result<u32>) -> io::Result<Told> {
    let timeout = ask(Question::SetTimeout(seconds)).or_else(|_| ask(Question::Timeout));
    let timeout = timeout.or_else(|error| match error.raw_os_error() {
        // A watchdog that neither takes a time nor tells its own.
        Some(libc::EOPNOTSUPP) => Ok(seconds),
        _ => Err(error),
    })?;
    // A device that knows no cause says nothing wrong.
    let boot = ask(Question::BootStatus).unwrap_or(0);
    Ok(Told { timeout, boot })
}

/// The questions to the device.
mod sys {
    #![allow(unsafe_code)]

    use super::{Question, Told, open_file, set_up};
    use std::ffi::c_int;
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::path::Path;

    /// `WDIOC_GETBOOTSTATUS`, `WDIOC_SETTIMEOUT` and `WDIOC_GETTIMEOUT` of `linux/watchdog.h`.
    const BOOT_STATUS: libc::Ioctl = libc::_IOR::<c_int>(b'W' as u32, 2);
    const SET_TIMEOUT: libc::Ioctl = libc::_IOWR::<c_int>(b'W' as u32, 6);
    const GET_TIMEOUT: libc::Ioctl = libc::_IOR::<c_int>(b'W' as u32, 7);

    /// Opens the device, which starts it, and has it wait so many seconds.
    ///
    /// # Errors
    /// It cannot be opened, or is no watchdog.
    pub(super) fn open(path: &Path, seconds: u32) -> io::Result<(File, Told)> {
        let file = open_file(path)?;
        let told = set_up(seconds, |question| ask(&file, question))?;
        Ok((file, told))
    }

    fn ask(file: &File, question: Question) -> io::Result<u32> {
        let (request, value) = match question {
            Question::SetTimeout(seconds) => (SET_TIMEOUT, seconds),
            Question::Timeout => (GET_TIMEOUT, 0),
            Question::BootStatus => (BOOT_STATUS, 0),
        };
        let mut value = c_int::try_from(value).unwrap_or(c_int::MAX);
        // SAFETY: each of the three requests reads and writes one int, which lives through the call.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut value) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(value.unsigned_abs()) }
    }

    #[cfg(test)]
    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "arm"))]
    fn the_requests_have_the_kernels_numbers() {
        assert_eq!((BOOT_STATUS, SET_TIMEOUT, GET_TIMEOUT), (0x8004_5702, 0xc004_5706, 0x8004_5707));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::fs;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    /// A driver that takes at most so many seconds, or refuses in one of the ways of the kernel's.
    #[derive(Debug, Clone, Copy)]
    enum Driver {
        Takes(u32),
        Refuses(i32),
        TellsOnly(u32),
        NoTimes,
    }

    impl Driver {
        fn answer(self, question: Question) -> io::Result<u32> {
            let refused = |code| Err(io::Error::from_raw_os_error(code));
            match (self, question) {
                (Self::Takes(most), Question::SetTimeout(wanted)) => Ok(wanted.min(most)),
                (Self::Takes(_), Question::BootStatus) => Ok(0x20),
                (Self::TellsOnly(timeout), Question::Timeout) => Ok(timeout),
                (Self::TellsOnly(_), Question::SetTimeout(_)) => refused(libc::EINVAL),
                (Self::Refuses(code), _) => refused(code),
                (Self::Takes(_) | Self::TellsOnly(_) | Self::NoTimes, _) => refused(libc::EOPNOTSUPP),
            }
        }
    }

    #[test]
    fn a_driver_is_asked_for_its_time_first_and_believed_on_what_it_takes() {
        use Question::{BootStatus, SetTimeout, Timeout};
        let told = |timeout, boot| Ok(Told { timeout, boot });
        for (driver, expected, asked) in [
            (Driver::Takes(600), told(60, 0x20), &[SetTimeout(60), BootStatus][..]),
            (Driver::Takes(15), told(15, 0x20), &[SetTimeout(60), BootStatus]),
            (Driver::TellsOnly(30), told(30, 0), &[SetTimeout(60), Timeout, BootStatus]),
            (Driver::NoTimes, told(60, 0), &[SetTimeout(60), Timeout, BootStatus]),
            // What is no watchdog knows none of it.
            (Driver::Refuses(libc::ENOTTY), Err(Some(libc::ENOTTY)), &[SetTimeout(60), Timeout]),
        ] {
            let heard = RefCell::new(Vec::new());
            let answer = set_up(60, |question| {
                heard.borrow_mut().push(question);
                driver.answer(question)
            });
            assert_eq!(answer.map_err(|error| error.raw_os_error()), expected, "{driver:?}");
            assert_eq!(heard.into_inner(), asked, "{driver:?}");
        }
    }

    /// The device's own time makes the pace: one that waits less than it was asked to is fed more often.
    #[test]
    fn a_watchdogs_whole_life_is_opened_set_fed_and_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog");
        fs::write(&path, "").unwrap();
        let mut device = Device::new(&path, MINUTE, at(0));
        device.begin(at(0), |path, seconds| {
            let file = open_file(path)?;
            Ok((file, set_up(seconds, |question| Driver::Takes(16).answer(question))?))
        });
        for second in 1..=12 {
            device.turn(true, at(second));
        }
        device.close();
        assert_eq!(fs::read(&path).unwrap(), b"\0\0\0V", "at 4, 8 and 12 s");
    }

    /// A file in a watchdog's place, which says what it was asked to say.
    fn begun(path: &Path, told: Told) -> Device {
        fs::write(path, "").unwrap();
        let mut device = Device::new(path, MINUTE, at(0));
        device.begin(at(0), |path, _| Ok((open_file(path)?, told)));
        device
    }

    #[test]
    fn it_is_fed_at_its_pace_only_while_it_may_be_and_let_go_by_its_letter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog");
        let mut device = begun(&path, Told { timeout: 20, boot: 0x20 });
        assert_eq!((device.due(), device.fault()), (at(5), None));
        assert_eq!((device.take_boot_cause(), device.take_boot_cause()), (Some("feeds had stopped"), None));
        for second in 1..=20 {
            device.turn(second < 15, at(second));
        }
        assert_eq!(fs::read(&path).unwrap(), b"\0\0", "at 5 and 10 s, and not at 15 and 20 s");
        device.close();
        assert_eq!(fs::read(&path).unwrap(), b"\0\0V");
    }

    #[test]
    fn an_agent_that_is_killed_does_not_let_go_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog");
        drop(begun(&path, Told { timeout: 60, boot: 0 }));
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn what_is_not_there_or_no_watchdog_is_told_and_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog");
        let mut device = Device::new(&path, MINUTE, at(0));
        device.turn(true, at(0));
        assert!(device.fault().unwrap().contains("load its driver"), "{:?}", device.fault());
        assert_eq!(device.due(), at(30));
        fs::write(&path, "").unwrap();
        device.turn(false, at(30));
        assert!(device.fault().unwrap().contains("load its driver"), "not opened while nothing is fed");
        device.turn(true, at(60));
        assert!(device.fault().unwrap().contains("see [watchdog] device"), "{:?}", device.fault());
        assert_eq!(fs::read(&path).unwrap(), b"", "what is no watchdog is not written to");
    }

    #[test]
    fn each_cause_of_a_boot_has_a_name() {
        for (bits, cause) in
            [(0, None), (0x80, None), (0x21, Some("feeds had stopped")), (2, Some("a fan had failed"))]
        {
            assert_eq!(boot_cause(bits), cause, "{bits:#x}");
        }
    }
}
