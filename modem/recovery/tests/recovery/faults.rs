//! What can be wrong with the modem of these tests, and what it takes to mend it.

use shunt_recovery::facts::{MobilityCause, SessionCause};

/// How much is wrong with the modem, the network or the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faults {
    /// No AT port answers: until then nothing but this much helps.
    pub(crate) hang: Option<Cure>,
    /// AT answers, but nothing that goes over the bearer does: until this much helps.
    pub(crate) stalled: Option<Cure>,
    /// The modem is not to be found.
    pub(crate) vanished: Option<Cure>,
    /// The radio does not find the network, until this much helps.
    pub(crate) deaf: Option<Cure>,
    /// The network refuses registration.
    pub(crate) denied: Option<MobilityCause>,
    /// The network refuses the bearer.
    pub(crate) refused: Option<SessionCause>,
    /// The SIM is busy for ever.
    pub(crate) sim_busy: Option<Cure>,
    /// Each of the cards: absent.
    pub(crate) no_sim: [bool; 2],
    /// The cards' numbers cannot be read.
    pub(crate) no_iccid: bool,
    /// The network is down: the modem searches.
    pub(crate) no_network: bool,
    /// DHCP is not answered.
    pub(crate) no_address: bool,
    /// The disk refuses.
    pub(crate) no_disk: bool,
    /// Tasks in so many (256 for all) are not answered at all, by the dice.
    pub(crate) lossy: u8,
}

/// What it takes to mend something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cure {
    Fence,
    Reopen,
    Bearer,
    Register,
    Radio,
    Reset,
    Usb,
    Power,
}

impl Faults {
    pub(crate) const NONE: Self = Self {
        hang: None,
        stalled: None,
        vanished: None,
        deaf: None,
        denied: None,
        refused: None,
        sim_busy: None,
        no_sim: [false; 2],
        no_iccid: false,
        no_network: false,
        no_address: false,
        no_disk: false,
        lossy: 0,
    };

    pub(crate) fn cure(&mut self, by: Cure) {
        for fault in
            [&mut self.hang, &mut self.stalled, &mut self.vanished, &mut self.deaf, &mut self.sim_busy]
        {
            if fault.is_some_and(|needs| needs <= by) {
                *fault = None;
            }
        }
    }
}
