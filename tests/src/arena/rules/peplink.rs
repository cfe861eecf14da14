//! Peplink's WAN health check by ping.
//!
//! Source: Peplink Balance and Pepwave user manuals, "WAN Health Check" and "Other Health Check Settings": interval 5 s,
//! timeout 5 s, health check retries 3 ("consecutive ping/DNS lookup timeouts after which the connection is treated as
//! down"), recovery retries 3; two ping hosts, of which one that answers suffices. The manual does not say whether
//! the interval begins before or after a timeout; the faster reading is taken: each check begins 5 s after the last.

use super::PING;
use super::counted::{Counted, Figures};
use crate::arena::contest::Air;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;
const RECOVERY_RETRIES: u32 = 3;
const HOSTS: u8 = 2;

pub(super) fn rules(air: &Air<'_>) -> Counted {
    let figures = Figures {
        interval: INTERVAL,
        timeout: TIMEOUT,
        failures: RETRIES,
        successes: RECOVERY_RETRIES,
        targets: HOSTS,
        size: PING,
    };
    Counted::new(figures, air)
}
