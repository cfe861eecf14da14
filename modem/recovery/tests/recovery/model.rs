//! A modem as the machine sees it: tasks in, facts and ends out, with a network and faults to order.

use shunt_recovery::facts::{
    Addresses, Bearer, CmeError, Counter, Domain, Fact, Iccid, Identity, IpSettings, Ports, Radio,
    Registration, RegistrationState, Sim, SimState, Slot, Tries, Usage,
};
use shunt_recovery::{End, Refusal, Task, Timestamp};
use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) use crate::faults::{Cure, Faults};

/// A SIM card in the model.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) iccid: Iccid,
    pub(crate) pin: Option<String>,
    pub(crate) tries: u8,
    pub(crate) unlocked: bool,
    /// PINs that were presented to it, in order.
    pub(crate) given: Vec<String>,
    /// Whether each was the right one.
    pub(crate) right: Vec<bool>,
    /// The wrong ones since it was unlocked last.
    pub(crate) wrong: Vec<String>,
}

impl Card {
    pub(crate) fn new(n: u8, pin: Option<&str>) -> Self {
        let iccid = Iccid::parse(&format!("894902000001234567{n}")).unwrap();
        let pin = pin.map(str::to_owned);
        Self { iccid, pin, tries: 3, unlocked: false, given: vec![], right: vec![], wrong: vec![] }
    }

    /// Takes a PIN, of which the same wrong one never comes twice in a row.
    fn take(&mut self, pin: &str) -> bool {
        let right = self.pin.as_deref() == Some(pin);
        self.given.push(pin.to_owned());
        self.right.push(right);
        if right {
            self.unlock();
        } else {
            assert!(!self.wrong.iter().any(|wrong| wrong == pin), "{pin} again: {self:?}");
            self.wrong.push(pin.to_owned());
            self.tries = self.tries.saturating_sub(1);
        }
        right
    }

    /// By the right PIN, ours or a human's in a phone.
    pub(crate) fn unlock(&mut self) {
        self.wrong.clear();
        self.tries = 3;
        self.unlocked = true;
    }

    fn state(&self) -> SimState {
        match self.pin {
            Some(_) if self.tries == 0 => SimState::Puk,
            Some(_) if !self.unlocked => SimState::Pin,
            _ => SimState::Ready,
        }
    }
}

/// The modem.
#[derive(Debug, Clone)]
pub(crate) struct Modem {
    pub(crate) faults: Faults,
    pub(crate) cards: [Card; 2],
    pub(crate) slots: bool,
    pub(crate) slot: usize,
    radio: Radio,
    attached: bool,
    pub(crate) bearer: bool,
    host: Option<u8>,
    leases: u8,
    /// A port is open.
    pub(crate) open: bool,
    pub(crate) carried: u64,
    /// What was done to it that counts: resets of any kind.
    pub(crate) resets: u32,
    pub(crate) power_cuts: u32,
    now: Timestamp,
    up_at: Timestamp,
    dice: u64,
}

/// How long the modem is away after a restart.
const BOOT: Duration = Duration::from_secs(20);

/// What comes of a task: after how long, what becomes known, and the end; none if nobody ever answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) after: Duration,
    pub(crate) facts: Vec<Fact>,
    pub(crate) end: Option<End>,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn done(after: Duration, facts: Vec<Fact>) -> Answer {
    Answer { after, facts, end: Some(End::Done) }
}

fn refused(refusal: Refusal) -> Answer {
    Answer { after: millis(300), facts: Vec::new(), end: Some(End::Refused(refusal)) }
}

const SILENCE: Answer = Answer { after: Duration::ZERO, facts: Vec::new(), end: None };

impl Modem {
    pub(crate) fn new(dice: u64) -> Self {
        Self {
            faults: Faults::NONE,
            cards: [Card::new(1, None), Card::new(2, None)],
            slots: false,
            slot: 0,
            radio: Radio::On,
            attached: true,
            bearer: false,
            host: None,
            leases: 0,
            open: false,
            carried: 0,
            resets: 0,
            power_cuts: 0,
            now: Timestamp::ZERO,
            up_at: Timestamp::ZERO,
            dice,
        }
    }

    /// Carries out a task.
    pub(crate) fn carry_out(&mut self, task: &Task, now: Timestamp) -> Answer {
        self.now = now;
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lost = ((self.dice >> 56) as u8) < self.faults.lossy;
        match task {
            Task::FindPorts if self.faults.vanished.is_some() || now < self.up_at => refused(Refusal::Other),
            Task::FindPorts => {
                self.open = true;
                done(millis(50), vec![Fact::Ports(Ports::Open)])
            }
            Task::UsbReset => {
                self.restart(Cure::Usb);
                done(millis(2_000), vec![])
            }
            Task::CutPower(off) => {
                self.power_cuts += 1;
                self.restart(Cure::Power);
                done(*off, vec![])
            }
            Task::ProbeData if self.data_flows() => done(millis(80), vec![]),
            Task::ProbeData => refused(Refusal::Other),
            Task::ApplyIp(_) if self.faults.no_address => SILENCE,
            Task::ApplyIp(_) => {
                self.host = Some(self.leases);
                done(millis(700), vec![Fact::HostIp(self.host_address())])
            }
            Task::Reopen => {
                self.faults.cure(Cure::Reopen);
                if self.faults.vanished.is_some() {
                    refused(Refusal::Other)
                } else {
                    done(millis(400), vec![])
                }
            }
            Task::Fence | Task::PokeSibling => {
                self.faults.cure(Cure::Fence);
                if self.faults.hang.is_some() { SILENCE } else { done(millis(20), vec![]) }
            }
            _ if !self.open || self.faults.vanished.is_some() => {
                Answer { after: millis(1), facts: vec![], end: Some(End::PortGone) }
            }
            _ if self.faults.hang.is_some() || lost => {
                // Every other PIN that is not answered was taken all the same.
                if let Task::EnterPin(pin) = task
                    && lost
                    && self.dice & 1 << 40 != 0
                {
                    self.cards[self.slot].take(pin.reveal());
                }
                SILENCE
            }
            _ => self.answer(task),
        }
    }

    fn answer(&mut self, task: &Task) -> Answer {
        let short = millis(30);
        match task {
            Task::Identify => done(short, vec![Fact::Identity(Identity::default())]),
            Task::ReadSim => done(short, vec![Fact::Sim(self.sim())]),
            Task::EnterPin(pin) => self.unlock(pin.reveal()),
            Task::ReadRadio => done(short, vec![Fact::Radio(self.radio)]),
            Task::SetRadio(radio) => {
                self.radio = *radio;
                self.bearer &= *radio == Radio::On;
                self.attached = *radio == Radio::On;
                if *radio != Radio::On {
                    self.faults.cure(Cure::Radio);
                }
                done(millis(3_000), vec![])
            }
            Task::ReadRegistration => done(short, self.registrations()),
            Task::Reregister => {
                self.faults.cure(Cure::Register);
                self.bearer = false;
                done(millis(8_000), vec![])
            }
            Task::ReadAttach => {
                done(short, vec![Fact::Attached(self.attached && self.registered().is_registered())])
            }
            Task::Attach => {
                self.attached = true;
                done(millis(1_000), vec![])
            }
            Task::ReadBearer => {
                self.bearer &= self.registered().is_registered();
                done(short, vec![Fact::Bearer(self.bearer_fact())])
            }
            Task::BearerUp(_) if self.sim().state != SimState::Ready => {
                refused(Refusal::Cme(CmeError::SIM_PIN))
            }
            Task::BearerUp(_) if !self.registered().is_registered() => {
                refused(Refusal::Cme(CmeError::NO_NETWORK))
            }
            Task::BearerUp(_) => match self.faults.refused {
                Some(cause) => refused(Refusal::Session(cause)),
                None => {
                    self.leases = self.leases.wrapping_add(1);
                    self.bearer = true;
                    done(millis(2_500), vec![])
                }
            },
            Task::BearerDown => {
                self.faults.cure(Cure::Bearer);
                self.bearer = false;
                done(millis(500), vec![])
            }
            Task::ReadIp => {
                let served = IpSettings { served: true, ..IpSettings::default() };
                done(short, vec![Fact::Bearer(self.bearer_fact()), Fact::Ip(served)])
            }
            Task::ReadUsage => {
                let usage = Usage { received: self.carried, sent: 0 };
                done(short, vec![Fact::Usage(Counter::Modem, usage)])
            }
            Task::Reset => {
                self.restart(Cure::Reset);
                done(millis(4_000), vec![Fact::Ports(Ports::Gone)])
            }
            Task::PowerOff => {
                self.open = false;
                done(millis(6_000), vec![Fact::Ports(Ports::Gone)])
            }
            Task::SelectSlot(slot) if self.slots => {
                self.slot = usize::from(slot.0.saturating_sub(1));
                self.bearer = false;
                done(millis(4_000), vec![])
            }
            _ => refused(Refusal::Unsupported),
        }
    }

    /// The supply was away for a moment: the port goes, and the cards want their PINs again.
    pub(crate) fn lose_supply(&mut self) -> Fact {
        self.open = false;
        self.bearer = false;
        self.up_at = self.now + BOOT;
        self.cards.iter_mut().for_each(|card| card.unlocked = false);
        Fact::Ports(Ports::Gone)
    }

    /// What the modem says of its own accord when its bearer is taken away.
    pub(crate) fn drop_bearer(&mut self) -> Fact {
        self.bearer = false;
        Fact::Bearer(self.bearer_fact())
    }

    /// What the modem tells of its registration.
    pub(crate) fn registrations(&self) -> Vec<Fact> {
        let state = self.registered();
        let cause = self.faults.denied.filter(|_| state == RegistrationState::Denied);
        let eps = Registration { cause, ..Registration::new(Domain::Eps, state) };
        let packet = Registration::new(Domain::Packet, RegistrationState::Idle);
        vec![Fact::Registration(packet), Fact::Registration(eps)]
    }

    /// Whether packets go through.
    pub(crate) fn data_flows(&self) -> bool {
        self.bearer
            && self.host == Some(self.leases)
            && self.registered().is_registered()
            && self.faults.stalled.is_none()
            && self.faults.vanished.is_none()
            && self.faults.refused.is_none()
    }

    fn registered(&self) -> RegistrationState {
        if self.radio != Radio::On || self.sim().state != SimState::Ready {
            RegistrationState::Idle
        } else if self.faults.denied.is_some() {
            RegistrationState::Denied
        } else if self.faults.no_network || self.faults.deaf.is_some() {
            RegistrationState::Searching
        } else {
            RegistrationState::Home
        }
    }

    fn sim(&self) -> Sim {
        let card = &self.cards[self.slot];
        let slot = self.slots.then(|| Slot(self.slot as u8 + 1));
        if self.faults.no_sim[self.slot] {
            return Sim { slot, ..Sim::new(SimState::Absent) };
        }
        if self.faults.sim_busy.is_some() {
            return Sim { slot, ..Sim::new(SimState::Busy) };
        }
        let tries = Tries { pin: Some(card.tries), puk: Some(10) };
        let iccid = Some(card.iccid.clone()).filter(|_| !self.faults.no_iccid);
        Sim { state: card.state(), slot, iccid, tries }
    }

    fn unlock(&mut self, pin: &str) -> Answer {
        if self.cards[self.slot].take(pin) {
            done(millis(600), vec![])
        } else {
            refused(Refusal::Cme(CmeError::INCORRECT_PASSWORD))
        }
    }

    fn restart(&mut self, by: Cure) {
        self.resets += 1;
        self.faults.cure(by);
        self.open = false;
        self.bearer = false;
        self.attached = true;
        self.radio = Radio::On;
        self.up_at = self.now + BOOT;
        self.carried = 0;
        self.cards.iter_mut().for_each(|card| card.unlocked = false);
    }

    fn bearer_fact(&self) -> Bearer {
        let v4 = self.bearer.then(|| Ipv4Addr::new(10, 0, 0, self.leases));
        Bearer { active: self.bearer, addresses: Addresses { v4, v6: None } }
    }

    fn host_address(&self) -> Addresses {
        Addresses { v4: self.host.map(|n| Ipv4Addr::new(10, 0, 0, n)), v6: None }
    }
}
