//! The host of the model: does what a session does, and judges every byte that comes.

use super::Dice;
use super::modem::{BODY, Fault, KINDS, Kind, Modem, Plan};
use shunt_at::{Class, Command, Digest, Digester, Echo, Final, Outcome, Payload, State};

/// Ticks until a command is given up, and a fence.
const COMMAND_TICKS: u32 = 24;
const FENCE_TICKS: u32 = 40;
/// Ticks for which the final code of a command that was given up is waited for.
const DRAIN_TICKS: u32 = 10;
/// More than lie between two answers of the modem's backlog: its 2 ticks for a fence, 2 in which the wire holds
/// back all or a part, and one for each to be seen.
const QUIET_TICKS: u32 = 8;
/// Ticks for which a data channel is used before it is escaped from.
const DATA_TICKS: u8 = 30;
/// Far beyond what any sequence of faults here needs: the port always comes clean.
const FENCES_AT_MOST: u32 = 12;
/// Longest conversation.
const EXCHANGES_AT_MOST: usize = 24;

/// What a tick brought for the command in flight.
#[derive(Debug, Default)]
struct Heard {
    prompt: bool,
    /// How it ended, with its lines, its bytes, and where on the wire.
    end: Option<(Outcome, Vec<String>, Vec<u8>, usize)>,
}

struct Host<'a> {
    dice: Dice<'a>,
    modem: Modem,
    digester: Digester,
    urcs: Vec<String>,
    data: Vec<u8>,
}

/// Holds a conversation as long as the dice last.
pub(super) fn converse(mut dice: Dice<'_>) {
    let modem = Modem::new(&mut dice);
    let echo = if modem.fenced { Echo::On } else { Echo::Off };
    let digester = Digester::new(echo);
    let mut host = Host { dice, modem, digester, urcs: Vec::new(), data: Vec::new() };
    for number in 0..EXCHANGES_AT_MOST {
        host.clean();
        host.exchange(number);
        if host.dice.is_spent() {
            break;
        }
    }
    host.clean();
    host.dice.rest();
    host.tick();
    for urc in &host.modem.urcs {
        assert_eq!(host.urcs.iter().filter(|heard| *heard == urc).count(), 1, "{urc:?} of {:?}", host.urcs);
    }
}

impl Host<'_> {
    fn clean(&mut self) {
        for _ in 0..DRAIN_TICKS {
            if !self.digester.owes() || self.digester.state() != State::Dirty {
                break;
            }
            self.tick();
        }
        let mut fences = 0;
        while self.digester.state() != State::Idle {
            if self.digester.state() == State::Data {
                // A call that was given up has come.
                self.hold_the_line();
                continue;
            }
            assert!(fences < FENCES_AT_MOST, "the port stays dirty");
            fences += 1;
            let bytes = self.digester.fence().unwrap();
            self.modem.write(bytes);
            let (mut strays, mut quiet) = (self.digester.strays(), 0);
            for _ in 0..FENCE_TICKS {
                assert!(self.tick().end.is_none(), "a fence gave a reply");
                quiet = if self.digester.strays() == strays { quiet + 1 } else { 0 };
                strays = self.digester.strays();
                let done = matches!(self.digester.state(), State::Idle | State::Data)
                    || quiet >= QUIET_TICKS
                        && self.digester.state() == State::Fenced
                        && self.digester.quiet();
                if done {
                    break;
                }
            }
            self.digester.timed_out();
        }
    }

    fn exchange(&mut self, number: usize) {
        let kind = KINDS[usize::from(self.dice.roll(9))];
        let fault = match self.dice.roll(16) {
            1 | 2 => Fault::Lost,
            3 => Fault::LinesLost,
            4 => Fault::FinalLost,
            // Without an echo nothing tells the second from the next command's.
            5 | 6 if self.modem.fenced => Fault::Twice,
            7 => Fault::Boot,
            _ => Fault::None,
        };
        let wait = match self.dice.roll(4) {
            0 => 0,
            1 => u32::from(self.dice.roll(COMMAND_TICKS as u8)),
            2 => COMMAND_TICKS + u32::from(self.dice.roll(DRAIN_TICKS as u8)),
            // After the fence was sent, maybe several.
            _ => u32::from(self.dice.roll(200)),
        };
        let plan = match kind {
            // Without an echo, data that say OK are an answer to the fence.
            Kind::Call if !self.modem.fenced => Plan { number, kind, fault: Fault::None, wait: 0 },
            // The second body, in which nobody counts, tells of a boot.
            Kind::Counted if fault == Fault::Twice => Plan { number, kind, fault: Fault::None, wait },
            // These have nothing that could be lost in part.
            Kind::Call | Kind::Prompting if fault != Fault::Boot && fault != Fault::Lost => {
                Plan { number, kind, fault: Fault::None, wait }
            }
            _ => Plan { number, kind, fault, wait },
        };
        let Plan { fault, wait, .. } = plan;
        self.modem.off_hook = false;
        let leisure = self.modem.is_at_leisure();
        self.modem.plan(plan);
        let command = self.command(plan);
        self.modem.write(command.wire());
        self.digester.send(command).unwrap();
        let end = self.await_end(plan);
        // Two ticks for which the wire holds a part back, for each of a few parts.
        let in_time = leisure && wait + 16 < COMMAND_TICKS;
        let complete = matches!(fault, Fault::None | Fault::Twice);
        assert!(
            end || !in_time || !complete || kind == Kind::Prompting,
            "{plan:?} was answered and not seen"
        );
        if self.digester.state() == State::Data {
            self.hold_the_line();
        }
    }

    /// The same command again and again is the hardest case: its echo tells nothing.
    fn command(&mut self, plan: Plan) -> Command {
        let text = match plan.kind {
            Kind::Call => "ATD*99***1#",
            _ if plan.number.is_multiple_of(3) => "AT+X?",
            _ => "AT+X",
        };
        let class = match plan.kind {
            Kind::Single | Kind::Prompting => Class::SingleLine("+X:"),
            Kind::Refused | Kind::NoResult | Kind::Call => Class::NoResult,
            Kind::Several => Class::MultiLine("+X:"),
            Kind::Numeric => Class::Numeric,
            Kind::Headed => Class::Headed("+X:"),
            Kind::Counted => Class::Counted("+X:", 0),
        };
        let command = Command::new(text, class).unwrap();
        if plan.kind == Kind::Prompting { command.prompting() } else { command }
    }

    /// Whether the command has ended; judges how.
    fn await_end(&mut self, plan: Plan) -> bool {
        let silent = plan.kind == Kind::Prompting && self.dice.roll(4) == 1;
        for _ in 0..COMMAND_TICKS {
            let heard = self.tick();
            if heard.prompt {
                assert_eq!(plan.kind, Kind::Prompting);
                if !silent {
                    let payload = Payload::new(&format!("payload {}", plan.number)).unwrap();
                    self.modem.write(payload.wire());
                    self.digester.answer(payload).unwrap();
                }
            }
            if let Some((outcome, lines, data, place)) = heard.end {
                self.judge(plan, outcome, &lines, &data, place);
                return true;
            }
        }
        self.digester.timed_out();
        false
    }

    fn judge(&self, plan: Plan, outcome: Outcome, lines: &[String], data: &[u8], place: usize) {
        let Plan { number, kind, fault, .. } = plan;
        if fault == Fault::Boot {
            return assert_eq!((outcome, lines.len()), (Outcome::Restarted, 0));
        }
        let own = self.modem.finals.iter().any(|(of, range)| *of == number && range.contains(&place));
        assert!(own, "{plan:?} was ended by another's final code: {outcome:?} {lines:?}");
        let line = format!("+X: {number}");
        let (expected_lines, code) = match kind {
            Kind::Single | Kind::Prompting => (vec![line], Final::Ok),
            Kind::Refused => (Vec::new(), Final::Cme(Some(u16::try_from(number).unwrap()))),
            Kind::NoResult => (Vec::new(), Final::Ok),
            Kind::Several => (vec![line.clone(), line], Final::Ok),
            Kind::Numeric => (vec![number.to_string()], Final::Ok),
            Kind::Headed => (vec![format!("+X: {number},,2"), "0A".into()], Final::Ok),
            Kind::Counted => (vec![format!("+X: {},{number}", BODY.len())], Final::Ok),
            Kind::Call => (Vec::new(), Final::Connect),
        };
        match outcome {
            Outcome::Final(seen) if fault == Fault::LinesLost => {
                assert!(seen == code && lines.is_empty() && !matches!(kind, Kind::Single | Kind::Numeric));
            }
            Outcome::Final(seen) => {
                assert_eq!((seen, lines), (code, expected_lines.as_slice()));
                assert_eq!(data, if kind == Kind::Counted { BODY } else { &[] });
            }
            Outcome::Incomplete => assert_eq!(fault, Fault::LinesLost),
            Outcome::Restarted | Outcome::Overflow => panic!("{plan:?}: {outcome:?}"),
        }
        if let (Kind::Prompting, Outcome::Final(Final::Ok)) = (kind, outcome) {
            let payload = (number, format!("payload {number}").into_bytes());
            assert_eq!(self.modem.payloads.iter().filter(|sent| **sent == payload).count(), 1);
        }
    }

    /// Uses a data channel until it ends by itself, or escapes from it.
    fn hold_the_line(&mut self) {
        let patience = u32::from(self.dice.roll(DATA_TICKS));
        let (mut strays, mut quiet, mut ticks) = (self.digester.strays(), 0, 0);
        while matches!(self.digester.state(), State::Data | State::Escaping) {
            assert!(ticks < 200, "the data channel does not end");
            ticks += 1;
            self.tick();
            quiet = if self.digester.strays() == strays { quiet + 1 } else { 0 };
            strays = self.digester.strays();
            if quiet >= QUIET_TICKS {
                self.digester.quiet();
            }
            if ticks == patience && self.digester.state() == State::Data {
                let bytes = self.digester.escape().unwrap();
                self.modem.write(bytes);
            }
        }
        let end = self.data.len().min(self.modem.data.len());
        assert_eq!(self.data[..end], self.modem.data[..end], "data arrived otherwise than sent");
        assert_eq!(end, self.modem.data.len(), "data are missing");
        self.data.clear();
    }

    fn tick(&mut self) -> Heard {
        self.modem.tick(&mut self.dice);
        let arrived = self.modem.arrive(&mut self.dice);
        let mut heard = Heard::default();
        for place in arrived {
            let (urcs, data) = (&mut self.urcs, &mut self.data);
            let digest = self.digester.receive(self.modem.wire[place]);
            match digest {
                None => {}
                Some(Digest::Prompt) => heard.prompt = true,
                Some(Digest::Urc(line)) => urcs.push(line.to_owned()),
                Some(Digest::Data(bytes)) => data.extend(bytes),
                Some(Digest::Response(response)) => {
                    assert!(heard.end.is_none(), "two ends in one tick");
                    let lines = response.lines().map(str::to_owned).collect();
                    heard.end = Some((response.outcome, lines, response.data().to_vec(), place));
                }
            }
        }
        heard
    }
}
