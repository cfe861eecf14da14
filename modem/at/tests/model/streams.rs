//! Any bytes in any state: what comes out is the same however the stream is cut, and nothing panics.

use super::Dice;
use shunt_at::{Class, Command, Digest, Digester, Echo, Payload, Sign};

/// Pieces of which streams are made; each can be followed by anything.
const PIECES: [&[u8]; 16] = [
    b"\r\nOK\r\n",
    b"AT+CSQ\r",
    b"\r\n+CSQ: 20,99\r\n",
    b"\r\r\n+CMT: ,24\r\n0791\r\n",
    b"\r\n> ",
    b"\r\n@",
    b"\r\n+CME ERROR: 3\r\n",
    b"RDY\r\n",
    b"ATE1\r",
    b"CONNECT 150000000\r\n",
    b"\r\n+QIRD: 6\r\nOK\r\n\0\xff\r\n",
    b"\r\nNO CARRIER\r\n",
    b"+CSQ: 4294967296,1\r\n",
    b"ATD*99#\r",
    b"\r\nDOWNLOAD\r\n",
    b"\0\r\r\r\n",
];

/// Cuts a stream in two ways.
pub(super) fn cut(mut dice: Dice<'_>) {
    let echo = if dice.roll(2) == 0 { Echo::On } else { Echo::Off };
    let mut digester = Digester::new(echo);
    if dice.roll(8) != 1 {
        digester.fence().unwrap();
        digester.receive_all(b"ATE1\rOK\r", |_| {});
        assert!(digester.quiet());
        let class = [
            Class::NoResult,
            Class::Numeric,
            Class::SingleLine("+CSQ:"),
            Class::MultiLine(""),
            Class::Headed("+CSQ:"),
            Class::Counted("+QIRD:", 0),
            Class::Counted("+CSQ:", 0),
        ][usize::from(dice.roll(7))];
        let text = if dice.roll(4) == 1 { "ATD*99#" } else { "AT+CSQ" };
        let command = Command::new(text, class).unwrap();
        let sign = [None, Some(Sign::Angle), Some(Sign::At), Some(Sign::Connect), Some(Sign::Download)]
            [usize::from(dice.roll(5))];
        digester.send(sign.into_iter().fold(command, Command::prompting_by)).unwrap();
    }
    let mut stream = Vec::new();
    for _ in 0..dice.roll(32) {
        let piece = dice.roll(u8::try_from(PIECES.len()).unwrap() + 1);
        match PIECES.get(usize::from(piece)) {
            Some(piece) => stream.extend(*piece),
            None => stream.push(dice.roll(255)),
        }
    }
    let size = usize::from(dice.roll(20)) + 1;
    stream.extend(dice.rest());

    let mut other = digester.clone();
    let (mut bytewise, mut chunked) = (Vec::new(), Vec::new());
    for byte in &stream {
        let digest = digester.receive(*byte);
        let prompt = note(digest, &mut bytewise);
        answer(&mut digester, prompt);
    }
    // A payload is answered between two reads, so that it must not come in the midst of a chunk here.
    for chunk in stream.chunks(if bytewise.iter().any(|text| text == "prompt") { 1 } else { size }) {
        let mut prompt = false;
        other.receive_all(chunk, |digest| prompt |= note(Some(digest), &mut chunked));
        answer(&mut other, prompt);
    }
    assert_eq!(bytewise, chunked);
    assert_eq!(digester.state(), other.state());
    assert_eq!(digester.quiet(), other.quiet());
    digester.timed_out();
    other.timed_out();
    assert_eq!(digester.state(), other.state());
    assert_eq!((digester.strays(), digester.overflows()), (other.strays(), other.overflows()));
}

fn answer(digester: &mut Digester, prompt: bool) {
    if prompt {
        digester.answer(Payload::exact(b"OK\r\n").unwrap().echoed()).unwrap();
    }
}

/// Writes down what came out, data in one piece; whether it was a prompt.
fn note(digest: Option<Digest<'_>>, out: &mut Vec<String>) -> bool {
    let text = match digest {
        None => return false,
        Some(Digest::Prompt) => "prompt".to_owned(),
        Some(Digest::Data(bytes)) => {
            if !out.last().is_some_and(|last| last.starts_with("data")) {
                out.push("data".into());
            }
            for byte in bytes {
                out.last_mut().unwrap().push_str(&format!(" {byte:02x}"));
            }
            return false;
        }
        Some(Digest::Urc(line)) => format!("urc {line}"),
        Some(Digest::Response(response)) => {
            format!("{response:?} {:?} {:?}", response.lines().collect::<Vec<_>>(), response.data())
        }
    };
    out.push(text);
    digest == Some(Digest::Prompt)
}
