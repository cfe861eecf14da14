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
    /// What came over the data channel, as it came; how it is cut means nothing. The code that ends the call is among
    /// it: only the silence after it tells it from data that say the same ([`Digester::quiet`](crate::Digester::quiet)).
    Data(&'a [u8]),
}

/// The end of a command and the lines that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// Its lines, joined by line feeds; see [`Response::lines`].
    pub(crate) text: &'a str,
    /// Its bytes; see [`Response::data`].
    pub(crate) data: &'a [u8],
}

impl<'a> Response<'a> {
    /// The lines in the order in which they came; for [`Class::Headed`](crate::Class::Headed), each payload
    /// behind its header, if it came.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> {
        self.text.lines()
    }

    /// The bytes that were told by their number, one run after the other ([`Class::Counted`](crate::Class::Counted)).
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.data
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
    /// A line, the bytes or the whole reply did not fit; what there is of them is not complete.
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
    /// The fence was answered: clean once the line stays quiet.
    Fenced,
    /// The port is a data channel: whatever is written goes to the far side.
    Data,
    /// The data channel was asked to become a command port again.
    Escaping,
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
    /// The port is a data channel: escape first.
    Data,
    /// The port is no data channel, so that there is nothing to escape from.
    NoData,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "failed to send: a command is in flight; wait for its end",
            Self::Dirty => "failed to send: a late reply may come; fence the port first",
            Self::NoPrompt => "failed to send the payload: the modem has not asked for it",
            Self::Data => "failed to send: the port carries data; end the call or escape from it first",
            Self::NoData => "failed to escape: the port carries no data",
        })
    }
}

impl core::error::Error for SendError {}
