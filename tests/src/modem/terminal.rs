//! One AT port: what is being typed, what is being answered, and what waits.

use super::commands::Effect;
use std::collections::VecDeque;

/// Bytes of a line or a payload that is being typed. An EC25 takes lines of 400 bytes.
const LINE_BYTES: usize = 1024;
/// Bytes that wait behind a command that is being carried out: about what USB buffers hold.
const INBOX_BYTES: usize = 4096;
/// Unsolicited lines that wait until a line is typed or a call is over; older ones go.
const HELD_LINES: usize = 64;

/// What the port is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Waiting for a command, or for the rest of one.
    Command,
    /// Carrying one out.
    Running(Pending),
    /// Waiting for a message to send or to store.
    Prompt(Payload),
    /// A call: what comes is data.
    Data,
}

/// The answer that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) text: String,
    pub(super) effects: Vec<Effect>,
    pub(super) turn: Turn,
}

/// What the port does after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Command,
    Prompt(Payload),
    Data,
}

/// What a prompt asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    /// To be kept (`+CMGW`), not sent.
    pub(super) store: bool,
    /// In PDU mode the length that was told.
    pub(super) length: Option<usize>,
    /// In text mode the number that was told.
    pub(super) to: String,
}

/// A port.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    pub(super) mode: Mode,
    /// Whether somebody has it open.
    pub(super) open: bool,
    pub(super) echo: bool,
    /// `+CMEE`: 0 no causes, 1 numbers, 2 words.
    pub(super) causes: u8,
    pub(super) line: Vec<u8>,
    pub(super) inbox: VecDeque<u8>,
    pub(super) held: VecDeque<String>,
    /// Bytes that did not fit.
    pub(super) lost: u64,
}

impl Terminal {
    pub(super) fn new(open: bool) -> Self {
        Self {
            mode: Mode::Command,
            open,
            echo: true,
            causes: 1,
            line: Vec::new(),
            inbox: VecDeque::new(),
            held: VecDeque::new(),
            lost: 0,
        }
    }

    pub(super) fn take_in(&mut self, bytes: &[u8]) {
        let room = INBOX_BYTES.saturating_sub(self.inbox.len());
        self.inbox.extend(bytes.iter().take(room));
        self.lost += bytes.len().saturating_sub(room) as u64;
    }

    /// The next byte that may be worked on.
    pub(super) fn next(&mut self) -> Option<u8> {
        match self.mode {
            Mode::Command | Mode::Prompt(_) => self.inbox.pop_front(),
            Mode::Running(_) | Mode::Data => None,
        }
    }

    /// Adds a byte to the line; whether it had room.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let room = self.line.len() < LINE_BYTES;
        if room {
            self.line.push(byte);
        } else {
            self.lost += 1;
        }
        room
    }

    /// Whether an unsolicited line may be said now.
    pub(super) fn may_speak(&self) -> bool {
        match self.mode {
            Mode::Command => self.line.is_empty(),
            Mode::Running(_) => true,
            Mode::Prompt(_) | Mode::Data => false,
        }
    }

    pub(super) fn hold(&mut self, line: String) {
        if self.held.len() >= HELD_LINES {
            self.held.pop_front();
        }
        self.held.push_back(line);
    }
}
