//! A fixed count, as in BFD: a link is down when nothing came back for three intervals.
//!
//! Source: RFC 5880, section 6.8.4 (detection time: the multiplier times the interval) and the default multiplier 3 of
//! FRR and others. BFD needs a peer that no internet provider runs; here public targets answer, two in turn, with
//! Shunt's own packet size, and a metered link that stands by is asked as seldom as by Shunt. So it is what remains of
//! Shunt when suspicion and confirmation are taken away and their packets are spent on a shorter interval.

use super::shunt::{STANDBY_PARTS, TARGETS, probe_size};
use super::{Rules, phase};
use crate::arena::contest::Air;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// Intervals without an answer.
const MULTIPLIER: u32 = 3;
/// Answers in a row after which a link is up again: those of BFD's three-way handshake.
const HANDSHAKE: u32 = 3;

/// How often a link in use is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one packet to the next.
    pub interval: Duration,
}

impl Pace {
    /// Two targets, each once a second: what Shunt sends while nothing is suspect.
    pub const NOMINAL: Self = Self { interval: Duration::from_millis(500) };

    /// This pace, changed so that it costs `budget` bytes where it cost `spent`.
    #[must_use]
    pub fn for_budget(self, budget: u64, spent: u64) -> Self {
        Self { interval: self.interval.mul_f64(spent as f64 / budget.max(1) as f64) }
    }
}

#[derive(Debug)]
struct Session {
    link: LinkId,
    up: bool,
    turn: u8,
    received: u32,
    /// When the latest answer came.
    heard: Timestamp,
    /// When answers under way will be there, in the order in which they were asked for.
    coming: VecDeque<Timestamp>,
    next: Timestamp,
    interval: Duration,
}

/// A session on each link.
#[derive(Debug)]
pub(super) struct FixedCount {
    pace: Pace,
    sessions: Vec<Session>,
}

impl FixedCount {
    pub(super) fn new(pace: Pace, air: &Air<'_>) -> Self {
        let sessions = air.links().map(|link| Session {
            link,
            up: true,
            turn: 0,
            received: 0,
            heard: air.now() + pace.interval,
            coming: VecDeque::new(),
            next: air.now() + phase(air, u64::from(link.0), pace.interval),
            interval: pace.interval,
        });
        Self { pace, sessions: sessions.collect() }
    }
}

impl Rules for FixedCount {
    fn due(&self) -> Timestamp {
        self.sessions.iter().map(Session::due).min().unwrap_or(Timestamp::ZERO)
    }

    fn step(&mut self, air: &mut Air<'_>) {
        let mut evidence = None;
        for session in &mut self.sessions {
            if session.due() > air.now() {
                continue;
            }
            let before = session.up;
            let since = session.heard;
            session.step(air);
            if session.up != before {
                evidence = Some(air.now().since(since));
            }
        }
        if let Some(evidence) = evidence {
            air.use_first(self.sessions.iter().map(|session| session.up), evidence);
        }
        // The preferred link costs nothing extra; others stand by at the sparse pace while it carries.
        let calm = self.sessions.first().is_some_and(|first| first.up && first.link == air.uplink());
        for session in self.sessions.iter_mut().skip(1) {
            let interval = if calm { self.pace.interval * STANDBY_PARTS } else { self.pace.interval };
            session.set_interval(interval, air.now());
        }
    }
}

impl Session {
    fn expires(&self) -> Option<Timestamp> {
        self.up.then(|| self.heard + self.interval * MULTIPLIER)
    }

    fn due(&self) -> Timestamp {
        let answer = self.coming.iter().min().copied();
        [answer, self.expires()].into_iter().flatten().fold(self.next, Ord::min)
    }

    fn step(&mut self, air: &mut Air<'_>) {
        let now = air.now();
        let before = self.coming.len();
        self.coming.retain(|back| *back > now);
        if self.coming.len() < before {
            self.heard = now;
            self.received += 1;
            self.up |= self.received >= HANDSHAKE;
        } else if self.expires().is_some_and(|at| at <= now) {
            self.up = false;
            self.received = 0;
        }
        if self.next <= now {
            let target = TargetId(self.turn);
            self.turn = (self.turn + 1) % TARGETS;
            if !self.up && now.since(self.heard) > self.interval * MULTIPLIER {
                self.received = 0;
            }
            self.coming.extend(air.request(self.link, target, probe_size()));
            self.next = now + self.interval;
        }
    }

    /// A faster pace begins at once, with as much time for an answer as ever.
    fn set_interval(&mut self, interval: Duration, now: Timestamp) {
        if interval == self.interval {
            return;
        }
        if interval < self.interval {
            self.next = self.next.min(now + interval);
            if self.up {
                self.heard = self.heard.max(now);
            }
        }
        self.interval = interval;
    }
}
