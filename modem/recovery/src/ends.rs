//! What the ends of tasks mean on the way up and in the watch. (Those of a rung's steps are in `repair`.)

use crate::climb::Looks;
use crate::desk::{Flight, Work};
use crate::facts::{CmeError, Sim};
use crate::recovery::Recovery;
use crate::stage::{Sign, Stage};
use crate::{Cause, End, PinProblem, Refusal, Task};

impl Recovery {
    /// Takes in the end of the work that was in hand.
    pub(crate) fn take_end(&mut self, flight: Flight, end: End) {
        let Flight { work, stage, .. } = flight;
        if stage == Stage::Repairing {
            return self.rung_step_ended(&work, end);
        }
        match work {
            Work::Keep => self.attempt_kept(end),
            Work::Task(task) => {
                // What ends after its stage was left is a fact or two, and nothing to be acted upon.
                let here = stage == self.stage;
                self.task_ended(&task, end, here);
                if here && stage == self.stage {
                    self.pace();
                }
            }
        }
    }

    fn task_ended(&mut self, task: &Task, end: End, here: bool) {
        if task.is_question() && here {
            self.silent = end == End::TimedOut;
        }
        if matches!(task, Task::EnterPin(_)) && end != End::Done {
            self.forget_attempt();
        }
        match end {
            End::PortGone => self.gone(),
            End::TimedOut if task.is_question() => self.sign(Sign::Silent),
            End::Done => self.task_done(task),
            End::Refused(refusal) => self.task_refused(task, refusal, here),
            End::TimedOut if here => self.task_failed(task),
            End::TimedOut => {}
        }
    }

    fn task_done(&mut self, task: &Task) {
        match task {
            Task::ReadRegistration => self.judge_registration(),
            Task::ApplyIp(_) => {
                self.fresh_bearer = false;
                self.judge_address();
            }
            Task::ProbeData => self.take_data(true),
            Task::EnterPin(_) => self.pin_taken(),
            Task::FindPorts
            | Task::Fence
            | Task::PokeSibling
            | Task::Reopen
            | Task::Identify
            | Task::ReadSim
            | Task::ReadRadio
            | Task::SetRadio(_)
            | Task::Reregister
            | Task::ReadAttach
            | Task::Attach
            | Task::ReadBearer
            | Task::BearerUp(_)
            | Task::BearerDown
            | Task::ReadIp
            | Task::ReadSignal
            | Task::ReadUsage
            | Task::Reset
            | Task::UsbReset
            | Task::PowerOff
            | Task::CutPower(_)
            | Task::SelectSlot(_) => {}
        }
    }

    fn task_refused(&mut self, task: &Task, refusal: Refusal, here: bool) {
        if refusal == Refusal::Unsupported && here {
            self.assume(task);
        }
        if let Refusal::Cme(error) = refusal {
            if let (Task::EnterPin(_), CmeError::INCORRECT_PASSWORD) = (task, error) {
                return self.bar_by(Cause::Pin(PinProblem::Wrong));
            }
            if let Some(state) = error.sim() {
                self.take_sim(Sim::new(state));
            }
        }
        if let Some(cause) = self.permanent(task, refusal).filter(|_| here) {
            self.bar_by(cause);
        } else if here {
            self.task_failed(task);
        }
    }

    /// A deed was refused, or not done in time.
    fn task_failed(&mut self, task: &Task) {
        match task {
            Task::Attach => self.sign(Sign::Failed),
            Task::BearerUp(_) => {
                // While the ladder rests, the network is asked again and again: what it refused for a while it may grant long
                // before the next turn, and asking costs the modem nothing.
                self.refused = Some(Looks::Unlooked);
                self.sign(Sign::Failed);
            }
            Task::ProbeData => {
                self.take_data(false);
                if self.stage == Stage::Verifying && self.lost {
                    self.overdue();
                }
            }
            // Whatever became of it, the attempt is spent: the SIM is asked what it wants now.
            Task::EnterPin(_) => self.enter(Stage::Sim),
            Task::FindPorts
            | Task::Fence
            | Task::PokeSibling
            | Task::Reopen
            | Task::Identify
            | Task::ReadSim
            | Task::ReadRadio
            | Task::SetRadio(_)
            | Task::ReadRegistration
            | Task::Reregister
            | Task::ReadAttach
            | Task::ReadBearer
            | Task::BearerDown
            | Task::ReadIp
            | Task::ApplyIp(_)
            | Task::ReadSignal
            | Task::ReadUsage
            | Task::Reset
            | Task::UsbReset
            | Task::PowerOff
            | Task::CutPower(_)
            | Task::SelectSlot(_) => {}
        }
    }

    /// The permanent cause that a refusal tells of.
    pub(crate) fn permanent(&self, task: &Task, refusal: Refusal) -> Option<Cause> {
        let (session, mobility) = match refusal {
            Refusal::Session(cause) => (Some(cause), None),
            Refusal::Cme(error) => (error.session(), error.mobility()),
            Refusal::Unsupported | Refusal::Other => (None, None),
        };
        let told = if matches!(task, Task::BearerUp(_)) { session.or(self.known.refusal) } else { session };
        let bearer = told.filter(|cause| cause.is_permanent()).map(Cause::Bearer);
        bearer.or(mobility.filter(|cause| cause.is_permanent()).map(Cause::Network))
    }
}
