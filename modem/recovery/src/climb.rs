//! The way up: what each stage asks and does, and what the facts mean to it.

use crate::facts::{Counter, Fact, IpSettings, Ports, Radio, Registration, Sim, SimState, Usage};
use crate::known::Standing;
use crate::recovery::Recovery;
use crate::stage::{Sign, Stage, Step, next};
use crate::{Allowance, Baseline, Cause, Fault, Happening, Task};
use core::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A modem that does not even look for a network is not waited for as long as one that does.
const IDLE_PATIENCE: Duration = secs(60);
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
    /// Takes in what became known.
    pub(crate) fn take_fact(&mut self, fact: Fact) {
        if !matches!(fact, Fact::HostIp(_) | Fact::Ports(_)) {
            self.known.heard = Some(self.desk.now);
        }
        match fact {
            Fact::Ports(Ports::Open) => {
                if !self.known.ports {
                    self.known.ports = true;
                    self.booted = self.desk.now;
                }
                self.sign(Sign::PortsOpen);
            }
            Fact::Ports(Ports::Gone) => self.gone(),
            Fact::Booted => {
                self.booted = self.desk.now;
                self.known.forget_modem();
                self.forget_attempt();
                self.set_stalled();
                self.sign(Sign::Booted);
            }
            Fact::Identity(identity) => {
                if self.known.identity.as_ref().is_some_and(|known| *known != identity) {
                    self.ladder.forget_lacking();
                }
                self.known.identity = Some(identity);
                self.sign(Sign::Identified);
            }
            // Asked for before the PIN was sent, it says nothing of what came of it; what does is asked for afterwards.
            Fact::Sim(_) if self.is_giving_pin() => {}
            Fact::Sim(sim) => self.take_sim(sim),
            Fact::Radio(radio) => {
                self.known.radio = Some(radio);
                self.sign(if radio == Radio::On { Sign::RadioOn } else { Sign::RadioOff });
            }
            Fact::Registration(registration) => self.take_registration(registration),
            Fact::Attached(attached) => {
                self.known.attached = Some(attached);
                self.sign(if attached { Sign::Attached } else { Sign::Detached });
            }
            Fact::Bearer(bearer) => {
                self.known.bearer = Some(bearer);
                self.bearer_read = true;
                if bearer.active {
                    self.sign(Sign::BearerUp);
                } else {
                    self.fresh_bearer = true;
                    self.set_stalled();
                    self.sign(Sign::BearerDown);
                }
                self.judge_address();
            }
            Fact::BearerRefused(cause) => self.known.refusal = Some(cause),
            Fact::Ip(settings) => self.known.ip = Some(settings),
            Fact::HostIp(addresses) => {
                self.known.host = addresses;
                self.judge_address();
            }
            Fact::Signal(signal) => self.known.signal = Some(signal),
            Fact::Usage(counter, usage) => self.take_usage(counter, usage),
        }
    }

    /// Takes in the agent's verdict, or that of our own probe.
    pub(crate) fn take_data(&mut self, flows: bool) {
        if flows {
            self.flows = true;
            return self.sign(Sign::Flows);
        }
        self.set_stalled();
        let was_verified = self.stage == Stage::Verified;
        self.sign(Sign::Stalled);
        // It flowed until now, so one look at everything is enough.
        self.lost |= was_verified;
        // What was spared for the sake of the data may be done now.
        if self.ladder.release() {
            self.doubt = self.doubt.or(self.fault);
        }
    }

    /// Data does not flow, as far as anybody knows.
    pub(crate) const fn set_stalled(&mut self) {
        self.flows = false;
    }

    /// The ports vanished, and all that was up with them.
    pub(crate) fn gone(&mut self) {
        self.known.ports = false;
        self.known.forget_sim();
        self.forget_attempt();
        self.fresh_bearer = true;
        self.set_stalled();
        self.sign(Sign::PortsGone);
    }

    /// Takes in what is known of the SIM.
    pub(crate) fn take_sim(&mut self, sim: Sim) {
        let known = self.known.sim.as_ref();
        let changed = known.is_none_or(|known| {
            known.state != sim.state || (sim.iccid.is_some() && known.iccid != sim.iccid)
        });
        let state = sim.state;
        if state == SimState::Busy && self.stage == Stage::Blocked {
            return;
        }
        // An error number tells the state only: the rest is as it was, unless the card may have been changed.
        let keep = sim.iccid.is_none() && !matches!(state, SimState::Absent);
        let iccid = if keep { known.and_then(|known| known.iccid.clone()) } else { None };
        let slot = known.and_then(|known| known.slot);
        self.judge_attempt(&sim);
        let reported = sim.clone();
        let sim = Sim { iccid: sim.iccid.or(iccid), slot: sim.slot.or(slot), ..sim };
        self.known.sim = Some(sim);
        self.follow_slot();
        self.judge_allowance();
        if self.stage == Stage::Blocked {
            if changed {
                self.sign(if state == SimState::Ready { Sign::SimReady } else { Sign::SimWanting });
            }
            return;
        }
        match state {
            SimState::Ready if self.bar_as_before() => {}
            SimState::Ready => self.sign(Sign::SimReady),
            SimState::Pin if self.stage == Stage::Sim => self.judge_pin(&reported),
            SimState::Pin | SimState::Absent | SimState::Failed => self.sign(Sign::SimWanting),
            SimState::Busy => {}
            SimState::Puk => self.bar_by(Cause::Puk),
            SimState::Locked => self.bar_by(Cause::Locked),
        }
    }

    fn take_registration(&mut self, registration: Registration) {
        self.known.set_registration(registration);
        // While all domains are being read, only the whole of them means something.
        let reading = self.desk.flight.as_ref().is_some_and(|flight| flight.is(&Task::ReadRegistration));
        if !reading {
            self.judge_registration();
        }
    }

    /// Acts on what the registrations come to.
    pub(crate) fn judge_registration(&mut self) {
        match self.known.standing() {
            Standing::Unknown => {}
            Standing::Registered => self.sign(Sign::Registered),
            Standing::Barred(cause) => self.bar_by(cause),
            Standing::Searching => self.sign(Sign::Unregistered),
            Standing::Idle => {
                self.sign(Sign::Unregistered);
                // After a rung it is given all the time there is.
                let hurried = self.open.is_none() && self.ladder.resting(self.desk.now).is_none();
                if self.stage == Stage::Searching && hurried {
                    let until = self.desk.now + IDLE_PATIENCE;
                    self.patience = self.patience.map(|patience| patience.min(until));
                }
            }
        }
    }

    /// Compares the host's addresses with the bearer's.
    pub(crate) fn judge_address(&mut self) {
        let Some(bearer) = self.known.bearer.filter(|bearer| bearer.active) else { return };
        let fits = !self.fresh_bearer && self.known.host.serve(&bearer.addresses);
        self.sign(if fits { Sign::Addressed } else { Sign::Unaddressed });
    }

    fn take_usage(&mut self, counter: Counter, usage: Usage) {
        let Some(iccid) = self.known.sim.as_ref().and_then(|sim| sim.iccid.clone()) else { return };
        let device = self.known.identity.as_ref().map(|identity| identity.imei.clone()).unwrap_or_default();
        let reading = Baseline { counter, device, iccid, usage };
        self.meter.take(reading, self.allowance(), self.desk.now);
        self.judge_allowance();
    }

    /// What the SIM in use may carry in a month.
    pub(crate) fn allowance(&self) -> Option<Allowance> {
        self.config.sims.get(self.current).and_then(|sim| sim.allowance)
    }

    /// Tells when the allowance is used up, and when it no longer is.
    pub(crate) fn judge_allowance(&mut self) {
        let Some(iccid) = self.known.sim.as_ref().and_then(|sim| sim.iccid.clone()) else { return };
        let Some(allowance) = self.allowance() else { return };
        self.meter.turn_month(&iccid, Some(allowance), self.desk.now);
        let used_up = self.carried(&iccid) >= allowance.bytes;
        if used_up != (self.used_up.as_ref() == Some(&iccid)) {
            self.used_up = used_up.then(|| iccid.clone());
            self.desk.record(Happening::Allowance { iccid, used_up });
        }
    }

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

    /// What cannot be read is assumed to be well.
    pub(crate) fn assume(&mut self, task: &Task) {
        match task {
            Task::Identify => self.sign(Sign::Identified),
            Task::ReadSim => self.sign(Sign::SimReady),
            Task::ReadRadio => self.sign(Sign::RadioOn),
            Task::ReadRegistration => self.sign(Sign::Registered),
            Task::ReadAttach => self.sign(Sign::Attached),
            Task::ReadBearer if self.stage == Stage::Connecting => {
                // Up if it was brought up, else not.
                self.take_fact(Fact::Bearer(crate::facts::Bearer {
                    active: self.deed_done,
                    ..Default::default()
                }));
            }
            Task::ReadIp => self.known.ip = Some(IpSettings { served: true, ..IpSettings::default() }),
            Task::ReadBearer
            | Task::ReadSignal
            | Task::ReadUsage
            | Task::FindPorts
            | Task::Fence
            | Task::PokeSibling
            | Task::Reopen
            | Task::EnterPin(_)
            | Task::SetRadio(_)
            | Task::Reregister
            | Task::Attach
            | Task::BearerUp(_)
            | Task::BearerDown
            | Task::ApplyIp(_)
            | Task::ProbeData
            | Task::Reset
            | Task::UsbReset
            | Task::PowerOff
            | Task::CutPower(_)
            | Task::SelectSlot(_) => {}
        }
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
