//! The daily maintenance window, in the gateway's local time.

use shunt_config::DailyWindow;
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u32 = 24 * 60 * 60;

/// Whether `window` is open now.
#[must_use]
pub(super) fn is_open_now(window: DailyWindow) -> bool {
    is_open_at(window, SystemTime::now())
}

/// Whether `window` is open at `time`.
#[must_use]
pub(crate) fn is_open_at(window: DailyWindow, time: SystemTime) -> bool {
    is_open(window, local_second_of_day(time))
}

/// Whether `window` is open `second` seconds after local midnight.
fn is_open(window: DailyWindow, second: u32) -> bool {
    let length = (window.to + SECONDS_PER_DAY - window.from) % SECONDS_PER_DAY;
    let since_opening = (second + SECONDS_PER_DAY - window.from) % SECONDS_PER_DAY;
    since_opening < length
}

fn local_second_of_day(time: SystemTime) -> u32 {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let local = local_time(seconds);
    u32::try_from(local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec).unwrap_or(0)
}

#[allow(unsafe_code)]
fn local_time(seconds: u64) -> libc::tm {
    // Inferred, for `time_t` has another width on each target, and its name is deprecated for musl.
    let seconds = seconds.try_into().unwrap_or_else(|_beyond_time| i32::MAX.into());
    // SAFETY: `tm` is plain data for which all zeroes is a value; both pointers live through the call,
    // and `localtime_r` writes nowhere else.
    unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut local);
        local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_from_its_start_to_just_before_its_end() {
        let hour = 3600;
        let night = DailyWindow { from: 2 * hour, to: 4 * hour };
        let over_midnight = DailyWindow { from: 23 * hour, to: hour };
        for (window, second, open) in [
            (night, 2 * hour - 1, false),
            (night, 2 * hour, true),
            (night, 4 * hour - 1, true),
            (night, 4 * hour, false),
            (over_midnight, 23 * hour, true),
            (over_midnight, 0, true),
            (over_midnight, hour, false),
            (over_midnight, 12 * hour, false),
        ] {
            assert_eq!(is_open(window, second), open, "{window:?} at {second}");
        }
    }
}
