//! One link in one family: what is known of it, and how its verdict changes.

use crate::audition::Audition;
use crate::desk::{Change, Desk};
use crate::habit::{self, Habit};
use crate::schedule::Pace;
use crate::suspicion::{Aftercare, Burst};
use crate::target::TargetState;
use crate::verdict::{Sign, State, next};
use crate::window::{LossTest, LossWindow};
use crate::{
    CheckId, Family, Limits, LinkConfig, LinkId, Missing, ModemState, PathSnapshot, PathState, Reason,
    TargetId, Timestamp, Verdict,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What a recovered path must show before it is called healthy.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) since: Timestamp,
    pub(crate) good: usize,
}

/// One link in one family.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Path {
    pub(crate) link: LinkId,
    pub(crate) family: Family,
    /// The weight that must answer, as configured.
    pub(crate) quorum: u32,
    pub(crate) timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) targets: Vec<TargetState>,
    pub(crate) state: State,
    pub(crate) reason: Reason,
    pub(crate) since: Timestamp,
    /// Reason and age of the verdict beneath a suspicion.
    pub(crate) beneath: (Reason, Timestamp),
    /// The verdict that the operator was told last.
    pub(crate) told: Verdict,
    /// Why nothing can be sent; `None` while it can.
    pub(crate) absent: Option<Reason>,
    pub(crate) presence: Option<PathState>,
    carrier: Option<bool>,
    /// What is known of the modem beneath; `None`: nothing, or there is none.
    pub(crate) modem: Option<ModemState>,
    /// It carries its family's default route: its deadlines are worth wake-ups.
    pub(crate) uplink: bool,
    /// Sending time of the first probe of the losing run, or the kernel's notice.
    pub(crate) zero: Timestamp,
    /// When the present or latest suspicion (or absence) began.
    pub(crate) suspected: Timestamp,
    pub(crate) last_reply: Option<Timestamp>,
    /// When it was to be asked for a move's sake, and its budget did not allow it.
    pub(crate) unasked: Option<Timestamp>,
    pub(crate) burst: Option<Burst>,
    pub(crate) aftercare: Option<Aftercare>,
    /// Interruptions too short to be worth a move.
    pub(crate) pauses: Habit,
    pub(crate) window: LossWindow,
    pub(crate) test: LossTest,
    /// Judgements in a row with a round-trip time or jitter beyond its limit.
    pub(crate) beyond: u32,
    /// When it became degraded, and how many probes were judged since.
    pub(crate) degraded: (Timestamp, u32),
    pub(crate) trial: Trial,
    /// Healthy without a break (a suspicion that proved unfounded is none) since.
    pub(crate) healthy_since: Option<Timestamp>,
    /// When it may have the traffic back.
    pub(crate) hold_until: Timestamp,
    /// It failed, or was left for its quality, since the start.
    pub(crate) blemished: bool,
    /// What it shows while the uplink is degraded.
    pub(crate) audition: Option<Audition>,
    pub(crate) pace: Pace,
    /// Whose turn it is.
    pub(crate) turn: usize,
    /// The check of the gateway that the latest suspicion asked for.
    pub(crate) gateway_check: Option<CheckId>,
    /// What came of it; `None`: nothing yet, or there is no gateway.
    pub(crate) gateway_answers: Option<bool>,
}

impl Path {
    /// `None` if the link has no target of this family.
    pub(crate) fn new(
        link: LinkId,
        family: Family,
        config: &LinkConfig,
        seed: u64,
        now: Timestamp,
    ) -> Option<Self> {
        let mine = (0_u8..=u8::MAX).zip(&config.targets).filter(|(_, target)| target.family == family);
        let targets: Vec<_> =
            mine.map(|(id, target)| TargetState::new(TargetId(id), target, config.limits.loss)).collect();
        if targets.is_empty() {
            return None;
        }
        let slot = config.interval / u32::try_from(targets.len()).unwrap_or(1).max(1);
        Some(Self {
            link,
            family,
            quorum: u32::from(config.quorum),
            timeout: config.timeout,
            limits: config.limits,
            targets,
            state: State::of(Verdict::Unknown),
            reason: Reason::Starting,
            since: now,
            beneath: (Reason::Starting, now),
            told: Verdict::Unknown,
            absent: Some(Reason::Starting),
            presence: None,
            carrier: None,
            modem: None,
            uplink: false,
            zero: now,
            suspected: now,
            last_reply: None,
            unasked: None,
            burst: None,
            aftercare: None,
            pauses: Habit::new(habit::WEEK),
            window: LossWindow::default(),
            test: LossTest::new(config.limits.loss),
            beyond: 0,
            degraded: (now, 0),
            trial: Trial { since: now, good: 0 },
            healthy_since: None,
            hold_until: now,
            blemished: false,
            audition: None,
            pace: Pace::new(seed, now, slot),
            turn: 0,
            gateway_check: None,
            gateway_answers: None,
        })
    }

    /// The reason of the verdict, or of the one beneath a suspicion.
    pub(crate) fn standing_reason(&self) -> Reason {
        if self.state.verdict == Verdict::Suspect { self.beneath.0 } else { self.reason }
    }

    /// It could not be asked for a move's sake since then, and has said nothing of itself meanwhile.
    pub(crate) fn is_unasked(&self, since: Option<Timestamp>) -> bool {
        self.unasked.is_some_and(|at| Some(at) >= since && self.last_reply.is_none_or(|reply| reply < at))
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        self.state.verdict
    }

    /// The kernel's word on the link's medium.
    pub(crate) fn set_carrier(&mut self, up: bool, at: Timestamp, desk: &mut Desk) {
        self.carrier = Some(up);
        self.present_or_absent(at, desk);
    }

    /// Whether the link has what a packet needs.
    pub(crate) fn set_presence(&mut self, presence: PathState, desk: &mut Desk) {
        self.presence = Some(presence);
        self.present_or_absent(desk.now, desk);
    }

    /// What is known of the modem beneath. A trouble that is news raises suspicion.
    pub(crate) fn set_modem(&mut self, state: ModemState, desk: &mut Desk) {
        let was = self.modem.replace(state);
        self.present_or_absent(desk.now, desk);
        if let ModemState::Doubtful(trouble) = state
            && was != Some(state)
            && self.absent.is_none()
        {
            self.suspect(Reason::ModemDoubtful(trouble), desk.now, self.window.loss(), desk);
        }
    }

    fn present_or_absent(&mut self, at: Timestamp, desk: &mut Desk) {
        // The cause comes before its consequence: without the interface there is no carrier, and without carrier,
        // addresses and routes go as well.
        let absent = match (self.carrier, self.presence) {
            // Without its bearer a modem takes the others away, or leaves them as they are.
            _ if self.modem == Some(ModemState::NoBearer) => Some(Reason::Missing(Missing::Bearer)),
            (_, Some(PathState::Missing(missing @ (Missing::Interface | Missing::AdminUp)))) => {
                Some(Reason::Missing(missing))
            }
            (Some(false), _) => Some(Reason::NoCarrier),
            (None | Some(true), None) => Some(Reason::Starting),
            (None | Some(true), Some(PathState::Missing(missing))) => Some(Reason::Missing(missing)),
            (None | Some(true), Some(PathState::Ready)) => None,
        };
        let was = core::mem::replace(&mut self.absent, absent);
        match absent {
            Some(Reason::Starting) => {}
            Some(reason) => {
                if matches!(was, None | Some(Reason::Starting)) {
                    self.zero = at;
                    self.suspected = at;
                    self.forget_flights();
                }
                self.take(Sign::Absent, reason, desk);
                self.reason = reason;
            }
            None if was.is_some() => {
                self.take(Sign::Present, Reason::Starting, desk);
                if self.state.verdict == Verdict::Failed {
                    self.reason = Reason::Silent { alive: 0, of: self.asked(), lost: 0 };
                }
                self.begin_burst(desk.now, self.window.loss(), desk);
                self.pace.restart(desk.now);
            }
            None => {}
        }
    }

    /// The clock jumped: probes in flight mean nothing, and what is known may be old.
    pub(crate) fn clock_gap(&mut self, desk: &mut Desk) {
        if self.absent.is_none() {
            self.forget_flights();
            self.take(Sign::Gap, Reason::ClockGap, desk);
            self.begin_burst(desk.now, self.window.loss(), desk);
            self.pace.restart(desk.now);
        }
    }

    fn forget_flights(&mut self) {
        self.burst = None;
        self.aftercare = None;
        for target in &mut self.targets {
            target.forget_flights();
            target.run = 0;
            target.counted = 0;
            target.silent = false;
            target.intercepted = None;
            target.unresolved = false;
            target.known = false;
        }
    }

    /// Takes in a sign; the only place where the verdict changes.
    pub(crate) fn take(&mut self, sign: Sign, reason: Reason, desk: &mut Desk) {
        let before = self.state;
        let after = next(before, sign);
        if after == before {
            return;
        }
        self.state = after;
        if after.verdict == before.verdict {
            self.beneath = (reason, desk.now);
        } else if before.verdict == Verdict::Suspect && after.verdict == before.base {
            (self.reason, self.since) = self.beneath;
        } else {
            if after.verdict == Verdict::Suspect {
                self.beneath = (self.reason, self.since);
            }
            self.reason = reason;
            self.since = desk.now;
        }
        self.enter(before, desk.now);
        let (from, to) = (before.verdict, after.verdict);
        desk.changes.push(Change { link: self.link, family: self.family, from, to, reason: self.reason });
    }

    fn enter(&mut self, before: State, now: Timestamp) {
        match self.state.verdict {
            Verdict::Failed => {
                self.burst = None;
                self.blemished = true;
                for target in &mut self.targets {
                    target.fresh = false;
                }
            }
            Verdict::Recovering => {
                self.trial = Trial { since: now, good: 0 };
                if before.verdict == Verdict::Failed {
                    self.window.reset();
                    self.test.reset();
                    for target in &mut self.targets {
                        target.test.reset();
                    }
                }
            }
            Verdict::Unknown | Verdict::Healthy | Verdict::Suspect | Verdict::Degraded => {}
        }
        match (before.base, self.state.base) {
            (Verdict::Degraded, Verdict::Degraded) => {}
            (_, Verdict::Degraded) => self.degraded = (now, 0),
            (Verdict::Degraded, _) => {
                self.test.reset();
                self.beyond = 0;
            }
            (_, _) => {}
        }
    }

    /// The weight that must answer now: what is itself at fault cannot be asked for.
    pub(crate) fn quorum(&self) -> u32 {
        self.quorum.min(self.weight(|target| !target.blamed)).max(1)
    }

    /// The weight of the targets of which this holds.
    pub(crate) fn weight(&self, of: impl Fn(&TargetState) -> bool) -> u32 {
        self.targets.iter().filter(|target| of(target)).map(|target| target.weight).sum()
    }

    /// Somebody answers in a target's place, and the target is not itself at fault.
    pub(crate) fn is_intercepted(&self) -> bool {
        self.targets.iter().any(|target| target.intercepted.is_some() && !target.blamed)
    }

    /// How many targets are asked.
    pub(crate) fn asked(&self) -> u8 {
        u8::try_from(self.targets.len()).unwrap_or(u8::MAX)
    }

    /// How many targets answered their latest judged probe.
    pub(crate) fn alive(&self) -> usize {
        self.targets.iter().filter(|target| target.answers()).count()
    }

    /// "Enough targets answer", with the numbers.
    pub(crate) fn answering(&self) -> Reason {
        Reason::Answering { alive: u8::try_from(self.alive()).unwrap_or(u8::MAX), of: self.asked() }
    }

    /// The reason of the verdict; how many targets answer changes without it, and is told as it is now.
    fn present_reason(&self) -> Reason {
        let Reason::Answering { of, .. } = self.reason else { return self.reason };
        let alive = self.targets.iter().filter(|target| target.is_alive()).count();
        Reason::Answering { alive: u8::try_from(alive).unwrap_or(u8::MAX), of }
    }

    /// Mean of a statistic over the targets that speak for the link.
    pub(crate) fn mean(&self, of: impl Fn(&TargetState) -> Option<Duration>) -> Option<Duration> {
        let values = self.targets.iter().filter(|target| target.speaks()).filter_map(of);
        let (sum, count) = values.fold((Duration::ZERO, 0_u32), |(sum, n), value| (sum + value, n + 1));
        sum.checked_div(count)
    }

    pub(crate) fn snapshot(&self) -> PathSnapshot {
        PathSnapshot {
            family: self.family,
            verdict: self.state.verdict,
            reason: self.present_reason(),
            since: self.since,
            fault: if self.state.verdict == Verdict::Failed { self.fault() } else { None },
            rtt: self.mean(|target| target.rtt.smoothed()),
            jitter: self.mean(|target| target.rtt.jitter()),
            loss: self.window.loss(),
            targets: self.targets.iter().map(TargetState::snapshot).collect(),
        }
    }
}
