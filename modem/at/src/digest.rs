//! What the digester hands out, and why it refuses to send.

use crate::codes::Final;
use core::fmt;

/// Whether the modem repeats each command before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// It does, and the echo is the fence. The fence asks for it (`ATE1`), so that a modem that lost the setting
    /// in a reboot is put right.
    On,
    /// A quirk of modems that cannot: only the accounting after a timeout protects then.
    Off,
}

/// What came out of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest<'a> {
    /// The command in flight has ended.
    Response(Response<'a>),
    /// An unsolicited line; a message report holds its payload after a line feed.
    Urc(&'a str),
    /// The modem waits for the payload of the command in flight.
    Prompt,
}

/// The end of a command and the lines that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// Its lines, joined by line feeds; see [`Response::lines`].
    pub(crate) text: &'a str,
}

impl<'a> Response<'a> {
    /// The lines in the order in which they came; for [`Class::Headed`](crate::Class::Headed), header and payload in turn.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> {
        self.text.lines()
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// By a final code.
    Final(Final),
    /// By `OK`, but the line that its class promises is missing: that `OK` may have been another's, so the
    /// port is dirty now.
    Incomplete,
    /// The modem booted: the command will not be answered, and the port is dirty.
    Restarted,
    /// A line or the whole reply did not fit; the lines are not complete.
    Overflow,
}

/// What the port may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A command may be sent.
    Idle,
    /// A command is in flight.
    Busy,
    /// Late replies may come: only the fence may be sent.
    Dirty,
    /// The fence was sent and is not answered.
    Fencing,
    /// The fence was answered, with fewer final codes than are owed: clean once the line stays quiet.
    Fenced,
}

/// Why nothing may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// A command is in flight.
    Busy,
    /// A late reply may come: the fence must be answered first.
    Dirty,
    /// No prompt waits for a payload.
    NoPrompt,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "failed to send: a command is in flight; wait for its end",
            Self::Dirty => "failed to send: a late reply may come; fence the port first",
            Self::NoPrompt => "failed to send the payload: the modem has not asked for it",
        })
    }
}

impl core::error::Error for SendError {}
