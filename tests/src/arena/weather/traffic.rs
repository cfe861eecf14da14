//! What users send and receive on the link in use: the interface counters that a detector may read.
//!
//! Each minute is busy (both directions full), quiet (a request now and then) or one-way (somebody uploads a stream and
//! hears little). A link that is slow is busy: it is the users' own packets that fill the queue. In an outage nothing
//! is received, while what was under way is sent again ever more rarely and one-way streams go on.

use super::sky::chance;
use super::{Sky, Span};
use shunt_decision::{LinkId, Timestamp};
use std::time::Duration;

/// The finest step of the model, about two packets of a busy minute.
const CELL: Duration = Duration::from_millis(20);
/// What lies longer ago than this is reckoned in whole seconds: nobody looked at it meanwhile.
const FINE: Duration = Duration::from_secs(2);
/// How long the same people do the same.
const ACTIVITY: u64 = 60_000_000_000;

/// Packets on an interface since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// Packets a second, sent and received.
#[derive(Debug, Clone, Copy)]
struct Rates {
    sent: f64,
    received: f64,
    /// Sent while nothing comes back.
    unanswered: f64,
}

const BUSY: Rates = Rates { sent: 150.0, received: 300.0, unanswered: 15.0 };
const QUIET: Rates = Rates { sent: 0.6, received: 0.8, unanswered: 0.6 };
const ONE_WAY: Rates = Rates { sent: 50.0, received: 0.4, unanswered: 50.0 };
/// Of a hundred minutes so many are busy, and so many quiet; the rest is one-way.
const BUSY_MINUTES: u64 = 40;
const QUIET_MINUTES: u64 = 45;

/// The users of one contestant's uplink.
#[derive(Debug)]
pub struct Traffic {
    seed: u64,
    settled: Timestamp,
    counters: Vec<Counters>,
    /// Of each link, the first outage that has not ended, the first lossy and the first slow time.
    places: Vec<[usize; 3]>,
}

impl Traffic {
    /// Nothing was sent yet.
    #[must_use]
    pub fn new(sky: &Sky) -> Self {
        let links = sky.links();
        let counters = vec![Counters::default(); links];
        Self { seed: sky.seed(), settled: Timestamp::ZERO, counters, places: vec![[0; 3]; links] }
    }

    /// Lets the users go on until `now`, over `uplink`.
    pub fn advance(&mut self, sky: &Sky, uplink: LinkId, now: Timestamp) {
        while self.settled < now {
            let left = now.since(self.settled);
            let width = if left > FINE { Duration::from_secs(1) } else { CELL };
            if width > left {
                return;
            }
            self.step(sky, uplink, width);
            self.settled = self.settled + width;
        }
    }

    /// The packets of users on a link.
    #[must_use]
    pub fn counters(&self, link: LinkId) -> Counters {
        self.counters.get(usize::from(link.0)).copied().unwrap_or_default()
    }

    fn step(&mut self, sky: &Sky, uplink: LinkId, width: Duration) {
        let number = usize::from(uplink.0);
        let (Some(truth), Some(places), Some(counters)) =
            (sky.truths.get(number), self.places.get_mut(number), self.counters.get_mut(number))
        else {
            return;
        };
        let at = self.settled;
        let [first_down, first_lossy, first_slow] = places;
        let down = within(&truth.down, first_down, at);
        let lossy = within(&truth.lossy, first_lossy, at);
        let slow = within(&truth.slow, first_slow, at);
        let rates = if slow { BUSY } else { rates(self.seed, at) };
        let mut chance = chance(self.seed, at, 0xff);
        // Not `mul_add`: without a processor's own instruction for it, it is a third of the whole contest's time.
        let seconds = width.as_secs_f64();
        let mut count = |rate: f64| whole(rate * seconds + chance.share());
        counters.sent += count(if down { rates.unanswered } else { rates.sent });
        let share = match (down, lossy) {
            (true, _) => 0.0,
            (false, true) => 0.7,
            (false, false) => 1.0,
        };
        if share > 0.0 {
            counters.received += count(rates.received * share);
        }
    }
}

fn rates(seed: u64, at: Timestamp) -> Rates {
    let minute = at.as_nanos() / ACTIVITY;
    match chance(seed, Timestamp::from_nanos(minute), 0xfe).number() % 100 {
        die if die < BUSY_MINUTES => BUSY,
        die if die < BUSY_MINUTES + QUIET_MINUTES => QUIET,
        _ => ONE_WAY,
    }
}

/// Whether `at`, which never decreases, lies in one of the spans.
fn within(spans: &[Span], place: &mut usize, at: Timestamp) -> bool {
    while spans.get(*place).is_some_and(|span| span.to <= at) {
        *place += 1;
    }
    spans.get(*place).is_some_and(|span| span.from <= at)
}

/// The packets that are whole; the counts of a cell are far below 2^32.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
const fn whole(packets: f64) -> u64 {
    packets as u64
}

#[cfg(test)]
mod tests {
    use super::super::{Arrival, Climate, Effect, Kind, Length, Plan};
    use super::*;

    #[test]
    fn counters_grow_by_what_users_do_and_nothing_is_received_in_an_outage() {
        let outage = Kind {
            effect: Effect::Loss,
            arrival: Arrival::Every(Duration::from_secs(1_000)),
            length: Length::LogUniform(Duration::from_secs(500), Duration::from_secs(501)),
            depth: (1.0, 1.0),
        };
        let ms = Duration::from_millis;
        let climate = Climate { rtt: ms(10), jitter: ms(1), loss: 0.0, kinds: vec![outage], trace: None };
        let plan = Plan { name: "test".into(), climates: vec![climate.clone(), climate] };
        let sky = plan.draw(Duration::from_secs(3_600), 5);
        let mut traffic = Traffic::new(&sky);
        let down = sky.truths[0].down[0];
        traffic.advance(&sky, LinkId(0), down.from);
        let before = traffic.counters(LinkId(0));
        assert!(before.received > 10_000 && before.sent > 10_000, "{before:?}");
        for second in 1..=400 {
            traffic.advance(&sky, LinkId(0), down.from + Duration::from_secs(second));
        }
        let after = traffic.counters(LinkId(0));
        // The cell in which it began counts as before it.
        assert!(after.received - before.received < 20, "{before:?} {after:?}");
        assert!(after.sent > before.sent);
        assert_eq!(traffic.counters(LinkId(1)), Counters::default());
    }
}
