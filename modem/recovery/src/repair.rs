//! One rung at a time: its steps, their ends, and its result.

use crate::desk::Work;
use crate::facts::{Radio, SimState};
use crate::ladder::{Choice, Means};
use crate::recovery::Recovery;
use crate::stage::{Sign, Stage};
use crate::{End, Fault, Happening, Refusal, Rung, RungResult, Task, Timestamp};
use core::time::Duration;
use std::collections::VecDeque;

/// How long the supply stays away: a modem's capacitors hold it up for seconds.
const POWER_OFF: Duration = Duration::from_secs(10);

/// A rung that is being carried out.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) rung: Rung,
    pub(crate) fault: Option<Fault>,
    pub(crate) began: Timestamp,
    steps: VecDeque<Work>,
    /// Where to go on if it leads nowhere.
    resume: Stage,
    /// For the last rung: the SIM to be used, by its place in the config.
    sim: usize,
}

/// A rung that was carried out; whether it helped shows later.
#[derive(Debug)]
pub(crate) struct Open {
    rung: Rung,
    began: Timestamp,
}

impl Recovery {
    /// Does something about a fault, or waits.
    pub(crate) fn repair(&mut self, fault: Fault) {
        let reopened = self.open.as_ref().is_some_and(|open| open.rung == Rung::Reopen);
        if reopened && fault == Fault::Silent {
            // It is no other port for being opened once more.
            self.ladder.exhaust(Rung::Reopen);
        }
        self.close(RungResult::NotHelped(fault));
        let means = Means {
            hardware: self.config.hardware,
            other_sim: self.other_sim().is_some(),
            flows: self.flows,
        };
        let now = self.desk.now;
        self.fault = Some(fault);
        match self.ladder.choose(fault, means, now) {
            Choice::Rung(rung) => {
                let sim = self.other_sim().unwrap_or(self.current);
                self.begin_rung(rung, Some(fault), sim);
            }
            Choice::Rest { until, begun } => {
                self.patience = self.patience.map(|_| until);
                if let Some(begun) = begun {
                    let (capped, withheld) = (begun.capped, begun.withheld);
                    self.desk.record(Happening::Resting { fault, wait: until.since(now), capped, withheld });
                    self.save();
                }
            }
        }
    }

    /// Begins a rung, against a fault or for another reason.
    pub(crate) fn begin_rung(&mut self, rung: Rung, fault: Option<Fault>, sim: usize) {
        self.close(RungResult::Abandoned);
        let resume = self.resume(rung);
        if rung > Rung::Reopen {
            self.set_stalled();
        }
        self.known.refusal = None;
        let steps = self.steps(rung, fault, sim);
        self.desk.record(Happening::RungBegan { rung, fault });
        let began = self.desk.now;
        if rung.is_reset() {
            self.ladder.resets.count(began);
        }
        self.enter(Stage::Repairing);
        self.run = Some(Run { rung, fault, began, steps, resume, sim });
    }

    /// The next step of the rung, or its end.
    pub(crate) fn next_rung_step(&mut self) {
        match self.run.as_mut().and_then(|run| run.steps.pop_front()) {
            Some(Work::Task(task)) => self.desk.begin(task, Stage::Repairing),
            Some(Work::Keep) => {
                let saved = self.saved();
                self.desk.keep(saved, Stage::Repairing);
            }
            None => self.rung_over(),
        }
    }

    /// Takes in the end of a step.
    pub(crate) fn rung_step_ended(&mut self, work: &Work, end: End) {
        let Work::Task(task) = work else {
            if end != End::Done {
                // A modem that is not brought back for want of a disk helps nobody; the caps hold until a restart.
                self.desk.record(Happening::NotKept);
            }
            return;
        };
        let Some(run) = self.run.as_mut() else { return };
        let (rung, fault) = (run.rung, run.fault);
        match (task, end) {
            // One answer is enough.
            (Task::Fence, End::Done) => run.steps.clear(),
            (_, End::Done) => {}
            (Task::Fence, End::TimedOut | End::Refused(_)) if !run.steps.is_empty() => {}
            (Task::Fence | Task::PokeSibling, End::TimedOut | End::Refused(_)) => {
                self.ladder.exhaust(Rung::Fence);
                self.fail_rung(RungResult::TimedOut, fault);
            }
            // Off is off, and what hangs is cut off all the same.
            (Task::PowerOff, End::TimedOut | End::Refused(_) | End::PortGone)
            | (Task::Reset | Task::UsbReset | Task::CutPower(_) | Task::SelectSlot(_), End::PortGone) => {}
            (_, End::PortGone) => {
                self.fail_rung(RungResult::PortGone, None);
                self.gone();
            }
            // It may be down already.
            (Task::BearerDown, End::Refused(_)) => {}
            (Task::Reopen, End::TimedOut | End::Refused(_)) => {
                // Closed it is, in any case.
                self.known.ports = false;
                self.fail_rung(RungResult::TimedOut, fault);
            }
            (_, End::Refused(refusal)) => self.step_refused(task, refusal, rung, fault),
            (Task::BearerDown | Task::SetRadio(Radio::Minimum | Radio::Flight), End::TimedOut) => {
                self.fail_rung(RungResult::TimedOut, fault.map(|_| Fault::Silent));
            }
            (_, End::TimedOut) => self.fail_rung(RungResult::TimedOut, fault),
        }
    }

    /// Notes the result of the last rung.
    pub(crate) fn close(&mut self, result: RungResult) {
        if let Some(Open { rung, began }) = self.open.take() {
            self.journal_end(rung, began, result);
        }
    }

    pub(crate) fn run_by_order(&mut self, rung: Rung) {
        let hardware = self.config.hardware;
        let possible = match rung {
            Rung::Fence | Rung::Reopen | Rung::Bearer | Rung::Register | Rung::Radio => true,
            Rung::Reset => hardware.reset,
            Rung::Usb => hardware.usb,
            Rung::Power => hardware.power,
            Rung::Slot => self.other_sim().is_some(),
        };
        if possible {
            let sim = self.other_sim().unwrap_or(self.current);
            self.begin_rung(rung, None, sim);
        } else {
            self.journal_end(rung, self.desk.now, RungResult::Refused);
        }
    }

    fn journal_end(&mut self, rung: Rung, began: Timestamp, result: RungResult) {
        let took = self.desk.now.since(began);
        self.desk.record(Happening::RungEnded { rung, took, result });
    }

    fn step_refused(&mut self, task: &Task, refusal: Refusal, rung: Rung, fault: Option<Fault>) {
        if refusal == Refusal::Unsupported {
            if rung.is_reset() {
                // Nothing was done to the modem, so nothing counts.
                self.ladder.resets.take_back();
                self.save();
            }
            // A device that is not on USB now may be later.
            if rung != Rung::Usb {
                self.ladder.set_lacking(rung);
            }
        }
        if let Some(cause) = self.permanent(task, refusal) {
            self.fail_rung(RungResult::Barred(cause), None);
            self.bar_by(cause);
        } else {
            self.fail_rung(RungResult::Refused, fault);
        }
    }

    /// Gives a rung up half way, with what is to be mended next.
    fn fail_rung(&mut self, result: RungResult, next: Option<Fault>) {
        let Some(run) = self.run.take() else { return };
        self.journal_end(run.rung, run.began, result);
        if run.rung == Rung::Slot {
            self.give_up_slot(run.sim);
        }
        self.enter(if self.known.ports { run.resume } else { Stage::Absent });
        self.doubt = next;
    }

    /// All steps were made.
    fn rung_over(&mut self) {
        let Some(run) = self.run.take() else { return };
        self.open = Some(Open { rung: run.rung, began: run.began });
        let to = match run.rung {
            Rung::Fence => {
                self.close(RungResult::Helped);
                run.resume
            }
            Rung::Reopen => {
                self.known.ports = true;
                Stage::Identifying
            }
            Rung::Bearer => {
                self.fresh_bearer = true;
                Stage::Connecting
            }
            Rung::Register => Stage::Searching,
            Rung::Radio => Stage::Sim,
            Rung::Reset | Rung::Usb | Rung::Power => {
                self.known.ports = false;
                self.known.forget_modem();
                self.forget_attempt();
                self.fresh_bearer = true;
                Stage::Absent
            }
            Rung::Slot => {
                self.use_slot(run.sim);
                Stage::Sim
            }
        };
        self.sign(Sign::RungOver(if self.known.ports { to } else { Stage::Absent }));
    }

    /// Where to go on when a rung leads nowhere. What cut the link leads back below it.
    fn resume(&self, rung: Rung) -> Stage {
        match self.stage {
            Stage::Unlocking => Stage::Sim,
            Stage::Addressing | Stage::Verifying | Stage::Verified if rung > Rung::Reopen => {
                Stage::Connecting
            }
            Stage::Absent
            | Stage::Identifying
            | Stage::Sim
            | Stage::Radio
            | Stage::Searching
            | Stage::Attaching
            | Stage::Connecting
            | Stage::Addressing
            | Stage::Verifying
            | Stage::Verified
            | Stage::Blocked
            | Stage::Repairing => self.stage,
        }
    }

    fn steps(&self, rung: Rung, fault: Option<Fault>, sim: usize) -> VecDeque<Work> {
        let absent = self.known.sim.as_ref().is_some_and(|sim| sim.state == SimState::Absent);
        let tasks = match rung {
            Rung::Fence if self.config.hardware.sibling => vec![Task::Fence, Task::PokeSibling],
            Rung::Fence => vec![Task::Fence],
            Rung::Reopen => vec![Task::Reopen],
            Rung::Bearer => vec![Task::BearerDown, Task::BearerUp(self.current)],
            Rung::Register => vec![Task::Reregister],
            // Only the minimum takes the SIM's supply away too.
            Rung::Radio if absent || fault == Some(Fault::SimUnusable) => {
                vec![Task::SetRadio(Radio::Minimum), Task::SetRadio(Radio::On)]
            }
            Rung::Radio => vec![Task::SetRadio(Radio::Flight), Task::SetRadio(Radio::On)],
            Rung::Reset => vec![Task::Reset],
            Rung::Usb => vec![Task::UsbReset],
            Rung::Power => vec![Task::PowerOff, Task::CutPower(POWER_OFF)],
            Rung::Slot => self.slot_at(sim).map(Task::SelectSlot).into_iter().collect(),
        };
        let keep = rung.is_reset().then_some(Work::Keep);
        keep.into_iter().chain(tasks.into_iter().map(Work::Task)).collect()
    }
}
