//! What the modem answers to each command. Each file has one subject; what none of them knows is an error.

mod basic;
mod card;
mod messages;
mod packet;
mod radio;

pub(super) use radio::REGISTRATIONS;

use super::core::Modem;
use super::line::Call;
use super::pdu::Submit;
use super::terminal::{Payload, Turn};
use std::time::Duration;

/// What a command changes, at the moment of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// `+CFUN`.
    Radio(u8),
    /// `+CFUN=1,1`.
    Reset,
    /// `+QPOWD`.
    PowerOff,
    /// `+COPS`: the way of choosing.
    Selection(u8),
    /// `+CGATT`.
    Attach(bool),
    /// The context gets its addresses.
    Activate(u8),
    /// The context loses them.
    Deactivate(u8),
    /// The network interface gets a context; the flag has its changes told.
    Interface(Option<(u8, bool)>),
    /// A call begins on this port.
    Call(usize, u8),
    /// It ends.
    HangUp,
    /// The other slot.
    Slot(usize),
    /// The card was unlocked.
    Unlocked,
    /// A message goes out.
    Send(Submit),
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ok,
    Error,
    Cme(u16),
    Cms(u16),
    Connect,
    NoCarrier,
    /// Without a final code: a prompt.
    Prompt,
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) lines: Vec<String>,
    pub(super) end: End,
    /// Besides what any answer takes.
    pub(super) takes: Duration,
    pub(super) effects: Vec<Effect>,
    pub(super) turn: Turn,
}

impl Answer {
    pub(super) fn end(end: End) -> Self {
        Self { lines: Vec::new(), end, takes: Duration::ZERO, effects: Vec::new(), turn: Turn::Command }
    }

    fn ok() -> Self {
        Self::end(End::Ok)
    }

    fn line(text: impl Into<String>) -> Self {
        Self::lines(vec![text.into()])
    }

    fn lines(lines: Vec<String>) -> Self {
        Self { lines, ..Self::ok() }
    }

    fn error() -> Self {
        Self::end(End::Error)
    }

    fn cme(cause: u16) -> Self {
        Self::end(End::Cme(cause))
    }

    fn cms(cause: u16) -> Self {
        Self::end(End::Cms(cause))
    }

    fn does(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    fn taking(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    fn prompt(payload: Payload) -> Self {
        Self { turn: Turn::Prompt(payload), ..Self::end(End::Prompt) }
    }
}

impl Modem {
    /// Carries one command out.
    pub(super) fn execute(&mut self, port: usize, call: &Call) -> Answer {
        self.counts.commands += 1;
        let subjects =
            [Self::basic, Self::card_command, Self::radio_command, Self::packet_command, Self::message];
        if let Some(answer) = subjects.iter().find_map(|subject| subject(self, port, call)) {
            return answer;
        }
        self.counts.unknown += 1;
        self.last_unknown = Some(call.name.clone());
        Answer::error()
    }

    /// A command of which nothing depends here: it is taken, and told in a fixed way.
    fn setting(call: &Call, test: &str, read: &str) -> Answer {
        use super::line::Form;
        match call.form {
            Form::Test => Answer::line(format!("{}: {test}", call.name)),
            Form::Read => Answer::line(format!("{}: {read}", call.name)),
            Form::Run | Form::Set(_) => Answer::ok(),
        }
    }
}
