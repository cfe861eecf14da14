//! The modem itself: bytes, time and what happens to it go in; bytes and changes of the bearer come out. It has no
//! clock, no thread and no file, so that a day of its life runs in milliseconds and the same seed gives the same day.

use super::card::{Card, Lock};
use super::fault::{Cure, Deed, Fault};
use super::network::Network;
use super::profile::{Interface, Profile};
use super::state::{Bearer, Counts, Messages, Packet, Power, Radio, Sent};
use super::terminal::{Mode, Terminal};
use crate::random::Random;
use shunt_decision::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The context that a network interface follows.
const FOLLOWED: u8 = 1;

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// For whoever has this port open.
    Bytes {
        /// Which port.
        port: usize,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// All ports come (`true`) or go. Those that come have other names than those that went.
    Ports(bool),
    /// The bearer is another one.
    Bearer(Bearer),
}

/// What the card slot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// No card, or none that is seen.
    Absent,
    /// It is being read, or says that it is busy.
    Busy,
    /// Switched off with the radio (`+CFUN=0`).
    Unpowered,
    /// It waits for something.
    Locked(Lock),
    /// It can be used.
    Open,
}

/// What is to happen later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Enumerated,
    Booted,
    CardRead,
    Found,
    Answer(usize),
    Farewell,
    Off,
    Restart,
    Rebound,
    Storm { left: u32, every: Duration },
    Over(Fault),
}

/// A simulated modem.
#[derive(Debug, Clone)]
pub struct Modem {
    pub(super) profile: Profile,
    pub(super) network: Network,
    pub(super) random: Random,
    pub(super) now: Timestamp,
    pub(super) power: Power,
    pub(super) ports: Vec<Terminal>,
    /// The host has nothing to do with it (`authorized` is 0): it runs, and has no ports.
    pub(super) shut_out: bool,
    pub(super) slots: [Option<Card>; 2],
    pub(super) slot: usize,
    /// The card was read since it has power.
    pub(super) card_read: bool,
    pub(super) card_reports: bool,
    pub(super) radio: Radio,
    pub(super) packet: Packet,
    pub(super) messages: Messages,
    pub(super) faults: Vec<Fault>,
    pub(super) temperature: i16,
    pub(super) counts: Counts,
    pub(super) last_unknown: Option<String>,
    pub(super) due: BTreeMap<(Timestamp, u64), Due>,
    pub(super) number: u64,
    pub(super) out: VecDeque<Output>,
    pub(super) told: Bearer,
}

impl Modem {
    /// A modem without power.
    #[must_use]
    pub fn new(profile: Profile, network: Network, seed: u64, now: Timestamp) -> Self {
        let slots = profile.cards.clone();
        let mut messages = Messages::default();
        messages.restart(profile.stores_on_card);
        Self {
            profile,
            network,
            random: Random::new(seed),
            now,
            power: Power::Cut,
            ports: Vec::new(),
            shut_out: false,
            slots,
            slot: 0,
            card_read: false,
            card_reports: false,
            radio: Radio::default(),
            packet: Packet::default(),
            messages,
            faults: Vec::new(),
            temperature: 38,
            counts: Counts::default(),
            last_unknown: None,
            due: BTreeMap::new(),
            number: 0,
            out: VecDeque::new(),
            told: Bearer::default(),
        }
    }

    /// Gives it power or takes it away, as the gateway's rail does.
    pub fn set_power(&mut self, on: bool, now: Timestamp) {
        self.at(now, |modem| match (on, modem.power) {
            (true, Power::Cut) => modem.start(),
            (false, Power::Starting | Power::Booting | Power::On | Power::Off) => {
                modem.counts.power_cuts += 1;
                modem.counts.abrupt_cuts += u32::from(modem.power != Power::Off);
                modem.mend_by(Deed::PowerCut);
                modem.halt(Power::Cut);
            }
            (true, _) | (false, Power::Cut) => {}
        });
    }

    /// Bytes from the host.
    pub fn receive(&mut self, port: usize, bytes: &[u8], now: Timestamp) {
        self.at(now, |modem| modem.take_in(port, bytes));
    }

    /// Somebody opened a port, or the last one closed it.
    pub fn set_open(&mut self, port: usize, open: bool, now: Timestamp) {
        self.at(now, |modem| modem.port_opened(port, open));
    }

    /// Orders a fault.
    pub fn fault(&mut self, fault: Fault, now: Timestamp) {
        self.at(now, |modem| {
            if let Fault::Storm { count, every } = fault {
                modem.after(every, Due::Storm { left: count, every });
                return;
            }
            modem.faults.push(fault);
            if let Cure::After(time) = fault.cure() {
                modem.after(time, Due::Over(fault));
            }
            modem.review();
        });
    }

    /// Ends all faults.
    pub fn mend(&mut self, now: Timestamp) {
        self.at(now, |modem| {
            modem.faults.clear();
            modem.due.retain(|_, due| !matches!(due, Due::Over(_) | Due::Storm { .. }));
            modem.review();
        });
    }

    /// Forgets the echo, as some modems do by themselves.
    pub fn forget_echo(&mut self) {
        for terminal in &mut self.ports {
            terminal.echo = false;
        }
    }

    /// The network takes all bearers away.
    pub fn drop_bearer(&mut self, now: Timestamp) {
        self.at(now, |modem| modem.drop_contexts("NW"));
    }

    /// Changes the network.
    pub fn set_network(&mut self, network: Network, now: Timestamp) {
        self.at(now, |modem| {
            modem.network = network;
            modem.review();
        });
    }

    /// Puts a card into a slot (0 or 1), or takes it out.
    pub fn insert(&mut self, slot: usize, card: Option<Card>, now: Timestamp) {
        self.at(now, |modem| {
            let gone = card.is_none();
            if let Some(place) = modem.slots.get_mut(slot) {
                *place = card;
            }
            if slot == modem.slot && modem.power == Power::On {
                if modem.card_reports {
                    modem.urc(&format!("+QSIMSTAT: 1,{}", u8::from(!gone)));
                }
                if gone {
                    modem.urc("+CPIN: NOT READY");
                }
                modem.read_card();
                modem.review();
            }
        });
    }

    /// Bytes that passed over the bearer, for the modem's counters.
    pub fn count_traffic(&mut self, sent: u64, received: u64) {
        self.packet.usage.0 += sent;
        self.packet.usage.1 += received;
    }

    /// Does what is due. To be called at [`Modem::poll_timeout`], or later.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.at(now, |_| {});
    }

    /// When something is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((time, _), _)| *time)
    }

    /// What comes out; to be called until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// What the host has of a bearer.
    #[must_use]
    pub fn bearer(&self) -> Bearer {
        let id = match self.profile.interface {
            Interface::Ordered => self.packet.interface.map(|(id, _)| id),
            Interface::Follows => Some(FOLLOWED),
        };
        let id = id.or(self.packet.call.map(|(_, id)| id));
        let context = id.and_then(|id| self.packet.contexts.get(&id));
        let addresses = context.and_then(|context| context.addresses.clone());
        let stalled = self.faults.iter().any(|fault| matches!(fault, Fault::Stall(_)));
        Bearer { passes: addresses.is_some() && !stalled, addresses }
    }

    /// Whether it runs.
    #[must_use]
    pub const fn power(&self) -> Power {
        self.power
    }

    /// Whether it is registered.
    #[must_use]
    pub fn registered(&self) -> bool {
        self.radio.registered()
    }

    /// The network around it.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The card in use.
    #[must_use]
    pub fn card(&self) -> Option<&Card> {
        self.slots.get(self.slot).and_then(Option::as_ref)
    }

    /// The faults that hold now.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What happened to it.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The messages that it sent.
    #[must_use]
    pub fn sent(&self) -> &[Sent] {
        &self.messages.sent
    }

    /// Messages that the network still holds for it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.messages.waiting.len()
    }

    /// The last command that it did not know.
    #[must_use]
    pub fn last_unknown(&self) -> Option<&str> {
        self.last_unknown.as_deref()
    }

    /// What the card slot shows.
    #[must_use]
    pub fn card_state(&self) -> CardState {
        let has = |wanted: fn(&Fault) -> bool| self.faults.iter().any(wanted);
        match self.card() {
            None => CardState::Absent,
            Some(_) if has(|fault| matches!(fault, Fault::CardLost(_))) => CardState::Absent,
            Some(_) if self.radio.function == 0 => CardState::Unpowered,
            Some(_) if !self.card_read || has(|fault| matches!(fault, Fault::CardBusy(_))) => CardState::Busy,
            Some(card) => match card.lock() {
                Lock::Open => CardState::Open,
                lock @ (Lock::Pin | Lock::Puk | Lock::Dead) => CardState::Locked(lock),
            },
        }
    }

    /// Does everything that was due before `now` in its order, then `action`, then tells what it changed.
    pub(super) fn at(&mut self, now: Timestamp, action: impl FnOnce(&mut Self)) {
        while let Some((&(time, number), &due)) = self.due.first_key_value()
            && time <= now
        {
            self.due.remove(&(time, number));
            self.now = self.now.max(time);
            self.happen(due);
        }
        self.now = self.now.max(now);
        action(self);
        self.tell_bearer();
    }

    /// Tells a bearer that is another one: before whatever is said next, for a host that hears OK may use it.
    pub(super) fn tell_bearer(&mut self) {
        let bearer = self.bearer();
        if bearer != self.told {
            self.told = bearer.clone();
            self.out.push_back(Output::Bearer(bearer));
        }
    }

    pub(super) fn after(&mut self, time: Duration, due: Due) {
        self.number += 1;
        self.due.insert((self.now + time, self.number), due);
    }

    /// Ends the faults that this helps against.
    pub(super) fn mend_by(&mut self, deed: Deed) {
        self.faults.retain(|fault| !fault.ends_by(deed));
    }

    /// Whether nothing is answered on this port.
    pub(super) fn is_deaf(&self, port: usize) -> bool {
        self.power != Power::On
            || self.faults.iter().any(|fault| match fault {
                Fault::Hang(_) => true,
                Fault::PortHang(hung, _) => *hung == port,
                _ => false,
            })
    }

    /// Whether a bearer is refused whatever else is right.
    pub(super) fn refuses_bearers(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::NoBearer(_)))
    }

    /// The time of day: the modem was made at the beginning of 2026.
    pub(super) fn clock(&self) -> String {
        let seconds = self.now.as_nanos() / 1_000_000_000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        let day = days % 28 + 1;
        let month = days / 28 % 12 + 1;
        format!("26/{month:02}/{day:02},{:02}:{:02}:{:02}+00", hours % 24, minutes % 60, seconds % 60)
    }

    /// Whether a call holds this port.
    pub(super) fn in_data(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(|terminal| terminal.mode == Mode::Data)
    }
}
