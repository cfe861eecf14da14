//! Fortinet SD-WAN health check ("performance SLA"), state alive or dead; the member's route goes with it.
//!
//! Source: FortiOS CLI reference, `config system sdwan` / `config health-check`: interval, probe-timeout (500 ms,
//! "the time to wait before a probe packet is considered lost"), failtime, recoverytime; FortiOS administration guide,
//! "Link health monitor". One server, as the default has it: a second one is asked only when the first is dead. The size
//! of its ping is not documented; the usual one is assumed.

use super::PING;
use super::counted::{Counted, Figures};
use crate::arena::contest::Air;
use std::time::Duration;

/// `interval 500`.
const INTERVAL: Duration = Duration::from_millis(500);
/// `probe-timeout 500`.
const TIMEOUT: Duration = Duration::from_millis(500);
/// `failtime 5`.
const FAIL_TIME: u32 = 5;
/// `recoverytime 5`.
const RECOVERY_TIME: u32 = 5;

pub(super) fn rules(air: &Air<'_>) -> Counted {
    let figures = Figures {
        interval: INTERVAL,
        timeout: TIMEOUT,
        failures: FAIL_TIME,
        successes: RECOVERY_TIME,
        targets: 1,
        size: PING,
    };
    Counted::new(figures, air)
}
