//! dpinger as OPNsense runs it, and OPNsense's gateway watcher with default gateway switching.
//!
//! Source: `dpinger.c` (report(): losses are requests older than the loss interval without an answer, in percent of the
//! answered and lost ones of the last `time_period / interval` requests, in whole numbers); OPNsense
//! `src/opnsense/scripts/routes/gateway_watcher.php` (polls each second, and after an alarm in ten) and
//! `dpinger.inc` (down above the high thresholds of loss or mean latency). Defaults of the gateway form: interval 1 s,
//! loss interval 4 s, time period 60 s, loss 10–20 %, latency 200–500 ms, data length 1.

use super::{Rules, phase};
use crate::arena::contest::Air;
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(1);
const LOSS_INTERVAL: Duration = Duration::from_secs(4);
/// `time_period / interval`.
const SLOTS: usize = 60;
const LOSS_HIGH: u32 = 20;
const LATENCY_HIGH: Duration = Duration::from_millis(500);
/// The watcher's poll.
const POLL: Duration = Duration::from_secs(1);
/// Its pause after an alarm, while the routes are made anew.
const AFTER_ALARM: Duration = Duration::from_secs(10);
/// 20 bytes of IP, 8 of ICMP, 1 of data.
const SIZE: u64 = 29;
/// What may have mattered: the window and the time until a loss counts.
const EVIDENCE: Duration = Duration::from_secs(64);

/// dpinger.
#[derive(Debug)]
struct Pinger {
    link: LinkId,
    /// When each request was sent, and when its answer is there.
    slots: Vec<(Timestamp, Option<Timestamp>)>,
    place: usize,
    next: Timestamp,
    up: bool,
}

impl Pinger {
    fn send(&mut self, air: &mut Air<'_>) {
        let entry = (air.now(), air.request(self.link, TargetId(0), SIZE));
        match self.slots.get_mut(self.place) {
            Some(slot) => *slot = entry,
            None => self.slots.push(entry),
        }
        self.place = (self.place + 1) % SLOTS;
        self.next = air.now() + INTERVAL;
    }

    /// Whether the gateway is up; `None` while there is nothing to say.
    fn report(&self, now: Timestamp) -> Option<bool> {
        let (mut received, mut lost, mut total) = (0_u32, 0_u32, Duration::ZERO);
        for (sent, back) in &self.slots {
            match back.filter(|back| *back <= now) {
                Some(back) => {
                    received += 1;
                    total += back.since(*sent);
                }
                None if now.since(*sent) > LOSS_INTERVAL => lost += 1,
                None => {}
            }
        }
        let percent = (lost * 100).checked_div(received + lost)?;
        let latency = total.checked_div(received).unwrap_or_default();
        Some(percent <= LOSS_HIGH && latency <= LATENCY_HIGH)
    }
}

/// A dpinger for each gateway, and the watcher.
#[derive(Debug)]
pub(super) struct OpnSense {
    pingers: Vec<Pinger>,
    poll: Timestamp,
}

impl OpnSense {
    pub(super) fn new(air: &Air<'_>) -> Self {
        let pinger = |link: LinkId| Pinger {
            link,
            slots: Vec::with_capacity(SLOTS),
            place: 0,
            next: air.now() + phase(air, u64::from(link.0), INTERVAL),
            up: true,
        };
        let poll = air.now() + phase(air, u64::MAX - 1, POLL);
        Self { pingers: air.links().map(pinger).collect(), poll }
    }

    fn watch(&mut self, air: &mut Air<'_>) {
        let now = air.now();
        let mut alarm = false;
        for pinger in &mut self.pingers {
            if let Some(up) = pinger.report(now).filter(|up| *up != pinger.up) {
                pinger.up = up;
                alarm = true;
            }
        }
        if alarm {
            air.use_first(self.pingers.iter().map(|pinger| pinger.up), EVIDENCE);
        }
        self.poll = now + if alarm { AFTER_ALARM } else { POLL };
    }
}

impl Rules for OpnSense {
    fn due(&self) -> Timestamp {
        self.pingers.iter().map(|pinger| pinger.next).min().unwrap_or(self.poll).min(self.poll)
    }

    fn step(&mut self, air: &mut Air<'_>) {
        let now = air.now();
        for pinger in self.pingers.iter_mut().filter(|pinger| pinger.next <= now) {
            pinger.send(air);
        }
        if self.poll <= air.now() {
            self.watch(air);
        }
    }
}
