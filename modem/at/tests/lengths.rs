//! What is told by its length, what is asked for by a prompt, and what comes over a data channel: bytes that are no
//! lines, whatever they look like.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

mod common;

use common::{busy, exchange, run};
use shunt_at::{Class, Command, DATA_BYTES, Digester, Payload, SendError, Sign, State};

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn counted_bytes_end_nothing_whatever_they_say() {
    assert_eq!(
        exchange(
            "AT+QIRD=0",
            Class::Counted("+QIRD:", 0),
            "\r\n+QIRD: 20\r\n\r\nOK\r\n\0\r\nERROR\r\n> \r\n\r\nOK\r\n"
        ),
        ["end Final(Ok) [\"+QIRD: 20\"] \\r\\nOK\\r\\n\\x00\\r\\nERROR\\r\\n> \\r\\n"]
    );
    // Two runs, the length as the third argument, `\r\r\n` and bare `\n` as line ends, and an empty one.
    assert_eq!(
        exchange(
            "AT+CIPRXGET=2,0",
            Class::Counted("+CIPRXGET:", 2),
            "\r\n+CIPRXGET: 2,0,4,3\r\r\nOK\r\n\r\n+CIPRXGET: 2,0, 3,0\nRDY\r\n+CIPRXGET: 2,0,0,0\r\n\r\nOK\r\n"
        ),
        [
            "end Final(Ok) [\"+CIPRXGET: 2,0,4,3\", \"+CIPRXGET: 2,0, 3,0\", \"+CIPRXGET: 2,0,0,0\"] OK\\r\\nRDY"
        ]
    );
    assert_eq!(
        exchange("AT+QFREAD=1", Class::Counted("CONNECT", 0), "\r\nCONNECT 4\r\nOK\r\n\r\nOK\r\n"),
        ["end Final(Ok) [\"CONNECT 4\"] OK\\r\\n"]
    );
}

#[test]
fn a_count_that_is_none_or_too_large_keeps_the_framing() {
    assert_eq!(
        exchange("AT+QIRD=0", Class::Counted("+QIRD:", 0), "\r\n+QIRD: -1\r\n\r\nOK\r\n"),
        ["end Final(Ok) [\"+QIRD: -1\"]"]
    );
    let reply = format!("\r\n+QIRD: {}\r\n{}\r\nOK\r\n", DATA_BYTES + 2, "\n".repeat(DATA_BYTES + 2));
    let out = exchange("AT+QIRD=0", Class::Counted("+QIRD:", 0), &reply);
    assert!(out.len() == 1 && out.iter().all(|end| end.starts_with("end Overflow")), "{out:?}");
}

#[test]
fn after_a_timeout_the_rest_of_counted_bytes_is_not_waited_for() {
    let mut digester = busy(Command::new("AT+QIRD=0", Class::Counted("+QIRD:", 0)).unwrap());
    assert_eq!(run(&mut digester, b"\r\n+QIRD: 1000\r\nabc"), nothing());
    digester.timed_out();
    digester.fence().unwrap();
    run(&mut digester, b"\r\nATE1\r\r\nOK\r\n");
    assert!(digester.quiet());
}

#[test]
fn a_stored_message_is_the_line_after_its_header_if_it_has_one() {
    let read = |reply| exchange("AT+CMGR=0", Class::Headed("+CMGR:"), reply);
    assert_eq!(
        read("\r\n+CMGR: 0,,24\r\n07911326\r\n\r\nOK\r\n"),
        ["end Final(Ok) [\"+CMGR: 0,,24\", \"07911326\"]"]
    );
    // An empty place: no line follows.
    assert_eq!(read("\r\n+CMGR: 0,,0\r\n\r\n\r\nOK\r\n"), ["end Final(Ok) [\"+CMGR: 0,,0\"]"]);
}

#[test]
fn each_sign_asks_for_a_payload_only_when_it_is_awaited() {
    let command = |sign| Command::new("AT+QX=3", Class::SingleLine("+QX:")).unwrap().prompting_by(sign);
    let reply = b"\r\n+QX: 3\r\n\r\nOK\r\n";
    for (sign, asks, others) in [
        (Sign::Angle, "\r\n> ", "\r\n@\r\nDOWNLOAD\r\nCONNECT\r\n"),
        (Sign::At, "\r\n@", "\r\n>\r\nDOWNLOAD\r\nCONNECT\r\n"),
        (Sign::Connect, "\r\nCONNECT\r\n", "\r\n@\r\n>\r\nDOWNLOAD\r\n"),
        (Sign::Download, "\r\nDOWNLOAD\r\n", "\r\n@\r\n>\r\nCONNECT\r\n"),
    ] {
        let mut digester = busy(command(sign));
        assert!(run(&mut digester, others.as_bytes()).iter().all(|line| line.starts_with("urc ")));
        assert_eq!(run(&mut digester, asks.as_bytes()), ["prompt"], "{sign:?}");
        // Bytes, not a line: these would cancel or end it, and end the command when they are repeated.
        let payload = Payload::exact(b"\r\nOK\r\n\x1b\x1a").unwrap().echoed();
        digester.answer(payload.clone()).unwrap();
        assert_eq!(run(&mut digester, payload.wire()), nothing(), "{sign:?}");
        assert_eq!(run(&mut digester, reply), ["end Final(Ok) [\"+QX: 3\"]"], "{sign:?}");
    }
}

#[test]
fn the_blank_after_a_prompt_is_no_echo() {
    let mut digester = busy(Command::new("AT+QISEND=0,2", Class::MultiLine("SEND ")).unwrap().prompting());
    assert_eq!(run(&mut digester, b"\r\n>"), ["prompt"]);
    digester.answer(Payload::exact(b"hi").unwrap().echoed()).unwrap();
    assert_eq!(run(&mut digester, b" hi\r\nSEND OK\r\n\r\nOK\r\n"), ["end Final(Ok) [\"SEND OK\"]"]);
}

fn in_a_call() -> Digester {
    let mut digester = busy(Command::new("ATD*99***1#", Class::NoResult).unwrap());
    assert_eq!(run(&mut digester, b"\r\nCONNECT 150000000\r\n"), ["end Final(Connect) []"]);
    assert_eq!(digester.state(), State::Data);
    digester
}

#[test]
fn after_connect_bytes_are_data() {
    let mut digester = in_a_call();
    assert_eq!(run(&mut digester, b"\r\nOK\r\n\0~\xff"), ["data \\r\\nOK\\r\\n\\x00~\\xff"]);
    assert!(!digester.quiet());
    let command = Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap();
    assert_eq!(digester.send(command), Err(SendError::Data));
    assert_eq!(digester.fence(), Err(SendError::Data));
    digester.timed_out();
    assert_eq!(digester.state(), State::Data);
    // What says that the call ended is told from data by the silence after it.
    assert_eq!(run(&mut digester, b"\r\nNO CARRIER\r\n~"), ["data \\r\\nNO CARRIER\\r\\n~"]);
    assert!(!digester.quiet());
    assert_eq!(run(&mut digester, b"\r\nNO CARRIER\r\n"), ["data \\r\\nNO CARRIER\\r\\n"]);
    assert!(digester.quiet());
    assert_eq!(run(&mut digester, b"\r\n+CREG: 0\r\n"), ["urc +CREG: 0"]);
}

#[test]
fn an_escape_gives_the_command_port_back() {
    let mut digester = in_a_call();
    run(&mut digester, b"\r\nOK\r\n");
    assert_eq!(digester.escape(), Ok(b"+++".as_slice()));
    assert_eq!(digester.escape(), Err(SendError::NoData));
    assert_eq!((digester.quiet(), digester.state()), (false, State::Escaping));
    assert_eq!(run(&mut digester, b"~\r\nOK\r\n"), ["data ~\\r\\nOK\\r\\n"]);
    assert!(digester.quiet());
    digester.send(Command::new("ATO", Class::NoResult).unwrap()).unwrap();
    assert_eq!(run(&mut digester, b"ATO\r\nCONNECT\r\n~"), ["end Final(Connect) []", "data ~"]);
    // An escape that is not answered leaves a port of which nothing is known.
    digester.escape().unwrap();
    digester.timed_out();
    assert_eq!((digester.state(), digester.escape()), (State::Dirty, Err(SendError::NoData)));
}

#[test]
fn a_boot_ends_a_call_and_its_settings() {
    let mut digester = in_a_call();
    run(&mut digester, b"~\r\nRDY\r\n");
    assert_eq!((digester.quiet(), digester.state()), (false, State::Dirty));
}

#[test]
fn a_call_that_comes_when_it_was_given_up_is_no_answer_to_the_fence() {
    let mut digester = busy(Command::new("ATD*99***1#", Class::NoResult).unwrap());
    digester.timed_out();
    digester.fence().unwrap();
    assert!(run(&mut digester, b"ATE1\r\r\nCONNECT 150000000\r\n").is_empty());
    assert_eq!((digester.state(), digester.owes()), (State::Data, true));
    assert_eq!(run(&mut digester, b"~\r\nOK\r\n\r\nNO CARRIER\r\n").len(), 1);
    // The fence may still be answered, and its answer would be taken for the next command's.
    assert!(!digester.quiet());
    assert_eq!((digester.state(), digester.owes()), (State::Dirty, false));
    assert!(run(&mut digester, b"\r\nOK\r\n").is_empty());
    digester.fence().unwrap();
    run(&mut digester, b"ATE1\r\r\nOK\r\n");
    assert!(digester.quiet());
}

#[test]
fn raw_ip_goes_over_another_port() {
    let mut digester = busy(Command::new("AT+CGDATA=\"M-RAW_IP\",0", Class::NoResult).unwrap());
    assert_eq!(run(&mut digester, b"\r\nCONNECT\r\n"), ["end Final(Connect) []"]);
    assert_eq!(digester.state(), State::Idle);
}
