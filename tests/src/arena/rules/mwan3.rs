//! mwan3: one tracking script an interface, which runs `ping` after `ping`.
//!
//! Source: mwan3 2.12, `net/mwan3/files/usr/sbin/mwan3track` in openwrt/packages: its `config_get` defaults and its
//! loop; the four targets and `reliability 2` are those of the shipped `/etc/config/mwan3`. The score counts down from
//! `down + up`; at `up` the interface is offline and the score 0; from there each success counts up to `up`.

use super::{PING, Rules, phase};
use crate::arena::contest::Air;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

/// The options of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    /// Pause after a round of pings. `failure_interval` and `recovery_interval` are the same if not set.
    pub(super) interval: Duration,
    /// `ping -W`.
    pub(super) timeout: Duration,
    /// Rounds that must fail.
    pub(super) down: u32,
    /// Rounds that must pass.
    pub(super) up: u32,
    /// Targets that must answer in a round.
    pub(super) reliability: u32,
    /// Targets, asked one after the other until enough have answered.
    pub(super) targets: u8,
}

/// As shipped.
pub(super) const DEFAULTS: Options = Options {
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(4),
    down: 5,
    up: 5,
    reliability: 2,
    targets: 4,
};
/// The shortest interval and timeout there are (whole seconds), two targets of which one suffices, and two rounds: with
/// one, four packets lost at once are a failover.
pub(super) const TUNED: Options = Options {
    interval: Duration::from_secs(1),
    timeout: Duration::from_secs(1),
    down: 2,
    up: 2,
    reliability: 1,
    targets: 2,
};

#[derive(Debug)]
struct Tracker {
    link: LinkId,
    online: bool,
    score: u32,
    /// When the first ping of the first failed round in a row began.
    since: Option<Timestamp>,
    round: Timestamp,
    target: u8,
    answered: u32,
    pending: Option<bool>,
    next: Timestamp,
}

/// The tracking scripts of all interfaces.
#[derive(Debug)]
pub(super) struct Mwan3 {
    options: Options,
    trackers: Vec<Tracker>,
}

impl Mwan3 {
    pub(super) fn new(options: Options, air: &Air<'_>) -> Self {
        let trackers = air.links().map(|link| {
            let begin = air.now() + phase(air, u64::from(link.0), options.interval);
            Tracker {
                link,
                online: true,
                score: options.down + options.up,
                since: None,
                round: begin,
                target: 0,
                answered: 0,
                pending: None,
                next: begin,
            }
        });
        Self { options, trackers: trackers.collect() }
    }
}

impl Rules for Mwan3 {
    fn due(&self) -> Timestamp {
        self.trackers.iter().map(|tracker| tracker.next).min().unwrap_or(Timestamp::ZERO)
    }

    fn step(&mut self, air: &mut Air<'_>) {
        let mut evidence = None;
        let now = air.now();
        for tracker in self.trackers.iter_mut().filter(|tracker| tracker.next <= now) {
            let before = tracker.online;
            tracker.step(&self.options, air);
            if tracker.online != before {
                evidence = Some(air.now().since(tracker.since.unwrap_or(tracker.round)));
            }
        }
        if let Some(evidence) = evidence {
            air.use_first(self.trackers.iter().map(|tracker| tracker.online), evidence);
        }
    }
}

impl Tracker {
    fn step(&mut self, options: &Options, air: &mut Air<'_>) {
        match self.pending.take() {
            Some(answered) => {
                self.answered += u32::from(answered);
                self.target += 1;
            }
            None => {
                self.round = air.now();
                self.target = 0;
                self.answered = 0;
            }
        }
        if self.target < options.targets && self.answered < options.reliability {
            let ping = air.ping(self.link, TargetId(self.target), options.timeout, PING);
            self.pending = Some(ping.answer.is_some());
            self.next = ping.ends;
        } else {
            self.judge(options);
            self.next = air.now() + options.interval;
        }
    }

    fn judge(&mut self, options: &Options) {
        if self.answered < options.reliability {
            self.since.get_or_insert(self.round);
            self.score = self.score.saturating_sub(1);
            if self.score < options.up {
                self.score = 0;
            } else if self.score == options.up {
                self.online = false;
                self.score = 0;
            }
        } else {
            self.since = None;
            self.score += 1;
            if self.score > options.up {
                self.score = options.up + options.down;
            } else if self.score == options.up {
                self.online = true;
            }
        }
    }
}
