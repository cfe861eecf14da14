//! Sending probes, and judging what became of them: pending is not lost, and a late reply rewrites history.

use crate::budget::Purpose;
use crate::desk::Desk;
use crate::path::{Path, Trial};
use crate::rtt::percent_of;
use crate::target::{Flight, Interception, Judged, SILENT_AFTER, TargetState};
use crate::verdict::Sign;
use crate::window::ALARM;
use crate::{Outcome, Percent, ProbeId, Reason, TargetId, Timestamp, Verdict};
use core::time::Duration;

/// A recovered path is on trial for at least this long: longer than most modems need to drop again.
const TRIAL: Duration = Duration::from_secs(3);
/// And until so many replies of each target that answers.
const TRIAL_ROUNDS: usize = 3;
/// A round-trip time or jitter counts as beyond its limit after so many judgements in a row; they are
/// smoothed already.
const SUSTAINED: u32 = 5;
/// A degraded path stays so for at least this long.
const DEGRADED_AT_LEAST: Duration = Duration::from_secs(10);
/// And for so many judgements, half a window: a quarter of the limit is not seen in fewer.
const DEGRADED_JUDGEMENTS: u32 = 50;
/// Loss must be below the limit divided by this to leave `Degraded`: enter and leave differ.
const LEAVE_LOSS: f64 = 4.0;
/// Round-trip time and jitter must be below this percentage of their limits.
const LEAVE_TIME_PERCENT: u32 = 80;
/// Loss is the link's only if every target that speaks for it shows this part of its fair share of the alarm;
/// else it is a target's (one that limits its answers, as a rule).
const SHARE_OF_ALARM: f64 = 1.0 / 3.0;

impl Path {
    /// Sends the steady probe that is due.
    pub(crate) fn send_steady(&mut self, desk: &mut Desk) {
        let place = self.turn;
        let cost = self.targets.get(place).map_or(0, |target| target.cost);
        // Its pace keeps to the budget; only where suspicions or pages took all there was, it waits.
        if desk.pay(self.link, cost, Purpose::Steady) {
            self.pace.advance(desk.now);
            self.turn = if place + 1 < self.targets.len() { place + 1 } else { 0 };
            self.send(place, false, desk);
        } else {
            self.pace.put_off(desk.payable_at(self.link, cost, Purpose::Steady), desk.now);
        }
    }

    /// Sends a confirming probe to every target; `false`: the budget does not allow it now.
    pub(crate) fn send_round(&mut self, purpose: Purpose, desk: &mut Desk) -> bool {
        if !desk.pay(self.link, self.round_cost(), purpose) {
            return false;
        }
        for place in 0..self.targets.len() {
            self.send(place, true, desk);
        }
        true
    }

    /// Bytes of one probe to every target.
    pub(crate) fn round_cost(&self) -> u32 {
        self.targets.iter().map(|target| target.cost).sum()
    }

    fn send(&mut self, place: usize, confirming: bool, desk: &mut Desk) {
        let Some(target) = self.targets.get_mut(place) else { return };
        let patience = if confirming {
            target.rtt.confirm_deadline(self.timeout, desk.now)
        } else {
            target.rtt.suspicion_deadline(self.timeout)
        };
        let sent = desk.now;
        let id = desk.probe(self.link, target.id, target.packets.sent, sent + self.timeout);
        let flight = Flight { id, sent, deadline: sent + patience, confirming, lost: None };
        if target.launch(flight) {
            desk.counters.flights_dropped += 1;
        }
    }

    /// Takes in what became of a probe. `true` if it was a reply.
    pub(crate) fn outcome(
        &mut self,
        id: ProbeId,
        target: TargetId,
        outcome: Outcome,
        desk: &mut Desk,
    ) -> bool {
        let Some(place) = self.targets.iter().position(|t| t.id == target) else { return false };
        let Some(flight) = self.targets.get_mut(place).and_then(|t| t.land(id)) else { return false };
        if let Some(target) = self.targets.get(place).filter(|_| outcome.is_answer()) {
            desk.own.receive(self.link, target.packets.received, desk.now);
        }
        match outcome {
            Outcome::Reply { rtt, at } if rtt <= self.timeout => {
                self.reply(place, flight, rtt, at, desk);
                return true;
            }
            Outcome::Reply { .. } => {
                let deadline = self.timeout;
                self.lose(place, flight, Reason::Late { deadline }, desk);
            }
            Outcome::Refused => self.lose(place, flight, Reason::Refused, desk),
            Outcome::Intercepted => self.lose(place, flight, Reason::Intercepted, desk),
            Outcome::Unresolved => self.lose(place, flight, Reason::Unresolved, desk),
            Outcome::Unsendable => self.lose(place, flight, Reason::Unsendable, desk),
        }
        false
    }

    fn reply(&mut self, place: usize, flight: Flight, rtt: Duration, at: Timestamp, desk: &mut Desk) {
        let failed = self.state.verdict == Verdict::Failed;
        let Some(target) = self.targets.get_mut(place) else { return };
        target.rtt.sample(rtt, at);
        target.run = 0;
        target.counted = 0;
        target.silent = false;
        target.intercepted = None;
        target.unresolved = false;
        target.known = true;
        target.last_reply = target.last_reply.max(Some(at));
        if core::mem::take(&mut target.blamed) {
            desk.acquit(self.family, target.identity);
        }
        target.fresh = true;
        if let Some(audition) = &mut self.audition {
            match flight.lost {
                None => audition.judge(false, flight.sent),
                Some(judged) if judged.spoke => audition.forgive(flight.sent),
                Some(_) => {}
            }
        }
        if let Some(judged) = flight.lost {
            desk.counters.late_replies += 1;
            if flight.confirming {
                target.rtt.regret(rtt, at);
            }
            if let Some(name) = judged.in_target {
                target.window.forgive(name);
            }
            if let Some(name) = judged.in_path {
                self.window.forgive(name);
            }
        } else if !flight.confirming {
            target.window.push(false);
            self.window.push(false);
        }
        if !flight.confirming {
            target.test.push(false, flight.sent);
            if !failed {
                self.test.push(false, flight.sent);
            }
        }
        self.last_reply = self.last_reply.max(Some(at));
        if failed {
            self.end_aftercare(at);
        }
        self.answer_burst(place, flight.sent, desk);
        match self.state.verdict {
            Verdict::Failed => {
                let back = self.weight(|t| t.fresh && t.answers()) >= self.quorum();
                if back && !self.is_intercepted() {
                    self.take(Sign::Answer, Reason::OnTrial(TRIAL), desk);
                }
            }
            Verdict::Recovering => self.try_on(desk),
            Verdict::Healthy | Verdict::Suspect | Verdict::Degraded => self.weigh(desk),
            Verdict::Unknown => {}
        }
    }

    fn try_on(&mut self, desk: &mut Desk) {
        let Trial { since, good } = self.trial;
        self.trial.good = good + 1;
        let speaking = self.targets.iter().filter(|target| target.speaks()).count();
        let enough =
            self.trial.good >= TRIAL_ROUNDS * speaking && self.weight(TargetState::answers) >= self.quorum();
        if enough && desk.now.since(since) >= TRIAL {
            self.take(Sign::Proved, self.answering(), desk);
        } else {
            self.weigh(desk);
        }
    }

    /// Judges every probe whose deadline has passed. The replies that lay in the sockets are known by now.
    pub(crate) fn judge_overdue(&mut self, desk: &mut Desk) {
        for place in 0..self.targets.len() {
            while let Some(flight) = self.targets.get(place).and_then(|target| target.overdue(desk.now)) {
                let deadline = flight.deadline.since(flight.sent);
                self.lose(place, flight, Reason::Late { deadline }, desk);
            }
            let timeout = self.timeout;
            let mut counted = false;
            while let Some(flight) =
                self.targets.get_mut(place).and_then(|t| t.pop_expired(timeout, desk.now))
            {
                counted |= self.count_loss(place, flight);
            }
            if counted {
                self.weigh(desk);
            }
        }
    }

    /// One probe is lost, as far as is known now.
    fn lose(&mut self, place: usize, flight: Flight, reason: Reason, desk: &mut Desk) {
        if flight.lost.is_some() {
            return self.learn_late(place, flight, reason, desk);
        }
        let others = self.targets.iter().enumerate().any(|(n, t)| n != place && t.answers());
        let Some(target) = self.targets.get_mut(place) else { return };
        let spoke = target.speaks();
        let heard = !target.silent;
        // The loss that is suspicious now says nothing of what the line loses as a rule: after a start, or a failure, it
        // would be one of a few probes, and a clean line be asked as often as one that loses a third.
        let usual = self.window.loss();
        // What is lost in a burst is lost together: it tells an outage, not how much the line loses.
        let steady = !flight.confirming;
        let in_target = steady.then(|| target.window.push(true));
        let in_path = (steady && heard).then(|| self.window.push(true));
        if target.run == 0 {
            target.run_since = flight.sent;
        }
        target.run = target.run.saturating_add(1);
        // Silence does not tell who would have answered, unless it lasts: else only the target's own answer does.
        target.intercepted = match reason {
            Reason::Intercepted => Some(Interception::new(desk.now)),
            Reason::Late { .. } => target.intercepted.and_then(|mark| mark.after_silence(desk.now)),
            _ => None,
        };
        target.unresolved = reason == Reason::Unresolved;
        desk.lost = true;
        // While a late reply may still come, the line may be slow only.
        let is_over = !target.mark_lost(flight.id, Judged { in_target, in_path, spoke: heard });
        if target.run >= SILENT_AFTER && others && !target.silent {
            // Its losses were its own, not the link's.
            target.silent = true;
            self.test.forgive(target.counted);
        }
        if is_over {
            self.count_loss(place, flight);
        }
        if let Some(audition) = self.audition.as_mut().filter(|_| heard) {
            audition.judge(true, flight.sent);
        }
        if let Some(burst) = &mut self.burst {
            burst.lost = burst.lost.saturating_add(u8::from(flight.confirming));
        }
        if spoke {
            self.suspect(reason, flight.sent, usual, desk);
        }
        self.weigh(desk);
    }

    /// What became of a probe that had been given up: no reply will come, and who answered instead is news.
    fn learn_late(&mut self, place: usize, flight: Flight, reason: Reason, desk: &mut Desk) {
        if self.count_loss(place, flight) {
            self.weigh(desk);
        }
        let Some(target) = self.targets.get_mut(place).filter(|_| reason == Reason::Intercepted) else {
            return;
        };
        if target.intercepted.replace(Interception::new(desk.now)).is_none() && target.known {
            let usual = self.window.loss();
            self.suspect(reason, flight.sent, usual, desk);
        }
    }

    /// Tells the tests for loss that a probe is lost for good. `false` if it means nothing about the line.
    fn count_loss(&mut self, place: usize, flight: Flight) -> bool {
        let failed = self.state.verdict == Verdict::Failed;
        let Some(target) = self.targets.get_mut(place) else { return false };
        if flight.confirming || target.silent || failed {
            return false;
        }
        target.counted += 1;
        target.test.push(true, flight.sent);
        self.test.push(true, flight.sent);
        true
    }

    /// Holds the statistics against the limits, after each judgement.
    fn weigh(&mut self, desk: &mut Desk) {
        match self.state.base {
            Verdict::Degraded => {
                self.degraded.1 = self.degraded.1.saturating_add(1);
                if let Some(reason) = self.within(desk.now) {
                    self.take(Sign::Within, reason, desk);
                }
            }
            Verdict::Healthy | Verdict::Recovering => {
                if let Some(reason) = self.beyond_limits() {
                    self.take(Sign::Beyond, reason, desk);
                }
            }
            Verdict::Unknown | Verdict::Suspect | Verdict::Failed => {}
        }
    }

    fn beyond_limits(&mut self) -> Option<Reason> {
        if self.test.score() >= ALARM && self.loss_is_the_links() {
            return Some(Reason::Loss(self.window.loss().unwrap_or(self.limits.loss)));
        }
        if self.limits.rtt.is_none() && self.limits.jitter.is_none() {
            return None;
        }
        let slow = self.rtt_limit().and_then(|limit| self.exceeded(limit, |t| t.rtt.smoothed()));
        let restless = self.jitter_limit().and_then(|limit| self.exceeded(limit, |t| t.rtt.jitter()));
        let reason = slow.map(Reason::SlowRtt).or(restless.map(Reason::HighJitter));
        self.beyond = if reason.is_some() { self.beyond.saturating_add(1) } else { 0 };
        reason.filter(|_| self.beyond >= SUSTAINED)
    }

    fn rtt_limit(&self) -> Option<Duration> {
        self.limits.rtt?.resolve(self.mean(|target| target.rtt.usual()))
    }

    fn jitter_limit(&self) -> Option<Duration> {
        self.limits.jitter?.resolve(self.mean(|target| target.rtt.usual_jitter()))
    }

    fn exceeded(&self, limit: Duration, of: impl Fn(&TargetState) -> Option<Duration>) -> Option<Duration> {
        self.mean(of).filter(|value| *value > limit)
    }

    fn loss_is_the_links(&self) -> bool {
        let speaking = self.targets.iter().filter(|target| target.speaks());
        let count = u32::try_from(speaking.clone().count()).unwrap_or(u32::MAX).max(1);
        let share = ALARM * SHARE_OF_ALARM / f64::from(count);
        speaking.into_iter().all(|target| target.test.score() >= share)
    }

    /// The reason to be healthy again, if everything is well within the limits for long enough.
    fn within(&self, now: Timestamp) -> Option<Reason> {
        let (since, judged) = self.degraded;
        if judged < DEGRADED_JUDGEMENTS || now.since(since) < DEGRADED_AT_LEAST {
            return None;
        }
        let loss = self.window.loss().map_or(0.0, Percent::value);
        let below = |limit: Option<Duration>, value: Option<Duration>| match (limit, value) {
            (Some(limit), Some(value)) => value < percent_of(limit, LEAVE_TIME_PERCENT),
            (Some(_), None) | (None, Some(_) | None) => true,
        };
        let well = loss < self.limits.loss.value() / LEAVE_LOSS
            && below(self.rtt_limit(), self.mean(|target| target.rtt.smoothed()))
            && below(self.jitter_limit(), self.mean(|target| target.rtt.jitter()));
        well.then(|| self.answering())
    }
}
