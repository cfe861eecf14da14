//! One target over one link: its probes in flight and its statistics.

use crate::rtt::RttStats;
use crate::window::{LossTest, LossWindow};
use crate::{
    Packets, Percent, ProbeId, Target, TargetId, TargetIdentity, TargetKind, TargetSnapshot, Timestamp,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Probes of one target remembered at once. With the shortest interval of 10 ms and a timeout of 1 s there are
/// 100, and bursts; a longer timeout loses only the late replies of the oldest.
const MAX_FLIGHTS: usize = 128;
/// Room made beforehand: a burst and the steady probes of a normal timeout.
const USUAL_FLIGHTS: usize = 8;
/// A target that lost this many in a row while another answers is itself at fault.
pub(crate) const SILENT_AFTER: u32 = 3;

/// Somebody who answered in a target's place goes on doing so. One who is silent for so long, and for so many probes, is
/// gone, and the target with him: else a target that dies behind a portal would bar its link for ever.
const PORTAL_KEPT: Duration = Duration::from_secs(60);
const PORTAL_SILENT: u32 = 10;

/// Somebody answered in a target's place.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Interception {
    /// When he did so last.
    at: Timestamp,
    /// How many probes nobody answered since.
    silent: u32,
}

impl Interception {
    pub(crate) const fn new(at: Timestamp) -> Self {
        Self { at, silent: 0 }
    }

    /// Nobody answered one more probe; `None`: he is gone.
    pub(crate) fn after_silence(self, now: Timestamp) -> Option<Self> {
        let silent = self.silent.saturating_add(1);
        let kept = silent < PORTAL_SILENT || now.since(self.at) < PORTAL_KEPT;
        kept.then_some(Self { silent, ..self })
    }
}

/// A probe whose reply may still come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Flight {
    pub(crate) id: ProbeId,
    pub(crate) sent: Timestamp,
    pub(crate) deadline: Timestamp,
    /// Part of a burst: its deadline is worth a wake-up.
    pub(crate) confirming: bool,
    /// Judged lost, and where this is written.
    pub(crate) lost: Option<Judged>,
}

/// Where a judgement stands, so that it can be taken back.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// Its name in the target's window. A burst's losses come together, and are no measure of loss.
    pub(crate) in_target: Option<u64>,
    /// Its name in the path's window; a silent target's losses do not count there.
    pub(crate) in_path: Option<u64>,
    /// The target was not silent.
    pub(crate) spoke: bool,
}

/// What the core knows of one target.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TargetState {
    pub(crate) id: TargetId,
    pub(crate) kind: TargetKind,
    pub(crate) identity: TargetIdentity,
    pub(crate) weight: u32,
    /// Bytes of one probe and its answer.
    pub(crate) cost: u32,
    pub(crate) packets: Packets,
    pub(crate) rtt: RttStats,
    pub(crate) window: LossWindow,
    pub(crate) test: LossTest,
    /// Losses in a row.
    pub(crate) run: u32,
    /// Those of them that the path's test for loss was told of.
    pub(crate) counted: u32,
    /// Lost while others answer: raises no suspicion until it answers.
    pub(crate) silent: bool,
    /// Lost on every link that can tell: its own fault. It does not count until it answers.
    pub(crate) blamed: bool,
    /// Somebody else answered in its place, and it has not answered since.
    pub(crate) intercepted: Option<Interception>,
    /// Its latest judged probe was not sent, since nobody could tell the address of its name.
    pub(crate) unresolved: bool,
    /// It answered at least once since the link was there.
    pub(crate) known: bool,
    /// It answered since the path failed.
    pub(crate) fresh: bool,
    /// It answered the present burst.
    pub(crate) confirmed: bool,
    /// When its latest reply reached the machine.
    pub(crate) last_reply: Option<Timestamp>,
    /// Sending time of the first probe of the present run of losses.
    pub(crate) run_since: Timestamp,
    flights: VecDeque<Flight>,
}

impl TargetState {
    pub(crate) fn new(id: TargetId, target: &Target, loss_limit: Percent) -> Self {
        Self {
            id,
            kind: target.kind,
            identity: target.identity,
            weight: u32::from(target.weight.max(1)),
            cost: target.cost,
            packets: target.packets,
            rtt: RttStats::new(),
            window: LossWindow::default(),
            test: LossTest::new(loss_limit),
            run: 0,
            counted: 0,
            silent: false,
            blamed: false,
            intercepted: None,
            unresolved: false,
            known: false,
            fresh: false,
            confirmed: false,
            last_reply: None,
            run_since: Timestamp::ZERO,
            flights: VecDeque::with_capacity(USUAL_FLIGHTS),
        }
    }

    /// Whether its loss means something about the link.
    pub(crate) const fn speaks(&self) -> bool {
        self.known && !self.silent
    }

    /// Whether its latest judged probe was answered.
    pub(crate) const fn answers(&self) -> bool {
        self.known && self.run == 0
    }

    /// Whether it answered lately: one lost probe is no silence.
    pub(crate) const fn is_alive(&self) -> bool {
        self.known && self.run < SILENT_AFTER
    }

    /// Remembers a probe; `true` when an older one had to be forgotten for it.
    pub(crate) fn launch(&mut self, flight: Flight) -> bool {
        let full = self.flights.len() >= MAX_FLIGHTS;
        if full {
            self.flights.pop_front();
        }
        self.flights.push_back(flight);
        full
    }

    /// Takes the probe out, if it is still waited for.
    pub(crate) fn land(&mut self, id: ProbeId) -> Option<Flight> {
        let place = self.flights.iter().position(|flight| flight.id == id)?;
        self.flights.remove(place)
    }

    /// The oldest pending probe whose deadline has passed.
    pub(crate) fn overdue(&self, now: Timestamp) -> Option<Flight> {
        self.flights.iter().find(|flight| flight.lost.is_none() && flight.deadline <= now).copied()
    }

    /// Marks a probe as judged lost. `false` if nothing more is awaited of it.
    pub(crate) fn mark_lost(&mut self, id: ProbeId, judged: Judged) -> bool {
        let flight = self.flights.iter_mut().find(|flight| flight.id == id);
        flight.map(|flight| flight.lost = Some(judged)).is_some()
    }

    /// Takes out a lost probe whose reply would not count any more.
    pub(crate) fn pop_expired(&mut self, timeout: Duration, now: Timestamp) -> Option<Flight> {
        self.flights.front().filter(|flight| flight.lost.is_some() && flight.sent + timeout < now)?;
        self.flights.pop_front()
    }

    /// Forgets all probes in flight.
    pub(crate) fn forget_flights(&mut self) {
        self.flights.clear();
    }

    /// The earliest deadline of a pending probe; only of confirming ones if `confirming`.
    pub(crate) fn next_deadline(&self, confirming: bool) -> Option<Timestamp> {
        let pending = self.flights.iter().filter(|f| f.lost.is_none() && (f.confirming || !confirming));
        pending.map(|flight| flight.deadline).min()
    }

    pub(crate) fn snapshot(&self) -> TargetSnapshot {
        TargetSnapshot {
            target: self.id,
            alive: self.is_alive(),
            blamed: self.blamed,
            rtt: self.rtt.smoothed(),
            loss: self.window.loss(),
        }
    }
}
