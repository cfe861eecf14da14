//! The modem of the model: one task behind a UART, and a wire to the host that cuts and delays.

use super::Dice;
use std::collections::VecDeque;
use std::ops::Range;

/// What is asked of the modem, and so what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Refused,
    NoResult,
    Several,
    Numeric,
    Headed,
    Counted,
    Prompting,
    Call,
}

pub(super) const KINDS: [Kind; 9] = [
    Kind::Single,
    Kind::Refused,
    Kind::NoResult,
    Kind::Several,
    Kind::Numeric,
    Kind::Headed,
    Kind::Counted,
    Kind::Prompting,
    Kind::Call,
];

/// What goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It never comes.
    Lost,
    /// Its lines are lost, the final code comes.
    LinesLost,
    /// The final code is lost.
    FinalLost,
    /// All of it comes twice.
    Twice,
    /// The modem boots instead.
    Boot,
}

/// An answer to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) number: usize,
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    /// Ticks until it comes.
    pub(super) wait: u32,
}

/// A body that would end its command if it were read as lines.
pub(super) const BODY: &[u8] = b"\0\r\nOK\r\nRDY\r\n> ~\xff";
/// Data that ends its call if what follows is not looked at.
const DATA: [&[u8]; 3] = [b"~\x7d\x21~\r\nNO CARRIER\r\n~\xff", b"\r\nOK\r\nGET / HTTP/1.1\r\n", b"\0\n"];
/// The longest time for the echo command, and before the wire is emptied.
const PROMPT_TICKS: u8 = 3;

#[derive(Debug)]
enum Part {
    Text(Vec<u8>),
    /// The final code of that command.
    Final(usize, Vec<u8>),
    Prompt,
    Connect(usize),
}

#[derive(Debug)]
pub(super) struct Modem {
    eager: bool,
    echo: bool,
    /// Whether the host reads the echo, without which a line that comes twice is taken for another's.
    pub(super) fenced: bool,
    input: VecDeque<u8>,
    line: Vec<u8>,
    plans: VecDeque<Plan>,
    work: VecDeque<Part>,
    wait: u32,
    /// Whose payload is being read.
    payload: Option<usize>,
    /// The host may still read what comes as data.
    pub(super) off_hook: bool,
    /// A number is dialled to no end.
    given_up_call: bool,
    /// For so many ticks the line is a data channel.
    call: Option<u32>,
    pub(super) wire: Vec<u8>,
    read: usize,
    held_back: u8,
    /// Where on the wire the final code of each command is.
    pub(super) finals: Vec<(usize, Range<usize>)>,
    pub(super) urcs: Vec<String>,
    /// What was sent as data, in the latest call.
    pub(super) data: Vec<u8>,
    pub(super) payloads: Vec<(usize, Vec<u8>)>,
}

impl Modem {
    pub(super) fn new(dice: &mut Dice<'_>) -> Self {
        let habits = dice.roll(6);
        Self {
            eager: habits & 1 == 1,
            echo: habits < 4,
            fenced: habits < 4,
            input: VecDeque::new(),
            line: Vec::new(),
            plans: VecDeque::new(),
            work: VecDeque::new(),
            wait: 0,
            payload: None,
            off_hook: false,
            given_up_call: false,
            call: None,
            wire: Vec::new(),
            read: 0,
            held_back: 0,
            finals: Vec::new(),
            urcs: Vec::new(),
            data: Vec::new(),
            payloads: Vec::new(),
        }
    }

    pub(super) fn plan(&mut self, plan: Plan) {
        self.given_up_call = plan.kind == Kind::Call && plan.fault != Fault::None;
        self.plans.push_back(plan);
    }

    /// Whether a command that comes now is turned to at once and repeated.
    pub(super) fn is_at_leisure(&self) -> bool {
        let echoes = self.echo || !self.fenced;
        echoes
            && self.input.is_empty()
            && self.work.is_empty()
            && self.payload.is_none()
            && self.call.is_none()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        if self.call.is_some() {
            if bytes == b"+++" {
                self.call = None;
                self.say(b"\r\nOK\r\n");
            }
            return;
        }
        if self.eager && self.echo {
            self.say(bytes);
        }
        self.input.extend(bytes);
    }

    pub(super) fn tick(&mut self, dice: &mut Dice<'_>) {
        if let Some(left) = self.call {
            return self.carry(left, dice);
        }
        if dice.roll(10) == 1 && !self.off_hook {
            self.interrupt(dice);
        }
        if self.wait > 0 {
            self.wait -= 1;
        } else if !self.work.is_empty() {
            // The answer at once, or part by part.
            while let Some(part) = self.work.pop_front() {
                self.give(part, dice);
                if dice.roll(4) == 1 || self.call.is_some() {
                    break;
                }
            }
        } else {
            self.listen(dice);
        }
    }

    fn dialling(&self) -> bool {
        let called = self.work.iter().any(|part| matches!(part, Part::Connect(_)));
        called || self.given_up_call || self.plans.iter().any(|plan| plan.kind == Kind::Call)
    }

    /// What arrives at the host in this tick: all, nothing, or a part.
    pub(super) fn arrive(&mut self, dice: &mut Dice<'_>) -> Range<usize> {
        let waiting = self.wire.len() - self.read;
        let some = match dice.roll(4) {
            _ if self.held_back >= 2 || dice.is_spent() => waiting,
            1 => 0,
            2 => waiting / 2,
            3 => waiting.min(3),
            _ => waiting,
        };
        self.held_back = if some < waiting { self.held_back + 1 } else { 0 };
        let from = self.read;
        self.read += some;
        from..self.read
    }

    fn say(&mut self, bytes: &[u8]) {
        self.wire.extend(bytes);
    }

    /// A line that nobody asked for, each of its own kind.
    fn interrupt(&mut self, dice: &mut Dice<'_>) {
        let number = self.urcs.len();
        let (wire, urc) = match dice.roll(4) {
            0 => (format!("\r\n+U: {number}\r\n"), format!("+U: {number}")),
            1 => (format!("\r\n+CMT: ,1{number}\r\nOK\r\n"), format!("+CMT: ,1{number}\nOK")),
            2 => (format!("\r\r\n+CREG: 1,\"{number}\"\r\n"), format!("+CREG: 1,\"{number}\"")),
            // While a number is dialled this would be the answer; without an echo, just before it as well.
            _ if self.dialling() || !self.fenced => return,
            _ => (format!("\0\r\r\r\nERRORS: {number}\r\nNO CARRIER\r\n"), format!("ERRORS: {number}")),
        };
        self.say(wire.as_bytes());
        self.urcs.push(urc);
    }

    /// One tick of a data channel.
    fn carry(&mut self, left: u32, dice: &mut Dice<'_>) {
        let bytes: &[u8] = if left == 0 { b"\r\nNO CARRIER\r\n" } else { DATA[usize::from(dice.roll(3))] };
        self.say(bytes);
        self.data.extend(bytes);
        self.call = left.checked_sub(1);
    }

    fn give(&mut self, part: Part, dice: &mut Dice<'_>) {
        match part {
            Part::Text(bytes) => self.say(&bytes),
            Part::Final(number, bytes) => {
                let from = self.wire.len();
                self.say(&bytes);
                self.finals.push((number, from..self.wire.len()));
            }
            Part::Prompt => self.say(b"\r\n> "),
            Part::Connect(number) => {
                let from = self.wire.len();
                self.say(b"\r\nCONNECT 150000000\r\n");
                self.finals.push((number, from..self.wire.len()));
                self.data.clear();
                self.off_hook = true;
                self.call = Some(u32::from(dice.roll(40)));
            }
        }
    }

    /// Reads a command, or the payload of one.
    fn listen(&mut self, dice: &mut Dice<'_>) {
        while let Some(byte) = self.input.pop_front() {
            match (byte, self.payload) {
                (0x1b, Some(number)) => return self.end_payload(number, true),
                (0x1a, Some(number)) => return self.end_payload(number, false),
                (0x1b, None) => {}
                (b'\r', None) => {
                    let line = std::mem::take(&mut self.line);
                    return self.obey(&line, dice);
                }
                _ => self.line.push(byte),
            }
        }
    }

    fn end_payload(&mut self, number: usize, cancelled: bool) {
        self.payload = None;
        let bytes = std::mem::take(&mut self.line);
        if self.echo && !self.eager {
            self.say(&bytes);
            self.say(b"\r\n");
        }
        if !cancelled {
            self.payloads.push((number, bytes));
            self.work.push_back(Part::Text(format!("\r\n+X: {number}\r\n").into()));
        }
        self.work.push_back(Part::Final(number, b"\r\nOK\r\n".to_vec()));
    }

    fn obey(&mut self, line: &[u8], dice: &mut Dice<'_>) {
        if self.echo && !self.eager {
            self.say(line);
            self.say(b"\r");
        }
        // What an escape left that came when the call was over already.
        let line = line.strip_prefix(b"+++").unwrap_or(line);
        if line == b"ATE1" || line == b"AT" {
            // Not those of whom the host knows that they cannot.
            self.echo |= self.fenced && line == b"ATE1";
            self.wait = u32::from(dice.roll(PROMPT_TICKS));
            self.work.push_back(Part::Text(b"\r\nOK\r\n".to_vec()));
            if self.fenced && dice.roll(6) == 1 {
                self.work.push_back(Part::Text(b"\r\nOK\r\n".to_vec()));
            }
            return;
        }
        let Some(plan) = self.plans.pop_front() else { return };
        self.wait = plan.wait;
        match plan.fault {
            Fault::Lost => {}
            Fault::Boot => self.boot(dice),
            Fault::None | Fault::LinesLost | Fault::FinalLost | Fault::Twice => self.answer(plan),
        }
    }

    fn boot(&mut self, dice: &mut Dice<'_>) {
        self.input.clear();
        self.plans.clear();
        self.echo &= dice.roll(2) == 0;
        let banner: &[u8] = if dice.roll(2) == 0 { b"\0\0\r\nRDY\r\n" } else { b"\r\n+AT: READY\r\n" };
        self.work.push_back(Part::Text(banner.to_vec()));
    }

    fn answer(&mut self, plan: Plan) {
        let Plan { number, kind, fault, .. } = plan;
        if kind == Kind::Call {
            return self.work.push_back(Part::Connect(number));
        }
        if kind == Kind::Prompting {
            self.payload = Some(number);
            return self.work.push_back(Part::Prompt);
        }
        let mut lines = lines(kind, number);
        let code = match kind {
            Kind::Refused => format!("\r\n+CME ERROR: {number}\r\n"),
            _ => "\r\nOK\r\n".to_owned(),
        };
        if fault == Fault::LinesLost {
            lines.clear();
        }
        let twice = if fault == Fault::Twice { 2 } else { 1 };
        for _ in 0..twice {
            self.work.extend(lines.iter().cloned().map(Part::Text));
            if fault != Fault::FinalLost {
                self.work.push_back(Part::Final(number, code.clone().into()));
            }
        }
        if fault == Fault::Twice {
            // Nothing of the next command may come between: these are copies on the wire.
            let copies: Vec<Part> = self.work.drain(..).collect();
            let mut whole = Vec::new();
            for part in copies {
                match part {
                    Part::Text(bytes) | Part::Final(_, bytes) => whole.extend(bytes),
                    Part::Prompt | Part::Connect(_) => {}
                }
            }
            self.work.push_back(Part::Final(number, whole));
        }
    }
}

/// The lines of an answer, before its final code.
fn lines(kind: Kind, number: usize) -> Vec<Vec<u8>> {
    let line = format!("\r\n+X: {number}\r\n").into_bytes();
    match kind {
        Kind::Single => vec![line],
        Kind::Several => vec![line.clone(), line],
        Kind::Numeric => vec![format!("\r\n{number}\r\n").into()],
        // What nobody asked for may come between the two.
        Kind::Headed => vec![format!("\r\n+X: {number},,2\r\n").into(), b"0A\r\n".to_vec()],
        Kind::Counted => {
            let head = format!("\r\n+X: {},{number}\r\n", BODY.len());
            vec![[head.as_bytes(), BODY, b"\r\n"].concat()]
        }
        Kind::Refused | Kind::NoResult | Kind::Prompting | Kind::Call => Vec::new(),
    }
}
