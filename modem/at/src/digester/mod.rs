//! The digester: which line is the reply, which is unsolicited, and whether the port may be used.
//!
//! This file is what the caller does; `lines.rs` is what received lines do.

mod call;
mod counted;
mod lines;
mod reply;

use crate::command::{Command, Sign};
use crate::digest::{Digest, Echo, Response, SendError, State};
use crate::line::Line;
use crate::payload::Payload;
use call::{Call, Ending};
use counted::{Counted, Fate};
use lines::Step;
use reply::Reply;
pub use reply::{DATA_BYTES, REPLY_BYTES};

/// The protocol's state for one port.
#[derive(Debug, Clone)]
pub struct Digester {
    echo: Echo,
    phase: Phase,
    prompt: Prompt,
    /// The blank that follows a prompt may come.
    blank_due: bool,
    command: Option<Command>,
    payload: Option<Payload>,
    line: Line,
    reply: Reply,
    counted: Counted,
    /// The next line belongs to the header before it.
    headed: bool,
    call: Call,
    /// The byte that [`Digester::receive`] gives out as data.
    byte: [u8; 1],
    /// The final code of a command that was given up has not come, or it came as a call that nobody waits for.
    owing: bool,
    /// The modem may still be reading a payload, which the fence must cancel first.
    cancel: bool,
    overflows: u32,
    strays: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    AwaitEcho,
    Reply,
    Dirty,
    /// A fence on a clean port: its answer is all that can come.
    PingSent,
    PingEchoed,
    /// A fence on a dirty port.
    FenceSent,
    FenceEchoed,
    Fenced,
    Data,
    Escaping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    NotAwaited,
    Awaited(Sign),
    Seen(Sign),
}

impl Digester {
    /// A digester for a port that was just opened: dirty, since whoever had it before may have left a
    /// command unanswered.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            echo,
            phase: Phase::Dirty,
            prompt: Prompt::NotAwaited,
            blank_due: false,
            command: None,
            payload: None,
            line: Line::default(),
            reply: Reply::default(),
            counted: Counted::No,
            headed: false,
            call: Call::default(),
            byte: [0],
            owing: false,
            cancel: false,
            overflows: 0,
            strays: 0,
        }
    }

    /// What the port may be used for.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Idle => State::Idle,
            Phase::AwaitEcho | Phase::Reply => State::Busy,
            Phase::Dirty => State::Dirty,
            Phase::PingSent | Phase::PingEchoed | Phase::FenceSent | Phase::FenceEchoed => State::Fencing,
            Phase::Fenced => State::Fenced,
            Phase::Data => State::Data,
            Phase::Escaping => State::Escaping,
        }
    }

    /// How many lines, runs of bytes or replies did not fit.
    #[must_use]
    pub fn overflows(&self) -> u32 {
        self.overflows
    }

    /// How many final codes came while no command waited for one, the fence's own among them, and lines that can end
    /// a data channel. Each begins the wait for quiet anew ([`Digester::quiet`]).
    #[must_use]
    pub fn strays(&self) -> u32 {
        self.strays.saturating_add(self.call.endings())
    }

    /// Whether a command that was given up may still be worked on. It is worth while to wait some time for its final
    /// code before the fence is sent: many modems take any byte as the order to abort (ITU-T V.250, 5.6.1). Of a port
    /// that carries data: whether its call came when it was given up already, so that it is to be escaped from.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owing
    }

    /// Takes note that `command` is being sent; the caller writes [`Command::wire`].
    ///
    /// # Errors
    ///
    /// When the port is busy, dirty, or carries data.
    pub fn send(&mut self, command: Command) -> Result<(), SendError> {
        match self.state() {
            State::Idle => {}
            State::Busy => return Err(SendError::Busy),
            State::Dirty | State::Fencing | State::Fenced => return Err(SendError::Dirty),
            State::Data | State::Escaping => return Err(SendError::Data),
        }
        self.phase = match self.echo {
            Echo::On => Phase::AwaitEcho,
            Echo::Off => Phase::Reply,
        };
        self.prompt = command.sign().map_or(Prompt::NotAwaited, Prompt::Awaited);
        self.command = Some(command);
        self.payload = None;
        self.reply.clear();
        self.counted = Counted::No;
        self.headed = false;
        Ok(())
    }

    /// Takes note that `payload` is being sent after [`Digest::Prompt`]; the caller writes [`Payload::wire`].
    ///
    /// # Errors
    ///
    /// When no prompt waits for it.
    pub fn answer(&mut self, payload: Payload) -> Result<(), SendError> {
        if self.phase != Phase::Reply || !matches!(self.prompt, Prompt::Seen(_)) || self.payload.is_some() {
            return Err(SendError::NoPrompt);
        }
        self.counted = Counted::echo(payload.echoed_bytes());
        self.payload = Some(payload);
        Ok(())
    }

    /// The caller has waited long enough, for a command, the fence or the escape: the port is dirty now. Without one of
    /// these in flight nothing changes.
    pub fn timed_out(&mut self) {
        match self.phase {
            Phase::AwaitEcho | Phase::Reply | Phase::Escaping => self.soil(true),
            Phase::PingSent | Phase::PingEchoed | Phase::FenceSent | Phase::FenceEchoed => {
                self.phase = Phase::Dirty;
            }
            Phase::Idle | Phase::Dirty | Phase::Fenced | Phase::Data => {}
        }
    }

    /// The fence's bytes, to be written at once: on a dirty port to make it clean, on an idle one to ask
    /// whether the modem answers. It is through when [`Digester::state`] is [`State::Idle`].
    ///
    /// # Errors
    ///
    /// When a command is in flight or the port carries data.
    pub fn fence(&mut self) -> Result<&'static [u8], SendError> {
        self.phase = match (self.state(), self.echo) {
            (State::Busy, _) => return Err(SendError::Busy),
            (State::Data | State::Escaping, _) => return Err(SendError::Data),
            (State::Idle, Echo::On) => Phase::PingSent,
            (State::Idle, Echo::Off) => Phase::PingEchoed,
            (State::Dirty | State::Fencing | State::Fenced, Echo::On) => Phase::FenceSent,
            (State::Dirty | State::Fencing | State::Fenced, Echo::Off) => Phase::FenceEchoed,
        };
        Ok(match (self.echo, self.cancel) {
            (Echo::On, false) => b"ATE1\r",
            (Echo::On, true) => b"\x1bATE1\r",
            (Echo::Off, false) => b"AT\r",
            (Echo::Off, true) => b"\x1bAT\r",
        })
    }

    /// The bytes that ask a data channel for its command port, the call standing: to be written at once, and nothing for
    /// a second before and after (the guard time of Hayes modems). It is through when [`Digester::quiet`], called a
    /// while after the last stray, says so.
    ///
    /// # Errors
    ///
    /// When the port carries no data.
    pub fn escape(&mut self) -> Result<&'static [u8], SendError> {
        if self.phase != Phase::Data {
            return Err(SendError::NoData);
        }
        self.phase = Phase::Escaping;
        self.call.escape();
        Ok(b"+++")
    }

    /// For a while no final code was received ([`Digester::strays`]). If the fence was answered, the modem owes nothing
    /// any more: the while must be longer than the modem takes from one answer to the next when both commands lie before
    /// it. If what came last over a data channel was the line that ends it, and unsolicited ones at most, then the port
    /// takes commands again, or is dirty after a boot or a call that came late: the fence sent before it may still be
    /// answered. Returns whether a command may be sent.
    pub fn quiet(&mut self) -> bool {
        match (self.phase, self.call.ending()) {
            (Phase::Data | Phase::Escaping, Some(Ending::Hung))
            | (Phase::Escaping, Some(Ending::Escaped))
                if self.owing =>
            {
                self.soil(false);
            }
            (Phase::Fenced, _)
            | (Phase::Data | Phase::Escaping, Some(Ending::Hung))
            | (Phase::Escaping, Some(Ending::Escaped)) => self.clean(),
            (Phase::Data | Phase::Escaping, Some(Ending::Restarted)) => self.soil(false),
            (Phase::Data, Some(Ending::Escaped))
            | (Phase::Data | Phase::Escaping, None)
            | (
                Phase::Idle
                | Phase::AwaitEcho
                | Phase::Reply
                | Phase::Dirty
                | Phase::PingSent
                | Phase::PingEchoed
                | Phase::FenceSent
                | Phase::FenceEchoed,
                _,
            ) => {}
        }
        self.phase == Phase::Idle
    }

    /// Takes all `bytes` and hands `sink` what comes out, in order.
    pub fn receive_all(&mut self, bytes: &[u8], mut sink: impl FnMut(Digest<'_>)) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            if self.carries_data() && !self.call.is_starting() {
                for byte in rest {
                    self.call.watch(*byte);
                }
                return sink(Digest::Data(rest));
            }
            if let Some(digest) = self.receive(*byte) {
                sink(digest);
            }
            rest = after;
        }
    }

    /// Takes one byte. What comes out is the same however the stream was cut.
    pub fn receive(&mut self, byte: u8) -> Option<Digest<'_>> {
        if self.carries_data() {
            self.byte = [byte];
            return self.call.watch(byte).then_some(Digest::Data(&self.byte));
        }
        if core::mem::take(&mut self.blank_due) && byte == b' ' && self.line.is_empty() {
            return None;
        }
        match self.counted.take(byte) {
            Fate::Line => {}
            Fate::Dropped => return None,
            Fate::Data => {
                self.overflows = self.overflows.saturating_add(u32::from(self.reply.keep_byte(byte)));
                return None;
            }
        }
        match (byte, self.prompt) {
            (0, _) => None,
            (b'\r' | b'\n', _) => self.end_line(byte),
            (_, Prompt::Awaited(sign)) if sign.byte() == Some(byte) && self.at_line_start() => {
                self.prompt = Prompt::Seen(sign);
                self.blank_due = true;
                Some(Digest::Prompt)
            }
            _ => {
                self.line.push(byte);
                None
            }
        }
    }

    fn carries_data(&self) -> bool {
        matches!(self.phase, Phase::Data | Phase::Escaping)
    }

    fn at_line_start(&self) -> bool {
        self.phase == Phase::Reply && !self.headed && self.line.is_empty() && !self.line.is_held()
    }

    fn end_line(&mut self, line_end: u8) -> Option<Digest<'_>> {
        self.line.refresh();
        if self.line.is_empty() {
            return None;
        }
        let step = self.take_line(line_end);
        if step == Step::Hold {
            self.line.hold();
            return None;
        }
        self.line.finish();
        match step {
            Step::Nothing | Step::Hold => None,
            Step::Prompt => Some(Digest::Prompt),
            Step::Urc => Some(Digest::Urc(self.line.text())),
            Step::End(outcome) => {
                Some(Digest::Response(Response { outcome, text: self.reply.text(), data: self.reply.data() }))
            }
        }
    }

    /// Nothing is owed: a command may be sent. The command stays known, so that its echo is never a URC.
    fn clean(&mut self) {
        self.phase = Phase::Idle;
        self.prompt = Prompt::NotAwaited;
        self.owing = false;
        self.cancel = false;
        self.headed = false;
    }

    /// A late reply may come: the fence comes next.
    fn soil(&mut self, owing: bool) {
        self.cancel |= matches!(self.prompt, Prompt::Awaited(Sign::Angle) | Prompt::Seen(Sign::Angle));
        self.prompt = Prompt::NotAwaited;
        self.phase = Phase::Dirty;
        self.owing = owing;
        self.headed = false;
        self.counted = Counted::No;
    }
}
