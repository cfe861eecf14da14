//! The one place that every event passes on its way into the core.

use super::disk::Disk;
use super::record::whole;
use super::recorder::{About, Recorder};
use shunt_decision::{Action, Event, Failover, LinkId, Snapshot, Timer, Timestamp};

/// A core, and the recorder that listens to it.
#[derive(Debug)]
pub struct Recorded {
    core: Failover,
    /// The time with which the core was last called. Each call's own time is brought to it, and up to a whole
    /// microsecond, so that what is recorded is what the core was told. (The loop is woken up some ten microseconds late
    /// at best; nanoseconds would only cost bytes.)
    latest: Timestamp,
    recorder: Option<Box<Recorder>>,
}

impl Recorded {
    /// A core that nobody records. It was last called (or made) at `now`.
    #[must_use]
    pub const fn off(core: Failover, now: Timestamp) -> Self {
        Self { core, latest: now, recorder: None }
    }

    /// A core that is recorded from now on.
    #[must_use]
    pub fn on(core: Failover, about: About, disk: &Disk, now: Timestamp) -> Self {
        let recorder = Recorder::begin(about, disk.outlet(), &core, now);
        Self { core, latest: now, recorder: Some(Box::new(recorder)) }
    }

    /// As [`Failover::handle_event`].
    pub fn handle_event(&mut self, event: Event, now: Timestamp) {
        self.latest = self.latest.max(whole(now));
        if let Some(recorder) = &mut self.recorder {
            recorder.event(&event, self.latest);
        }
        self.core.handle_event(event, self.latest);
    }

    /// As [`Failover::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.latest = self.latest.max(whole(now));
        if let Some(recorder) = &mut self.recorder {
            recorder.timeout(self.latest);
        }
        self.core.handle_timeout(self.latest);
    }

    /// As [`Failover::poll_action`].
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.core.poll_action();
        if let Some(recorder) = &mut self.recorder {
            match &action {
                Some(action) => recorder.action(action, self.latest),
                None => recorder.drained(),
            }
        }
        action
    }

    /// As [`Failover::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        self.core.poll_timeout()
    }

    /// The time of the latest call. What the edge answers at once, it answers as of that time.
    #[must_use]
    pub const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// As [`Failover::snapshot`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot()
    }

    /// As [`Failover::balance`].
    #[must_use]
    pub fn balance(&self, link: LinkId) -> Option<i64> {
        self.core.balance(link)
    }

    /// Has the recording written, as far as that is due. To be called at the end of a turn, after all actions.
    pub fn keep(&mut self, now: Timestamp) {
        let now = self.latest.max(now);
        if let Some(recorder) = &mut self.recorder {
            recorder.keep(&self.core, now);
        }
    }

    /// When [`keep`](Self::keep) wants to be called even if nothing else is due.
    #[must_use]
    pub fn keep_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.recorder.as_ref()?.poll_timeout(self.latest.max(now))
    }

    /// Why nothing is recorded although it is switched on: a whole sentence with its mend.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.recorder.as_ref()?.fault()
    }

    /// Ends the recording: what there is of it is handed to the disk.
    pub fn end(&mut self, now: Timestamp) {
        if let Some(recorder) = self.recorder.take() {
            recorder.end(&self.core, self.latest.max(now));
        }
    }
}
