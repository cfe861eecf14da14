//! What must hold for every stream: cutting it changes nothing, and no reply is taken for another's.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers are part of the test")]

use proptest::prelude::*;
use shunt_at::{Class, Command, Digest, Digester, Echo, Final, Outcome, State};
use std::collections::VecDeque;

fn text(digest: Digest<'_>) -> String {
    match digest {
        Digest::Response(response) => format!("{response:?} {:?}", response.lines().collect::<Vec<_>>()),
        Digest::Urc(_) | Digest::Prompt => format!("{digest:?}"),
    }
}

/// Pieces of which streams are made: lines, parts of lines, noise.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"AT+CSQ\r".to_vec()),
        Just(b"\r\nOK\r\n".to_vec()),
        Just(b"\r\n+CSQ: 20,99\r\n".to_vec()),
        Just(b"\r\r\n+CMT: ,24\r\n0791\r\n".to_vec()),
        Just(b"\r\n> ".to_vec()),
        Just(b"\r\n+CME ERROR: 3\r\n".to_vec()),
        Just(b"RDY\r\n".to_vec()),
        Just(b"ATE1\r".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_gives_the_same(
        pieces in proptest::collection::vec(piece(), 0..24),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        prompting in any::<bool>(),
    ) {
        let stream = pieces.concat();
        let mut digester = Digester::new(Echo::On);
        prop_assume!(digester.fence().is_ok());
        digester.receive_all(b"ATE1\rOK\r", |_| {});
        prop_assert!(digester.quiet());
        let command = Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap();
        digester.send(if prompting { command.prompting() } else { command }).unwrap();

        let (mut whole, mut cut) = (digester.clone(), digester);
        let (mut from_whole, mut from_cut) = (Vec::new(), Vec::new());
        whole.receive_all(&stream, |digest| from_whole.push(text(digest)));
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        for pair in at.windows(2) {
            cut.receive_all(&stream[pair[0]..pair[1]], |digest| from_cut.push(text(digest)));
        }
        prop_assert_eq!(from_whole, from_cut);
        prop_assert_eq!(whole.state(), cut.state());
    }
}

/// Ticks of the model. The host gives up a command, and a fence, after these.
const COMMAND_TICKS: u32 = 20;
const FENCE_TICKS: u32 = 12;
/// Longer than the modem takes for an `ATE1` once it turns to it (at most 1 tick).
const QUIET_TICKS: u32 = 4;
/// Far beyond what any sequence of faults here needs: the port always comes clean.
const FENCES_AT_MOST: u32 = 40;

#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Answered after so many ticks.
    After(u32),
    /// Echoed, never answered.
    Lost,
}

#[derive(Debug, Clone)]
struct Exchange {
    fate: Fate,
    /// 0: single line; 1: no result, told apart by the number of its error; 2: several lines.
    class: u8,
    /// Unsolicited lines thrown in at this tick of the exchange, if any.
    urc_at: Option<u32>,
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let fate = prop_oneof![4 => (0u32..70).prop_map(Fate::After), 1 => Just(Fate::Lost)];
    (fate, 0u8..3, proptest::option::of(0u32..30)).prop_map(|(fate, class, urc_at)| Exchange {
        fate,
        class,
        urc_at,
    })
}

/// A modem that works off its input in order, as one task behind a UART does.
struct Modem {
    /// The UART echoes at once; else the task echoes when it turns to the line.
    eager_echo: bool,
    queue: VecDeque<(String, Fate, String)>,
    busy: u32,
    started: bool,
}

impl Modem {
    fn accept(&mut self, line: &str, fate: Fate, reply: &str, out: &mut Vec<u8>) {
        if self.eager_echo {
            out.extend(line.bytes().chain(*b"\r"));
        }
        self.queue.push_back((line.to_owned(), fate, reply.to_owned()));
    }

    fn tick(&mut self, out: &mut Vec<u8>) {
        let Some((line, fate, reply)) = self.queue.front() else { return };
        if !self.started {
            self.started = true;
            if !self.eager_echo {
                out.extend(line.bytes().chain(*b"\r"));
            }
            self.busy = match fate {
                Fate::After(ticks) => *ticks,
                Fate::Lost => 0,
            };
        }
        if self.busy > 0 {
            self.busy -= 1;
            return;
        }
        if matches!(fate, Fate::After(_)) {
            out.extend(reply.bytes());
        }
        self.queue.pop_front();
        self.started = false;
    }
}

/// Checks that whatever `digest` says of command `number` is that command's own; true when it has ended.
fn judge(digest: Digest<'_>, number: usize, class: u8) -> Result<bool, TestCaseError> {
    let Digest::Response(response) = digest else { return Ok(false) };
    let lines: Vec<&str> = response.lines().collect();
    match (class, response.outcome) {
        (0, Outcome::Final(Final::Ok)) => prop_assert_eq!(lines, [format!("+X: {number}")]),
        (1, Outcome::Final(Final::Cme(Some(code)))) => prop_assert_eq!(usize::from(code), number),
        (2, Outcome::Final(Final::Ok)) => {
            prop_assert_eq!(lines, [format!("+X: {number}"), format!("+X: {number}")])
        }
        (_, outcome) => prop_assert!(false, "command {} ended by {:?}", number, outcome),
    }
    Ok(true)
}

fn hold_a_conversation(exchanges: &[Exchange], eager_echo: bool) -> Result<(), TestCaseError> {
    let mut digester = Digester::new(Echo::On);
    let mut modem = Modem { eager_echo, queue: VecDeque::new(), busy: 0, started: false };
    for (number, exchange) in exchanges.iter().enumerate() {
        // Make the port clean.
        let mut fences = 0;
        while digester.state() != State::Idle {
            prop_assert!(fences < FENCES_AT_MOST, "the port stays dirty");
            fences += 1;
            let mut bytes = Vec::new();
            let fence = std::str::from_utf8(digester.fence().unwrap()).unwrap().trim_end().to_owned();
            modem.accept(&fence, Fate::After(fences % 2), "\r\nOK\r\n", &mut bytes);
            let mut silence = 0;
            for _ in 0..FENCE_TICKS {
                modem.tick(&mut bytes);
                silence = if bytes.is_empty() { silence + 1 } else { 0 };
                digester.receive_all(&bytes, |_| {});
                bytes.clear();
                if digester.state() == State::Idle || (silence >= QUIET_TICKS && digester.quiet()) {
                    break;
                }
            }
            digester.timed_out();
        }
        // One command.
        let (class, reply) = match exchange.class {
            0 => (Class::SingleLine("+X:"), format!("\r\n+X: {number}\r\n\r\nOK\r\n")),
            1 => (Class::NoResult, format!("\r\n+CME ERROR: {number}\r\n")),
            _ => (Class::MultiLine("+X:"), format!("\r\n+X: {number}\r\n+X: {number}\r\n\r\nOK\r\n")),
        };
        // The same command again and again is the hardest case: its echo tells nothing.
        let command = Command::new(if number % 3 == 0 { "AT+X?" } else { "AT+X" }, class).unwrap();
        let mut bytes = Vec::new();
        modem.accept(command.text(), exchange.fate, &reply, &mut bytes);
        digester.send(command).unwrap();
        let mut ended = false;
        for tick in 0..COMMAND_TICKS {
            if exchange.urc_at == Some(tick) {
                bytes.extend(b"\r\n+CREG: 1\r\n\r\nNO CARRIER\r\n");
            }
            modem.tick(&mut bytes);
            let mut verdict = Ok(false);
            digester.receive_all(&bytes, |digest| {
                if let Ok(false) = verdict {
                    verdict = judge(digest, number, exchange.class);
                }
            });
            bytes.clear();
            ended = verdict?;
            if ended {
                break;
            }
        }
        if !ended {
            digester.timed_out();
        }
        let prompt = matches!(exchange.fate, Fate::After(ticks) if ticks + 2 < COMMAND_TICKS);
        let queue_was_empty = modem.queue.is_empty();
        prop_assert!(
            ended || !prompt || !queue_was_empty,
            "command {} was answered in time and not seen",
            number
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_late_reply_is_never_taken_for_another_commands(
        exchanges in proptest::collection::vec(exchange(), 1..12),
        eager_echo in any::<bool>(),
    ) {
        hold_a_conversation(&exchanges, eager_echo)?;
    }
}
