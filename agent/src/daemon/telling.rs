//! What the agent says of itself: its warnings, each taken back when its cause is gone, and sentences for the record.

use super::event_loop::EventLoop;
use super::warnings::Concern;
use crate::api::wire::EventKind;
use crate::api::{self, Context, Names, WallClock};
use crate::clock;
use shunt_decision::{Family, Timestamp};
use std::fmt::Display;
use std::time::SystemTime;

impl EventLoop {
    /// What the public picture needs beside the core's own knowledge.
    pub(super) fn context<'a>(
        names: &'a Names,
        config: &shunt_config::Config,
        started: Timestamp,
        warnings: &'a [String],
    ) -> Context<'a> {
        Context {
            names,
            version: env!("CARGO_PKG_VERSION"),
            started,
            clock: WallClock { boot: clock::now(), wall: SystemTime::now() },
            recovery_time_objective: config.failover.recovery_time_objective,
            warnings,
        }
    }

    /// One line on the uplinks, for the service manager.
    pub(super) fn standing(&self) -> String {
        let snapshot = self.core.snapshot();
        let uplinks: Vec<String> = Family::ALL
            .iter()
            .filter_map(|family| snapshot.uplink.get(*family).map(|link| (*family, link)))
            .map(|(family, link)| {
                format!("{} uplink is {}", api::types::Family::from(family).name(), self.names.link(link))
            })
            .collect();
        if uplinks.is_empty() { "watching the links".into() } else { uplinks.join(", ") }
    }

    /// A sentence about the agent itself, for the record.
    pub(super) fn say(&mut self, kind: EventKind, text: &str) {
        let context = Self::context(&self.names, &self.config, self.around.started, &[]);
        self.around.record.say(kind, text, &context);
    }

    /// A sentence with its mend, which the status shows until [`mend`](Self::mend) takes it back.
    pub(super) fn warn(&mut self, about: Concern, text: &str) {
        self.set_warnings(about, vec![text.to_owned()]);
    }

    /// What was warned of is no longer so.
    pub(super) fn mend(&mut self, about: Concern) {
        self.set_warnings(about, Vec::new());
    }

    /// Warns of a failure, or takes the warning back.
    pub(super) fn note<T, E: Display>(&mut self, about: Concern, result: Result<T, E>) {
        match result {
            Ok(_) => self.mend(about),
            Err(error) => self.warn(about, &format!("failed to {error}")),
        }
    }

    pub(super) fn set_warnings(&mut self, about: Concern, sentences: Vec<String>) {
        let context = Self::context(&self.names, &self.config, self.around.started, &[]);
        self.around.record.warn(about, sentences, &context);
    }

    /// What the state directory did not take, or takes again.
    pub(super) fn see_what_is_kept(&mut self) {
        let kept = self.around.store.kept();
        self.set_warnings(Concern::Lease, kept.lease_failure.into_iter().collect());
        self.set_warnings(Concern::Incidents, kept.incidents_failure.into_iter().collect());
        self.set_warnings(Concern::Budgets, kept.budgets_failure.into_iter().collect());
    }

    /// Sockets that could be opened at a later attempt are no cause for a warning any more.
    pub(super) fn see_what_opened(&mut self) {
        let opened = |concern: &Concern| match *concern {
            Concern::Probes(link, family) => self.prober.is_open(link, family),
            Concern::Kernel(_)
            | Concern::Ranking(_)
            | Concern::Flows(_)
            | Concern::Canary
            | Concern::Lease
            | Concern::Modem(_)
            | Concern::Incidents
            | Concern::Budgets
            | Concern::Recording
            | Concern::Duties
            | Concern::Device
            | Concern::Mcu
            | Concern::McuLeftovers => false,
        };
        let mended: Vec<_> = self.around.record.warnings().concerns().filter(opened).collect();
        for concern in mended {
            self.mend(concern);
        }
    }
}
