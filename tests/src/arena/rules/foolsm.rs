//! foolsm, the Foobar Link Status Monitor (formerly lsm).
//!
//! Source: foolsm, `config.c` (defaults: interval and timeout 1,000 ms, `max_packet_loss` 15,
//! `max_successive_pkts_lost` 7, `min_packet_loss` 5, `min_successive_pkts_rcvd` 10) and `foolsm.c` (`update_stats`,
//! `decide`: each second, over the last 100 requests, the newest one not yet among those in a row). A late answer stays
//! a timeout. Its sample configuration for Shorewall has 2 s, which doubles all its times. The size of its requests is
//! taken to be that of the usual ping.

use super::{PING, Rules, phase};
use crate::arena::contest::Air;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);
/// Decisions are made when more than a second has passed since the last.
const DECISIONS: Duration = Duration::from_secs(1);
/// `FOLLOWED_PKTS`.
const FOLLOWED: usize = 100;
const MAX_PACKET_LOSS: usize = 15;
const MAX_SUCCESSIVE_LOST: usize = 7;
const MIN_PACKET_LOSS: usize = 5;
const MIN_SUCCESSIVE_RECEIVED: usize = 10;

#[derive(Debug)]
struct Target {
    link: LinkId,
    /// The last requests, the newest last: when it was sent, and when its answer is there.
    followed: std::collections::VecDeque<(Timestamp, Option<Timestamp>)>,
    up: bool,
    next: Timestamp,
}

impl Target {
    fn send(&mut self, air: &mut Air<'_>) {
        if self.followed.len() == FOLLOWED {
            self.followed.pop_front();
        }
        self.followed.push_back((air.now(), air.request(self.link, TargetId(0), PING)));
        self.next = air.now() + INTERVAL;
    }

    /// Decides; when the state changes, tells when the oldest request was sent that mattered.
    fn decide(&mut self, now: Timestamp) -> Option<Timestamp> {
        let in_time = |(sent, back): &(Timestamp, Option<Timestamp>)| {
            back.is_some_and(|back| back <= now && back.since(*sent) <= TIMEOUT)
        };
        let lost = |entry: &&(Timestamp, Option<Timestamp>)| !in_time(entry) && now.since(entry.0) > TIMEOUT;
        let timeouts = self.followed.iter().filter(lost).count();
        let settled = || self.followed.iter().rev().skip(1);
        if self.up {
            let missing = settled().take_while(|entry| !in_time(entry)).count();
            if timeouts < MAX_PACKET_LOSS && missing < MAX_SUCCESSIVE_LOST {
                return None;
            }
            self.up = false;
            let oldest = if missing >= MAX_SUCCESSIVE_LOST {
                settled().nth(missing.saturating_sub(1))
            } else {
                self.followed.iter().find(lost)
            };
            return Some(oldest.map_or(now, |(sent, _)| *sent));
        }
        let received = settled().take_while(|entry| in_time(entry)).count();
        if timeouts > MIN_PACKET_LOSS || received < MIN_SUCCESSIVE_RECEIVED {
            return None;
        }
        self.up = true;
        Some(settled().nth(received.saturating_sub(1)).map_or(now, |(sent, _)| *sent))
    }
}

/// The program with all its targets.
#[derive(Debug)]
pub(super) struct Foolsm {
    targets: Vec<Target>,
    decision: Timestamp,
}

impl Foolsm {
    pub(super) fn new(air: &Air<'_>) -> Self {
        let target = |link: LinkId| Target {
            link,
            followed: std::collections::VecDeque::with_capacity(FOLLOWED),
            up: true,
            next: air.now() + phase(air, u64::from(link.0), INTERVAL),
        };
        let decision = air.now() + phase(air, u64::MAX - 1, DECISIONS);
        Self { targets: air.links().map(target).collect(), decision }
    }
}

impl Rules for Foolsm {
    fn due(&self) -> Timestamp {
        self.targets.iter().map(|target| target.next).min().unwrap_or(self.decision).min(self.decision)
    }

    fn step(&mut self, air: &mut Air<'_>) {
        let now = air.now();
        for target in self.targets.iter_mut().filter(|target| target.next <= now) {
            target.send(air);
        }
        if self.decision > now {
            return;
        }
        self.decision = now + DECISIONS;
        let changes = self.targets.iter_mut().filter_map(|target| target.decide(now));
        if let Some(oldest) = changes.min() {
            air.use_first(self.targets.iter().map(|target| target.up), now.since(oldest));
        }
    }
}
