//! What the modem hears and says on its ports, and how faults spoil it.

use super::card::Lock;
use super::commands::{Answer, End};
use super::core::{CardState, Due, Modem, Output};
use super::fault::{About, Fault};
use super::line::calls;
use super::terminal::{Mode, Payload, Pending, Turn};

const CTRL_Z: u8 = 0x1a;
const ESCAPE: u8 = 0x1b;
const BACKSPACE: u8 = 0x08;
/// Garbage bytes before an answer.
const GARBAGE: usize = 24;

impl Modem {
    /// Bytes from the host.
    pub(super) fn take_in(&mut self, port: usize, bytes: &[u8]) {
        if self.is_deaf(port) {
            return;
        }
        if self.in_data(port) {
            self.take_data(port, bytes);
            return;
        }
        if let Some(terminal) = self.ports.get_mut(port) {
            terminal.take_in(bytes);
            self.work(port);
        }
    }

    /// In a call all bytes are data, save `+++` by itself, which is how guard times look from here.
    fn take_data(&mut self, port: usize, bytes: &[u8]) {
        if bytes == b"+++" {
            if let Some(terminal) = self.ports.get_mut(port) {
                terminal.mode = Mode::Command;
            }
            self.say(port, b"\r\nOK\r\n");
            self.release(port);
        } else {
            self.packet.usage.0 += bytes.len() as u64;
        }
    }

    fn work(&mut self, port: usize) {
        while let Some(terminal) = self.ports.get_mut(port)
            && let Some(byte) = terminal.next()
        {
            match terminal.mode.clone() {
                Mode::Prompt(payload) => self.type_payload(port, &payload, byte),
                Mode::Command | Mode::Running(_) | Mode::Data => self.type_line(port, byte),
            }
        }
    }

    fn type_line(&mut self, port: usize, byte: u8) {
        let Some(terminal) = self.ports.get_mut(port) else { return };
        let echo = terminal.echo;
        match byte {
            b'\r' => {
                let line = std::mem::take(&mut terminal.line);
                if echo {
                    self.say(port, b"\r");
                }
                self.run_line(port, &String::from_utf8_lossy(&line));
            }
            BACKSPACE => {
                terminal.line.pop();
                if echo {
                    self.say(port, &[byte]);
                }
            }
            0x20..=0x7e => {
                let kept = terminal.push(byte);
                if kept && echo {
                    self.say(port, &[byte]);
                }
            }
            // Line feeds and other control characters are nothing (V.250, 5.2.2).
            _ => {}
        }
    }

    fn type_payload(&mut self, port: usize, payload: &Payload, byte: u8) {
        let Some(terminal) = self.ports.get_mut(port) else { return };
        let echo = terminal.echo;
        match byte {
            CTRL_Z => {
                let typed = std::mem::take(&mut terminal.line);
                let answer = self.take_payload(payload, &String::from_utf8_lossy(&typed));
                self.promise(port, answer);
            }
            ESCAPE => {
                terminal.line.clear();
                self.promise(port, Self::payload_cancelled());
            }
            b'\r' if payload.length.is_none() => {
                terminal.push(b'\n');
                self.say(port, b"\r\n> ");
            }
            b'\r' | b'\n' => {}
            _ => {
                let kept = terminal.push(byte);
                if kept && echo {
                    self.say(port, &[byte]);
                }
            }
        }
    }

    /// A line is complete. One without `AT` is nothing.
    fn run_line(&mut self, port: usize, line: &str) {
        let at = line.to_ascii_uppercase().find("AT");
        let Some(rest) = at.and_then(|at| line.get(at + 2..)) else {
            self.release(port);
            return;
        };
        let Some(calls) = calls(rest) else {
            self.promise(port, Answer::end(End::Error));
            return;
        };
        let mut whole = Answer::end(End::Ok);
        for call in calls {
            let answer = self.execute(port, &call);
            whole.lines.extend(answer.lines);
            whole.effects.extend(answer.effects);
            whole.takes += answer.takes;
            whole.end = answer.end;
            whole.turn = answer.turn;
            if whole.end != End::Ok {
                break;
            }
        }
        self.promise(port, whole);
    }

    /// The answer comes when its time has come.
    fn promise(&mut self, port: usize, answer: Answer) {
        let mut takes = answer.takes + self.answer_time();
        for fault in &mut self.faults {
            match fault {
                Fault::Sluggish(by, _) => takes += *by,
                Fault::Late { by, count } if *count > 0 => {
                    *count -= 1;
                    takes += *by;
                }
                _ => {}
            }
        }
        let causes = self.ports.get(port).map_or(0, |terminal| terminal.causes);
        let mut text: String = answer.lines.iter().map(|line| format!("\r\n{line}\r\n")).collect();
        text.push_str(&final_text(answer.end, causes));
        let pending = Pending { text, effects: answer.effects, turn: answer.turn };
        if let Some(terminal) = self.ports.get_mut(port) {
            terminal.mode = Mode::Running(pending);
            self.after(takes, Due::Answer(port));
        }
    }

    /// The time of an answer has come.
    pub(super) fn give_answer(&mut self, port: usize) {
        let Some(terminal) = self.ports.get_mut(port) else { return };
        let Mode::Running(pending) = std::mem::replace(&mut terminal.mode, Mode::Command) else { return };
        let deaf = self.is_deaf(port);
        if !deaf {
            for effect in pending.effects {
                self.apply(effect);
            }
            self.tell_bearer();
            let text = self.spoil(pending.text.into_bytes());
            self.say(port, &text);
        }
        // An effect may have taken the ports away.
        let Some(terminal) = self.ports.get_mut(port) else { return };
        terminal.mode = match pending.turn {
            Turn::Prompt(payload) if !deaf => Mode::Prompt(payload),
            Turn::Data if !deaf => Mode::Data,
            Turn::Command | Turn::Prompt(_) | Turn::Data => Mode::Command,
        };
        self.release(port);
        if self.in_data(port) {
            let rest: Vec<u8> =
                self.ports.get_mut(port).map(|t| t.inbox.drain(..).collect()).unwrap_or_default();
            self.packet.usage.0 += rest.len() as u64;
        } else {
            self.work(port);
        }
    }

    /// What faults make of an answer.
    fn spoil(&mut self, mut text: Vec<u8>) -> Vec<u8> {
        let mut garbage = false;
        let card = self.card_state();
        let network = self.radio.stat;
        for fault in &mut self.faults {
            match fault {
                Fault::Cut { count } if *count > 0 => {
                    *count -= 1;
                    text.truncate(text.len() / 2);
                }
                Fault::Garbage { count } if *count > 0 => {
                    *count -= 1;
                    garbage = true;
                }
                // The final code alone has no line that something could stand behind.
                Fault::Interrupt { about, count } if *count > 0 => {
                    let line = match (about, card) {
                        (About::Network, _) => format!("+CREG: {network}"),
                        (About::Card, CardState::Open) => "+CPIN: READY".to_owned(),
                        (About::Card, CardState::Locked(Lock::Pin)) => "+CPIN: SIM PIN".to_owned(),
                        (About::Card, _) => continue,
                    };
                    let ends: Vec<_> = (2..=text.len())
                        .filter(|end| text.get(..*end).is_some_and(|text| text.ends_with(b"\r\n")))
                        .collect();
                    if let [_, first, _, _, ..] = ends[..] {
                        *count -= 1;
                        text.splice(first..first, format!("\r\n{line}\r\n").into_bytes());
                    }
                }
                _ => {}
            }
        }
        if garbage {
            let noise = (0..GARBAGE).map(|_| 0x80 | (self.random.number() >> 56) as u8).collect::<Vec<_>>();
            text.splice(0..0, noise);
        }
        self.faults.retain(|fault| {
            !matches!(
                fault,
                Fault::Cut { count: 0 }
                    | Fault::Garbage { count: 0 }
                    | Fault::Interrupt { count: 0, .. }
                    | Fault::Late { count: 0, .. }
            )
        });
        text
    }

    /// An unsolicited line, on every port that can hear it.
    pub(super) fn urc(&mut self, line: &str) {
        for port in 0..self.ports.len() {
            if self.is_deaf(port) {
                continue;
            }
            let Some(terminal) = self.ports.get_mut(port) else { continue };
            if !terminal.open {
                continue;
            }
            if terminal.may_speak() {
                self.say(port, format!("\r\n{line}\r\n").as_bytes());
            } else {
                terminal.hold(line.to_owned());
            }
        }
    }

    /// Says the unsolicited lines that had to wait.
    pub(super) fn release(&mut self, port: usize) {
        while let Some(terminal) = self.ports.get_mut(port)
            && terminal.may_speak()
            && let Some(line) = terminal.held.pop_front()
        {
            self.say(port, format!("\r\n{line}\r\n").as_bytes());
        }
    }

    pub(super) fn say(&mut self, port: usize, said: &[u8]) {
        if let Some(Output::Bytes { port: last, bytes }) = self.out.back_mut()
            && *last == port
        {
            bytes.extend_from_slice(said);
        } else {
            self.out.push_back(Output::Bytes { port, bytes: said.to_vec() });
        }
    }
}

fn final_text(end: End, causes: u8) -> String {
    let caused = |name: &str, cause: u16| match causes {
        0 => "\r\nERROR\r\n".to_owned(),
        1 => format!("\r\n{name}: {cause}\r\n"),
        _ => format!("\r\n{name}: {}\r\n", words(cause)),
    };
    match end {
        End::Ok => "\r\nOK\r\n".into(),
        End::Error => "\r\nERROR\r\n".into(),
        End::Cme(cause) => caused("+CME ERROR", cause),
        // The causes of messages are told whatever +CMEE says (3GPP TS 27.005, 3.2.5).
        End::Cms(cause) => {
            caused("+CMS ERROR", cause).replace("\r\nERROR", &format!("\r\n+CMS ERROR: {cause}"))
        }
        End::Connect => "\r\nCONNECT 150000000\r\n".into(),
        End::NoCarrier => "\r\nNO CARRIER\r\n".into(),
        End::Prompt => "\r\n> ".into(),
    }
}

fn words(cause: u16) -> String {
    match cause {
        3 => "operation not allowed".into(),
        10 => "SIM not inserted".into(),
        11 => "SIM PIN required".into(),
        12 => "SIM PUK required".into(),
        13 => "SIM failure".into(),
        14 => "SIM busy".into(),
        16 => "incorrect password".into(),
        30 => "no network service".into(),
        50 => "invalid parameters".into(),
        127 => "missing or unknown APN".into(),
        134 => "service option temporarily out of order".into(),
        other => other.to_string(),
    }
}
