//! VyOS WAN load balancing with `failover`: one loop that pings over each interface in turn.
//!
//! Source: vyos-1x, `src/helpers/vyos-load-balancer.py` (the loop: all health checks one after the other, then one
//! update of the rules, then `sleep_interval` 5 s) and `python/vyos/wanloadbalance.py` (`ping -c 1 -W`); the defaults of
//! `load-balancing wan interface-health`: failure-count 1, success-count 1, resp-time 5 s. One test an interface.

use super::{PING, Rules, phase};
use crate::arena::contest::Air;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

const SLEEP: Duration = Duration::from_secs(5);
const RESPONSE_TIME: Duration = Duration::from_secs(5);
const FAILURE_COUNT: u32 = 1;
const SUCCESS_COUNT: u32 = 1;

#[derive(Debug)]
struct Health {
    link: LinkId,
    up: bool,
    failures: u32,
    successes: u32,
}

/// The load balancer.
#[derive(Debug)]
pub(super) struct Vyos {
    healths: Vec<Health>,
    /// Whose ping is under way, and how it ends.
    place: usize,
    pending: Option<bool>,
    changed: bool,
    round: Timestamp,
    next: Timestamp,
}

impl Vyos {
    pub(super) fn new(air: &Air<'_>) -> Self {
        let healths = air.links().map(|link| Health { link, up: true, failures: 0, successes: 0 });
        let next = air.now() + phase(air, 0, SLEEP);
        Self { healths: healths.collect(), place: 0, pending: None, changed: false, round: next, next }
    }
}

impl Rules for Vyos {
    fn due(&self) -> Timestamp {
        self.next
    }

    fn step(&mut self, air: &mut Air<'_>) {
        match self.pending.take() {
            Some(answered) => {
                if let Some(health) = self.healths.get_mut(self.place) {
                    self.changed |= health.judge(answered);
                }
                self.place += 1;
            }
            None => {
                self.round = air.now();
                self.place = 0;
            }
        }
        if let Some(health) = self.healths.get(self.place) {
            let ping = air.ping(health.link, TargetId(0), RESPONSE_TIME, PING);
            self.pending = Some(ping.answer.is_some());
            self.next = ping.ends;
            return;
        }
        if std::mem::take(&mut self.changed) {
            let evidence = air.now().since(self.round);
            air.use_first(self.healths.iter().map(|health| health.up), evidence);
        }
        self.next = air.now() + SLEEP;
    }
}

impl Health {
    /// Counts a result; `true` when the state changes.
    const fn judge(&mut self, answered: bool) -> bool {
        if answered {
            self.failures = 0;
            self.successes += 1;
        } else {
            self.failures += 1;
            self.successes = 0;
        }
        let enough = if answered { self.successes >= SUCCESS_COUNT } else { self.failures >= FAILURE_COUNT };
        let changes = answered != self.up && enough;
        if changes {
            self.up = answered;
        }
        changes
    }
}
