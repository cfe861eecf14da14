//! What the agent and a modem's driver say to each other.
//!
//! The agent gives [`Order`]s, reads the [`State`], and answers what it is [`Told`]. A reply that is dropped instead of
//! given is an answer too: "no".

use crate::dialect::{Cells, Context, Operator, TenthsOfCelsius};
use crate::ports::{Probing, Selector, Sysfs};
use crate::session::Timing;
pub use crate::sms::Received;
use shunt_at::Outcome;
use shunt_recovery::facts::{Addresses, IpSettings, Slot, Usage};
use shunt_recovery::{Elsewhere, Entry, Pin, Rung, Saved, Snapshot, UnixTime};
use shunt_sms::{Address, EncodeError};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How one modem is found, brought up and brought back.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which modem.
    pub selector: Selector,
    /// Where it is looked for; another tree than the machine's own is for tests.
    pub sysfs: Sysfs,
    /// Symbols a second, where its port has a speed. USB has none.
    pub baud: u32,
    /// The context that carries the link's data, of the first SIM: APN, families, authentication.
    pub context: Context,
    /// The same of the second SIM and those after it, in their order in `recovery`. Where one is missing, the first's counts.
    pub more_contexts: Vec<Context>,
    /// SIMs with their PINs and allowances, the return to the preferred one, how often a modem that is well is asked. Of
    /// the hardware and of what is `wanted` nothing need be said: the driver finds out.
    pub recovery: shunt_recovery::Config,
    /// How its supply is cut.
    pub power: Power,
    /// Whether it may be taken off USB and brought back, where it is on USB.
    pub usb: bool,
    /// Whether messages are taken from it: those that the agent took over are deleted from the modem.
    pub messages: bool,
    /// How its ports are fenced.
    pub timing: Timing,
    /// How ports of which nothing is known are asked.
    pub probing: Probing,
    /// How many times faster than the wall's the machine's time runs: 1. More is for tests, where an hour must not take one.
    pub speed: u32,
}

impl Config {
    /// The context of the SIM at this place.
    #[must_use]
    pub fn context_of(&self, sim: usize) -> &Context {
        let more = sim.checked_sub(1).and_then(|more| self.more_contexts.get(more));
        more.unwrap_or(&self.context)
    }
}

/// How a modem's supply is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Power {
    /// Not at all.
    None,
    /// By a line of this machine.
    Gpio(Gpio),
    /// By whoever is told [`Told::Power`]: the board's MCU.
    Asked,
}

/// A line that switches a modem's supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpio {
    /// The chip's character device (`/dev/gpiochip0`).
    pub chip: PathBuf,
    /// The line's number in the chip.
    pub line: u32,
    /// Whether the supply is on while the line is low.
    pub active_low: bool,
}

/// The agent's side of a driver. The driver ends, and lets go of the ports, when `orders` is dropped; its last word is a
/// [`Told::Save`], so whoever drops `orders` reads `told` to its end.
#[derive(Debug)]
pub struct Handle {
    /// Takes orders, of which few wait.
    pub orders: mpsc::Sender<Order>,
    /// What is known now; changed whenever something is.
    pub state: watch::Receiver<State>,
    /// What the driver tells and asks. It is to be read all the time: what does not fit is dropped and counted, and what
    /// asks for an answer is taken to be refused.
    pub told: mpsc::Receiver<Told>,
}

/// Where one answer is given. Dropped, it says that there is none.
#[derive(Debug)]
pub struct Answer<T>(oneshot::Sender<T>);

/// What is known of one modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What the machine knows: readiness and its reason, stage, rung, SIM, registration, bearer, signal, usage.
    pub machine: Snapshot,
    /// The AT ports in use, the one for commands first; none while the modem is away.
    pub ports: Vec<PathBuf>,
    /// The device, below the kernel's tree; none before it was found first.
    pub device: Option<PathBuf>,
    /// Why it is not found, while it is not.
    pub trouble: Option<String>,
    /// The device's own network interfaces.
    pub interfaces: Vec<String>,
    /// The vendor's dialect that is spoken.
    pub dialect: &'static str,
    /// By which command the bearer is brought up (`+QNETDEVCTL`).
    pub way: &'static str,
    /// Who serves.
    pub operator: Option<Operator>,
    /// The cells and how they are received.
    pub cells: Option<Cells>,
    /// How warm the module is.
    pub temperature: Option<TenthsOfCelsius>,
    /// The access point that the network gives instead of the configured one, whatever was done; none while it does not.
    pub other_access_point: Option<String>,
    /// What the interface was told to be set to, while the bearer is up.
    pub ip: Option<IpSettings>,
    /// What was counted since the start.
    pub counters: Counters,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Commands that were sent.
    pub commands: u64,
    /// Commands that got no answer in time, and fences.
    pub timeouts: u64,
    /// Ports that vanished while they were in use, or while the supply was cut.
    pub gone: u64,
    /// How often the modem said that it booted.
    pub boots: u64,
    /// Unsolicited lines that were taken in.
    pub urcs: u64,
    /// Unsolicited lines that were dropped because nobody took them in time.
    pub urcs_lost: u64,
    /// Messages that were taken over by the agent.
    pub messages: u64,
    /// What was not told because nobody read it.
    pub untold: u64,
}

/// What the agent wants.
#[derive(Debug)]
pub enum Order {
    /// Send this command and tell what came, behind what the machine wants of the modem.
    At {
        /// The command. What would break the session is no [`AtLine`].
        line: AtLine,
        /// How long the modem may take; at most [`AT_LONGEST`].
        limit: Duration,
        /// What came.
        answer: Answer<Result<AtReply, OrderError>>,
    },
    /// Carry out one rung of the ladder now, whatever its caps say: a reset ([`Rung::Reset`]), a power cycle
    /// ([`Rung::Power`]), a new registration. The journal tells how it went.
    Run(Rung),
    /// Use the SIM in this slot; it must be one of the config's.
    SwitchSim(Slot),
    /// Use this PIN for the SIM in use. A SIM that was given it before and is not known to have accepted it is not given it
    /// again.
    Unlock(Pin),
    /// Wait no longer: end the back-off, and look again at what was given up for an hour.
    Retry,
    /// Send a message.
    Send {
        /// To whom.
        to: Address,
        /// What it says; in as many parts as it takes.
        text: String,
        /// The reference of each part, once the network took them.
        answer: Answer<Result<Vec<u8>, OrderError>>,
    },
    /// Tell the messages that are in the modem. With [`Config::messages`] these are only such as wait for other parts.
    List {
        /// The messages.
        answer: Answer<Result<Vec<Received>, OrderError>>,
    },
    /// The agent's verdict on the link changed: whether its probes are answered.
    Data {
        /// Whether data flows.
        flows: bool,
    },
    /// The addresses of the link's interface changed.
    HostIp(Addresses),
    /// The bytes that the link's interface counted. They count only where the modem does not count itself.
    Usage(Usage),
    /// The time of day is known, or was put right.
    Clock(UnixTime),
    /// What other modems know of SIM cards changed: this is all of it now.
    Elsewhere(Elsewhere),
}

/// The longest that an operator's command may take: what [`crate::longest::NETWORK_SEARCH`] allows, and no machine's
/// question waits longer than that.
pub const AT_LONGEST: Duration = crate::longest::NETWORK_SEARCH;

/// A command that does no harm to the session, as an operator types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtLine(pub(super) String);

/// What a modem answered to an operator's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtReply {
    /// How it ended.
    pub outcome: Outcome,
    /// All lines that came, those of others too.
    pub lines: Vec<String>,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No port is open.
    #[error("failed to ask the modem: it is not there; see `shunt modem status`")]
    Away,
    /// The port vanished meanwhile.
    #[error("failed to ask the modem: its port vanished; wait until it is back")]
    Gone,
    /// No answer came in time.
    #[error("failed to get an answer of the modem in time; it may have done it all the same")]
    TimedOut,
    /// As many orders wait as may.
    #[error("failed to ask the modem: too many orders wait; try again in a minute")]
    Busy,
    /// The modem refused.
    #[error("failed to do it: the modem answered {outcome:?} to {command}")]
    Refused {
        /// To what.
        command: String,
        /// What it answered.
        outcome: Outcome,
    },
    /// The modem answered what nobody can read.
    #[error("failed to read the answer to {command}: {line:?}")]
    Unreadable {
        /// To what.
        command: String,
        /// What it answered.
        line: String,
    },
    /// Some parts of a message are sent, and then one was not: it arrives incomplete.
    #[error("failed to send part {number} of {of}, those before it are gone; send the message again", number = sent + 1)]
    Cut {
        /// How many parts are gone.
        sent: usize,
        /// Of how many.
        of: usize,
    },
    /// The message cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A defect: a command that the protocol does not take.
    #[error("failed to write the command: {reason}")]
    Command {
        /// Why.
        reason: String,
    },
}

/// What the driver tells the agent, or asks of it.
#[derive(Debug)]
pub enum Told {
    /// For the record and the operator. Its time is the machine's own, which began at the driver's start.
    Journal(Entry),
    /// Put this on the disk, then answer. What relies on it is done only after the answer (a PIN is not given without).
    Save {
        /// What.
        saved: Saved,
        /// Once it is on the disk; dropped: it could not be saved.
        done: Answer<()>,
    },
    /// The bearer is up: set the link's interface to this (or await DHCP, where it is `served`), and tell the addresses that
    /// it has then.
    Bearer {
        /// What the modem says of it.
        settings: IpSettings,
        /// The interface's addresses; dropped: it could not be set.
        done: Answer<Addresses>,
    },
    /// The bearer that was told last is no more.
    NoBearer,
    /// Probe the link's targets now, and say whether data flows.
    Probe {
        /// Whether one was answered.
        flows: Answer<bool>,
    },
    /// Switch the modem's supply ([`Power::Asked`]).
    Power {
        /// On or off.
        on: bool,
        /// Once it is done; dropped: it could not be done.
        done: Answer<()>,
    },
    /// Something came by message.
    Message {
        /// What.
        received: Received,
        /// Once it is where it is safe: only then it is deleted from the modem. Dropped: it comes again later.
        taken: Answer<()>,
    },
}

impl<T> Answer<T> {
    /// A place for an answer, and where it comes out.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Gives the answer. Whoever no longer waits for it does not miss it.
    pub fn give(self, answer: T) {
        let _nobody_waits = self.0.send(answer);
    }
}
