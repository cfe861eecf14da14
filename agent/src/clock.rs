//! The one place where the agent reads a clock.

use shunt_decision::Timestamp;

/// `CLOCK_BOOTTIME`: monotonic, and it counts the time that the machine slept.
#[must_use]
pub fn now() -> Timestamp {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    read(libc::CLOCK_BOOTTIME, &mut time);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Timestamp::from_nanos(seconds * 1_000_000_000 + nanos)
}

#[allow(unsafe_code)]
fn read(clock: libc::clockid_t, time: &mut libc::timespec) {
    // SAFETY: `time` is a valid place for one timespec; the clocks asked for exist on every Linux since 2.6.39.
    unsafe { libc::clock_gettime(clock, time) };
}
