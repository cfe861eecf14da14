//! From the core's picture to the JSON contract: pure functions of what is known and what time it is.

use super::describe;
use super::names::Names;
use super::types::{
    BudgetState, BudgetStatus, Counters, Families, Family, Forced, IncidentStatus, LinkStatus, PathStatus,
    Status, TargetStatus,
};
use super::wire::{Event, EventKind};
use shunt_decision::{
    BudgetSnapshot, Entry, Happening, Incident, LinkId, LinkSnapshot, PathSnapshot, PerFamily, Percent,
    Snapshot, Timestamp,
};
use std::time::{Duration, SystemTime};

/// The last moment that RFC 3339 can write: the end of the year 9999, in seconds since 1970.
const LAST_WRITABLE_SECOND: u64 = 253_402_300_799;

/// What the picture needs beside the core's own knowledge; made anew for each picture.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What the operator calls things.
    pub names: &'a Names,
    /// Version of the daemon.
    pub version: &'a str,
    /// When the daemon started.
    pub started: Timestamp,
    /// What time of day it is.
    pub clock: WallClock,
    /// An incident that took longer than this to restore is a breach.
    pub recovery_time_objective: Duration,
    /// What works against the agent on this machine.
    pub warnings: &'a [String],
}

/// The same moment on both clocks. Read anew for each picture: a router often learns the time of day only after
/// its uplink is there, and then everything shown before was wrong by years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// The moment in the core's time.
    pub boot: Timestamp,
    /// The same moment as the time of day.
    pub wall: SystemTime,
}

impl WallClock {
    /// The time of day at `at`.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> SystemTime {
        let shifted = if at >= self.boot {
            self.wall.checked_add(at.since(self.boot))
        } else {
            self.wall.checked_sub(self.boot.since(at))
        };
        shifted.unwrap_or(self.wall)
    }

    /// The same as RFC 3339 in UTC, to the millisecond. Times that it cannot write are brought to the nearest end.
    #[must_use]
    pub fn rfc3339(&self, at: Timestamp) -> String {
        written(self.time(at))
    }

    /// The time of day so long ago, in the same way: it may be before the boot, where the core's time does not reach.
    #[must_use]
    pub fn rfc3339_before(&self, ago: Duration) -> String {
        written(self.wall.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH))
    }
}

fn written(time: SystemTime) -> String {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let writable = since_1970.min(Duration::from_secs(LAST_WRITABLE_SECOND));
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + writable).to_string()
}

/// The whole picture, as far as the core knows it: what the probe edge knows is left empty.
#[must_use]
pub fn status(snapshot: &Snapshot, context: &Context<'_>) -> Status {
    let name = |link: LinkId| context.names.link(link).into_owned();
    let why = |family| {
        let about = *snapshot.uplink.get(family);
        describe::reason(snapshot.uplink_reason.get(family), about, context.names)
    };
    let shortages = snapshot.links.iter().filter_map(|link| shortage(link, context));
    Status {
        version: context.version.into(),
        at: context.clock.rfc3339(snapshot.at),
        uptime_s: snapshot.at.since(context.started).as_secs(),
        uplink: families(|family| snapshot.uplink.get(family).map(name)),
        uplink_reason: families(why),
        forced: snapshot.forced.map(|force| Forced {
            link: name(force.link),
            until: force.until.map(|until| context.clock.rfc3339(until)),
            strict: force.strict,
        }),
        canary: Families::default(),
        links: snapshot.links.iter().map(|link| link_status(link, context)).collect(),
        incidents: snapshot.incidents.iter().map(|one| incident(one, snapshot.at, context)).collect(),
        warnings: context.warnings.iter().cloned().chain(shortages).collect(),
        counters: counters(snapshot.counters),
    }
}

/// One incident; `now` decides whether traffic that is still not restored is already a breach.
#[must_use]
pub fn incident(incident: &Incident, now: Timestamp, context: &Context<'_>) -> IncidentStatus {
    let after = |at: Timestamp| millis(at.since(incident.zero));
    // Without a link to move to, traffic is restored when the failed link carries again.
    let until = incident.restored.or(incident.recovered).or(incident.ended).unwrap_or(now);
    IncidentStatus {
        number: incident.number,
        family: Some(incident.family.into()),
        link: Some(context.names.link(incident.link).into_owned()),
        to: incident.to.map(|to| context.names.link(to).into_owned()),
        cause: describe::reason(&incident.cause, Some(incident.link), context.names),
        fault: incident.fault.map(Into::into),
        started: context.clock.rfc3339(incident.zero),
        detected_ms: after(incident.detected),
        decided_ms: incident.decided.map(after),
        switched_ms: incident.switched.map(after),
        restored_ms: incident.restored.map(after),
        verified_ms: incident.verified.map(after),
        recovered_ms: incident.recovered.map(after),
        ended_ms: incident.ended.map(after),
        breach: until.since(incident.zero) > context.recovery_time_objective,
        meanwhile: Vec::new(),
        host_reset: None,
    }
}

/// An entry of the core's journal as event number `number`.
#[must_use]
pub fn event(number: u64, entry: &Entry, context: &Context<'_>) -> Event {
    let name = |link: LinkId| Some(context.names.link(link).into_owned());
    let why = |reason, about| Some(describe::reason(reason, Some(about), context.names));
    let plain = |kind| {
        let text = describe::happening(&entry.what, context.names);
        Event::plain(number, context.clock.rfc3339(entry.at), kind, text)
    };
    match &entry.what {
        Happening::Verdict { link, family, to, reason, .. } => Event {
            family: Some((*family).into()),
            link: name(*link),
            verdict: Some((*to).into()),
            reason: why(reason, *link),
            ..plain(EventKind::Verdict)
        },
        Happening::Uplink { family, from, to, reason } => Event {
            family: Some((*family).into()),
            link: from.and_then(name),
            to: name(*to),
            reason: why(reason, *to),
            ..plain(EventKind::Uplink)
        },
        Happening::Target { family, link, .. } => {
            Event { family: Some((*family).into()), link: name(*link), ..plain(EventKind::Target) }
        }
        Happening::Stranded { family, link } => {
            Event { family: Some((*family).into()), link: name(*link), ..plain(EventKind::Stranded) }
        }
        Happening::Force { link, reason } => {
            Event { link: name(*link), reason: why(reason, *link), ..plain(EventKind::Force) }
        }
        Happening::Verified { family, link } => {
            Event { family: Some((*family).into()), link: name(*link), ..plain(EventKind::Verified) }
        }
        Happening::Unverifiable { family, link } => {
            Event { family: Some((*family).into()), link: name(*link), ..plain(EventKind::Unverifiable) }
        }
        Happening::Incident(one) => Event {
            family: Some(Family::from(one.family)),
            link: name(one.link),
            to: one.to.and_then(name),
            reason: why(&one.cause, one.link),
            incident: Some(Box::new(incident(one, entry.at, context))),
            ..plain(EventKind::Incident)
        },
    }
}

fn link_status(link: &LinkSnapshot, context: &Context<'_>) -> LinkStatus {
    let names = context.names.get(link.link);
    let paths = PerFamily::from_fn(|family| {
        link.paths.get(family).as_ref().map(|path| path_status(link.link, path, context))
    });
    let head = paths.v4.as_ref().or(paths.v6.as_ref());
    LinkStatus {
        name: context.names.link(link.link).into_owned(),
        interface: names.map_or_else(String::new, |names| names.interface.clone()),
        verdict: head.map_or(super::types::Verdict::Unknown, |path| path.verdict),
        reason: head.map_or_else(|| "no target is configured".into(), |path| path.reason.clone()),
        rtt_ms: head.and_then(|path| path.rtt_ms),
        jitter_ms: head.and_then(|path| path.jitter_ms),
        loss_percent: head.and_then(|path| path.loss_percent),
        carrier: link.carrier,
        since: head.map(|path| path.since.clone()),
        metered: names.is_some_and(|names| names.metered),
        modem: None,
        budget: link.budget.map(budget_status),
        families: Families { v4: paths.v4, v6: paths.v6 },
    }
}

fn path_status(link: LinkId, path: &PathSnapshot, context: &Context<'_>) -> PathStatus {
    PathStatus {
        verdict: path.verdict.into(),
        reason: describe::reason(&path.reason, Some(link), context.names),
        fault: path.fault.map(Into::into),
        rtt_ms: path.rtt.map(millis),
        jitter_ms: path.jitter.map(millis),
        loss_percent: path.loss.map(percent),
        since: context.clock.rfc3339(path.since),
        targets: path
            .targets
            .iter()
            .map(|target| TargetStatus {
                target: context.names.target(link, target.target).into_owned(),
                alive: target.alive,
                blamed: target.blamed,
                rtt_ms: target.rtt.map(millis),
                loss_percent: target.loss.map(percent),
            })
            .collect(),
    }
}

fn budget_status(budget: BudgetSnapshot) -> BudgetStatus {
    BudgetStatus {
        allowed_bytes: budget.allowed.bytes,
        period_s: budget.allowed.period.as_secs(),
        reserve_bytes: budget.reserve,
        owed_bytes: budget.owed,
        capacity_bytes: budget.capacity,
        spent_bytes: budget.spent,
        cost_ratio: (budget.cost_ratio * 100.0).round() / 100.0,
        state: match budget.state {
            shunt_decision::BudgetState::Kept => BudgetState::Kept,
            shunt_decision::BudgetState::Low => BudgetState::Low,
            shunt_decision::BudgetState::Empty => BudgetState::Empty,
        },
    }
}

/// What a budget that runs short keeps back, with the mend; `None` while nothing is.
fn shortage(link: &LinkSnapshot, context: &Context<'_>) -> Option<String> {
    let budget = link.budget?;
    let name = context.names.link(link.link);
    if budget.owed > 0 {
        return Some(format!(
            "{name} owes its probe budget what pages took beyond it: nothing is sent over it until that is paid off, so that \
             its silent failure is not seen, and a move to it is not verified; raise its probe_budget, or let its targets be smaller pages"
        ));
    }
    let held_back = match budget.state {
        shunt_decision::BudgetState::Kept => return None,
        shunt_decision::BudgetState::Low => "it is probed less often, and its own suspicions wait",
        shunt_decision::BudgetState::Empty => {
            "it is probed less often, and suspicions wait even while it is the uplink; only moves are paid at once"
        }
    };
    Some(format!(
        "the probe budget of {name} runs short: {held_back}; raise its probe_budget, or mend what raises suspicions"
    ))
}

const fn counters(of: shunt_decision::Counters) -> Counters {
    Counters {
        probes: of.probes,
        bursts: of.bursts,
        late_replies: of.late_replies,
        moves: of.moves,
        dropped: of.flights_dropped + of.actions_dropped + of.incidents_dropped,
        probes_dropped: 0,
    }
}

fn families<T>(mut value: impl FnMut(shunt_decision::Family) -> T) -> Families<T> {
    Families { v4: value(shunt_decision::Family::V4), v6: value(shunt_decision::Family::V6) }
}

/// Milliseconds to the microsecond: finer digits are noise.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// A percentage to two digits: finer ones are noise.
fn percent(share: Percent) -> f64 {
    (share.value() * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
