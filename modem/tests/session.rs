//! The session on a real pty, against a peer that answers as it is told.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

mod common;

use common::{LIMIT, Peer, SHORT, TIMING, ok, pair, session, signal};
use shunt_modem::at::{Class, Command, Echo, Payload, State};
use shunt_modem::{ModemError, Pair, Port, Session, Timing};
use std::path::Path;

#[tokio::test]
async fn a_command_is_answered_and_unsolicited_lines_are_kept() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+CSQ\r", "\r\n+CREG: 1\r\nAT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\nRING\r\n").await;
    };
    let host = async {
        assert_eq!(session.command(signal(), LIMIT).await.unwrap(), ok(&["+CSQ: 20,99"]));
        assert_eq!(session.next_urc().await.unwrap(), "+CREG: 1");
        assert_eq!(session.next_urc().await.unwrap(), "RING");
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_payload_follows_its_prompt() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+CMGS=3\r", "AT+CMGS=3\r\r\n> ").await;
        peer.expect("0011\x1a", "0011\x1a\r\n+CMGS: 4\r\n\r\nOK\r\n").await;
    };
    let command = Command::new("AT+CMGS=3", Class::SingleLine("+CMGS:")).unwrap();
    let host = session.command_with_payload(command, Payload::new("0011").unwrap(), LIMIT);
    let ((), reply) = tokio::join!(modem, host);
    assert_eq!(reply.unwrap(), ok(&["+CMGS: 4"]));
}

#[tokio::test]
async fn a_prompt_that_does_not_come_is_not_waited_for_as_long_as_the_answer() {
    let mut peer = Peer::new();
    let mut session = session(&peer, Timing { prompt: SHORT, ..TIMING });
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+CMGS=3\r", "AT+CMGS=3\r").await;
        // The text of a message must not be read as a command, nor a command as the text.
        peer.expect("\u{1b}ATE1\r", "> \u{1b}\r\nOK\r\nATE1\r\r\nOK\r\n").await;
    };
    let host = async {
        let command = Command::new("AT+CMGS=3", Class::SingleLine("+CMGS:")).unwrap();
        let late = session.command_with_payload(command, Payload::new("0011").unwrap(), LIMIT).await;
        assert!(matches!(late, Err(ModemError::Timeout { timeout: SHORT, .. })), "{late:?}");
        session.fence().await.unwrap();
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn after_a_timeout_the_late_reply_is_fenced_off() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+CSQ\r", "AT+CSQ\r").await;
        // The late reply comes with the fence's echo before it, as from a modem whose UART echoes at once.
        peer.expect("ATE1\r", "ATE1\r\r\n+CSQ: 1,1\r\n\r\nOK\r\n\r\nOK\r\n").await;
        peer.expect("AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 2,2\r\n\r\nOK\r\n").await;
    };
    let host = async {
        session.fence().await.unwrap();
        let late = session.command(signal(), SHORT).await.unwrap_err();
        assert!(matches!(&late, ModemError::Timeout { command, .. } if command == "AT+CSQ"), "{late}");
        assert_eq!(session.command(signal(), LIMIT).await.unwrap(), ok(&["+CSQ: 2,2"]));
        assert_eq!(session.next_urc().await.unwrap(), "+CSQ: 1,1");
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_dropped_call_leaves_a_port_that_is_fenced() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+CSQ\r", "").await;
        peer.expect("ATE1\r", "AT+CSQ\r\r\n+CSQ: 1,1\r\n\r\nOK\r\nATE1\r\r\nOK\r\n").await;
        peer.expect("AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 2,2\r\n\r\nOK\r\n").await;
    };
    let host = async {
        session.fence().await.unwrap();
        assert!(tokio::time::timeout(SHORT, session.command(signal(), LIMIT)).await.is_err());
        assert_eq!(session.command(signal(), LIMIT).await.unwrap(), ok(&["+CSQ: 2,2"]));
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_silent_modem_is_told_after_a_bounded_number_of_fences() {
    let peer = Peer::new();
    let mut session = session(&peer, Timing { fence: SHORT, ..TIMING });
    let error = session.command(signal(), LIMIT).await.unwrap_err();
    assert!(matches!(error, ModemError::Unresponsive { fences: 2 }), "{error}");
    assert_eq!(session.reads(), 0, "nothing came, and nothing was read");
}

#[tokio::test]
async fn a_modem_without_an_echo_is_told_and_can_be_used_without() {
    let (mut peer, mut with_echo) = pair();
    let modem = async {
        peer.expect("ATE1\r", "\r\nOK\r\n").await;
        peer.expect("ATE1\r", "\r\nOK\r\n").await;
    };
    let ((), error) = tokio::join!(modem, with_echo.fence());
    assert!(matches!(error, Err(ModemError::NoEcho)), "{error:?}");
    drop(with_echo);
    let mut without = Session::open(&peer.path, 115_200, Echo::Off, TIMING).unwrap();
    let modem = async {
        peer.expect("AT\r", "\r\nOK\r\n").await;
        peer.expect("AT+CSQ\r", "\r\n+CSQ: 1,1\r\n\r\nOK\r\n").await;
    };
    let ((), reply) = tokio::join!(modem, without.ask(signal()));
    assert_eq!(reply.unwrap(), ok(&["+CSQ: 1,1"]));
}

#[tokio::test]
async fn unsolicited_lines_do_not_keep_a_fence_from_its_quiet() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.expect("ATE1\r", "ATE1\r\r\nOK\r\n").await;
        loop {
            peer.say("\r\n+CSQ: 20,99\r\n").await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = modem => {}
        fenced = session.fence() => fenced.unwrap(),
    }
    assert_eq!(session.state(), State::Idle);
}

#[tokio::test]
async fn a_port_that_was_left_a_data_channel_is_escaped_from() {
    let peer = Peer::new();
    let mut session = session(&peer, Timing { fence: SHORT, ..TIMING });
    let mut peer = peer;
    let modem = async {
        peer.expect("ATE1\r", "~\u{1}~").await;
        peer.expect("+++", "\r\nOK\r\n").await;
        peer.expect("\rATE1\r", "\r\nATE1\r\r\nOK\r\n").await;
    };
    let ((), fenced) = tokio::join!(modem, session.fence());
    fenced.unwrap();
}

#[tokio::test]
async fn a_call_carries_data_until_it_ends_or_is_escaped_from() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("ATD*99***1#\r", "ATD*99***1#\r\r\nCONNECT\r\n~first").await;
        peer.expect("ping", "\r\nOK\r\n~").await;
        peer.expect("+++", "\r\nOK\r\n").await;
        peer.expect("ATO\r", "ATO\r\r\nCONNECT\r\n").await;
        peer.expect("pong", "~\r\nNO CARRIER\r\n").await;
        peer.expect("AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 9,9\r\n\r\nOK\r\n").await;
    };
    let host = async {
        let command = |text| Command::new(text, Class::NoResult).unwrap();
        session.ask(command("ATD*99***1#")).await.unwrap();
        assert_eq!(session.state(), State::Data);
        assert_eq!(session.receive_data().await.unwrap().as_deref(), Some(b"~first".as_slice()));
        assert!(matches!(session.ask(signal()).await, Err(ModemError::Refused(_))));
        session.send_data(b"ping").await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < b"\r\nOK\r\n~".len() {
            heard.extend(session.receive_data().await.unwrap().unwrap());
        }
        assert_eq!(heard, b"\r\nOK\r\n~");
        session.escape().await.unwrap();
        assert_eq!(session.state(), State::Idle);
        assert!(matches!(session.send_data(b"x").await, Err(ModemError::Refused(_))));
        // What came around the escape is data still; then there is no more.
        assert_eq!(session.receive_data().await.unwrap().as_deref(), Some(b"\r\nOK\r\n".as_slice()));
        assert_eq!(session.receive_data().await.unwrap(), None);
        session.ask(command("ATO")).await.unwrap();
        session.send_data(b"pong").await.unwrap();
        while session.receive_data().await.unwrap().is_some() {}
        assert_eq!(session.ask(signal()).await.unwrap(), ok(&["+CSQ: 9,9"]));
        assert_eq!(session.data_lost(), 0);
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_call_that_comes_when_it_was_given_up_is_escaped_from() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("ATD*99***1#\r", "ATD*99***1#\r").await;
        // In the midst of the data there is what would answer a fence.
        peer.expect("ATE1\r", "\r\nCONNECT\r\n~\r\nATE1\r\r\nOK\r\n~").await;
        peer.expect("+++", "\r\nOK\r\n").await;
        peer.answer_fence().await;
        peer.expect("AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 9,9\r\n\r\nOK\r\n").await;
    };
    let host = async {
        let dial = Command::new("ATD*99***1#", Class::NoResult).unwrap();
        let late = session.command(dial, SHORT).await;
        assert!(matches!(late, Err(ModemError::Timeout { timeout: SHORT, .. })), "{late:?}");
        assert_eq!(session.ask(signal()).await.unwrap(), ok(&["+CSQ: 9,9"]));
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn counted_bytes_and_sent_bytes_are_whole() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+QISEND=0,4\r", "AT+QISEND=0,4\r\r\n> ").await;
        peer.expect("\u{1a}\r\n\u{1b}", "\r\nSEND OK\r\n\r\nOK\r\n").await;
        peer.expect("AT+QIRD=0\r", "AT+QIRD=0\r\r\n+QIRD: 6\r\n\r\nOK\r\n\r\n\r\nOK\r\n").await;
    };
    let host = async {
        let send = Command::new("AT+QISEND=0,4", Class::MultiLine("SEND ")).unwrap();
        let payload = Payload::exact(b"\x1a\r\n\x1b").unwrap();
        assert_eq!(session.command_with_payload(send, payload, LIMIT).await.unwrap(), ok(&["SEND OK"]));
        let read = Command::new("AT+QIRD=0", Class::Counted("+QIRD:", 0)).unwrap();
        assert_eq!(session.command(read, LIMIT).await.unwrap().data, b"\r\nOK\r\n");
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn an_unplugged_port_is_gone_at_once_and_for_good_and_never_read_again() {
    let (mut peer, mut session) = pair();
    let modem = async move {
        peer.answer_fence().await;
        peer.expect("AT+CSQ\r", "AT+CSQ\r").await;
        drop(peer);
    };
    let host = async {
        let error = session.command(signal(), LIMIT).await.unwrap_err();
        assert!(matches!(error, ModemError::Gone { .. }), "{error}");
        let reads = session.reads();
        for _ in 0..1_000 {
            assert!(matches!(session.next_urc().await, Err(ModemError::Gone { .. })));
            assert!(matches!(session.command(signal(), LIMIT).await, Err(ModemError::Gone { .. })));
        }
        assert_eq!(session.reads(), reads);
        // The fence's answer, the command's echo, the end; each may have come in pieces.
        assert!(reads < 32, "{reads} reads");
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_port_that_goes_while_nothing_is_asked_is_told_to_whoever_listens() {
    let (peer, mut session) = pair();
    let mut listening = Box::pin(session.next_urc());
    assert!(tokio::time::timeout(SHORT, &mut listening).await.is_err());
    drop(peer);
    let told = tokio::time::timeout(LIMIT, listening).await.unwrap();
    assert!(matches!(told, Err(ModemError::Gone { .. })), "{told:?}");
    assert_eq!(session.reads(), 1);
}

#[tokio::test]
async fn a_sibling_is_heard_poked_swapped_and_let_go_of() {
    let ((mut first, commands), (mut second, sibling)) = (pair(), pair());
    let mut pair = Pair::new(commands, Some(sibling));
    second.say("\r\n+CREG: 1\r\n").await;
    assert_eq!(pair.next_urc().await.unwrap(), "+CREG: 1");
    first.say("\r\nRING\r\n").await;
    assert_eq!(pair.next_urc().await.unwrap(), "RING");
    let (poked, ()) = tokio::join!(pair.poke(), second.answer_fence());
    poked.unwrap().unwrap();
    assert!(pair.swap());
    let modem = second.expect("AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 4,4\r\n\r\nOK\r\n");
    let (reply, ()) = tokio::join!(pair.commands().ask(signal()), modem);
    assert_eq!(reply.unwrap(), ok(&["+CSQ: 4,4"]));
    drop(first);
    second.say("\r\n+CREG: 5\r\n").await;
    assert_eq!(pair.next_urc().await.unwrap(), "+CREG: 5");
    assert!(tokio::time::timeout(SHORT, pair.next_urc()).await.is_err());
    assert!(pair.sibling().is_none() && pair.poke().await.is_none() && !pair.swap());
    drop(second);
    assert!(matches!(pair.next_urc().await, Err(ModemError::Gone { .. })));
}

#[tokio::test]
async fn a_port_is_opened_for_one_process_alone() {
    let peer = Peer::new();
    let open = || Session::open(&peer.path, 115_200, Echo::On, TIMING);
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert!(matches!(&error, ModemError::Open { .. }), "{error}");
    assert!(error.to_string().contains(peer.path.to_str().unwrap()), "{error}");
    drop(first);
    drop(open().unwrap());

    let missing = Session::open(Path::new("/dev/ttyNone9"), 115_200, Echo::On, TIMING).unwrap_err();
    assert!(missing.to_string().starts_with("failed to open the modem's port /dev/ttyNone9: "), "{missing}");
}

#[tokio::test]
async fn a_port_that_is_no_terminal_is_opened_all_the_same() {
    // As those of the WWAN subsystem, a pipe knows no TIOCEXCL.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wwan0at0");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let port = Port::open(&path, 115_200).unwrap();
    port.write_all(b"RING").await.unwrap();
    let mut heard = [0; 4];
    assert_eq!((port.read(&mut heard).await.unwrap(), &heard), (4, b"RING"));
    assert!(Port::open(&path, 115_200).is_err());
}
