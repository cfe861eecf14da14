//! Lines that real modems sent, and what becomes of them. A fault found in the field lands here first.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

mod common;

use common::{busy, exchange, idle, run};
use shunt_at::{
    Class, Command, Digester, Echo, Final, LINE_BYTES, Outcome, Payload, REPLY_BYTES, SendError, State,
};

#[test]
fn each_class_takes_its_own_lines_and_no_others() {
    let reply = "\r\n+CSQ: 20,99\r\n\r\n+CREG: 1\r\n\r\n861234567890123\r\n\r\nOK\r\n";
    let urcs = |lines: &[&str]| lines.iter().map(|line| format!("urc {line}")).collect::<Vec<_>>();
    assert_eq!(
        exchange("AT+CFUN=1", Class::NoResult, reply),
        [urcs(&["+CSQ: 20,99", "+CREG: 1", "861234567890123"]), vec!["end Final(Ok) []".into()]].concat()
    );
    assert_eq!(
        exchange("AT+CGSN", Class::Numeric, reply),
        [urcs(&["+CSQ: 20,99", "+CREG: 1"]), vec!["end Final(Ok) [\"861234567890123\"]".into()]].concat()
    );
    assert_eq!(
        exchange("AT+CSQ", Class::SingleLine("+CSQ:"), reply),
        [urcs(&["+CREG: 1", "861234567890123"]), vec!["end Final(Ok) [\"+CSQ: 20,99\"]".into()]].concat()
    );
    assert_eq!(
        exchange("AT!GSTATUS?", Class::MultiLine(""), reply),
        ["end Final(Ok) [\"+CSQ: 20,99\", \"+CREG: 1\", \"861234567890123\"]"]
    );
}

#[test]
fn registration_reads_keep_their_line_and_reports_stay_unsolicited() {
    for line in [
        "+CREG: 2,1,  0 5, 2715",
        "+CREG: 2,1,000B,2816, B, C2816",
        "+CREG:002,001,\"18d8\",\"ffff\"",
        "+CREG: 2,5,\"0502\",\"0404736D\"",
        // The read of a modem that is not registered has a state; one with none is a report.
        "+CREG: 2,0,,",
    ] {
        let read = exchange("AT+CREG?", Class::SingleLine("+CREG:"), &format!("\r\n{line}\r\n\r\nOK\r\n"));
        assert_eq!(read, [format!("end Final(Ok) [{line:?}]")]);
        assert_eq!(run(&mut idle(), format!("\r\n{line}\r\n").as_bytes()), [format!("urc {line}")]);
        let other = exchange(
            "AT+CGREG?",
            Class::SingleLine("+CGREG:"),
            &format!("\r\n{line}\r\n+CGREG: 0,1\r\nOK\r\n"),
        );
        assert_eq!(other, [format!("urc {line}"), "end Final(Ok) [\"+CGREG: 0,1\"]".into()]);
    }
    // A report in its own shape, and one in the shape of a read, both before the answer.
    assert_eq!(
        exchange(
            "AT+CREG?",
            Class::SingleLine("+CREG:"),
            "\r\n+CREG: 2,,\r\n\r\n+CREG: 2,5,\"0502\",\"0404736D\"\r\n\r\n+CREG: 2,1,\"0502\",\"0404736D\"\r\n\r\nOK\r\n"
        ),
        [
            "urc +CREG: 2,,",
            "urc +CREG: 2,5,\"0502\",\"0404736D\"",
            "end Final(Ok) [\"+CREG: 2,1,\\\"0502\\\",\\\"0404736D\\\"\"]"
        ]
    );
}

#[test]
fn long_and_odd_replies_arrive_whole() {
    for (text, prefix, line) in [
        (
            "AT+COPS=?",
            "+COPS:",
            "+COPS: (1,\"T-Mobile USA, In\",\"T-Mobile\",\"310260\",0),(1,\"AT&T\",\"AT&T\",\"310410\",0),,(0,1,2,3,4),(0,1,2)",
        ),
        (
            "AT+CGCONTRDP=2",
            "+CGCONTRDP:",
            "+CGCONTRDP: 2,6,\"fast.t-mobile.com\",,,\"253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.9\",\"253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.16\"",
        ),
        ("AT^NDISSTATQRY?", "^NDISSTATQRY:", "^NDISSTATQRY: 1,,,\"IPV4\",0,,,\"IPV6\""),
    ] {
        assert_eq!(
            exchange(text, Class::SingleLine(prefix), &format!("\r\n{line}\r\n\r\nOK\r\n")),
            [format!("end Final(Ok) [{line:?}]")]
        );
    }
}

#[test]
fn data_after_ok_is_unsolicited() {
    assert_eq!(
        exchange(
            "AT+EEMGINFO?",
            Class::SingleLine("+EEMGINFO:"),
            "\n\r\n+EEMGINFO: 3, 2\r\n\r\nOK\r\n\r\n+EEMLTESVC: 1120, 2, 32, 1\r\n"
        ),
        ["end Final(Ok) [\"+EEMGINFO: 3, 2\"]", "urc +EEMLTESVC: 1120, 2, 32, 1"]
    );
}

#[test]
fn a_prompt_is_none_unless_awaited_at_line_start() {
    assert_eq!(
        exchange(
            "AT+CIPRXGET=2,0",
            Class::SingleLine("+CIPRXGET:"),
            "\r\n+CIPRXGET: 2,0,2,0\r\n> \r\nOK\r\n"
        ),
        ["urc > ", "end Final(Ok) [\"+CIPRXGET: 2,0,2,0\"]"]
    );
    let mut digester = idle();
    digester.send(Command::new("AT+CMGS=23", Class::SingleLine("+CMGS:")).unwrap().prompting()).unwrap();
    assert_eq!(run(&mut digester, b"> \r\nAT+CMGS=23\r\r\n+XURC: a > b\r\n"), ["urc > ", "urc +XURC: a > b"]);
    let payload = Payload::new("0001000B91").unwrap();
    assert_eq!(digester.answer(payload.clone()), Err(SendError::NoPrompt));
    assert_eq!(run(&mut digester, b"\r\n> "), ["prompt"]);
    assert_eq!(digester.answer(payload.clone()), Ok(()));
    assert_eq!(digester.answer(payload), Err(SendError::NoPrompt));
    assert_eq!(
        run(&mut digester, b"0001000B91\x1a\r\n+CREG: 1\r\n\r\n+CMGS: 7\r\n\r\nOK\r\n"),
        ["urc +CREG: 1", "end Final(Ok) [\"+CMGS: 7\"]"]
    );
}

#[test]
fn a_report_between_a_header_and_its_message_is_not_taken_for_the_message() {
    let list = |reply| exchange("AT+CMGL=4", Class::Headed("+CMGL:"), reply);
    assert_eq!(
        list("\r\n+CMGL: 3,0,,24\r\n\r\n+CREG: 1\r\n0044099121436587F900006210108021750000\r\n\r\nOK\r\n"),
        ["urc +CREG: 1", "end Final(Ok) [\"+CMGL: 3,0,,24\", \"0044099121436587F900006210108021750000\"]"]
    );
    // One that has a message of its own, and a header whose message was lost.
    assert_eq!(
        list("\r\n+CMGL: 1,1,,24\r\n\r\n+CMT: ,2\r\n0791\r\n+CMGL: 2,1,,24\r\n0044\r\n\r\nOK\r\n"),
        ["urc +CMT: ,2\n0791", "end Final(Ok) [\"+CMGL: 1,1,,24\", \"+CMGL: 2,1,,24\", \"0044\"]"]
    );
    assert_eq!(list("\r\n+CMGL: 1,1,,24\r\n\r\nRDY\r\n"), ["end Restarted []"]);
}

#[test]
fn a_message_that_says_ok_ends_nothing() {
    assert_eq!(
        exchange("AT+CSQ", Class::SingleLine("+CSQ:"), "\r\n+CMT: ,24\r\n\r\nOK\r\n+CSQ: 1,2\r\nOK\r\n"),
        ["urc +CMT: ,24\nOK", "end Final(Ok) [\"+CSQ: 1,2\"]"]
    );
}

#[test]
fn line_ends_of_all_kinds_nuls_and_garbage_are_borne() {
    assert_eq!(
        exchange("AT+CSQ", Class::SingleLine("+CSQ:"), "\0\0\r\r\n\0+CSQ: 9,9\r\r\nO\0K\r"),
        ["end Final(Ok) [\"+CSQ: 9,9\"]"]
    );
    let mut digester = idle();
    digester.send(Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap()).unwrap();
    assert_eq!(
        run(&mut digester, b"\xff\xfe\x01\r\nAT+CSQ\r\n\x80OK\r\n+CSQ: 3,3\nOK\n"),
        ["urc ÿþ\u{1}", "urc \u{80}OK", "end Final(Ok) [\"+CSQ: 3,3\"]"]
    );
}

#[test]
fn an_overlong_line_is_dropped_counted_and_told() {
    let mut digester = idle();
    digester.send(Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap()).unwrap();
    let mut bytes = b"AT+CSQ\r\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', LINE_BYTES + 1));
    bytes.extend(b"\r\n+CSQ: 1,1\r\nOK\r\n+CREG: 1\r\n");
    assert_eq!(run(&mut digester, &bytes), ["end Overflow [\"+CSQ: 1,1\"]", "urc +CREG: 1"]);
    assert_eq!(digester.overflows(), 1);
    assert_eq!(digester.state(), State::Idle);
}

#[test]
fn finals_are_whole_lines_and_call_codes_end_only_calls() {
    assert_eq!(
        exchange("AT+CSQ", Class::SingleLine("+CSQ:"), "\r\nERRORS: 1\r\nNO CARRIER\r\n+CME ERROR: 10\r\n"),
        ["urc ERRORS: 1", "urc NO CARRIER", "end Final(Cme(Some(10))) []"]
    );
    assert_eq!(
        exchange("ATD*99***1#", Class::NoResult, "\r\nCONNECT 150000000\r\n"),
        [format!("end Final({:?}) []", Final::Connect)]
    );
    assert_eq!(exchange("ATD*99#", Class::NoResult, "\r\nNO CARRIER\r\n"), ["end Final(NoCarrier) []"]);
}

#[test]
fn a_boot_fails_the_command_in_flight_at_once() {
    let mut digester = idle();
    digester.send(Command::new("AT+COPS=?", Class::SingleLine("+COPS:")).unwrap()).unwrap();
    assert_eq!(run(&mut digester, b"AT+COPS=?\r\n\0\0RDY\r\n"), ["end Restarted []"]);
    assert_eq!(digester.state(), State::Dirty);
}

#[test]
fn a_missing_line_is_no_success_and_makes_the_port_dirty() {
    let mut digester = idle();
    digester.send(Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap()).unwrap();
    assert_eq!(run(&mut digester, b"AT+CSQ\r\r\nOK\r\n"), [format!("end {:?} []", Outcome::Incomplete)]);
    assert_eq!(digester.state(), State::Dirty);
}

#[test]
fn a_late_reply_is_never_the_next_commands() {
    // The defect seen in ModemManager: CREG timed out, and its late reply was taken for CGREG's.
    let mut digester = idle();
    digester.send(Command::new("AT+CREG?", Class::SingleLine("+CREG:")).unwrap()).unwrap();
    assert_eq!(run(&mut digester, b"AT+CREG?\r"), Vec::<String>::new());
    digester.timed_out();
    let next = Command::new("AT+CGREG?", Class::SingleLine("+CGREG:")).unwrap();
    assert_eq!(digester.send(next.clone()), Err(SendError::Dirty));
    assert!(digester.owes());
    digester.fence().unwrap();
    assert_eq!(run(&mut digester, b"ATE1\r\r\n+CREG: 0,1\r\n\r\nOK\r\n"), ["urc +CREG: 0,1"]);
    // The final code was the late one's, as far as anybody can know: the fence's own follows.
    assert_eq!((digester.state(), digester.strays()), (State::Fenced, 2));
    assert_eq!(run(&mut digester, b"\r\nOK\r\n"), Vec::<String>::new());
    assert_eq!((digester.state(), digester.strays()), (State::Fenced, 3));
    assert!(digester.quiet() && !digester.owes());
    digester.send(next).unwrap();
    assert_eq!(
        run(&mut digester, b"OK\r\nAT+CGREG?\r\n+CGREG: 0,5\r\nOK\r\n"),
        ["urc OK", "end Final(Ok) [\"+CGREG: 0,5\"]"]
    );
}

#[test]
fn the_fence_cancels_a_payload_that_the_modem_may_still_read() {
    let mut digester = idle();
    digester.send(Command::new("AT+CMGS=23", Class::SingleLine("+CMGS:")).unwrap().prompting()).unwrap();
    assert_eq!(run(&mut digester, b"AT+CMGS=23\r\n> "), ["prompt"]);
    digester.timed_out();
    assert_eq!(digester.fence(), Ok(b"\x1bATE1\r".as_slice()));
    assert_eq!(run(&mut digester, b"\x1bATE1\r\nOK\r\n"), Vec::<String>::new());
    assert!(digester.quiet());
}

#[test]
fn a_late_final_code_is_waited_for_before_the_fence() {
    let mut digester = busy(Command::new("AT+COPS=?", Class::SingleLine("+COPS:")).unwrap());
    digester.timed_out();
    assert!(digester.owes());
    assert_eq!(run(&mut digester, b"\r\n+COPS: (1)\r\n\r\nOK\r\n"), ["urc +COPS: (1)"]);
    assert_eq!((digester.owes(), digester.state()), (false, State::Dirty));
}

#[test]
fn on_a_clean_port_the_fence_is_a_mere_question() {
    let mut digester = idle();
    digester.fence().unwrap();
    assert_eq!(digester.state(), State::Fencing);
    assert_eq!(run(&mut digester, b"\r\nRING\r\nATE1\r\r\nOK\r\n"), ["urc RING"]);
    assert_eq!(digester.state(), State::Idle);
}

#[test]
fn a_modem_that_booted_unasked_has_lost_its_echo() {
    let mut digester = idle();
    assert_eq!(run(&mut digester, b"\0\0\r\n+AT: READY\r\n"), ["urc +AT: READY"]);
    assert_eq!(digester.state(), State::Dirty);
    // Its first answer is without an echo, since that is what the fence switches on.
    digester.fence().unwrap();
    run(&mut digester, b"\r\nOK\r\n");
    assert!(!digester.quiet());
    digester.fence().unwrap();
    run(&mut digester, b"ATE1\r\r\nOK\r\n");
    assert!(digester.quiet());
}

#[test]
fn without_echo_the_silence_protects() {
    let mut digester = Digester::new(Echo::Off);
    assert_eq!(digester.fence(), Ok(b"AT\r".as_slice()));
    assert_eq!(run(&mut digester, b"\r\nOK\r\n"), Vec::<String>::new());
    assert!(digester.quiet());
    digester.send(Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap()).unwrap();
    assert_eq!(run(&mut digester, b"\r\n+CSQ: 5,5\r\n\r\nOK\r\n"), ["end Final(Ok) [\"+CSQ: 5,5\"]"]);
}

#[test]
fn a_reply_that_does_not_fit_is_told() {
    let mut digester = busy(Command::new("AT+CMGL=4", Class::MultiLine("")).unwrap());
    let line = format!("\r\n{}\r\n", "x".repeat(LINE_BYTES));
    let mut out = Vec::new();
    for _ in 0..=REPLY_BYTES / LINE_BYTES {
        out.extend(run(&mut digester, line.as_bytes()));
    }
    out.extend(run(&mut digester, b"\r\nOK\r\n"));
    assert!(out.len() == 1 && out.iter().all(|end| end.starts_with("end Overflow")), "{out:?}");
    assert!(digester.overflows() > 0 && digester.state() == State::Idle);
}

#[test]
fn neither_a_pin_nor_a_password_is_shown_by_what_holds_the_command() {
    for text in ["AT+CPIN=\"1234\"", "at+cgauth=1,2,\"me\",\"1234\""] {
        let digester = busy(Command::new(text, Class::NoResult).unwrap());
        assert!(!format!("{digester:?}").contains("1234"), "{digester:?}");
    }
}
