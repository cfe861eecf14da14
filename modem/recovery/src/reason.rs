//! Why: every readiness, rung and alarm carries one.

use crate::facts::{MobilityCause, SessionCause};
use core::fmt;
use serde::{Deserialize, Serialize};

/// How ready the modem is to carry the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// No AT port, or nobody known behind it.
    NoModem,
    /// No SIM.
    NoSim,
    /// Not registered yet.
    Searching,
    /// Registered; no bearer yet.
    Registered,
    /// The bearer is up; not proved yet.
    BearerUp,
    /// Data was seen to flow.
    Verified,
    /// It cannot carry the link, and something is being done about it or must be done by somebody.
    Failed(Failure),
}

/// What a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// Something that a rung may mend.
    Fault(Fault),
    /// Something that no rung mends.
    Barred(Cause),
}

/// Why the readiness is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Nothing is known yet.
    Started,
    /// The next step up was made.
    Climbed,
    /// What was there went away: the modem said so.
    Lost,
    /// A fault was found.
    Fault(Fault),
    /// A permanent cause was found.
    Barred(Cause),
}

/// What a rung may mend, by the step that is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fault {
    /// No port of the modem is there.
    NoPort,
    /// It does not answer AT.
    Silent,
    /// It answers, but will not say which modem it is.
    Unidentified,
    /// The SIM stays busy or fails.
    SimUnusable,
    /// The radio does not go on.
    RadioOff,
    /// No registration within its time.
    NotRegistered,
    /// Registered, but not attached for packets.
    NotAttached,
    /// The bearer does not come up.
    NoBearer,
    /// The host's interface gets no address that fits the bearer's.
    NoAddress,
    /// All is well as far as the modem tells, and no data flows.
    NoData,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPort => "no port of the modem is there",
            Self::Silent => "the modem does not answer",
            Self::Unidentified => "the modem does not tell its identity",
            Self::SimUnusable => "the SIM stays busy or fails",
            Self::RadioOff => "the radio does not go on",
            Self::NotRegistered => "no registration",
            Self::NotAttached => "not attached for data",
            Self::NoBearer => "the bearer does not come up",
            Self::NoAddress => "the interface has no address that fits the bearer",
            Self::NoData => "no data flows although the bearer is up",
        })
    }
}

/// What no rung mends: an alarm is raised, another SIM is tried if there is one, and it is looked at again
/// after an hour or when something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// No SIM.
    NoSim,
    /// The SIM wants its PUK, which is never given.
    Puk,
    /// The modem is locked to another card, network or provider.
    Locked,
    /// The SIM wants a PIN that cannot be given.
    Pin(PinProblem),
    /// The network refuses this SIM or this modem.
    Network(MobilityCause),
    /// The network refuses this bearer.
    Bearer(SessionCause),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSim => f.write_str("there is no SIM; insert one"),
            Self::Puk => f.write_str("the SIM wants its PUK; give it in a phone"),
            Self::Locked => f.write_str("the modem is locked to another SIM or provider"),
            Self::Pin(problem) => problem.fmt(f),
            Self::Network(cause) => write!(f, "the network refuses this SIM or modem: {cause}"),
            Self::Bearer(cause) => write!(f, "the network refuses the bearer: {cause}; see APN and login"),
        }
    }
}

/// Why a PIN is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinProblem {
    /// The config has none.
    NotConfigured,
    /// This PIN was given to this card before, and was not accepted, or nobody knows.
    Tried,
    /// The card refused it just now.
    Wrong,
    /// Fewer than two tries are left.
    TriesLow,
    /// Fewer tries are left than when the card accepted this PIN: a wrong one was given since.
    TriesFewer,
    /// The modem does not tell how many tries are left.
    TriesUnknown,
    /// The card's number cannot be read, so that nobody knows whether it was tried before.
    CardUnknown,
    /// The attempt could not be put on record first.
    NotKept,
}

impl fmt::Display for PinProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConfigured => "the SIM wants a PIN and the config has none; name its file by pin_file",
            Self::Tried => {
                "this PIN was given to this SIM once and not known to be accepted; see that it is right, and unlock the SIM in a phone"
            }
            Self::Wrong => "the SIM refused the PIN; put the right one into pin_file",
            Self::TriesLow => "fewer than two tries of the PIN are left; unlock the SIM in a phone",
            Self::TriesFewer => {
                "the SIM was given a wrong PIN since it accepted this one; see that it is right, and unlock the SIM in a phone"
            }
            Self::TriesUnknown => {
                "the modem does not tell how many tries of the PIN are left; switch the PIN off in a phone"
            }
            Self::CardUnknown => "the SIM wants a PIN and does not tell its number; switch the PIN off in a phone",
            Self::NotKept => "the attempt to give the PIN cannot be put on record; see to the disk",
        })
    }
}

/// The rungs of the recovery ladder, the gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rung {
    /// 0: drain the port, and try another one of the modem.
    Fence,
    /// 1: close the port and open it again.
    Reopen,
    /// 2: the bearer down and up.
    Bearer,
    /// 3: register anew.
    Register,
    /// 4: the radio off and on.
    Radio,
    /// 5: reset by AT.
    Reset,
    /// 6: off USB and back.
    Usb,
    /// 7: gently off, then the supply away for some seconds.
    Power,
    /// 8: the other SIM.
    Slot,
}

impl Rung {
    /// All of them, the gentlest first.
    pub const ALL: [Self; 9] = [
        Self::Fence,
        Self::Reopen,
        Self::Bearer,
        Self::Register,
        Self::Radio,
        Self::Reset,
        Self::Usb,
        Self::Power,
        Self::Slot,
    ];

    /// Its place on the ladder.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether it restarts the modem, and so counts towards the caps.
    #[must_use]
    pub const fn is_reset(self) -> bool {
        matches!(self, Self::Reset | Self::Usb | Self::Power)
    }
}
