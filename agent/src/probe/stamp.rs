//! From kernel stamps to a round-trip time that can be trusted.

use crate::clock::{self, WallTime};
use shunt_decision::{Outcome, Timestamp};
use std::time::Duration;

/// How far two clocks may drift apart between a probe and its reply: the kernel slews the wall clock by at most 500 ppm,
/// which is 1 ms in two seconds.
const SLACK: Duration = Duration::from_millis(1);

/// Both clocks, read at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) boot: Timestamp,
    pub(super) wall: WallTime,
}

impl Clocks {
    pub(super) fn read() -> Self {
        Self { boot: clock::now(), wall: clock::wall_now() }
    }
}

/// When a probe left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// By our own clock, just before the system call.
    pub(super) at: Timestamp,
    /// By the kernel, when the packet was given to the driver.
    pub(super) stamp: Option<WallTime>,
}

/// The outcome of a probe whose reply was read when the clocks showed `read`.
///
/// The stamps count only where they agree with the monotonic clock: the wall clock may have been stepped in between.
/// Without them the round trip is taken from our own clock, which is late by the time the reply lay in the socket.
pub(super) fn reply(sent: Sent, received: Option<WallTime>, read: Clocks) -> Outcome {
    let elapsed = read.boot.since(sent.at);
    let age = received.and_then(|stamp| plausible(stamp, read.wall, elapsed));
    let at = (read.boot - age.unwrap_or_default()).max(sent.at);
    let rtt = match (sent.stamp, received, age) {
        (Some(left), Some(came), Some(_)) => plausible(left, came, elapsed),
        _ => None,
    };
    Outcome::Reply { rtt: rtt.unwrap_or_else(|| at.since(sent.at)), at }
}

/// Time between two stamps, where it is neither negative nor longer than what really passed.
fn plausible(earlier: WallTime, later: WallTime, elapsed: Duration) -> Option<Duration> {
    let between = Duration::from_nanos(later.as_nanos().checked_sub(earlier.as_nanos())?);
    (between <= elapsed + SLACK).then_some(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const BASE: u64 = 1_700_000_000_000 * MS;

    fn wall(ms: u64) -> WallTime {
        WallTime::from_nanos(BASE + ms * MS)
    }

    fn boot(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * MS)
    }

    fn outcome(left: Option<WallTime>, came: Option<WallTime>, read: WallTime) -> (u64, u64) {
        let sent = Sent { at: boot(1_000), stamp: left };
        let Outcome::Reply { rtt, at } = reply(sent, came, Clocks { boot: boot(1_500), wall: read }) else {
            panic!("not a reply");
        };
        (rtt.as_nanos() as u64 / MS, at.as_nanos() / MS)
    }

    #[test]
    fn a_reply_read_late_has_its_true_times() {
        assert_eq!(outcome(Some(wall(2)), Some(wall(12)), wall(500)), (10, 1_012));
    }

    #[test]
    fn without_a_transmit_stamp_our_own_sending_time_serves() {
        assert_eq!(outcome(None, Some(wall(12)), wall(500)), (12, 1_012));
    }

    #[test]
    fn without_a_receive_stamp_the_time_of_reading_serves() {
        assert_eq!(outcome(Some(wall(2)), None, wall(500)), (500, 1_500));
    }

    #[test]
    fn a_stepped_wall_clock_is_noticed() {
        // Forward by an hour after the reply was stamped; back by an hour between the stamps; forward between them.
        assert_eq!(outcome(Some(wall(2)), Some(wall(12)), wall(3_600_500)), (500, 1_500));
        assert_eq!(outcome(Some(wall(3_600_002)), Some(wall(12)), wall(500)), (12, 1_012));
        assert_eq!(outcome(Some(wall(2)), Some(wall(3_600_012)), wall(3_600_500)), (12, 1_012));
    }
}
