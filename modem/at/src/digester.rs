//! The digester: which line is the reply, which is unsolicited, and whether the port may be used.

use crate::codes::{Final, is_boot_banner};
use crate::command::{CTRL_Z, Class, Command, Payload};
use crate::digest::{Digest, Echo, Outcome, Response, SendError, State};
use crate::line::Line;
use crate::registration::is_report;
use heapless::String;

/// The longest reply in bytes, all its lines together. Forty stored messages of 400 bytes fit; a
/// longer list is told by [`Outcome::Overflow`] and can be asked for piece by piece.
pub const REPLY_BYTES: usize = 16 * 1024;

/// Unsolicited lines that are followed by one line of payload, whatever that says (27.005, 3.4.1, PDU mode).
const HEADED_URCS: [&str; 3] = ["+CMT:", "+CDS:", "+CBM:"];

/// The protocol's state for one port.
#[derive(Debug, Clone)]
pub struct Digester {
    echo: Echo,
    phase: Phase,
    prompt: Prompt,
    command: Option<Command>,
    payload: Option<Payload>,
    line: Line,
    reply: String<REPLY_BYTES>,
    /// The next line belongs to the header before it.
    headed: bool,
    /// A line of the reply in flight was lost.
    lossy: bool,
    /// Final codes that the modem owes: one for each command or fence that was given up.
    owed: u8,
    /// The modem may still be reading a payload, which the fence must cancel first.
    cancel: bool,
    overflows: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    AwaitEcho,
    Reply,
    Dirty,
    FenceSent,
    FenceEchoed,
    Fenced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    NotAwaited,
    Awaited,
    Seen,
}

/// What a line is by itself, before the state says what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OwnEcho,
    FenceEcho,
    Final(Final),
    Banner,
    Text,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    Urc,
    End(Outcome),
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
            command: None,
            payload: None,
            line: Line::default(),
            reply: String::new(),
            headed: false,
            lossy: false,
            owed: 1,
            cancel: false,
            overflows: 0,
        }
    }

    /// What the port may be used for.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Idle => State::Idle,
            Phase::AwaitEcho | Phase::Reply => State::Busy,
            Phase::Dirty => State::Dirty,
            Phase::FenceSent | Phase::FenceEchoed => State::Fencing,
            Phase::Fenced => State::Fenced,
        }
    }

    /// How many lines were dropped because they did not fit.
    #[must_use]
    pub fn overflows(&self) -> u32 {
        self.overflows
    }

    /// Takes note that `command` is being sent; the caller writes [`Command::wire`].
    ///
    /// # Errors
    ///
    /// When the port is busy or dirty.
    pub fn send(&mut self, command: Command) -> Result<(), SendError> {
        match self.state() {
            State::Idle => {}
            State::Busy => return Err(SendError::Busy),
            State::Dirty | State::Fencing | State::Fenced => return Err(SendError::Dirty),
        }
        self.phase = match self.echo {
            Echo::On => Phase::AwaitEcho,
            Echo::Off => Phase::Reply,
        };
        self.prompt = if command.is_prompting() { Prompt::Awaited } else { Prompt::NotAwaited };
        self.command = Some(command);
        self.payload = None;
        self.reply.clear();
        self.headed = false;
        self.lossy = false;
        Ok(())
    }

    /// Takes note that `payload` is being sent after [`Digest::Prompt`]; the caller writes [`Payload::wire`].
    ///
    /// # Errors
    ///
    /// When no prompt waits for it.
    pub fn answer(&mut self, payload: Payload) -> Result<(), SendError> {
        if self.phase != Phase::Reply || self.prompt != Prompt::Seen || self.payload.is_some() {
            return Err(SendError::NoPrompt);
        }
        self.payload = Some(payload);
        Ok(())
    }

    /// The caller has waited long enough, for a command or for the fence: the port is dirty now. Without
    /// either in flight nothing changes.
    pub fn timed_out(&mut self) {
        match self.phase {
            Phase::AwaitEcho | Phase::Reply => self.soil(1),
            Phase::FenceSent | Phase::FenceEchoed => self.phase = Phase::Dirty,
            Phase::Idle | Phase::Dirty | Phase::Fenced => {}
        }
    }

    /// The fence's bytes, to be written at once: on a dirty port to make it clean, on an idle one to ask
    /// whether the modem answers. It is through when [`Digester::state`] is [`State::Idle`].
    ///
    /// # Errors
    ///
    /// When a command is in flight.
    pub fn fence(&mut self) -> Result<&'static [u8], SendError> {
        if self.state() == State::Busy {
            return Err(SendError::Busy);
        }
        self.owed = self.owed.saturating_add(1);
        self.phase = match self.echo {
            Echo::On => Phase::FenceSent,
            Echo::Off => Phase::FenceEchoed,
        };
        Ok(match (self.echo, self.cancel) {
            (Echo::On, false) => b"ATE1\r",
            (Echo::On, true) => b"\x1bATE1\r",
            (Echo::Off, false) => b"AT\r",
            (Echo::Off, true) => b"\x1bAT\r",
        })
    }

    /// Nothing was received for a while: if the fence was answered, the modem owes nothing any more. The while
    /// must be longer than the modem takes for an `AT`. Returns whether a command may be sent.
    pub fn quiet(&mut self) -> bool {
        if self.phase == Phase::Fenced {
            self.clean();
        }
        self.phase == Phase::Idle
    }

    /// Takes all `bytes` and hands `sink` what comes out, in order.
    pub fn receive_all(&mut self, bytes: &[u8], mut sink: impl FnMut(Digest<'_>)) {
        for byte in bytes {
            if let Some(digest) = self.receive(*byte) {
                sink(digest);
            }
        }
    }

    /// Takes one byte. What comes out is the same however the stream was cut.
    pub fn receive(&mut self, byte: u8) -> Option<Digest<'_>> {
        match byte {
            0 => None,
            b'\r' | b'\n' => self.end_line(),
            b'>' if self.prompt == Prompt::Awaited && self.at_line_start() => {
                self.prompt = Prompt::Seen;
                Some(Digest::Prompt)
            }
            // The blank that follows a prompt.
            b' ' if self.prompt == Prompt::Seen && self.at_line_start() => None,
            _ => {
                self.line.push(byte);
                None
            }
        }
    }

    fn at_line_start(&self) -> bool {
        self.phase == Phase::Reply && self.line.is_empty() && !self.line.is_held()
    }

    fn end_line(&mut self) -> Option<Digest<'_>> {
        self.line.refresh();
        if self.line.is_empty() {
            return None;
        }
        let step = if self.line.is_overlong() {
            self.overflows = self.overflows.saturating_add(1);
            self.lossy |= self.phase == Phase::Reply;
            self.headed = false;
            Step::Nothing
        } else if self.line.is_held() {
            Step::Urc
        } else {
            self.take_line(self.kind())
        };
        if step == Step::Urc && !self.line.is_held() && is_headed_urc(self.line.text()) {
            self.line.hold();
            return None;
        }
        self.line.finish();
        match step {
            Step::Nothing => None,
            Step::Urc => Some(Digest::Urc(self.line.text())),
            Step::End(outcome) => Some(Digest::Response(Response { outcome, text: &self.reply })),
        }
    }

    /// What a whole line means: the one place where received bytes change the phase.
    fn take_line(&mut self, kind: Kind) -> Step {
        match (self.phase, kind) {
            (Phase::Reply, Kind::OwnEcho | Kind::FenceEcho | Kind::Final(_) | Kind::Banner | Kind::Text)
                if self.headed =>
            {
                self.headed = false;
                self.keep();
                Step::Nothing
            }
            (Phase::AwaitEcho, Kind::OwnEcho) => {
                self.phase = Phase::Reply;
                Step::Nothing
            }
            (Phase::FenceSent, Kind::FenceEcho) => {
                self.phase = Phase::FenceEchoed;
                Step::Nothing
            }
            (
                Phase::Idle
                | Phase::Reply
                | Phase::Dirty
                | Phase::FenceSent
                | Phase::FenceEchoed
                | Phase::Fenced,
                Kind::OwnEcho,
            )
            | (
                Phase::Idle
                | Phase::AwaitEcho
                | Phase::Reply
                | Phase::Dirty
                | Phase::FenceEchoed
                | Phase::Fenced,
                Kind::FenceEcho,
            ) => Step::Nothing,
            (Phase::Reply, Kind::Final(code)) => Step::End(self.end(code)),
            (Phase::AwaitEcho | Phase::Reply, Kind::Banner) => {
                self.reply.clear();
                self.soil(1);
                Step::End(Outcome::Restarted)
            }
            (Phase::Reply, Kind::Text) => self.take_text(),
            // A late final code, or the fence's own.
            (Phase::Dirty | Phase::FenceSent, Kind::Final(_)) => {
                self.owed = self.owed.saturating_sub(1);
                Step::Nothing
            }
            (Phase::FenceEchoed | Phase::Fenced, Kind::Final(_)) => {
                self.owed = self.owed.saturating_sub(1);
                self.phase = Phase::Fenced;
                if self.owed == 0 {
                    self.clean();
                }
                Step::Nothing
            }
            (Phase::Dirty | Phase::FenceSent | Phase::FenceEchoed | Phase::Fenced, Kind::Banner) => {
                self.soil(0);
                Step::Urc
            }
            (Phase::Idle, Kind::Final(_) | Kind::Banner | Kind::Text)
            | (Phase::AwaitEcho, Kind::Final(_) | Kind::Text)
            | (Phase::Dirty | Phase::FenceSent | Phase::FenceEchoed | Phase::Fenced, Kind::Text) => Step::Urc,
        }
    }

    fn kind(&self) -> Kind {
        let line = self.line.text();
        let echo = line.trim_start_matches(['>', ' ', '\u{1b}']);
        if self.command.as_ref().is_some_and(|command| command.text() == line)
            || self.payload.as_ref().is_some_and(|payload| payload.text() == line.trim_end_matches(CTRL_Z))
        {
            return Kind::OwnEcho;
        }
        if echo == "ATE1" || echo == "AT" {
            return Kind::FenceEcho;
        }
        match Final::parse(line) {
            Some(code) if code.tells_of_a_call() && !self.in_call_set_up() => Kind::Text,
            Some(code) => Kind::Final(code),
            None if is_boot_banner(line) => Kind::Banner,
            None => Kind::Text,
        }
    }

    fn in_call_set_up(&self) -> bool {
        self.command.as_ref().is_some_and(Command::opens_a_call)
    }

    /// A line after the echo that is neither echo, final code nor banner.
    fn take_text(&mut self) -> Step {
        let line = self.line.text();
        let class = self.command.as_ref().map_or(Class::NoResult, Command::class);
        let mine = match class {
            Class::NoResult => false,
            Class::Numeric => line.starts_with(|first: char| first.is_ascii_digit()),
            Class::SingleLine(prefix) => line.starts_with(prefix) && !is_report(line),
            Class::MultiLine(prefix) | Class::Headed(prefix) => line.starts_with(prefix),
        };
        if !mine {
            return Step::Urc;
        }
        match class {
            Class::NoResult => Step::Urc,
            Class::Numeric | Class::SingleLine(_) => self.keep_last(),
            Class::MultiLine(_) => {
                self.keep();
                Step::Nothing
            }
            Class::Headed(_) => {
                self.headed = true;
                self.keep();
                Step::Nothing
            }
        }
    }

    /// Appends the line to the reply.
    fn keep(&mut self) {
        let gap = if self.reply.is_empty() { "" } else { "\n" };
        let line = self.line.text();
        if self.reply.len() + gap.len() + line.len() > REPLY_BYTES
            || self.reply.push_str(gap).and_then(|()| self.reply.push_str(line)).is_err()
        {
            self.overflows = self.overflows.saturating_add(1);
            self.lossy = true;
        }
    }

    /// Makes the line the whole reply; one that stood there is given out instead.
    fn keep_last(&mut self) -> Step {
        let Ok(earlier) = String::try_from(self.reply.as_str()) else { return Step::Nothing };
        self.reply.clear();
        self.keep();
        if earlier.is_empty() {
            return Step::Nothing;
        }
        self.line.replace(earlier);
        Step::Urc
    }

    fn end(&mut self, code: Final) -> Outcome {
        let class = self.command.as_ref().map_or(Class::NoResult, Command::class);
        let promised = match class {
            Class::Numeric | Class::SingleLine(_) => true,
            Class::NoResult | Class::MultiLine(_) | Class::Headed(_) => false,
        };
        if self.lossy {
            self.clean();
            Outcome::Overflow
        } else if promised && code == Final::Ok && self.reply.is_empty() {
            self.soil(1);
            Outcome::Incomplete
        } else {
            self.clean();
            Outcome::Final(code)
        }
    }

    /// Nothing is owed: a command may be sent. The command stays known, so that its echo is never a URC.
    fn clean(&mut self) {
        self.phase = Phase::Idle;
        self.prompt = Prompt::NotAwaited;
        self.owed = 0;
        self.cancel = false;
        self.headed = false;
    }

    /// The modem owes `owed` final codes, as far as is known: the fence comes next.
    fn soil(&mut self, owed: u8) {
        self.cancel |= self.prompt != Prompt::NotAwaited;
        self.prompt = Prompt::NotAwaited;
        self.phase = Phase::Dirty;
        self.owed = owed;
        self.headed = false;
    }
}

fn is_headed_urc(line: &str) -> bool {
    HEADED_URCS.iter().any(|prefix| line.starts_with(prefix))
}
