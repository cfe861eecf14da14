//! The MCU's side of the messages: what it takes, and what it says, without what only the agent needs.
//!
//! Why beside [`Message`](crate::Message): the MCU has no use for reading what only it says, nor for the names in the
//! agent's hello, and pays for each in flash. Same numbers, same bytes; the tests hold them against each other.

use crate::codec::{Reader, Writer};
use crate::log::Log;
use crate::message::{Capabilities, Outcome, Role, Seconds, Timeouts};
use crate::status::Status;

/// What the MCU takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The agent is there; of its hello only the session matters.
    Hello {
        /// Another one each time that the agent begins anew.
        session: u32,
    },
    /// The host is alive.
    Feed,
    /// Do not judge the host for so long.
    Lease(Seconds),
    /// Tell your status.
    StatusRequest,
    /// Guard the host by these times.
    Arm(Timeouts),
    /// Guard nothing.
    Disarm,
    /// Cut the modem's supply for its least time off.
    CycleModem,
    /// Reset the host when it had its time to shut down.
    ResetHost,
    /// Tell the log from this entry on.
    LogRequest {
        /// Its number.
        from: u32,
    },
    /// Start the boot loader.
    EnterBootLoader {
        /// Must be [`BOOT_LOADER_KEY`](crate::BOOT_LOADER_KEY).
        key: u32,
    },
    /// What only an MCU says, an echo of our own for example, or that something was not understood: not to be
    /// answered, lest two MCUs talk for ever.
    NotForUs,
}

/// What the MCU says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is there.
    Hello {
        /// The version of its software, at the most 32 bytes.
        software: &'static str,
        /// The board's name, at the most 32 bytes.
        board: &'static str,
        /// Another one for each boot.
        session: u32,
        /// What it can do.
        capabilities: Capabilities,
    },
    /// How it fares.
    Status(Status),
    /// The frame with this sequence was whole, but its message is not known.
    NotUnderstood {
        /// The sequence of that frame.
        sequence: u16,
    },
    /// A part of the log.
    Log(Log),
    /// What became of a request.
    Answer {
        /// Its sequence.
        sequence: u16,
        /// What became of it.
        outcome: Outcome,
    },
}

/// The numbers of the messages on the line: their places in [`Message`](crate::Message).
mod number {
    pub(super) const HELLO: u32 = 0;
    pub(super) const FEED: u32 = 1;
    pub(super) const LEASE: u32 = 2;
    pub(super) const STATUS_REQUEST: u32 = 3;
    pub(super) const STATUS: u32 = 4;
    pub(super) const NOT_UNDERSTOOD: u32 = 5;
    pub(super) const ARM: u32 = 6;
    pub(super) const DISARM: u32 = 7;
    pub(super) const CYCLE_MODEM: u32 = 8;
    pub(super) const RESET_HOST: u32 = 9;
    pub(super) const LOG_REQUEST: u32 = 10;
    pub(super) const LOG: u32 = 11;
    pub(super) const ENTER_BOOT_LOADER: u32 = 12;
    pub(super) const ANSWER: u32 = 13;
}

impl Request {
    /// Reads a message; `None` when it is none that is known here, or is not whole.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        let request = match reader.number() {
            number::HELLO => hello(&mut reader),
            number::FEED => Self::Feed,
            number::LEASE => Self::Lease(Seconds(reader.number())),
            number::STATUS_REQUEST => Self::StatusRequest,
            number::ARM => Self::Arm(Timeouts::read(&mut reader)),
            number::DISARM => Self::Disarm,
            number::CYCLE_MODEM => Self::CycleModem,
            number::RESET_HOST => Self::ResetHost,
            number::LOG_REQUEST => Self::LogRequest { from: reader.number() },
            number::ENTER_BOOT_LOADER => Self::EnterBootLoader { key: reader.number() },
            number::STATUS | number::NOT_UNDERSTOOD | number::LOG | number::ANSWER => Self::NotForUs,
            _ => return None,
        };
        reader.finish().then_some(request)
    }
}

fn hello(reader: &mut Reader<'_>) -> Request {
    let role = reader.one_of(&[Role::Agent, Role::Mcu]);
    reader.pass_over_text();
    reader.pass_over_text();
    let session = reader.number();
    let _capabilities = reader.number();
    if role == Some(Role::Mcu) { Request::NotForUs } else { Request::Hello { session } }
}

impl Reply {
    /// Writes the message to the start of `target`, and gives its length; `None` when it does not fit.
    pub(crate) fn write(&self, target: &mut [u8]) -> Option<usize> {
        let mut writer = Writer::new(target);
        match self {
            Self::Hello { software, board, session, capabilities } => {
                writer.number(number::HELLO);
                writer.byte(Role::Mcu as u8);
                writer.text(software);
                writer.text(board);
                writer.number(*session);
                writer.number(capabilities.0.into());
            }
            Self::Status(status) => {
                writer.number(number::STATUS);
                status.write(&mut writer);
            }
            Self::NotUnderstood { sequence } => {
                writer.number(number::NOT_UNDERSTOOD);
                writer.number((*sequence).into());
            }
            Self::Log(log) => {
                writer.number(number::LOG);
                writer.number(log.first);
                writer.number(log.next);
                writer.number(log.entries.len() as u32);
                log.entries.iter().for_each(|entry| entry.write(&mut writer));
            }
            Self::Answer { sequence, outcome } => {
                writer.number(number::ANSWER);
                writer.number((*sequence).into());
                outcome.write(&mut writer);
            }
        }
        writer.finish()
    }
}
