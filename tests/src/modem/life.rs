//! What happens inside the modem: power, card, registration and bearers as time passes and commands take effect.

use super::card::Lock;
use super::commands::{Effect, REGISTRATIONS};
use super::core::{CardState, Due, Modem, Output};
use super::fault::{Deed, Fault};
use super::network::{Addresses, Service};
use super::pdu;
use super::state::{Packet, Power, Radio, Sent, Stored};
use super::terminal::{Mode, Terminal};
use std::time::Duration;

impl Modem {
    /// The one place where time changes the modem.
    pub(super) fn happen(&mut self, due: Due) {
        let timing = self.profile.timing;
        match due {
            Due::Enumerated => {
                self.power = Power::Booting;
                self.open_ports();
                self.after(timing.boot, Due::Booted);
            }
            Due::Booted => {
                self.power = Power::On;
                self.counts.boots += 1;
                self.urc("RDY");
                self.urc(&format!("+CFUN: {}", self.radio.function));
                self.read_card();
                self.review();
            }
            Due::CardRead => {
                self.card_read = true;
                self.tell_card();
                self.review();
            }
            Due::Found => {
                self.radio.searching = false;
                let wanted = self.wanted_registration();
                self.set_registration(wanted);
                self.review();
            }
            Due::Answer(port) => self.give_answer(port),
            Due::Farewell => self.urc("POWERED DOWN"),
            Due::Off => self.halt(Power::Off),
            Due::Restart => {
                self.halt(Power::Cut);
                self.start();
            }
            Due::Rebound => self.open_ports(),
            Due::Storm { left, every } => {
                self.urc(&format!("+CSQ: {},99", left % 32));
                if left > 1 {
                    self.after(every, Due::Storm { left: left - 1, every });
                }
            }
            Due::Over(fault) => {
                if let Some(at) = self.faults.iter().position(|known| *known == fault) {
                    self.faults.remove(at);
                }
                self.review();
            }
        }
    }

    /// Power comes, or the firmware starts anew.
    pub(super) fn start(&mut self) {
        self.power = Power::Starting;
        self.after(self.profile.timing.enumerate, Due::Enumerated);
    }

    /// Nothing of what was is left, save what is in flash, on the cards and at the network.
    pub(super) fn halt(&mut self, power: Power) {
        self.close_ports();
        // What comes onto the bus anew is taken.
        self.shut_out = false;
        self.power = power;
        // What was ordered for a time goes on.
        self.due.retain(|_, due| matches!(due, Due::Over(_)));
        let contexts = std::mem::take(&mut self.packet).contexts;
        self.packet = Packet { contexts, ..Packet::default() };
        for context in self.packet.contexts.values_mut() {
            context.addresses = None;
        }
        for card in self.slots.iter_mut().flatten() {
            card.power_off();
        }
        self.radio = Radio::default();
        self.messages.restart(self.profile.stores_on_card);
        self.card_read = false;
        self.card_reports = false;
    }

    fn open_ports(&mut self) {
        if self.shut_out {
            return;
        }
        self.ports = (0..self.profile.ports).map(|_| Terminal::new(false)).collect();
        self.out.push_back(Output::Ports(true));
    }

    pub(super) fn close_ports(&mut self) {
        self.packet.call = None;
        self.due.retain(|_, due| !matches!(due, Due::Answer(_)));
        if !self.ports.is_empty() {
            self.ports.clear();
            self.out.push_back(Output::Ports(false));
        }
    }

    pub(super) fn port_opened(&mut self, port: usize, open: bool) {
        let Some(terminal) = self.ports.get_mut(port) else { return };
        if terminal.open && !open && terminal.mode == Mode::Data {
            // The line DTR falls: the call ends (&D2).
            self.hang_up();
        }
        let Some(terminal) = self.ports.get_mut(port) else { return };
        terminal.open = open;
        if open {
            self.mend_by(Deed::Reopen(port));
        }
    }

    /// The card is read anew.
    pub(super) fn read_card(&mut self) {
        self.card_read = false;
        self.due.retain(|_, due| *due != Due::CardRead);
        self.after(self.profile.timing.card, Due::CardRead);
    }

    fn tell_card(&mut self) {
        match self.card_state() {
            CardState::Open => {
                for line in ["+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"] {
                    self.urc(line);
                }
            }
            CardState::Locked(Lock::Pin) => self.urc("+CPIN: SIM PIN"),
            CardState::Locked(Lock::Puk) => self.urc("+CPIN: SIM PUK"),
            CardState::Absent => self.urc("+CPIN: NOT INSERTED"),
            CardState::Busy | CardState::Unpowered | CardState::Locked(Lock::Dead | Lock::Open) => {}
        }
    }

    /// What a command changes.
    pub(super) fn apply(&mut self, effect: Effect) {
        let timing = self.profile.timing;
        match effect {
            Effect::Radio(function) => self.set_function(function),
            Effect::Reset => {
                self.counts.resets += 1;
                self.mend_by(Deed::Reset);
                self.after(timing.leave, Due::Restart);
            }
            Effect::PowerOff => {
                self.after(timing.leave / 4, Due::Farewell);
                self.after(timing.leave, Due::Off);
            }
            Effect::Selection(mode) => {
                self.radio.selection = mode;
                if mode == 2 {
                    self.mend_by(Deed::Detach);
                }
            }
            Effect::Attach(on) => {
                self.radio.attached = on;
                if !on {
                    self.mend_by(Deed::Detach);
                }
            }
            Effect::Activate(id) => self.activate(id),
            Effect::Deactivate(id) => {
                self.mend_by(Deed::Bearer);
                self.deactivate(id);
            }
            Effect::Interface(interface) => self.set_interface(interface),
            Effect::Call(port, id) => self.packet.call = Some((port, id)),
            Effect::HangUp => self.hang_up(),
            Effect::Slot(slot) => {
                if slot != self.slot {
                    self.slot = slot;
                    self.drop_contexts("ME");
                    self.set_registration(0);
                    self.read_card();
                }
            }
            Effect::Unlocked => self.tell_card(),
            Effect::Send(submit) => {
                let tpdu = pdu::submit(&submit.to, &submit.body);
                self.messages.sent.push(Sent { text: submit.body.text(), to: submit.to, tpdu });
            }
        }
        self.review();
    }

    fn set_function(&mut self, function: u8) {
        let before = std::mem::replace(&mut self.radio.function, function);
        if function != 1 {
            self.counts.radio_cycles += u32::from(before == 1);
            self.mend_by(Deed::Radio);
        }
        if function == 0 {
            for card in self.slots.iter_mut().flatten() {
                card.power_off();
            }
        } else if before == 0 {
            self.read_card();
        }
    }

    /// Brings the registration to what card, radio and network allow.
    pub(super) fn review(&mut self) {
        let wanted = self.wanted_registration();
        let stat = self.radio.stat;
        match (wanted, stat) {
            (0, _) => {
                self.radio.searching = false;
                self.due.retain(|_, due| *due != Due::Found);
                self.set_registration(0);
            }
            (2, _) => self.set_registration(2),
            (3 | 1 | 5, 1 | 5) => self.set_registration(wanted),
            (wanted, stat) if wanted != stat => {
                if stat == 0 {
                    self.set_registration(2);
                }
                if !self.radio.searching {
                    self.radio.searching = true;
                    self.after(self.profile.timing.register, Due::Found);
                }
            }
            _ => {}
        }
    }

    fn wanted_registration(&self) -> u8 {
        let Radio { function, selection, attached, .. } = self.radio;
        let able = self.power == Power::On && function == 1 && selection != 2 && attached;
        if !able || self.card_state() != CardState::Open {
            return 0;
        }
        if self.faults.iter().any(|fault| matches!(fault, Fault::Lost(_) | Fault::Adrift(_))) {
            return 2;
        }
        match self.network.service {
            Service::None => 2,
            Service::Home => 1,
            Service::Roaming => 5,
            Service::Denied(_) => 3,
        }
    }

    fn set_registration(&mut self, stat: u8) {
        if self.radio.stat == stat {
            return;
        }
        let was = self.radio.registered();
        self.radio.stat = stat;
        self.radio.cause = match (stat, self.network.service) {
            (3, Service::Denied(cause)) => cause,
            (1 | 5, _) => 0,
            _ => self.radio.cause,
        };
        for (name, report) in REGISTRATIONS.into_iter().zip(self.radio.reports) {
            if report > 0 {
                self.urc(&format!("{name}: {}", self.registration(report)));
            }
        }
        match (was, self.radio.registered()) {
            (true, false) if self.faults.iter().any(|fault| matches!(fault, Fault::Adrift(_))) => {}
            (true, false) => self.drop_contexts("NW"),
            (false, true) => {
                // LTE: who attaches has a default bearer.
                if let Some(id) = self.packet.contexts.keys().next().copied()
                    && !self.refuses_bearers()
                    && self.packet.contexts.get(&id).is_some_and(|context| self.network.serves(&context.apn))
                {
                    self.activate(id);
                }
                self.take_from_network();
            }
            (true, true) | (false, false) => {}
        }
    }

    fn activate(&mut self, id: u8) {
        let given = &self.network.addresses;
        let index = self.packet.given.min(given.len().saturating_sub(1));
        let Some(offered) = given.get(index).cloned() else { return };
        let Some(context) = self.packet.contexts.get_mut(&id) else { return };
        if context.addresses.is_some() {
            return;
        }
        context.granted = self.network.grants(&context.apn);
        context.addresses = Some(Addresses {
            v4: offered.v4.filter(|_| context.kind != "IPV6"),
            gateway_v4: offered.gateway_v4.filter(|_| context.kind != "IPV6"),
            v6: offered.v6.filter(|_| context.kind != "IP"),
            gateway_v6: offered.gateway_v6.filter(|_| context.kind != "IP"),
            ..offered
        });
        self.packet.given += 1;
        if self.packet.events {
            self.urc(&format!("+CGEV: ME PDN ACT {id}"));
        }
    }

    fn deactivate(&mut self, id: u8) {
        if let Some(context) = self.packet.contexts.get_mut(&id) {
            context.addresses = None;
        }
        self.leave_context(id);
    }

    /// Whoever used this context has none any more.
    fn leave_context(&mut self, id: u8) {
        if let Some((_, told)) = self.packet.interface.filter(|(used, _)| *used == id) {
            self.packet.interface = None;
            if told {
                self.urc("+QNETDEVSTATUS: 0");
            }
        }
        if self.packet.call.is_some_and(|(_, used)| used == id) {
            self.hang_up();
        }
    }

    /// All bearers go, by the network or by the modem itself.
    pub(super) fn drop_contexts(&mut self, by: &str) {
        let active: Vec<u8> =
            self.packet.contexts.keys().copied().filter(|id| self.packet.is_active(*id)).collect();
        for id in active {
            self.deactivate(id);
            if self.packet.events {
                self.urc(&format!("+CGEV: {by} PDN DEACT {id}"));
            }
        }
    }

    fn set_interface(&mut self, interface: Option<(u8, bool)>) {
        let before = std::mem::replace(&mut self.packet.interface, interface);
        match (interface, before) {
            (None, Some(_)) => self.mend_by(Deed::Bearer),
            (Some((_, true)), _) => self.urc("+QNETDEVSTATUS: 1"),
            (Some((_, false)) | None, _) => {}
        }
    }

    fn hang_up(&mut self) {
        let Some((port, _)) = self.packet.call.take() else { return };
        self.mend_by(Deed::Bearer);
        if let Some(terminal) = self.ports.get_mut(port).filter(|terminal| terminal.mode == Mode::Data) {
            terminal.mode = Mode::Command;
            self.say(port, b"\r\nNO CARRIER\r\n");
            self.release(port);
        }
    }

    /// Puts a message into the storage that is chosen for writing (1) or receiving (2); `None`: it is full.
    pub(super) fn keep(&mut self, memory: usize, stored: Stored) -> Option<usize> {
        let storage = *self.messages.chosen.get(memory)?;
        let room = self.profile.storage;
        let store = self.store_mut(storage)?;
        let index = (0..room).find(|index| !store.contains_key(index))?;
        store.insert(index, stored);
        Some(index)
    }

    /// What an answer takes at least, a little different each time.
    pub(super) fn answer_time(&mut self) -> Duration {
        let least = self.profile.timing.answer;
        least + least.mul_f64(self.random.share())
    }
}
