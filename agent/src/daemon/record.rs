//! What happened: to the log, to whoever follows the events, to the incident file. Bounded, the newest win.

use super::meanwhile::Meanwhile;
use super::notify;
use super::resets::{Reset, Resets, last_known, sentence};
use super::store::{MAX_KEPT_INCIDENTS, Store};
use super::warnings::{Concern, News, Warnings};
use crate::api::types::IncidentStatus;
use crate::api::wire::{Event, EventKind};
use crate::api::{self, Context, describe};
use shunt_decision::{Entry, Happening, Incident, Snapshot, Timestamp};
use std::collections::VecDeque;
use std::time::SystemTime;
use tokio::sync::broadcast;
use tracing::Level;

/// Events that `shunt events` shows of the past: some days of a bad link, in about 100 KiB.
const HISTORY: usize = 256;

/// The record of one run of the daemon.
#[derive(Debug)]
pub(super) struct Record {
    history: VecDeque<Event>,
    followers: broadcast::Sender<Event>,
    next_number: u64,
    earlier: Vec<IncidentStatus>,
    resets: Resets,
    /// The number of the core's latest incident, as the core counts.
    latest: u64,
    warnings: Warnings,
    meanwhile: Meanwhile,
}

impl Record {
    /// An empty record after the incidents of `earlier` runs; events go out by `followers`.
    #[must_use]
    pub(super) fn new(followers: broadcast::Sender<Event>, mut earlier: Vec<IncidentStatus>) -> Self {
        let open = earlier.iter().filter(|incident| incident.ended_ms.is_none());
        let resets = Resets::new(open.map(|incident| incident.number).collect());
        give_up(&mut earlier, SystemTime::now());
        Self {
            history: VecDeque::new(),
            followers,
            next_number: 1,
            earlier,
            resets,
            latest: 0,
            warnings: Warnings::default(),
            meanwhile: Meanwhile::default(),
        }
    }

    /// Keeps the incidents of earlier runs, if one of them was left open: so the next run does not find it so again.
    pub(super) fn keep_earlier(&self, store: &Store) {
        if self.resets.found_open() {
            store.keep_incidents(self.earlier.clone());
        }
    }

    /// Takes in an entry of the core's journal; an incident is also kept on disk.
    pub(super) fn enter(
        &mut self,
        entry: &Entry,
        snapshot: impl Fn() -> Snapshot,
        context: &Context<'_>,
        store: &Store,
    ) {
        if let Happening::Incident(incident) = &entry.what {
            self.latest = self.latest.max(incident.number);
        }
        let entry = self.numbered(entry);
        let event = api::event(self.next_number, &entry, context);
        log(describe::level(&entry.what), &event.text);
        if matches!(entry.what, Happening::Uplink { .. } | Happening::Stranded { .. }) {
            notify::status(&event.text);
        }
        self.publish(event);
        if matches!(entry.what, Happening::Uplink { .. } | Happening::Verdict { .. })
            && self.resets.look(entry.at, &snapshot)
        {
            self.tell_reset(&snapshot(), context, store);
        }
        if matches!(entry.what, Happening::Incident(_)) {
            let snapshot = snapshot();
            store.keep_incidents(self.incidents(&snapshot.incidents, snapshot.at, context));
        }
    }

    /// Takes in a reset of the gateway before this run: it ends what was open then, or is an incident of its own.
    pub(super) fn take_reset(
        &mut self,
        reset: Reset,
        snapshot: &Snapshot,
        context: &Context<'_>,
        store: &Store,
    ) {
        if self.earlier.iter().any(|incident| reset.is_that_of(incident, context)) {
            return;
        }
        self.resets.take(reset, self.latest);
        self.tell_reset(snapshot, context, store);
    }

    fn tell_reset(&mut self, snapshot: &Snapshot, context: &Context<'_>, store: &Store) {
        let all = self.incidents(&snapshot.incidents, snapshot.at, context);
        let concerned = self.resets.concerned(self.earlier_count());
        for incident in all.iter().filter(|incident| concerned.contains(&incident.number)) {
            let Some(text) = sentence(incident) else { continue };
            log(Level::WARN, &text);
            let at = context.clock.rfc3339(context.clock.boot);
            let event = Event::plain(self.next_number, at, EventKind::Incident, text);
            self.publish(Event {
                family: incident.family,
                link: incident.link.clone(),
                incident: Some(Box::new(incident.clone())),
                ..event
            });
        }
        store.keep_incidents(all);
    }

    /// Takes in a sentence about the agent itself.
    pub(super) fn say(&mut self, kind: EventKind, text: &str, context: &Context<'_>) {
        let level = match kind {
            EventKind::Warning | EventKind::Reset => Level::WARN,
            _ => Level::INFO,
        };
        log(level, text);
        if kind == EventKind::Modem {
            self.meanwhile.keep(text, context.clock.boot);
        }
        let event = Event::plain(self.next_number, context.clock.rfc3339(context.clock.boot), kind, text);
        self.publish(event);
    }

    /// Takes in what is true now of one concern. Its onset and its mend are an event each.
    pub(super) fn warn(&mut self, about: Concern, sentences: Vec<String>, context: &Context<'_>) {
        let News { onsets, mends } = self.warnings.set(about, sentences);
        for text in onsets {
            self.say(EventKind::Warning, &text, context);
        }
        for text in mends {
            self.say(EventKind::Mended, &format!("no longer so: {text}"), context);
        }
    }

    /// The warnings that are true now.
    #[must_use]
    pub(super) const fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// The latest events, the oldest first.
    #[must_use]
    pub(super) fn history(&self) -> Vec<Event> {
        self.history.iter().cloned().collect()
    }

    /// The incidents of earlier runs and of this one, the newest last.
    #[must_use]
    pub(super) fn incidents(
        &self,
        now: &[Incident],
        at: Timestamp,
        context: &Context<'_>,
    ) -> Vec<IncidentStatus> {
        let ours = now.iter().map(|incident| {
            let number = self.number(incident.number);
            let meanwhile = self.meanwhile.of(incident);
            IncidentStatus { meanwhile, ..api::incident(&Incident { number, ..*incident }, at, context) }
        });
        let earlier = self.earlier.iter().map(|incident| self.resets.end(incident.clone(), context));
        let reset = self.resets.alone(self.earlier_count(), context);
        let mut all: Vec<_> = earlier.chain(reset).chain(ours).collect();
        all.sort_by_key(|incident| incident.number);
        let surplus = all.len().saturating_sub(MAX_KEPT_INCIDENTS);
        all.into_iter().skip(surplus).collect()
    }

    /// The number of the core's incident: the core counts from 1, and the record goes on where the earlier runs ended.
    fn number(&self, of_core: u64) -> u64 {
        self.earlier_count() + of_core + self.resets.shift(of_core)
    }

    fn numbered(&self, entry: &Entry) -> Entry {
        let mut entry = entry.clone();
        if let Happening::Incident(incident) = &mut entry.what {
            incident.number = self.number(incident.number);
        }
        entry
    }

    fn earlier_count(&self) -> u64 {
        self.earlier.last().map_or(0, |incident| incident.number)
    }

    /// A new core counts from 1 again and knows nothing of the old one's incidents: they become the past. Its
    /// warnings are made anew by whatever still gives cause to them.
    pub(super) fn close_core(&mut self, snapshot: &Snapshot, context: &Context<'_>, store: &Store) {
        self.earlier = self.incidents(&snapshot.incidents, snapshot.at, context);
        give_up(&mut self.earlier, context.clock.wall);
        self.resets.close();
        self.latest = 0;
        self.warnings.begin_anew();
        if !snapshot.incidents.is_empty() {
            store.keep_incidents(self.earlier.clone());
        }
    }

    fn publish(&mut self, event: Event) {
        self.next_number += 1;
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        // Nobody listening is the usual case.
        let _ = self.followers.send(event.clone());
        self.history.push_back(event);
    }
}

/// Nobody watches any more how these incidents go on: where it was not seen, their end is now, or with a clock that
/// was wrong meanwhile the last of them that is known.
fn give_up(incidents: &mut [IncidentStatus], now: SystemTime) {
    for incident in incidents.iter_mut().filter(|incident| incident.ended_ms.is_none()) {
        let known = last_known(incident);
        let began = humantime::parse_rfc3339(&incident.started).ok();
        let passed = began.and_then(|began| now.duration_since(began).ok());
        incident.ended_ms = Some(passed.map_or(known, api::millis).max(known));
    }
}

fn log(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        Level::INFO => tracing::info!("{text}"),
        Level::DEBUG => tracing::debug!("{text}"),
        _ => tracing::trace!("{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(started: &str, ended_ms: Option<f64>) -> IncidentStatus {
        let value = serde_json::json!({
            "number": 7, "family": "v4", "link": "fiber", "to": "lte", "cause": "no carrier on eth0",
            "started": started, "detected_ms": 0.1, "decided_ms": 0.2, "switched_ms": 0.3, "restored_ms": 40.0,
            "verified_ms": 41.5, "recovered_ms": null, "ended_ms": ended_ms, "breach": false
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_an_earlier_run_left_open_is_over() {
        let now = humantime::parse_rfc3339("2026-01-02T03:00:10.500Z").unwrap();
        for (started, ended_ms, expected) in [
            ("2026-01-02T03:00:00.000Z", None, 10_500.0),
            ("2026-01-02T03:00:00.000Z", Some(5_000.0), 5_000.0),
            // The clock was set back: the last that is known.
            ("2030-01-01T00:00:00.000Z", None, 41.5),
        ] {
            let mut incidents = [incident(started, ended_ms)];
            give_up(&mut incidents, now);
            assert_eq!(incidents[0].ended_ms, Some(expected), "{started}");
        }
    }
}
