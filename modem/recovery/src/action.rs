//! What the machine wants done. Ends come back as [`Event::Ended`](crate::Event::Ended).

use crate::facts::{IpSettings, Radio, Slot};
use crate::{Entry, Pin, Saved};
use core::time::Duration;

/// Something for the driver to do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Carry out one task, and tell its end. One is in hand at a time.
    Do {
        /// Its name in the end.
        id: TaskId,
        /// What.
        task: Task,
        /// After this it is [`End::TimedOut`](crate::End::TimedOut); whoever says nothing is taken to say so.
        limit: Duration,
    },
    /// Keep this over a restart, on the disk before the end is told. Some of what follows waits for it.
    Save {
        /// Its name in the end.
        id: TaskId,
        /// What.
        saved: Saved,
    },
    /// Tell the operator and the record.
    Journal(Entry),
}

/// One task or save, unique in the life of a [`Recovery`](crate::Recovery).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Something that is done to a modem, bounded, with one end. What it brings to light is told as facts before
/// the end. Where a modem has no command for a reading, the end is
/// [`Refusal::Unsupported`](crate::Refusal::Unsupported), and what was to be read is assumed to be well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Find the modem's AT ports and open one: `Fact::Ports`.
    FindPorts,
    /// Drain the port and see whether the modem answers at all, three times at most.
    Fence,
    /// See whether the modem answers on another of its AT ports, and go on there if so.
    PokeSibling,
    /// Close the port and open it again, found by its path in sysfs or by IMEI.
    Reopen,
    /// Ask which modem it is and set what the session needs (echo, error numbers, reports): `Fact::Identity`.
    Identify,
    /// Ask for the SIM's state, slot, number and tries left: `Fact::Sim`.
    ReadSim,
    /// Give the SIM its PIN. Sent once; never again by the driver, whatever comes of it. Done: the modem said OK.
    EnterPin(Pin),
    /// Ask what the radio is set to: `Fact::Radio`.
    ReadRadio,
    /// Set the radio.
    SetRadio(Radio),
    /// Ask for the registration in each domain: `Fact::Registration`.
    ReadRegistration,
    /// Leave the network and register anew (`COPS=2` and `0`, or `CGATT` 0 and 1).
    Reregister,
    /// Ask whether the modem is attached for packets: `Fact::Attached`.
    ReadAttach,
    /// Attach for packets.
    Attach,
    /// Ask for the bearer and its addresses: `Fact::Bearer`.
    ReadBearer,
    /// Bring the bearer up, in the context of the SIM at this place of the config: SIMs have providers of their own.
    BearerUp(usize),
    /// Take the bearer down.
    BearerDown,
    /// Ask for the bearer's IP configuration: `Fact::Ip` and `Fact::Bearer`.
    ReadIp,
    /// Put it onto the host's interface, or start DHCP there and await an address: `Fact::HostIp`.
    ApplyIp(IpSettings),
    /// Send probes over the link: done when one is answered.
    ProbeData,
    /// Ask for the signal: `Fact::Signal`.
    ReadSignal,
    /// Ask for the bytes carried: `Fact::Usage`.
    ReadUsage,
    /// Reset the modem by AT: done when its ports have gone.
    Reset,
    /// Unbind the modem from USB and bind it again.
    UsbReset,
    /// Switch the modem off gently, by AT or its power key: done when it says so or its ports have gone.
    PowerOff,
    /// Take its supply away for so long, and give it back.
    CutPower(Duration),
    /// Use the SIM in this slot: done when the modem has taken it.
    SelectSlot(Slot),
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Task {
    /// How long a modem may take for it: the longest that vendors give for the command, or what the rung allows.
    #[must_use]
    pub fn limit(&self) -> Duration {
        match self {
            Self::FindPorts | Self::Reopen => secs(5),
            // Three fences of three seconds each, before them the wait for an answer that is owed, and before the last the
            // escape from data.
            Self::Fence | Self::PokeSibling => secs(15),
            // Most commands take 3 to 9 s; an identification is several short ones.
            Self::Identify
            | Self::ReadSim
            | Self::ReadRadio
            | Self::ReadRegistration
            | Self::ReadAttach
            | Self::ReadBearer
            | Self::ReadIp
            | Self::ReadSignal
            | Self::ReadUsage => secs(9),
            Self::EnterPin(_) => secs(20),
            // Off is quick; on includes the search for the SIM.
            Self::SetRadio(Radio::On) => secs(180),
            Self::SetRadio(_) => secs(15),
            // `COPS=0` alone may take 120 s.
            Self::Reregister => secs(150),
            Self::Attach => secs(30),
            Self::BearerUp(_) => secs(150),
            Self::BearerDown => secs(10),
            // A DHCP exchange with its retries.
            Self::ApplyIp(_) => secs(20),
            Self::ProbeData => secs(10),
            Self::Reset => secs(15),
            Self::UsbReset => secs(30),
            Self::PowerOff | Self::SelectSlot(_) => secs(60),
            Self::CutPower(off) => *off + secs(5),
        }
    }

    /// Whether no answer in time says that the modem does not answer AT at all: so it is for short questions.
    pub(crate) const fn is_question(&self) -> bool {
        match self {
            Self::Identify
            | Self::ReadSim
            | Self::ReadRadio
            | Self::ReadRegistration
            | Self::ReadAttach
            | Self::ReadBearer
            | Self::ReadIp
            | Self::ReadSignal
            | Self::ReadUsage => true,
            Self::FindPorts
            | Self::Fence
            | Self::PokeSibling
            | Self::Reopen
            | Self::EnterPin(_)
            | Self::SetRadio(_)
            | Self::Reregister
            | Self::Attach
            | Self::BearerUp(_)
            | Self::BearerDown
            | Self::ApplyIp(_)
            | Self::ProbeData
            | Self::Reset
            | Self::UsbReset
            | Self::PowerOff
            | Self::CutPower(_)
            | Self::SelectSlot(_) => false,
        }
    }
}
