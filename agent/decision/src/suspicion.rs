//! Suspicion is cheap, switching is not: the burst of confirming probes that stands between the two.

use crate::budget::Purpose;
use crate::desk::{Change, Desk};
use crate::path::Path;
use crate::stall::Count;
use crate::target::TargetState;
use crate::verdict::Sign;
use crate::{Action, Percent, Reason, Timestamp, Verdict};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Rounds of a burst. Three, because two in a row are lost too often on a line that loses a percent.
const ROUNDS: u8 = 3;
/// Loss in percent below which so many probes must be lost together for the verdict: by chance that happens at most once
/// in some ten million suspicions, whatever the line loses as a rule.
const EVIDENCE: [(f64, usize); 5] = [(2.5, 5), (5.0, 6), (10.0, 7), (20.0, 10), (35.0, 16)];
/// The same for a line that loses half of everything.
const MOST_EVIDENCE: usize = 24;
/// Between two rounds: longer than a queue's burst of drops, short against what a user notices.
const ROUND_GAP: Duration = Duration::from_millis(10);
/// The same where no reply was ever seen: its time is not known, and each round reads what came.
const FIRST_GAP: Duration = Duration::from_millis(100);
/// So many packets beyond our own replies say that a silent link is slow, not dead. Fewer may be ARP or
/// neighbour discovery of a dead line's last hop.
const SIGN_OF_LIFE: u64 = 4;
/// No more packets come for one that users send: a download is acknowledged every second packet or, merged, every
/// thirtieth.
const RECEIVED_FOR_ONE: u64 = 32;
/// What comes must be at least this part of what came before the suspicion: a full queue is one through which users'
/// packets flow.
const PART_OF_CARRIED: f64 = 0.25;
/// A silent link that moves so many packets gets so much longer, again and again: a full queue of a bad router holds probes
/// for more than a second while users are served.
const EXTENSION: Duration = Duration::from_millis(250);
/// So many confirming probes lost make a doubt: one late reply and one lost probe are any line's daily life.
const DOUBT: u8 = 2;
/// How long the edge may take to count packets; it answers in the same turn of its loop.
const TRAFFIC_PATIENCE: Duration = Duration::from_millis(20);

/// A gateway answers for itself on its own link within this, even a busy one; a modem's radio may be asleep.
const GATEWAY_PATIENCE: Duration = Duration::from_millis(500);

/// A path that has just failed is asked so many times more, this far apart.
const CARE_ROUNDS: u8 = 4;
const CARE_GAP: Duration = Duration::from_millis(50);
/// Nobody notices a shorter interruption, so that a move would have been worse.
pub(crate) const NOTICEABLE: Duration = Duration::from_millis(300);

/// What goes on when a path has just failed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Aftercare {
    zero: Timestamp,
    rounds_left: u8,
    next_round: Timestamp,
}

/// A burst of confirming probes to all targets of one path.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Burst {
    /// A reply to anything sent before this is no sign of life.
    zero: Timestamp,
    rounds_left: u8,
    gap: Duration,
    next_round: Timestamp,
    /// Confirming probes lost.
    pub(crate) lost: u8,
    /// Foreign packets when the suspicion began, or when it was last put off.
    traffic: Option<Count>,
    /// The packets are being counted a second time.
    awaiting: Option<Timestamp>,
    /// The link moves packets but does not answer: it gets until then.
    extended: Option<Timestamp>,
    /// Some targets answered, but not the quorum: other links are asked whose fault it is.
    examined: Option<Examined>,
}

/// What other links say of the targets that did not answer a burst.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Examined {
    /// The last answer is due then.
    pub(crate) until: Timestamp,
    /// Not all could be asked, for want of budget: it is tried again then.
    pub(crate) again: bool,
}

/// Rounds of a burst to a path that loses so many percent, and on which so many targets must be lost together.
fn rounds(loss: f64, together: usize) -> u8 {
    let evidence =
        EVIDENCE.iter().find(|(below, _)| loss < *below).map_or(MOST_EVIDENCE, |(_, probes)| *probes);
    u8::try_from(evidence.div_ceil(together)).unwrap_or(ROUNDS).max(ROUNDS)
}

/// So many of the targets with these weights must be lost together for the quorum to fail, the heaviest first.
fn lost_together(mut weights: Vec<u32>, quorum: u32) -> usize {
    weights.sort_unstable();
    let mut left: u32 = weights.iter().sum();
    let mut lost = 0;
    while left >= quorum
        && let Some(heaviest) = weights.pop()
    {
        left -= heaviest;
        lost += 1;
    }
    lost.max(1)
}

/// The longest that a burst takes to find a path silent, all of whose targets with these weights answered before, when
/// each probe of it is waited for so long and `loss` percent are lost as a rule.
///
/// `pauses`: as long as the line is known to pause; [`NOTICEABLE`] at most.
pub(crate) fn longest_burst(
    weights: Vec<u32>,
    quorum: u32,
    loss: f64,
    deadline: Duration,
    pauses: Duration,
) -> Duration {
    let rounds = rounds(loss, lost_together(weights, quorum));
    gap(rounds, pauses) * u32::from(rounds - 1) + deadline + TRAFFIC_PATIENCE
}

/// Rounds are spread over the pauses that the line is known to make, and half as long again.
fn gap(rounds: u8, pauses: Duration) -> Duration {
    ROUND_GAP.max(pauses * 3 / 2 / u32::from(rounds))
}

/// Whether what came between two counts was for users. What is not is the noise of the segment (a cable's ARP), which
/// comes whatever they send, and as a rule is little beside what they receive.
fn serves(count: Count, then: Count, carried: f64) -> bool {
    let (received, sent) = count.since(then);
    let usual = carried * count.at.since(then.at).as_secs_f64();
    received >= SIGN_OF_LIFE
        && received <= sent.saturating_mul(RECEIVED_FOR_ONE)
        && received as f64 >= usual * PART_OF_CARRIED
}

impl Path {
    /// Begins a burst, whose evidence are replies to probes sent from `zero` on. `usual` is what the line loses as a rule.
    pub(crate) fn begin_burst(&mut self, zero: Timestamp, usual: Option<Percent>, desk: &mut Desk) {
        self.zero = zero;
        self.suspected = desk.now;
        for target in &mut self.targets {
            target.confirmed = false;
        }
        let loss = usual.map_or(0.0, Percent::value);
        let rounds = rounds(loss, lost_together(self.voices(), self.quorum()));
        let known = self.targets.iter().any(TargetState::speaks);
        let gap = if known { gap(rounds, self.pauses.extent(desk.now)) } else { FIRST_GAP };
        self.burst = Some(Burst {
            zero,
            rounds_left: rounds,
            gap,
            next_round: desk.now,
            lost: 0,
            traffic: None,
            awaiting: None,
            extended: None,
            examined: None,
        });
        desk.counters.bursts += 1;
        self.next_round(desk);
        desk.act(Action::SampleTraffic { link: self.link });
        if known {
            // It holds nothing up: where the link is broken may be told after the move.
            self.gateway_answers = None;
            let expires = desk.now + GATEWAY_PATIENCE;
            self.gateway_check = Some(desk.ask_gateway(self.link, self.family, expires));
        }
    }

    /// Something looks wrong since `zero`: unless that is known already, it is asked.
    pub(crate) fn suspect(
        &mut self,
        reason: Reason,
        zero: Timestamp,
        usual: Option<Percent>,
        desk: &mut Desk,
    ) {
        let before = self.state;
        self.take(Sign::Late, reason, desk);
        if before != self.state {
            self.begin_burst(zero, usual, desk);
        }
    }

    /// Sends the next round, or waits until it can be paid: what was not asked is no evidence.
    fn next_round(&mut self, desk: &mut Desk) {
        let purpose = if self.uplink { Purpose::Suspicion } else { Purpose::Doubt };
        let sent = self.send_round(purpose, desk);
        let cost = self.round_cost();
        let Some(burst) = &mut self.burst else { return };
        if sent {
            burst.rounds_left -= 1;
            burst.next_round = desk.now + burst.gap;
        } else {
            burst.next_round = desk.payable_at(self.link, cost, purpose);
        }
    }

    /// A target answered while a burst is out.
    pub(crate) fn answer_burst(&mut self, place: usize, sent: Timestamp, desk: &mut Desk) {
        let Some(burst) = &self.burst else { return };
        if sent < burst.zero {
            return;
        }
        if let Some(target) = self.targets.get_mut(place) {
            target.confirmed = true;
        }
        self.pass_burst(desk);
    }

    /// Ends the burst well, if what answered it suffices.
    fn pass_burst(&mut self, desk: &mut Desk) -> bool {
        let passed = self.weight(|target| target.confirmed) >= self.quorum() && !self.is_intercepted();
        if passed {
            self.burst = None;
            self.take(Sign::Passed, self.answering(), desk);
        }
        passed
    }

    /// The weights of the targets that speak for the link.
    fn voices(&self) -> Vec<u32> {
        self.targets.iter().filter(|target| target.speaks()).map(|target| target.weight).collect()
    }

    /// Sends the next round, or concludes, if either is due. Overdue probes are judged by now.
    pub(crate) fn step_burst(&mut self, desk: &mut Desk) {
        self.step_aftercare(desk);
        if self.burst.is_none() || self.pass_burst(desk) {
            return;
        }
        let Some(burst) = &mut self.burst else { return };
        if burst.rounds_left > 0 {
            if burst.next_round <= desk.now {
                self.next_round(desk);
            }
            return;
        }
        let held = burst.examined.is_some_and(|held| held.until > desk.now);
        if (held && self.is_partly_alive()) || self.is_divided(desk.now) || self.is_waiting() {
            return;
        }
        let Some(burst) = &mut self.burst else { return };
        match (burst.awaiting, burst.extended) {
            (Some(patience), _) if patience <= desk.now => self.conclude_dead(desk),
            (None, Some(until)) if until > desk.now => {}
            (Some(_), _) => {}
            (None, _) if burst.traffic.is_some() => {
                burst.awaiting = Some(desk.now + TRAFFIC_PATIENCE);
                desk.act(Action::SampleTraffic { link: self.link });
            }
            (None, _) => self.conclude_dead(desk),
        }
    }

    /// Under suspicion, and the first confirming probes are lost as well; or moved to without being asked.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_unasked(None) || self.burst.as_ref().is_some_and(|burst| burst.lost >= DOUBT)
    }

    fn is_waiting(&self) -> bool {
        self.targets.iter().any(|target| target.next_deadline(true).is_some())
    }

    /// The burst is over, some targets answered it and others did not, and not all other links were asked about those.
    pub(crate) fn is_divided(&self, now: Timestamp) -> bool {
        let asking = self.burst.as_ref().is_some_and(|burst| {
            burst.rounds_left == 0 && burst.examined.is_none_or(|held| held.again && held.until <= now)
        });
        asking && self.is_partly_alive() && !self.is_waiting()
    }

    /// A target that answered the burst has not fallen silent since: the wait for other links' word may be long.
    fn is_partly_alive(&self) -> bool {
        self.targets.iter().any(|target| target.confirmed && target.is_alive())
    }

    /// Other links are asked about the targets that did not answer.
    pub(crate) fn hold_burst(&mut self, examined: Examined) {
        if let Some(burst) = &mut self.burst {
            burst.examined = Some(examined);
        }
    }

    /// Foreign packets on the link, counted now; of late so many a second were received.
    pub(crate) fn count_traffic(&mut self, count: Count, carried: f64, desk: &mut Desk) {
        // A probe that takes longer than its timeout counts as lost: who answers none by then is of no use.
        let end = self.suspected + self.timeout;
        let Some(burst) = &mut self.burst else { return };
        let Some(then) = burst.traffic else {
            burst.traffic = Some(count);
            return;
        };
        if burst.awaiting.take().is_none() {
            return;
        }
        if serves(count, then, carried) && desk.now < end {
            burst.extended = Some(desk.now + EXTENSION);
            burst.traffic = Some(count);
        } else {
            self.conclude_dead(desk);
        }
    }

    fn conclude_dead(&mut self, desk: &mut Desk) {
        let lost = self.burst.take().map_or(0, |burst| burst.lost);
        let alive = self.targets.iter().filter(|target| target.confirmed && target.is_alive()).count();
        let silent = Reason::Silent { alive: u8::try_from(alive).unwrap_or(u8::MAX), of: self.asked(), lost };
        let reason = if self.is_intercepted() { Reason::Intercepted } else { silent };
        if self.state.verdict == Verdict::Failed && self.absent.is_none() {
            // Nothing changes, but who waited for this answer has it.
            self.reason = reason;
            let (from, to) = (Verdict::Failed, Verdict::Failed);
            desk.changes.push(Change { link: self.link, family: self.family, from, to, reason });
        }
        if self.state.verdict != Verdict::Failed {
            self.aftercare = Some(Aftercare {
                zero: self.zero,
                rounds_left: CARE_ROUNDS,
                next_round: desk.now + CARE_GAP,
            });
        }
        self.take(Sign::Dead, reason, desk);
    }

    /// Asks a path that has just failed a few times more, to learn whether that was a mere pause.
    fn step_aftercare(&mut self, desk: &mut Desk) {
        let Some(care) = self.aftercare.as_mut().filter(|care| care.next_round <= desk.now) else { return };
        if care.rounds_left == 0 {
            self.aftercare = None;
            return;
        }
        care.rounds_left -= 1;
        care.next_round = desk.now + CARE_GAP;
        self.send_round(Purpose::Doubt, desk);
    }

    /// A failed path answers again: if it was away for no longer than anybody notices, it pauses so by habit.
    pub(crate) fn end_aftercare(&mut self, at: Timestamp) {
        if let Some(care) = self.aftercare.take() {
            let pause = at.since(care.zero);
            if pause <= NOTICEABLE {
                self.pauses.learn(pause, at);
            }
        }
    }

    /// Asks every target once, to know whether this path is alive now. Returns when the last answer is due.
    pub(crate) fn ask(&mut self, purpose: Purpose, desk: &mut Desk) -> Timestamp {
        let sent = self.send_round(purpose, desk);
        self.unasked = Some(desk.now).filter(|_| !sent && purpose == Purpose::Need);
        self.answers_due(desk)
    }

    /// When the last answer to a confirming probe is due.
    pub(crate) fn answers_due(&self, desk: &Desk) -> Timestamp {
        let deadlines = self.targets.iter().filter_map(|target| target.next_deadline(true));
        deadlines.max().unwrap_or(desk.now)
    }

    /// When this path wants to be looked at, and whether that must be exact.
    pub(crate) fn wake(&self) -> Option<(Timestamp, bool)> {
        let deadline = self.targets.iter().filter_map(|target| target.next_deadline(!self.uplink)).min();
        if let Some(care) = &self.aftercare {
            return Some((deadline.map_or(care.next_round, |at| at.min(care.next_round)), true));
        }
        let Some(burst) = &self.burst else { return deadline.map(|at| (at, false)) };
        let own = match burst.rounds_left {
            1.. => Some(burst.next_round),
            // It is concluded when the last of its probes is judged, and not before.
            0 if self.is_waiting() => None,
            0 => burst.awaiting.or(burst.extended).or(burst.examined.map(|held| held.until)),
        };
        own.into_iter().chain(deadline).min().map(|at| (at, true))
    }
}
