//! The machine itself (its signature; the body follows).

use crate::{Action, Config, Event, Snapshot, Timestamp};

/// Which of the core's timers is next; the edge reads the replies that lie in its sockets before it
/// calls [`Failover::handle_timeout`], whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Probes are due.
    Probe,
    /// A deadline, trial, lease or hold-down ends.
    Judgement,
}

/// The decision core.
#[derive(Debug)]
pub struct Failover {
    now: Timestamp,
}

impl Failover {
    /// A core that knows its links and nothing about them yet. The same config, seed and events give the same actions.
    #[must_use]
    pub fn new(_config: Config, _seed: u64, now: Timestamp) -> Self {
        Self { now }
    }

    /// Takes in one fact.
    pub fn handle_event(&mut self, _event: Event, now: Timestamp) {
        self.now = now;
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The next thing to be done; call until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        None
    }

    /// What is known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            at: self.now,
            uplink: Default::default(),
            uplink_reason: crate::PerFamily::from_fn(|_| crate::Reason::Starting),
            forced: None,
            links: Vec::new(),
            incidents: Vec::new(),
            counters: crate::Counters::default(),
        }
    }
}
