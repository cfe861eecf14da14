//! Checks at a fixed interval, and a fixed number of them in a row that must fail or pass: the rule of several makers.

use super::{Rules, phase};
use crate::arena::contest::Air;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

/// One maker's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    /// From the beginning of a check to that of the next.
    pub(super) interval: Duration,
    /// How long an answer may take; not longer than `interval`.
    pub(super) timeout: Duration,
    /// Checks in a row that must fail.
    pub(super) failures: u32,
    /// Checks in a row that must pass.
    pub(super) successes: u32,
    /// How many targets are asked at once; one that answers suffices.
    pub(super) targets: u8,
    /// Bytes of a request.
    pub(super) size: u64,
}

#[derive(Debug)]
struct Monitor {
    link: LinkId,
    up: bool,
    /// Results in a row that speak against the present state.
    against: u32,
    /// When the first of them was asked for.
    since: Timestamp,
    begun: Timestamp,
    /// The result of the check under way.
    pending: Option<bool>,
    next: Timestamp,
}

/// The monitors of all links.
#[derive(Debug)]
pub(super) struct Counted {
    figures: Figures,
    monitors: Vec<Monitor>,
}

impl Counted {
    pub(super) fn new(figures: Figures, air: &Air<'_>) -> Self {
        let begin = |link: LinkId| air.now() + phase(air, u64::from(link.0), figures.interval);
        let monitors = air.links().map(|link| Monitor {
            link,
            up: true,
            against: 0,
            since: air.now(),
            begun: air.now(),
            pending: None,
            next: begin(link),
        });
        Self { figures, monitors: monitors.collect() }
    }
}

impl Rules for Counted {
    fn due(&self) -> Timestamp {
        self.monitors.iter().map(|monitor| monitor.next).min().unwrap_or(Timestamp::ZERO)
    }

    fn step(&mut self, air: &mut Air<'_>) {
        let mut evidence = None;
        let now = air.now();
        for monitor in self.monitors.iter_mut().filter(|monitor| monitor.next <= now) {
            match monitor.pending.take() {
                Some(passed) => {
                    monitor.next = monitor.begun + self.figures.interval;
                    if monitor.judge(passed, &self.figures) {
                        evidence = Some(air.now().since(monitor.since));
                    }
                }
                None => monitor.check(&self.figures, air),
            }
        }
        if let Some(evidence) = evidence {
            air.use_first(self.monitors.iter().map(|monitor| monitor.up), evidence);
        }
    }
}

impl Monitor {
    fn check(&mut self, figures: &Figures, air: &mut Air<'_>) {
        let mut ends = air.now() + figures.timeout;
        let mut passed = false;
        for target in 0..figures.targets {
            let ping = air.ping(self.link, TargetId(target), figures.timeout, figures.size);
            passed |= ping.answer.is_some();
            ends = ends.min(ping.ends);
        }
        self.begun = air.now();
        self.pending = Some(passed);
        self.next = ends;
    }

    /// Counts a result; `true` when the state changes.
    fn judge(&mut self, passed: bool, figures: &Figures) -> bool {
        if passed == self.up {
            self.against = 0;
            return false;
        }
        if self.against == 0 {
            self.since = self.begun;
        }
        self.against += 1;
        let needed = if self.up { figures.failures } else { figures.successes };
        if self.against < needed {
            return false;
        }
        self.up = passed;
        self.against = 0;
        true
    }
}
