//! What comes out of a digester, as text that can be compared.

#![allow(clippy::unwrap_used, dead_code, reason = "a test's helpers are part of the test")]

use shunt_at::{Class, Command, Digest, Digester, Echo, State};

/// What came out: `urc …`, `prompt`, `data …`, `end <outcome> [lines]`, and the bytes of the reply if there are any.
pub(crate) fn run(digester: &mut Digester, bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    digester.receive_all(bytes, |digest| {
        out.push(match digest {
            Digest::Urc(line) => format!("urc {line}"),
            Digest::Prompt => "prompt".to_owned(),
            Digest::Data(bytes) => format!("data {}", bytes.escape_ascii()),
            Digest::Response(response) => {
                let lines = response.lines().collect::<Vec<_>>();
                match response.data() {
                    [] => format!("end {:?} {lines:?}", response.outcome),
                    data => format!("end {:?} {lines:?} {}", response.outcome, data.escape_ascii()),
                }
            }
        });
    });
    out
}

/// A digester whose fence was answered.
pub(crate) fn idle() -> Digester {
    let mut digester = Digester::new(Echo::On);
    assert_eq!(digester.fence(), Ok(b"ATE1\r".as_slice()));
    assert_eq!(run(&mut digester, b"ATE1\r\r\nOK\r\n"), Vec::<String>::new());
    assert_eq!(digester.state(), State::Fenced);
    assert!(digester.quiet());
    digester
}

/// A digester that has sent `command` and got its echo.
pub(crate) fn busy(command: Command) -> Digester {
    let mut digester = idle();
    let echo = command.wire().to_vec();
    digester.send(command).unwrap();
    assert_eq!(run(&mut digester, &echo), Vec::<String>::new());
    digester
}

/// Sends `text` and hands over its echo followed by `reply`.
pub(crate) fn exchange(text: &str, class: Class, reply: &str) -> Vec<String> {
    run(&mut busy(Command::new(text, class).unwrap()), reply.as_bytes())
}
