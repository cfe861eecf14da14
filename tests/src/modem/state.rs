//! The parts of the modem's state: power, radio, bearers, messages, and what was counted.

use super::network::Addresses;
use super::pdu;
use std::collections::BTreeMap;

/// Whether it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Without power.
    Cut,
    /// Switched off by command; only a power cut and its end wake it.
    Off,
    /// No ports yet, or again none.
    Starting,
    /// The ports are there; nothing answers.
    Booting,
    /// It answers.
    On,
}

/// Radio and registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Radio {
    /// `+CFUN`: 0, 1 or 4.
    pub(super) function: u8,
    /// `+COPS`: 0 automatic, 2 away.
    pub(super) selection: u8,
    /// `+CGATT`.
    pub(super) attached: bool,
    /// The registration (3GPP TS 27.007, 7.2): 0 none, 1 home, 2 searching, 3 denied, 5 roaming.
    pub(super) stat: u8,
    /// The EMM cause of the last refusal.
    pub(super) cause: u8,
    /// A search is under way.
    pub(super) searching: bool,
    /// What is reported of `+CREG`, `+CGREG` and `+CEREG`.
    pub(super) reports: [u8; 3],
    /// The format of the operator's name.
    pub(super) name_format: u8,
}

impl Radio {
    pub(super) fn registered(&self) -> bool {
        matches!(self.stat, 1 | 5)
    }
}

impl Default for Radio {
    fn default() -> Self {
        Self {
            function: 1,
            selection: 0,
            attached: true,
            stat: 0,
            cause: 0,
            searching: false,
            reports: [0; 3],
            name_format: 0,
        }
    }
}

/// A PDP context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// `IP`, `IPV6` or `IPV4V6`.
    pub(super) kind: String,
    pub(super) apn: String,
    /// The name that the network granted when it was activated last.
    pub(super) granted: String,
    /// User name, password and kind (0 none, 1 PAP, 2 CHAP).
    pub(super) login: (String, String, u8),
    /// What it was given, while it is active.
    pub(super) addresses: Option<Addresses>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            kind: "IPV4V6".into(),
            apn: String::new(),
            granted: String::new(),
            login: Default::default(),
            addresses: None,
        }
    }
}

/// Contexts, and what uses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// By context id.
    pub(super) contexts: BTreeMap<u8, Context>,
    /// The context of the network interface, and whether its changes are told.
    pub(super) interface: Option<(u8, bool)>,
    /// A call: its port and its context.
    pub(super) call: Option<(usize, u8)>,
    /// How many addresses were given so far.
    pub(super) given: usize,
    /// Whether `+CGEV` is told.
    pub(super) events: bool,
    /// Bytes sent and received.
    pub(super) usage: (u64, u64),
}

impl Default for Packet {
    fn default() -> Self {
        Self {
            contexts: BTreeMap::from([(1, Context::default())]),
            interface: None,
            call: None,
            given: 0,
            events: false,
            usage: (0, 0),
        }
    }
}

impl Packet {
    pub(super) fn is_active(&self, id: u8) -> bool {
        self.contexts.get(&id).is_some_and(|context| context.addresses.is_some())
    }
}

/// What the host sees of the bearer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bearer {
    /// What it was given, while the host has it: by the network interface or by a call.
    pub addresses: Option<Addresses>,
    /// Whether packets pass.
    pub passes: bool,
}

/// A message from the modem, as the network got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// To whom.
    pub to: String,
    /// The text, without a header of concatenation.
    pub text: String,
    /// The whole TPDU.
    pub tpdu: Vec<u8>,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// 0 unread, 1 read, 2 unsent, 3 sent.
    pub(super) status: u8,
    pub(super) tpdu: Vec<u8>,
    pub(super) peer: String,
    pub(super) time: String,
    pub(super) text: String,
}

/// Storages by name, as an EC25 has them: the card's and the modem's own.
pub(super) const STORAGES: [&str; 2] = ["SM", "ME"];
/// The place of the card's in [`STORAGES`], and that of the modem's own.
pub(super) const ON_CARD: usize = 0;
const OWN: usize = 1;

/// Messages and how they are to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Messages {
    /// The modem's own, by index from 0; the card's is on the card.
    pub(super) own: BTreeMap<usize, Stored>,
    /// Which storage is read, written, and receives.
    pub(super) chosen: [usize; 3],
    /// `+CMGF=1`.
    pub(super) text_mode: bool,
    /// `+CSMP` etc. do not matter; this is `+CSDH`.
    pub(super) details: bool,
    /// `+CSMS`: 1 wants each direct message acknowledged; nothing is ever sent twice here.
    pub(super) service: u8,
    /// `+CNMI`.
    pub(super) reports: [u8; 5],
    /// `+CSCS`.
    pub(super) charset: String,
    /// `+CSCA`.
    pub(super) centre: String,
    /// The reference of the next message.
    pub(super) reference: u8,
    /// At the network: they wait for a registered modem with room.
    pub(super) waiting: std::collections::VecDeque<pdu::Deliver>,
    pub(super) sent: Vec<Sent>,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            own: BTreeMap::new(),
            chosen: [OWN; 3],
            text_mode: false,
            details: false,
            service: 0,
            reports: [2, 1, 0, 0, 0],
            charset: "GSM".into(),
            centre: "+491710760000".into(),
            reference: 0,
            waiting: Default::default(),
            sent: Vec::new(),
        }
    }
}

impl Messages {
    /// What does not outlive a restart is as it was in the beginning; messages go `on_card`, or into the modem.
    pub(super) fn restart(&mut self, on_card: bool) {
        let fresh = Self::default();
        self.text_mode = fresh.text_mode;
        self.details = fresh.details;
        self.service = fresh.service;
        self.reports = fresh.reports;
        self.charset = fresh.charset;
        self.chosen = [if on_card { ON_CARD } else { OWN }; 3];
    }
}

/// What happened to the modem, for tests that ask whether it was treated well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// It came up, for whatever reason.
    pub boots: u32,
    /// It was reset by command.
    pub resets: u32,
    /// Its radio was switched off.
    pub radio_cycles: u32,
    /// It lost its power.
    pub power_cuts: u32,
    /// It lost its power while it was on: that can harm a real one.
    pub abrupt_cuts: u32,
    /// PINs that were given, right or wrong.
    pub pins: u32,
    /// Of these, wrong ones.
    pub wrong_pins: u32,
    /// Commands that it did not know.
    pub unknown: u32,
    /// Commands that it carried out.
    pub commands: u32,
}
