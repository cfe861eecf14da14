//! What a whole line means, by itself and in the state it comes in.

use super::counted::{Counted, argument};
use super::{Digester, Phase, Prompt};
use crate::codes::{Final, is_boot_banner};
use crate::command::{Class, Command};
use crate::digest::Outcome;
use crate::payload::Payload;
use crate::registration::is_report;

/// Unsolicited lines that are followed by one line of payload, whatever that says (27.005, 3.4.1, PDU mode).
const HEADED_URCS: [&str; 3] = ["+CMT:", "+CDS:", "+CBM:"];

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Prompt,
    Urc,
    /// It is a URC together with the next line.
    Hold,
    End(Outcome),
}

/// What a line is by itself, before the state says what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OwnEcho,
    FenceEcho,
    Prompt,
    Final(Final),
    Banner,
    Text,
}

impl Digester {
    /// What becomes of the line that was ended by the byte `line_end`.
    pub(super) fn take_line(&mut self, line_end: u8) -> Step {
        if self.line.is_overlong() {
            self.overflows = self.overflows.saturating_add(1);
            if self.phase == Phase::Reply {
                self.reply.lose();
            }
            self.headed = false;
            return Step::Nothing;
        }
        if self.line.is_held() {
            return Step::Urc;
        }
        let step = self.take_whole_line(self.kind(), line_end);
        if step == Step::Urc && is_headed_urc(self.line.text()) { Step::Hold } else { step }
    }

    /// The one place where received lines change the phase.
    fn take_whole_line(&mut self, kind: Kind, line_end: u8) -> Step {
        use Kind::{Banner, FenceEcho, OwnEcho, Prompt as Sign, Text};
        use Phase::{
            AwaitEcho, Data, Dirty, Escaping, FenceEchoed, FenceSent, Fenced, Idle, PingEchoed, PingSent,
        };
        match (self.phase, kind) {
            (Phase::Reply, OwnEcho | FenceEcho | Sign | Kind::Final(_) | Banner | Text)
                if self.headed && is_hexadecimal(self.line.text()) =>
            {
                self.headed = false;
                self.keep();
                Step::Nothing
            }
            (AwaitEcho, OwnEcho) => self.go_on(Phase::Reply),
            (PingSent, FenceEcho) => self.go_on(PingEchoed),
            (FenceSent, FenceEcho) => self.go_on(FenceEchoed),
            (
                Idle | Phase::Reply | Dirty | PingSent | PingEchoed | FenceSent | FenceEchoed | Fenced,
                OwnEcho,
            )
            | (Idle | AwaitEcho | Phase::Reply | Dirty | PingEchoed | FenceEchoed | Fenced, FenceEcho) => {
                Step::Nothing
            }
            (Phase::Reply, Kind::Final(code)) => Step::End(self.end(code, line_end)),
            (AwaitEcho | Phase::Reply, Banner) => {
                self.reply.clear();
                self.soil(false);
                Step::End(Outcome::Restarted)
            }
            (Phase::Reply, Sign) => {
                if let Prompt::Awaited(sign) = self.prompt {
                    self.prompt = Prompt::Seen(sign);
                }
                Step::Prompt
            }
            (Phase::Reply, Text) => self.take_text(line_end),
            // The call came after all. No fence is answered so, and what follows is data.
            (Dirty | FenceSent | FenceEchoed | Fenced, Kind::Final(Final::Connect))
                if self.command.as_ref().is_some_and(Command::carries_data) =>
            {
                self.owing = true;
                self.call.start(line_end);
                self.go_on(Data)
            }
            // A late final code, or the fence's own.
            (Dirty | PingSent | FenceSent, Kind::Final(_)) => {
                self.owing = false;
                self.stray(self.phase)
            }
            (PingEchoed, Kind::Final(_)) => {
                self.clean();
                self.stray(Idle)
            }
            (FenceEchoed | Fenced, Kind::Final(_)) => self.stray(Fenced),
            // Its settings are lost, the echo among them.
            (Idle | Dirty | PingSent | PingEchoed | FenceSent | FenceEchoed | Fenced, Banner) => {
                self.soil(false);
                Step::Urc
            }
            (Idle, Sign | Kind::Final(_) | Text)
            | (AwaitEcho, Sign | Kind::Final(_) | Text)
            | (Dirty | PingSent | PingEchoed | FenceSent | FenceEchoed | Fenced, Sign | Text) => Step::Urc,
            // These have no lines.
            (Data | Escaping, OwnEcho | FenceEcho | Sign | Kind::Final(_) | Banner | Text) => Step::Nothing,
        }
    }

    fn go_on(&mut self, phase: Phase) -> Step {
        self.phase = phase;
        Step::Nothing
    }

    fn stray(&mut self, phase: Phase) -> Step {
        self.strays = self.strays.saturating_add(1);
        self.go_on(phase)
    }

    fn kind(&self) -> Kind {
        let line = self.line.text();
        // What an earlier prompt, a cancelled payload or an escape left on the line.
        let echo = line.trim_start_matches(['>', ' ', '\u{1b}', '+']);
        if self.command.as_ref().is_some_and(|command| command.text() == echo)
            || self.payload.as_ref().is_some_and(|payload| Payload::is_echo(payload, line))
        {
            return Kind::OwnEcho;
        }
        if echo == "ATE1" || echo == "AT" {
            return Kind::FenceEcho;
        }
        if let (Phase::Reply, Prompt::Awaited(sign)) = (self.phase, self.prompt)
            && sign.is_line(line)
        {
            return Kind::Prompt;
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

    /// A line after the echo that is neither echo, prompt, final code nor banner.
    fn take_text(&mut self, line_end: u8) -> Step {
        let line = self.line.text();
        let class = self.command.as_ref().map_or(Class::NoResult, Command::class);
        let mine = match class {
            Class::NoResult => false,
            Class::Numeric => line.starts_with(|first: char| first.is_ascii_digit()),
            Class::SingleLine(prefix) => line.starts_with(prefix) && !is_report(line),
            Class::MultiLine(prefix) | Class::Headed(prefix) | Class::Counted(prefix, _) => {
                line.starts_with(prefix)
            }
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
                self.headed = !announces_nothing(line);
                self.keep();
                Step::Nothing
            }
            Class::Counted(prefix, number) => {
                let count = argument(line, prefix, number).unwrap_or_default();
                self.counted = Counted::after_header(count, line_end);
                self.keep();
                Step::Nothing
            }
        }
    }

    /// Appends the line to the reply.
    fn keep(&mut self) {
        if !self.reply.keep(self.line.text()) {
            self.overflows = self.overflows.saturating_add(1);
        }
    }

    /// Makes the line the whole reply; one that stood there is given out instead.
    fn keep_last(&mut self) -> Step {
        match self.reply.replace(self.line.text()) {
            None => Step::Nothing,
            Some(earlier) => {
                self.line.replace(earlier);
                Step::Urc
            }
        }
    }

    fn end(&mut self, code: Final, line_end: u8) -> Outcome {
        let class = self.command.as_ref().map_or(Class::NoResult, Command::class);
        let promised = match class {
            Class::Numeric | Class::SingleLine(_) => true,
            Class::NoResult | Class::MultiLine(_) | Class::Headed(_) | Class::Counted(..) => false,
        };
        let lossy = self.reply.is_lossy();
        if !lossy && promised && code == Final::Ok && self.reply.text().is_empty() {
            self.soil(true);
            return Outcome::Incomplete;
        }
        self.clean();
        if code == Final::Connect && self.command.as_ref().is_some_and(Command::carries_data) {
            self.phase = Phase::Data;
            self.call.start(line_end);
        }
        if lossy { Outcome::Overflow } else { Outcome::Final(code) }
    }
}

/// Whether a line can be a message in PDU mode: else it came between a header and its message.
fn is_hexadecimal(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_headed_urc(line: &str) -> bool {
    HEADED_URCS.iter().any(|prefix| line.starts_with(prefix)) && !announces_nothing(line)
}

/// Whether a header says that nothing belongs to it, as that of an empty place does (`+CMGR: 0,,0`).
fn announces_nothing(header: &str) -> bool {
    header.rsplit([',', ':']).next().is_some_and(|length| length.trim() == "0")
}
