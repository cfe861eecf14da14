//! How each task of the machine is carried out. What a task brings to light is gathered as facts; its end is told after
//! them.

use super::api::Told;
use super::hands::{Broken, Hands, first_way};
use crate::Session;
use crate::dialect::{Dialect, Query, Reading, Step};
use crate::ports::{Bus, FindError};
use shunt_recovery::facts::{Counter, Fact, Identity, Ports, Radio, Signal, Sim, SimState, Slot, Tries};
use shunt_recovery::{End, Hardware, Refusal, Task};
use std::time::Duration;
use tokio::time::timeout;
use tracing::debug;

/// What cannot be had for now, by a system call or by the modem.
pub(super) const OTHER: Broken = Broken::Refused(Refusal::Other);
/// What there is no command or no hardware for.
pub(super) const UNSUPPORTED: Broken = Broken::Refused(Refusal::Unsupported);

/// How often a modem is looked for whose ports are not all there: they come one after the other, within a second or two.
const PATIENCE: u32 = 5;

impl Hands {
    /// Carries out `task`, within its limit.
    pub(super) async fn carry_out(&mut self, task: Task, limit: Duration) -> End {
        debug!(?task, "begins");
        let end = match task {
            // It has bounds of its own: given up half way it would leave the modem without its supply.
            Task::CutPower(off) => done(self.cut_power(off).await),
            task => timeout(self.pace.real(limit), self.attempt(task)).await.map_or(End::TimedOut, done),
        };
        debug!(?end, "ends");
        end
    }

    async fn attempt(&mut self, task: Task) -> Result<(), Broken> {
        match task {
            Task::FindPorts => self.find_ports().await,
            Task::Fence => self.fence().await,
            Task::PokeSibling => self.poke_sibling().await,
            Task::Reopen => {
                self.let_go();
                self.find_ports().await
            }
            Task::Identify => self.identify().await,
            Task::ReadSim => self.read_sim().await,
            Task::EnterPin(pin) => self.act(Step::Pin(pin.reveal())).await,
            Task::ReadRadio => self.read_radio().await.map(drop),
            Task::SetRadio(radio) => self.set_radio(radio).await,
            Task::ReadRegistration => self.read_registration().await,
            Task::Reregister => {
                self.act(Step::Deregister).await?;
                self.act(Step::Register).await
            }
            Task::ReadAttach => self.read_attach().await,
            Task::Attach => self.act(Step::Attach).await,
            Task::ReadBearer => self.read_bearer().await,
            Task::BearerUp(sim) => self.bearer_up(sim).await,
            Task::BearerDown => self.bearer_down().await,
            Task::ReadIp => self.read_ip().await,
            Task::ApplyIp(settings) => self.apply_ip(settings).await,
            Task::ProbeData => self.probe_data().await,
            Task::ReadSignal => self.read_signal().await,
            Task::ReadUsage => self.read_usage().await,
            Task::Reset => self.reset().await,
            Task::UsbReset => self.usb_reset().await,
            Task::PowerOff => self.power_off().await,
            Task::CutPower(off) => self.cut_power(off).await,
            Task::SelectSlot(slot) => {
                self.act(Step::Slot(slot)).await?;
                self.forget();
                self.use_slot(slot);
                Ok(())
            }
        }
    }

    pub(super) fn found(&mut self, fact: Fact) -> Result<(), Broken> {
        self.gathered.facts.push(fact);
        Ok(())
    }

    pub(super) async fn read_attach(&mut self) -> Result<(), Broken> {
        match self.read(Query::Attached).await? {
            Ok(Reading::Attached(attached)) => self.found(Fact::Attached(attached)),
            Ok(_) => Err(OTHER),
            Err(refusal) => Err(Broken::Refused(refusal)),
        }
    }

    async fn find_ports(&mut self) -> Result<(), Broken> {
        let found = match self.finder.find().await {
            Ok(found) => found,
            Err(error) => {
                debug!(%error, "the modem");
                self.incomplete += u32::from(matches!(error, FindError::Incomplete { .. }));
                if self.incomplete >= PATIENCE {
                    // It came back otherwise than it went.
                    self.finder.forget();
                }
                self.known.trouble = Some(error.to_string());
                return Err(OTHER);
            }
        };
        self.incomplete = 0;
        self.open(found).map_err(|error| {
            self.known.trouble = Some(error.to_string());
            OTHER
        })?;
        self.found(Fact::Ports(Ports::Open))
    }

    async fn fence(&mut self) -> Result<(), Broken> {
        let Some(pair) = &mut self.pair else { return Err(Broken::Gone) };
        let fenced = pair.commands().fence().await;
        fenced.map_err(|error| self.broken(&error))
    }

    /// The other port may be another terminal to the modem, with settings of its own.
    async fn poke_sibling(&mut self) -> Result<(), Broken> {
        let Some(pair) = &mut self.pair else { return Err(Broken::Gone) };
        match pair.poke().await {
            None => return Err(UNSUPPORTED),
            Some(Ok(())) => {}
            Some(Err(error)) => {
                debug!(%error, "the modem's second port");
                return Err(Broken::TimedOut);
            }
        }
        pair.swap();
        self.known.ports.reverse();
        self.watch().await
    }

    /// Whether a second port may have been missed: one that was not there yet, or silent because the modem was booting.
    pub(super) fn lacks_sibling(&self) -> bool {
        let device = self.known.device.as_ref();
        self.known.ports.len() == 1 && device.is_some_and(|device| device.bus != Bus::Line)
    }

    /// Asks the modem's other ports whether they take commands, and takes the first that does as the sibling.
    pub(super) async fn find_sibling(&mut self) -> Result<(), Broken> {
        let Some(used) = self.known.ports.first() else { return Err(Broken::Gone) };
        let found = self.finder.find_sibling(used).await;
        let (port, echo) = found.ok().flatten().ok_or(UNSUPPORTED)?;
        let session = Session::open(&port.node, self.config.baud, echo, self.config.timing);
        let session = session.map_err(|error| self.broken(&error))?;
        let Some(pair) = &mut self.pair else { return Err(Broken::Gone) };
        pair.adopt(session);
        self.known.ports.push(port.node);
        self.gathered.hardware = Some(self.hardware());
        Ok(())
    }

    async fn identify(&mut self) -> Result<(), Broken> {
        self.dialect = Dialect::of(&Identity::default(), self.usb());
        let manufacturer = self.text(Query::Manufacturer).await?;
        let model = self.text(Query::Model).await?;
        let revision = self.text(Query::Revision).await?;
        let imei = self.text(Query::Imei).await?;
        let identity = Identity { manufacturer, model, revision, imei };
        if identity == Identity::default() {
            return Err(OTHER);
        }
        self.dialect = Dialect::of(&identity, self.usb());
        self.way = first_way(self.dialect);
        self.counts = None;
        self.forget();
        self.watch().await?;
        self.gathered.hardware = Some(self.hardware());
        self.found(Fact::Identity(identity))
    }

    /// Switches the reports on, as far as the modem has them.
    async fn watch(&mut self) -> Result<(), Broken> {
        let asks = self.dialect.act(Step::Watch).map_err(|_| OTHER)?;
        self.ask_all(asks.into_iter()).await.map(drop)
    }

    /// What can be done to this modem.
    fn hardware(&mut self) -> Hardware {
        let sibling = self.pair.as_mut().is_some_and(|pair| pair.sibling().is_some());
        let reset = self.dialect.act(Step::Reset).is_ok_and(|asks| !asks.is_empty());
        let usb = self.config.usb && self.usb_switch().is_some();
        Hardware { sibling, reset, usb, power: self.supply.is_there() }
    }

    async fn text(&mut self, query: Query) -> Result<String, Broken> {
        Ok(match self.read(query).await? {
            Ok(Reading::Text(text)) => text,
            Ok(_) | Err(_) => String::new(),
        })
    }

    /// Of the card everything is asked at once: a PIN is given only to a card that says which it is, and how many tries
    /// it has.
    pub(super) async fn read_sim(&mut self) -> Result<(), Broken> {
        let state = match self.read(Query::Sim).await? {
            Ok(Reading::Sim(state)) => state,
            Ok(_) => return Err(OTHER),
            Err(refusal) => match refusal {
                Refusal::Cme(error) => error.sim().ok_or(Broken::Refused(refusal))?,
                Refusal::Session(_) | Refusal::Unsupported | Refusal::Other => {
                    return Err(Broken::Refused(refusal));
                }
            },
        };
        let mut sim = Sim::new(state);
        sim.slot = self.slot().await?;
        if let Some(slot) = sim.slot {
            self.use_slot(slot);
        }
        if !matches!(state, SimState::Absent | SimState::Failed | SimState::Busy) {
            if let Ok(Reading::Iccid(iccid)) = self.read(Query::Iccid).await? {
                sim.iccid = Some(iccid);
            }
            sim.tries = self.tries(state).await?;
        }
        self.known.sim = Some(state);
        self.found(Fact::Sim(sim))
    }

    /// The SIM in this slot is in use: its context counts.
    fn use_slot(&mut self, slot: Slot) {
        let place = self.config.recovery.sims.iter().position(|sim| sim.slot == Some(slot));
        if let Some(place) = place.filter(|place| *place != self.sim) {
            self.sim = place;
            self.access_point = super::access_point::Standing::default();
        }
    }

    async fn slot(&mut self) -> Result<Option<Slot>, Broken> {
        // Where no slots are told apart, nobody needs to know.
        if self.config.recovery.sims.iter().all(|sim| sim.slot.is_none()) {
            return Ok(None);
        }
        Ok(match self.read(Query::Slot).await? {
            Ok(Reading::Slot(slot)) => Some(slot),
            Ok(_) | Err(_) => None,
        })
    }

    async fn tries(&mut self, state: SimState) -> Result<Tries, Broken> {
        if !matches!(state, SimState::Pin | SimState::Puk) {
            return Ok(Tries::default());
        }
        Ok(match self.read(Query::Tries).await? {
            Ok(Reading::Tries(tries)) => tries,
            Ok(_) | Err(_) => Tries::default(),
        })
    }

    pub(super) async fn read_radio(&mut self) -> Result<Radio, Broken> {
        match self.read(Query::Radio).await? {
            Ok(Reading::Radio(radio)) => {
                self.gathered.facts.push(Fact::Radio(radio));
                Ok(radio)
            }
            Ok(_) => Err(OTHER),
            Err(refusal) => Err(Broken::Refused(refusal)),
        }
    }

    /// Sets the radio and reads it back: some modems answer OK and leave it as it is.
    async fn set_radio(&mut self, radio: Radio) -> Result<(), Broken> {
        let step = match radio {
            Radio::On => Step::RadioOn,
            Radio::Flight => Step::RadioOff,
            Radio::Minimum => Step::Minimum,
            Radio::Other(_) => return Err(UNSUPPORTED),
        };
        self.act(step).await?;
        match self.read_radio().await {
            Ok(now) if now == radio => Ok(()),
            Ok(_) => Err(OTHER),
            // What cannot be read back is believed.
            Err(UNSUPPORTED) => Ok(()),
            Err(broken) => Err(broken),
        }
    }

    pub(super) async fn read_registration(&mut self) -> Result<(), Broken> {
        match self.read(Query::Registration).await? {
            Ok(Reading::Registrations(registrations)) => {
                self.gathered.facts.extend(registrations.into_iter().map(Fact::Registration));
                Ok(())
            }
            Ok(_) => Err(OTHER),
            Err(refusal) => Err(Broken::Refused(refusal)),
        }
    }

    pub(super) async fn read_signal(&mut self) -> Result<(), Broken> {
        let (dialect, cid) = (self.dialect, self.config.context.cid);
        let asked = self.ask_all(dialect.ask(Query::Cells, cid)).await?;
        match dialect.read(Query::Cells, cid, &asked.lines) {
            Some(Reading::Cells(cells)) => {
                self.gathered.facts.push(Fact::Signal(cells.signal()));
                self.known.cells = Some(cells);
                Ok(())
            }
            Some(_) => Err(OTHER),
            // It answered, and measured nothing: what was measured before is no more.
            None if !asked.lines.is_empty() => {
                self.known.cells = None;
                self.found(Fact::Signal(Signal::default()))
            }
            None => Err(Broken::Refused(asked.refusal.unwrap_or(Refusal::Other))),
        }
    }

    pub(super) async fn read_usage(&mut self) -> Result<(), Broken> {
        let usage = match self.read(Query::Usage).await? {
            Ok(Reading::Usage(usage)) => Some(usage),
            Ok(_) | Err(_) => None,
        };
        // One that does not count leaves it to the host's interface.
        let counts = *self.counts.get_or_insert(usage.is_some());
        match usage {
            Some(usage) if counts => self.found(Fact::Usage(Counter::Modem, usage)),
            Some(_) => Ok(()),
            None => Err(UNSUPPORTED),
        }
    }

    /// What no decision hangs on, but operators ask for.
    pub(super) async fn read_details(&mut self) -> Result<(), Broken> {
        if let Ok(Reading::Operator(operator)) = self.read(Query::Operator).await? {
            self.known.operator = Some(operator);
        }
        if let Ok(Reading::Temperature(temperature)) = self.read(Query::Temperature).await? {
            self.known.temperature = Some(temperature);
        }
        Ok(())
    }

    /// Asks the agent to probe.
    async fn probe_data(&mut self) -> Result<(), Broken> {
        let (flows, answer) = super::api::Answer::new();
        self.tell.tell(Told::Probe { flows });
        match answer.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(OTHER),
        }
    }
}

fn done(result: Result<(), Broken>) -> End {
    result.map_or_else(Broken::end, |()| End::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timing;
    use crate::ports::Probing;

    /// A task that is given up before its last step would never take it.
    #[test]
    fn what_a_task_takes_at_most_fits_into_its_limit() {
        for task in [Task::Fence, Task::PokeSibling] {
            assert!(Timing::default().longest() <= task.limit(), "{task:?}");
        }
        // Ports of a modem's makers, then all others, and each of them silent.
        assert!(Probing::default().timing.longest() * 2 < Task::FindPorts.limit());
    }
}
