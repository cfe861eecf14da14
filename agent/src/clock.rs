//! The one place where the agent reads a clock.

use shunt_decision::Timestamp;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Another one after each start of the machine (proc(5)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// `CLOCK_REALTIME`, in nanoseconds since 1970.
///
/// The kernel stamps packets by this clock. It may be stepped at any moment, so a value is only ever compared with one
/// read close to it, and the result is checked against [`now`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(u64);

impl WallTime {
    /// The instant `nanos` nanoseconds after the beginning of 1970.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the beginning of 1970.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// `CLOCK_BOOTTIME`: monotonic, and it counts the time that the machine slept.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_nanos(read(libc::CLOCK_BOOTTIME))
}

/// `CLOCK_REALTIME` now.
#[must_use]
pub fn wall_now() -> WallTime {
    WallTime(read(libc::CLOCK_REALTIME))
}

/// The name of this run of the machine; a kernel without /proc has none, and then the time of day must do.
pub(crate) fn boot_id() -> Option<String> {
    std::fs::read_to_string(BOOT_ID).ok().map(|id| id.trim().to_owned())
}

/// The time of day in seconds since 1970, where it is certain: see [`is_synchronised`]. A clock that was only set, by an image
/// or a battery, is not believed where something hangs on it that lasts.
#[must_use]
pub fn certain_unix() -> Option<u64> {
    is_synchronised().then(|| wall_now().as_nanos() / SECOND)
}

/// Whether something keeps `CLOCK_REALTIME` in step with the world's time.
#[must_use]
pub fn is_synchronised() -> bool {
    discipline().is_ok_and(|(state, status)| state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0)
}

/// What the kernel says of the time's keeping, and its flags (`adjtimex(2)`, which only reads here).
///
/// # Errors
/// It may not be asked: a sandbox forbids the call.
#[allow(unsafe_code)]
pub fn discipline() -> std::io::Result<(libc::c_int, libc::c_int)> {
    // SAFETY: plain numbers, for which all zeros is a value: `modes` 0 changes nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is a valid, exclusive place that lives through the call.
    let result = unsafe { libc::adjtimex(&raw mut state) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok((result, state.status)) }
}

#[allow(unsafe_code)]
fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec; the clocks asked for exist on every Linux since 2.6.39.
    unsafe { libc::clock_gettime(clock, &mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(SECOND).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_never_goes_back() {
        let mut last = now();
        for _ in 0..10_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
        assert!(last > Timestamp::ZERO);
    }

    #[test]
    fn what_is_certain_is_the_wall_time() {
        // Whether anybody keeps this machine's clock right is not for a test to say.
        let certain = certain_unix();
        let wall = wall_now().as_nanos() / SECOND;
        assert!(certain.is_none_or(|certain| wall - certain <= 1), "{certain:?} {wall}");
    }

    #[test]
    fn wall_time_agrees_with_the_standard_library() {
        let before = std::time::SystemTime::now();
        let ours = wall_now();
        let theirs = before.duration_since(std::time::UNIX_EPOCH).unwrap();
        let apart = u128::from(ours.as_nanos()).abs_diff(theirs.as_nanos());
        assert!(apart < u128::from(SECOND), "{apart} ns apart");
    }
}
