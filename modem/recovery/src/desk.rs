//! The present moment, where actions wait to be fetched, and the one task in hand.

use crate::stage::Stage;
use crate::{Action, Entry, Happening, Saved, Task, TaskId, Timestamp};
use core::time::Duration;
use std::collections::VecDeque;

/// More than any turn asks for: one task, two saves and a handful of entries. Beyond it nobody is fetching,
/// and the newest are dropped and counted.
const MAX_WAITING: usize = 256;
/// What a driver may take to tell the end of a task that ran into its limit.
const GRACE: Duration = Duration::from_secs(2);
/// A disk that takes longer is not going to answer.
const KEEP_LIMIT: Duration = Duration::from_secs(10);

/// Something with one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// A task for the driver.
    Task(Task),
    /// A save that what follows relies on.
    Keep,
}

/// The work in hand.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) id: TaskId,
    pub(crate) work: Work,
    /// Where the machine stood when it was begun.
    pub(crate) stage: Stage,
    /// Without an end by then, it has timed out.
    pub(crate) deadline: Timestamp,
}

impl Flight {
    /// Whether it is this task.
    pub(crate) fn is(&self, task: &Task) -> bool {
        matches!(&self.work, Work::Task(own) if own == task)
    }
}

/// Everything that leaves the machine.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) now: Timestamp,
    pub(crate) flight: Option<Flight>,
    pub(crate) dropped: u64,
    actions: VecDeque<Action>,
    ids: u64,
}

impl Desk {
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { now, flight: None, dropped: 0, actions: VecDeque::new(), ids: 0 }
    }

    /// Begins a task; none may be in hand.
    pub(crate) fn begin(&mut self, task: Task, stage: Stage) {
        let id = self.name();
        let limit = task.limit();
        let deadline = self.now + limit + GRACE;
        self.flight = Some(Flight { id, work: Work::Task(task.clone()), stage, deadline });
        self.act(Action::Do { id, task, limit });
    }

    /// Begins a save that what follows waits for; no task may be in hand.
    pub(crate) fn keep(&mut self, saved: Saved, stage: Stage) {
        let id = self.name();
        self.flight = Some(Flight { id, work: Work::Keep, stage, deadline: self.now + KEEP_LIMIT });
        self.act(Action::Save { id, saved });
    }

    /// Saves without waiting.
    pub(crate) fn save(&mut self, saved: Saved) {
        let id = self.name();
        self.act(Action::Save { id, saved });
    }

    pub(crate) fn record(&mut self, what: Happening) {
        self.act(Action::Journal(Entry { at: self.now, what }));
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn act(&mut self, action: Action) {
        if self.actions.len() < MAX_WAITING {
            self.actions.push_back(action);
        } else {
            self.dropped += 1;
        }
    }

    const fn name(&mut self) -> TaskId {
        self.ids += 1;
        TaskId(self.ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_fetches_is_dropped_and_counted() {
        let mut desk = Desk::new(Timestamp::ZERO);
        for _ in 0..=MAX_WAITING {
            desk.record(Happening::NotKept);
        }
        assert_eq!(desk.dropped, 1);
    }
}
