//! Resets of the gateway by a watchdog, as part of the incidents.
//!
//! A watchdog tells of a reset after the boot, to an agent that starts anew. What the run before left open ended with the
//! reset; where nothing was open, the reset is an incident of its own, which lasts until an uplink carries again.

use crate::api::types::{HostReset, IncidentStatus, ResetBy};
use crate::api::{self, Context, describe};
use shunt_decision::{Family, Snapshot, Timestamp, Verdict};
use std::time::Duration;

/// Resets are minutes apart, and a watchdog tells the same one to within seconds.
const THE_SAME: Duration = Duration::from_secs(20);

/// A reset of the gateway before this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reset {
    /// Who made it.
    pub(super) by: ResetBy,
    /// When it was told ...
    pub(super) told: Timestamp,
    /// ... and how long it was ago then: it may have been before the boot, where the core's time does not reach.
    pub(super) age: Duration,
    /// How long feeds had been missing; `None`: it was asked for, or nobody says.
    pub(super) silence: Option<Duration>,
    /// After so much of that the watchdog gave the alarm.
    pub(super) alarm: Duration,
}

impl Reset {
    /// How long it was ago at `at`, which is not before this run.
    fn ago(&self, at: Timestamp) -> Duration {
        (self.age + at.since(self.told)).saturating_sub(self.told.since(at))
    }

    /// Whether an earlier run has taken it in: a watchdog may tell it again.
    pub(super) fn is_that_of(&self, incident: &IncidentStatus, context: &Context<'_>) -> bool {
        let at = || {
            let before = incident.host_reset.as_ref().filter(|before| before.by == self.by)?;
            let after = Duration::try_from_secs_f64(before.after_ms? / 1_000.0).ok()?;
            let known = humantime::parse_rfc3339(&incident.started).ok()?.checked_add(after)?;
            let now = context.clock.wall.checked_sub(self.ago(context.clock.boot))?;
            now.duration_since(known).or_else(|_| known.duration_since(now)).ok()
        };
        at().is_some_and(|apart| apart < THE_SAME)
    }
}

/// What is known of resets before this run.
#[derive(Debug, Default)]
pub(super) struct Resets {
    /// The numbers of the incidents of which the run before saw no end.
    left_open: Vec<u64>,
    /// The first reset that was told, and how many were.
    known: Option<(Reset, u32)>,
    /// It is an incident of its own, which came after so many of the core's.
    alone_after: Option<u64>,
    /// Since when an uplink of this run is known to carry.
    up: Option<Timestamp>,
}

impl Resets {
    pub(super) fn new(left_open: Vec<u64>) -> Self {
        Self { left_open, ..Self::default() }
    }

    /// Whether the run before left incidents open.
    pub(super) fn found_open(&self) -> bool {
        !self.left_open.is_empty()
    }

    /// The core's incidents up to `latest` are told; from now on there is one more, or one that is open ended.
    pub(super) fn take(&mut self, reset: Reset, latest: u64) {
        match &mut self.known {
            Some((_, count)) => *count = count.saturating_add(1),
            None => {
                self.known = Some((reset, 1));
                self.alone_after = self.left_open.is_empty().then_some(latest);
            }
        }
    }

    /// What was told belongs to the past, as the core's incidents do.
    pub(super) fn close(&mut self) {
        *self = Self { up: self.up, ..Self::default() };
    }

    /// Takes in that an uplink may carry; `true`: that ends the outage after a reset.
    pub(super) fn look(&mut self, at: Timestamp, snapshot: impl FnOnce() -> Snapshot) -> bool {
        if self.up.is_some() || !carries(&snapshot()) {
            return false;
        }
        self.up = Some(at);
        self.alone_after.is_some()
    }

    /// By how much the number of the core's incident `number` is larger for this.
    pub(super) fn shift(&self, number: u64) -> u64 {
        self.alone_after.is_some_and(|after| number > after).into()
    }

    /// The numbers of the incidents that this concerns; `base` is the last one of earlier runs.
    pub(super) fn concerned(&self, base: u64) -> Vec<u64> {
        match (self.known, self.alone_after) {
            (None, _) => Vec::new(),
            (Some(_), Some(after)) => vec![base + after + 1],
            (Some(_), None) => self.left_open.clone(),
        }
    }

    /// Has an incident that was open end by the reset.
    pub(super) fn end(&self, mut incident: IncidentStatus, context: &Context<'_>) -> IncidentStatus {
        let Some((reset, count)) = self.known.filter(|_| self.left_open.contains(&incident.number)) else {
            return incident;
        };
        let at = context.clock.wall.checked_sub(reset.ago(context.clock.boot));
        let began = humantime::parse_rfc3339(&incident.started).ok();
        let after = began.and_then(|began| at?.duration_since(began).ok()).map(api::millis);
        let known = last_known(&incident);
        incident.host_reset = Some(told(&reset, count, after.filter(|after| *after >= known)));
        incident.ended_ms = Some(after.unwrap_or(known).max(known));
        incident
    }

    /// The reset as an incident of its own; `base` is the last number of earlier runs.
    pub(super) fn alone(&self, base: u64, context: &Context<'_>) -> Option<IncidentStatus> {
        let ((reset, count), after) = (self.known?, self.alone_after?);
        let silence = reset.silence.unwrap_or_default();
        let now = context.clock.boot;
        let outage = reset.ago(self.up.unwrap_or(now));
        let restored = self.up.map(|_| api::millis(silence + outage));
        let host_reset = told(&reset, count, Some(api::millis(silence)));
        Some(IncidentStatus {
            number: base + after + 1,
            family: None,
            link: None,
            to: None,
            cause: describe::host_reset(&host_reset),
            fault: None,
            started: context.clock.rfc3339_before(reset.ago(now) + silence),
            detected_ms: api::millis(reset.alarm.min(silence)),
            decided_ms: None,
            switched_ms: None,
            restored_ms: restored,
            verified_ms: None,
            recovered_ms: None,
            ended_ms: restored,
            breach: outage > context.recovery_time_objective,
            meanwhile: Vec::new(),
            host_reset: Some(host_reset),
        })
    }
}

/// The last of its stages that is known.
pub(super) fn last_known(incident: &IncidentStatus) -> f64 {
    let IncidentStatus {
        detected_ms, decided_ms, switched_ms, restored_ms, verified_ms, recovered_ms, ..
    } = *incident;
    let later = [decided_ms, switched_ms, restored_ms, verified_ms, recovered_ms];
    later.into_iter().flatten().fold(detected_ms, f64::max)
}

/// How it stands with an incident that a reset ended or is, as one sentence.
pub(super) fn sentence(incident: &IncidentStatus) -> Option<String> {
    let reset = incident.host_reset.as_ref()?;
    let number = incident.number;
    let lasted = incident.ended_ms.and_then(|ended| Duration::try_from_secs_f64(ended / 1_000.0).ok());
    let lasted = lasted.map(describe::short);
    let what = describe::host_reset(reset);
    Some(match (&incident.link, lasted) {
        (Some(link), Some(lasted)) => {
            format!("incident {number}: the one of {link} ended by {what}, {lasted} after it began")
        }
        (Some(link), None) => format!("incident {number}: the one of {link} ended by {what}"),
        (None, Some(lasted)) => {
            format!("incident {number}: {what}; an uplink carries again {lasted} after the last sign of life")
        }
        (None, None) => format!("incident {number}: {what}; no uplink is known to carry yet"),
    })
}

fn told(reset: &Reset, resets: u32, after_ms: Option<f64>) -> HostReset {
    HostReset { by: reset.by, after_ms, silence_s: reset.silence.map(|silence| silence.as_secs()), resets }
}

fn carries(snapshot: &Snapshot) -> bool {
    let healthy = |family: Family| {
        let uplink = (*snapshot.uplink.get(family))?;
        let link = snapshot.links.iter().find(|link| link.link == uplink)?;
        link.paths.get(family).as_ref().map(|path| path.verdict == Verdict::Healthy)
    };
    Family::ALL.iter().any(|family| healthy(*family) == Some(true))
}

#[cfg(test)]
mod tests;
