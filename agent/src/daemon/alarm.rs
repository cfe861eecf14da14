//! The loop's one timer.
//!
//! It rings by the agent's own clock (`CLOCK_BOOTTIME`), to the microsecond, and at once after the machine slept. The
//! runtime's timer does neither: it counts milliseconds, wakes the loop up to twice on the way to a far deadline, and
//! once more whenever a nearer one is set. Wake-ups are what probing costs.

use shunt_decision::Timestamp;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// A timer that the loop sets anew for each wait.
#[derive(Debug)]
pub(super) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// A timer that is not set. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The kernel gives no descriptor, or the runtime cannot watch it.
    pub(super) fn new() -> io::Result<Self> {
        watched(create()?).map(Self)
    }

    /// Sets it to ring at `at`: at once, if that has passed. What it was set to before is forgotten.
    ///
    /// # Errors
    /// Whatever the kernel says.
    pub(super) fn set(&self, at: Timestamp) -> io::Result<()> {
        // Zero would switch it off.
        let nanos = at.as_nanos().max(1);
        let part = |value: u64| value.try_into().map_err(io::Error::other);
        let when = libc::timespec { tv_sec: part(nanos / SECOND)?, tv_nsec: (nanos % SECOND) as _ };
        arm(&self.0, when)
    }

    /// Completes when it rang, or may have: a ring that nobody waited for is not taken back by [`set`](Self::set), so
    /// the caller looks at the clock.
    ///
    /// # Errors
    /// When the runtime can no longer wait.
    pub(super) async fn rings(&self) -> io::Result<()> {
        // Not read: setting it anew empties it, and the next ring is news again.
        self.0.readable().await.map(|mut guard| guard.clear_ready())
    }
}

#[allow(unsafe_code)]
fn create() -> io::Result<OwnedFd> {
    // SAFETY: no memory is handed over.
    let raw = unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

#[allow(unsafe_code)]
fn arm(timer: &AsyncFd<OwnedFd>, when: libc::timespec) -> io::Result<()> {
    let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let value = libc::itimerspec { it_interval: never, it_value: when };
    // SAFETY: `value` lives through the call, the old one is not asked for, and the descriptor is open.
    let result = unsafe {
        libc::timerfd_settime(timer.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &raw const value, ptr::null_mut())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the runtime watch a descriptor for something to read.
///
/// # Errors
/// The runtime cannot.
#[allow(unsafe_code)]
pub(super) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open descriptor until it is dropped, which the `AsyncFd` that owns it does
    // only after taking it out of the reactor.
    unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::time::Duration;

    #[tokio::test]
    async fn it_rings_at_its_time_and_at_once_when_that_has_passed() {
        let alarm = Alarm::new().unwrap();
        for ahead in [Duration::from_millis(3), Duration::from_micros(300), Duration::ZERO] {
            let at = clock::now() + ahead;
            alarm.set(at).unwrap();
            while clock::now() < at {
                alarm.rings().await.unwrap();
            }
        }
        alarm.set(Timestamp::ZERO).unwrap();
        alarm.rings().await.unwrap();
    }

    #[tokio::test]
    async fn setting_it_anew_forgets_the_earlier_time() {
        let alarm = Alarm::new().unwrap();
        alarm.set(clock::now() + Duration::from_secs(3_600)).unwrap();
        alarm.set(clock::now()).unwrap();
        alarm.rings().await.unwrap();
        alarm.set(clock::now() + Duration::from_secs(3_600)).unwrap();
        let early = tokio::time::timeout(Duration::from_millis(20), alarm.rings()).await;
        assert!(early.is_err(), "it rang an hour early");
    }
}
