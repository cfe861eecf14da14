//! What the users' own packets tell of the uplink: much was sent, and for longer than usual nothing came back.
//!
//! Such a stall proves nothing (a burst of confirming probes does), but it shows within a tenth of a second what a
//! probe a second shows after half a one.

use crate::Timestamp;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// No shorter silence is suspicious: acknowledgements are delayed by up to 40 ms, and schedulers on either side and
/// mobile radios add as much again.
const FLOOR: Duration = Duration::from_millis(80);
/// A silence is suspicious when it is this much longer than those that the link is known to have had.
const TIMES_USUAL: u32 = 2;
/// So many looks fall into a silence before it is suspicious: one that sees it begin, one that sees it last.
const LOOKS: u32 = 2;
/// While traffic flows, the counters are read at least this often, so that the end of the traffic is seen.
const LONGEST_GAP: Duration = Duration::from_millis(250);
/// What the link's silences were is half forgotten in this time: lines change by the hour, not by the minute.
const HALF_LIFE: Duration = Duration::from_secs(600);
/// Users who have sent nothing for so long may have gone: the counters are worth no wake-ups of their own.
const QUIET: Duration = Duration::from_secs(1);
/// No silence counts as usual beyond this: a real outage is no habit, and by then probes have seen it.
const LONGEST_USUAL: Duration = Duration::from_secs(1);
/// Fewer packets sent into a silence may have been of the kind that nobody answers.
const LEAST_SENT: u64 = 5;
/// One packet received for so many sent is traffic; less is the chatter of a dead line's last hop (ARP, neighbour
/// discovery). An upload gets an acknowledgement for every second packet, or, merged, for every thirtieth.
const SENT_FOR_ONE: u64 = 64;
/// After a stall, the next one raises no suspicion for so long: traffic that nobody answers costs few bursts.
const PAUSE: Duration = Duration::from_secs(5);

/// What is carried is a mean over some such times: long against an outage that is not seen yet, short against what users
/// do.
const OF_LATE: Duration = Duration::from_secs(10);

/// Foreign packets on an interface, counted at one moment (see [`OwnPackets`](crate::own::OwnPackets)). Only differences
/// mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) at: Timestamp,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Count {
    /// Packets received and sent since an earlier count.
    pub(crate) const fn since(&self, before: Self) -> (u64, u64) {
        (self.received.saturating_sub(before.received), self.sent.saturating_sub(before.sent))
    }
}

/// Watches one uplink's counters.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct StallWatch {
    /// The newest count.
    last: Option<Count>,
    /// The newest count that showed something received.
    moved: Option<Count>,
    /// Packets went both ways lately: the counters are worth wake-ups.
    flowing: bool,
    /// When the counters were asked for; an edge that cannot tell gives no answer.
    asked: Timestamp,
    /// When something was seen to have been sent.
    sent_at: Timestamp,
    /// The longest silence of late, fading.
    usual: Duration,
    paused_until: Option<Timestamp>,
    /// Packets received a second, of late.
    carried: f64,
}

impl StallWatch {
    /// Takes in a count. `Some`: nothing came for this long, while packets were sent.
    pub(crate) fn observe(&mut self, count: Count) -> Option<Duration> {
        let last = self.last.replace(count);
        let (Some(last), Some(moved)) = (last, self.moved) else {
            self.moved = Some(count);
            return None;
        };
        let passed = count.at.since(last.at);
        self.fade(passed);
        let (received, sent) = count.since(last);
        self.carry(received, passed);
        let silence = count.at.since(moved.at);
        let (_, sent_into_it) = count.since(moved);
        if received > sent / SENT_FOR_ONE {
            // The silence that has just ended was one of the link's own.
            if sent_into_it >= LEAST_SENT {
                self.usual = self.usual.max(silence.saturating_sub(passed)).min(LONGEST_USUAL);
            }
            self.moved = Some(count);
            if sent > 0 {
                (self.flowing, self.sent_at) = (true, count.at);
            }
            return None;
        }
        if sent > 0 {
            self.sent_at = count.at;
        }
        self.flowing &= count.at.since(self.sent_at) < QUIET;
        if sent_into_it == 0 {
            // A silence into which nothing is sent has not begun.
            self.moved = Some(count);
            return None;
        }
        if !self.flowing || silence < self.patience() || sent_into_it < LEAST_SENT {
            return None;
        }
        // Nothing more is to be seen until something is received.
        self.flowing = false;
        if self.paused_until.is_some_and(|until| count.at < until) {
            return None;
        }
        self.paused_until = Some(count.at + PAUSE);
        Some(silence)
    }

    /// When the counters are to be read next; `None`: there is no hurry.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let last = self.last.filter(|_| self.flowing)?;
        Some(last.at.max(self.asked) + (self.patience() / LOOKS).min(LONGEST_GAP))
    }

    /// The counters are asked for now.
    pub(crate) const fn ask(&mut self, now: Timestamp) {
        self.asked = now;
    }

    /// Forgets the counts: they were of another time, or of another uplink. What is usual stays.
    pub(crate) const fn forget(&mut self) {
        self.last = None;
        self.moved = None;
        self.flowing = false;
        self.carried = 0.0;
    }

    /// Packets received a second, of late.
    pub(crate) const fn carried(&self) -> f64 {
        self.carried
    }

    fn patience(&self) -> Duration {
        FLOOR.max(self.usual * TIMES_USUAL)
    }

    /// The same mean whatever the times between the looks: a look counts by the time that it tells of.
    fn carry(&mut self, received: u64, passed: Duration) {
        let (passed, of_late) = (passed.as_secs_f64(), OF_LATE.as_secs_f64());
        self.carried = (self.carried * of_late + received as f64) / (of_late + passed);
    }

    fn fade(&mut self, passed: Duration) {
        // For short steps the same as 2^(-passed / HALF_LIFE), but the same to the bit on every machine.
        let life = HALF_LIFE.as_secs_f64() / core::f64::consts::LN_2;
        self.usual = self.usual.mul_f64(life / (life + passed.as_secs_f64()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkId;
    use crate::own::OwnPackets;

    /// A line on which `rate` packets a millisecond go each way, looked at whenever the watch wants, at most for `ms`;
    /// from `cut` (ms) on nothing is received. Returns when a stall was told, in ms.
    fn run(
        watch: &mut StallWatch,
        from: u64,
        ms: u64,
        sent: impl Fn(u64) -> u64,
        received: impl Fn(u64) -> u64,
    ) -> Vec<u64> {
        let mut told = Vec::new();
        let mut now = from;
        while now < from + ms {
            let at = Timestamp::ZERO + Duration::from_millis(now);
            if watch.observe(Count { at, received: received(now), sent: sent(now) }).is_some() {
                told.push(now);
            }
            let tick = (now / 500 + 1) * 500;
            let due =
                watch.due().map_or(tick, |at| u64::try_from(at.since(Timestamp::ZERO).as_millis()).unwrap());
            now = due.min(tick).max(now + 1);
        }
        told
    }

    #[test]
    fn a_cut_under_traffic_is_seen_in_a_tenth_of_a_second() {
        for cut in (5_000..5_600).step_by(7) {
            let mut watch = StallWatch::default();
            let told = run(&mut watch, 0, 10_000, |t| t, |t| t.min(cut));
            assert_eq!(told.len(), 1, "{told:?}");
            // Four looks at most: the cut falls between two, and the steady looks shift the grid.
            assert!((cut + 80..=cut + 160).contains(&told[0]), "cut at {cut}, told at {told:?}");
        }
    }

    #[test]
    fn an_interface_that_is_made_anew_is_watched_as_well() {
        let mut watch = StallWatch::default();
        let mut own = OwnPackets::new(1);
        let mut stalls = 0;
        for step in 0..300_u64 {
            // Two million packets went by; the counters begin anew, and then nothing comes back any more.
            let sent = if step < 100 { 2_000_000 + step * 40 } else { (step - 100) * 40 };
            let received = if step < 200 { sent } else { 100 * 40 };
            let at = Timestamp::ZERO + Duration::from_millis(step * 40);
            let seen = watch.observe(own.count(LinkId(0), (received, sent), at).unwrap());
            assert!(seen.is_none() || step > 200, "at step {step}");
            stalls += u32::from(seen.is_some());
        }
        assert_eq!(stalls, 1);
    }

    #[test]
    fn silence_on_both_sides_is_no_stall() {
        let mut watch = StallWatch::default();
        assert_eq!(run(&mut watch, 0, 60_000, |t| t.min(5_000), |t| t.min(5_000)), []);
        assert_eq!(watch.due(), None, "an idle line needs no looks");
    }

    #[test]
    fn counters_that_nobody_tells_are_not_asked_for_without_a_pause() {
        let mut watch = StallWatch::default();
        run(&mut watch, 0, 1_000, |t| t, |t| t);
        let now = watch.due().unwrap();
        watch.ask(now);
        assert!(watch.due().unwrap() >= now + FLOOR / LOOKS);
    }

    #[test]
    fn a_time_without_users_is_no_habit() {
        let mut watch = StallWatch::default();
        let users = |t: u64| t.saturating_sub(60_250);
        let told = run(&mut watch, 0, 70_000, users, |t| users(t.min(65_000)));
        assert!(told.len() == 1 && told[0] < 65_160, "{told:?}");
    }

    #[test]
    fn a_line_that_pauses_by_habit_is_soon_known() {
        // Every second it sends nothing back for 300 ms.
        let received = |t: u64| t / 1_000 * 700 + (t % 1_000).min(700);
        let mut watch = StallWatch::default();
        let told = run(&mut watch, 0, 60_000, |t| t, received);
        assert!(told.len() <= 1, "{told:?}");
        // And a real stall is still seen, in twice its habit and a look.
        let told = run(&mut watch, 60_000, 3_000, |t| t, |t| received(t.min(60_650)));
        assert_eq!(told.len(), 1);
        assert!(told[0] <= 60_650 + 1_000, "{told:?}");
    }

    #[test]
    fn what_nobody_answers_costs_one_suspicion() {
        // A flow of logs goes out, and now and then a packet comes in.
        let mut watch = StallWatch::default();
        let told = run(&mut watch, 0, 60_000, |t| t, |t| t.min(1_000));
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn the_chatter_of_a_dead_line_is_no_traffic() {
        let mut watch = StallWatch::default();
        // Two packets a second still come: ARP from the last hop.
        let told = run(&mut watch, 0, 10_000, |t| t, |t| t.min(5_000) + t / 500);
        assert!(!told.is_empty() && told[0] < 5_300, "{told:?}");
    }
}
