//! The way up: what each stage asks and does, how often, and how long it may last.

use crate::facts::{Radio, SimState};
use crate::recovery::Recovery;
use crate::stage::{Sign, Stage, Step, next};
use crate::{Cause, Fault, Task};
use core::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A modem is not asked more often, whatever the config says.
const WATCH_LEAST: Duration = secs(1);
/// Between two questions while nothing but time (or the end of the back-off) can help.
const RESTING_POLL: Duration = secs(30);

/// Whether the bearer was looked at since it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    Unlooked,
    Looked,
}

impl Recovery {
    /// The fault that the stage has when it is not left in time.
    pub(crate) const fn fault_here(&self) -> Option<Fault> {
        Some(match self.stage {
            Stage::Absent => Fault::NoPort,
            Stage::Identifying if self.silent => Fault::Silent,
            Stage::Identifying => Fault::Unidentified,
            Stage::Sim | Stage::Unlocking => Fault::SimUnusable,
            Stage::Radio => Fault::RadioOff,
            Stage::Searching => Fault::NotRegistered,
            Stage::Attaching => Fault::NotAttached,
            Stage::Connecting => Fault::NoBearer,
            Stage::Addressing => Fault::NoAddress,
            Stage::Verifying | Stage::Verified => Fault::NoData,
            Stage::Blocked | Stage::Repairing => return None,
        })
    }

    /// The stage has had its time.
    pub(crate) fn overdue(&mut self) {
        let absent = self.known.sim.as_ref().is_some_and(|sim| sim.state == SimState::Absent);
        if self.stage == Stage::Sim && absent {
            self.bar_by(Cause::NoSim);
        } else {
            self.sign(Sign::Overdue);
        }
    }

    /// A permanent cause, where the table lets it count.
    pub(crate) fn bar_by(&mut self, cause: Cause) {
        if next(self.stage, Sign::Barred) == Step::Bar {
            self.bar(cause);
        }
    }

    /// Asks or does what the stage wants next, if it is time; `false`: it is not.
    pub(crate) fn ask(&mut self) -> bool {
        if self.poll_at > self.desk.now {
            return false;
        }
        if self.stage != Stage::Unlocking || !self.record_attempt() {
            let task = self.next_task();
            self.desk.begin(task, self.stage);
        }
        true
    }

    /// When the stage wants its next task, now that one has ended.
    pub(crate) fn pace(&mut self) {
        let now = self.desk.now;
        if self.stage == Stage::Verified && self.round == 0 {
            self.poll_at = now + self.config.watch.max(WATCH_LEAST);
            return;
        }
        let resting = self.ladder.resting(now).is_some();
        let in_round = matches!(self.stage, Stage::Verified | Stage::Verifying) && self.round != 0;
        let wait = if self.deed_is_due() || in_round {
            Duration::ZERO
        } else if resting {
            RESTING_POLL
        } else {
            poll(self.stage)
        };
        self.poll_at = now + wait;
    }

    /// What was read calls for what the stage does, once.
    fn deed_is_due(&self) -> bool {
        match self.stage {
            Stage::Radio => !self.deed_done && self.known.radio.is_some_and(|radio| radio != Radio::On),
            Stage::Attaching => !self.deed_done && self.known.attached == Some(false),
            Stage::Connecting => {
                let down = self.known.bearer.is_some_and(|bearer| !bearer.active);
                !self.deed_done && self.bearer_read && down
            }
            Stage::Addressing => self.known.ip.is_some(),
            Stage::Absent
            | Stage::Identifying
            | Stage::Sim
            | Stage::Unlocking
            | Stage::Searching
            | Stage::Verifying
            | Stage::Verified
            | Stage::Blocked
            | Stage::Repairing => false,
        }
    }

    /// Whether it is time to ask for a refused bearer again: with every other look, since it may have come up by itself.
    const fn asks_again(&mut self) -> bool {
        let now = matches!(self.refused, Some(Looks::Looked));
        self.refused = match self.refused {
            Some(Looks::Unlooked) => Some(Looks::Looked),
            Some(Looks::Looked) | None => None,
        };
        now
    }

    fn next_task(&mut self) -> Task {
        let due = self.deed_is_due();
        self.deed_done |= due;
        let again = self.stage == Stage::Connecting && !due && self.asks_again();
        match self.stage {
            Stage::Absent | Stage::Blocked | Stage::Repairing => Task::FindPorts,
            Stage::Identifying => Task::Identify,
            Stage::Sim | Stage::Unlocking => Task::ReadSim,
            Stage::Radio if due => Task::SetRadio(Radio::On),
            Stage::Radio => Task::ReadRadio,
            Stage::Searching => self.next_of([Task::ReadRegistration, Task::ReadSignal]),
            Stage::Attaching if due => Task::Attach,
            Stage::Attaching => Task::ReadAttach,
            Stage::Connecting if due || again => {
                self.known.refusal = None;
                self.fresh_bearer = true;
                Task::BearerUp(self.current)
            }
            Stage::Connecting => Task::ReadBearer,
            Stage::Addressing => match self.known.ip.take() {
                Some(settings) => Task::ApplyIp(settings),
                None => Task::ReadIp,
            },
            Stage::Verifying => self.next_of([Task::ReadRegistration, Task::ReadBearer, Task::ProbeData]),
            Stage::Verified => {
                self.next_of([Task::ReadRegistration, Task::ReadBearer, Task::ReadSignal, Task::ReadUsage])
            }
        }
    }

    /// One task of a round after the other.
    fn next_of<const N: usize>(&mut self, tasks: [Task; N]) -> Task {
        let place = usize::from(self.round);
        self.round = if place + 1 < N { self.round + 1 } else { 0 };
        tasks.into_iter().nth(place).unwrap_or(Task::ReadRegistration)
    }
}

/// Between two tasks of a stage.
const fn poll(stage: Stage) -> Duration {
    match stage {
        Stage::Absent => secs(1),
        Stage::Identifying | Stage::Sim | Stage::Unlocking | Stage::Radio => secs(2),
        Stage::Attaching | Stage::Connecting | Stage::Addressing => secs(3),
        Stage::Searching | Stage::Verifying | Stage::Verified | Stage::Blocked | Stage::Repairing => secs(5),
    }
}

/// How long a stage may last before a rung is called for; `spread` is up to two minutes.
pub(crate) const fn patience(stage: Stage, spread: Duration) -> Option<Duration> {
    Some(match stage {
        // A modem is back on USB within this after a boot.
        Stage::Absent => secs(60),
        // And answers within this.
        Stage::Identifying | Stage::Sim | Stage::Unlocking => secs(30),
        // `CFUN=1` may take 180 s.
        Stage::Radio => secs(195),
        // A modem that searches is left alone for three to five minutes: interrupted, it begins anew.
        Stage::Searching => secs(180).saturating_add(spread),
        // Two attempts of 30 s, read in between.
        Stage::Attaching => secs(75),
        // One attempt of 150 s, read before and after.
        Stage::Connecting => secs(165),
        // Two exchanges of DHCP.
        Stage::Addressing => secs(60),
        // Three data probes.
        Stage::Verifying => secs(45),
        Stage::Verified | Stage::Blocked | Stage::Repairing => return None,
    })
}
