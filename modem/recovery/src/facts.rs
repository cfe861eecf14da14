//! What is known of a modem, as values: the dialects make them out of text, the machine judges them.
//!
//! The numbers are those of 3GPP: TS 27.007 (AT commands), TS 24.008 and TS 24.301 (causes).

mod cause;
mod ip;
mod network;
mod signal;
mod sim;

pub use cause::{CmeError, MobilityCause, SessionCause};
pub use ip::{Addresses, Bearer, IpSettings, V4Settings, V6Settings};
pub use network::{AccessTechnology, Domain, Registration, RegistrationState};
pub use signal::{Dbm, Signal, TenthsOfDb};
pub use sim::{Iccid, Sim, SimState, Slot, Tries};

use serde::{Deserialize, Serialize};

/// Which modem it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// `+CGMI`.
    pub manufacturer: String,
    /// `+CGMM`.
    pub model: String,
    /// `+CGMR`: the firmware.
    pub revision: String,
    /// `+CGSN`: 15 digits; empty where the modem has none.
    pub imei: String,
}

/// What the radio is set to (`+CFUN`, 27.007 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Radio {
    /// 0: minimum functionality; radio and SIM off.
    Minimum,
    /// 1: full functionality.
    On,
    /// 4: radio off, SIM on ("flight mode").
    Flight,
    /// Any other number, which vendors give meanings of their own.
    Other(u8),
}

impl Radio {
    /// The mode that the modem answered by number.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Minimum,
            1 => Self::On,
            4 => Self::Flight,
            other => Self::Other(other),
        }
    }
}

/// Who counts the bytes that a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counter {
    /// The modem.
    Modem,
    /// The host's interface.
    Host,
}

/// Bytes that were counted since a moment of the counter's own choosing, be it the modem's making: it may begin anew at any
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Towards the gateway.
    pub received: u64,
    /// Towards the network.
    pub sent: u64,
}

/// Where the modem's AT ports stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ports {
    /// A port is open and may be asked.
    Open,
    /// No port of this modem exists, or the one in use vanished.
    Gone,
}

/// One thing that became known, asked for or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The ports came or went.
    Ports(Ports),
    /// The modem said that it has just booted (`RDY`, `^SYSSTART`): what was known of it is void.
    Booted,
    /// Which modem it is.
    Identity(Identity),
    /// The SIM, as far as it could be read.
    Sim(Sim),
    /// The radio.
    Radio(Radio),
    /// Registration in one domain.
    Registration(Registration),
    /// Attached to the packet domain (`+CGATT`), or not.
    Attached(bool),
    /// The bearer, as the modem has it.
    Bearer(Bearer),
    /// The network refused the bearer or took it away, and said why.
    BearerRefused(SessionCause),
    /// What the modem says the host's interface is to be set to.
    Ip(IpSettings),
    /// What the host's interface has.
    HostIp(Addresses),
    /// Signal.
    Signal(Signal),
    /// Bytes counted by the modem or, where it does not count, by the host's interface.
    Usage(Counter, Usage),
}
