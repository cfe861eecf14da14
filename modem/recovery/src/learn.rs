//! What the facts mean: each is noted, and where it changes something it is a sign to the stage.

use crate::facts::{Counter, Fact, IpSettings, Ports, Radio, Registration, Sim, SimState, Usage};
use crate::known::Standing;
use crate::recovery::Recovery;
use crate::stage::{Sign, Stage};
use crate::{Allowance, Baseline, Cause, Happening, Task};
use core::time::Duration;

/// A modem that does not even look for a network is not waited for as long as one that does.
const IDLE_PATIENCE: Duration = Duration::from_secs(60);

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
