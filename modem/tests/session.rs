//! The session on a real pty, against a peer that answers as it is told.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use shunt_modem::at::{Class, Command, Echo, Final, Outcome, Payload};
use shunt_modem::{ModemError, Reply, Session, Timing};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{SerialPort, SerialStream};

/// Long enough for a loaded machine; only a test that fails waits so long.
const LIMIT: Duration = Duration::from_secs(20);
/// Short, since it is meant to pass.
const SHORT: Duration = Duration::from_millis(50);
const TIMING: Timing = Timing { fence: Duration::from_secs(10), quiet: Duration::from_millis(20), fences: 2 };

/// The modem's side: waits for exactly `line`, then says `answer`.
async fn expect(peer: &mut SerialStream, line: &str, answer: &str) {
    let mut heard = vec![0; line.len()];
    tokio::time::timeout(LIMIT, peer.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), line);
    peer.write_all(answer.as_bytes()).await.unwrap();
}

async fn answer_fence(peer: &mut SerialStream) {
    expect(peer, "ATE1\r", "ATE1\r\r\nOK\r\n").await;
}

fn signal() -> Command {
    Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap()
}

fn ok(lines: &[&str]) -> Reply {
    Reply { outcome: Outcome::Final(Final::Ok), lines: lines.iter().map(|line| (*line).to_owned()).collect() }
}

fn pair() -> (SerialStream, Session) {
    let (peer, port) = SerialStream::pair().unwrap();
    (peer, Session::new(port, Echo::On, TIMING))
}

#[tokio::test]
async fn a_command_is_answered_and_unsolicited_lines_are_kept() {
    let (mut peer, mut session) = pair();
    let modem = async {
        answer_fence(&mut peer).await;
        expect(&mut peer, "AT+CSQ\r", "\r\n+CREG: 1\r\nAT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\nRING\r\n")
            .await;
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
        answer_fence(&mut peer).await;
        expect(&mut peer, "AT+CMGS=3\r", "AT+CMGS=3\r\r\n> ").await;
        expect(&mut peer, "0011\x1a", "0011\x1a\r\n+CMGS: 4\r\n\r\nOK\r\n").await;
    };
    let command = Command::new("AT+CMGS=3", Class::SingleLine("+CMGS:")).unwrap();
    let host = session.command_with_payload(command, Payload::new("0011").unwrap(), LIMIT);
    let ((), reply) = tokio::join!(modem, host);
    assert_eq!(reply.unwrap(), ok(&["+CMGS: 4"]));
}

#[tokio::test]
async fn after_a_timeout_the_late_reply_is_fenced_off() {
    let (mut peer, mut session) = pair();
    let modem = async {
        answer_fence(&mut peer).await;
        expect(&mut peer, "AT+CSQ\r", "AT+CSQ\r").await;
        // The late reply comes with the fence's echo before it, as from a modem whose UART echoes at once.
        expect(&mut peer, "ATE1\r", "ATE1\r\r\n+CSQ: 1,1\r\n\r\nOK\r\n\r\nOK\r\n").await;
        expect(&mut peer, "AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 2,2\r\n\r\nOK\r\n").await;
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
        answer_fence(&mut peer).await;
        expect(&mut peer, "AT+CSQ\r", "").await;
        expect(&mut peer, "ATE1\r", "AT+CSQ\r\r\n+CSQ: 1,1\r\n\r\nOK\r\nATE1\r\r\nOK\r\n").await;
        expect(&mut peer, "AT+CSQ\r", "AT+CSQ\r\r\n+CSQ: 2,2\r\n\r\nOK\r\n").await;
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
    let (_peer, port) = SerialStream::pair().unwrap();
    let mut session = Session::new(port, Echo::On, Timing { fence: SHORT, ..TIMING });
    let error = session.command(signal(), LIMIT).await.unwrap_err();
    assert!(matches!(error, ModemError::Unresponsive { fences: 2 }), "{error}");
}

#[tokio::test]
async fn an_unplugged_port_is_gone_at_once_and_for_good() {
    let (mut peer, mut session) = pair();
    let modem = async move {
        answer_fence(&mut peer).await;
        expect(&mut peer, "AT+CSQ\r", "AT+CSQ\r").await;
        drop(peer);
    };
    let host = async {
        let error = session.command(signal(), LIMIT).await.unwrap_err();
        assert!(matches!(error, ModemError::Gone { .. }), "{error}");
        for _ in 0..3 {
            assert!(matches!(session.next_urc().await, Err(ModemError::Gone { .. })));
            assert!(matches!(session.command(signal(), LIMIT).await, Err(ModemError::Gone { .. })));
        }
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_port_is_opened_for_one_process_alone() {
    let (_peer, port) = SerialStream::pair().unwrap();
    let path = port.name().unwrap();
    let open = || Session::open(Path::new(&path), 115_200, Echo::On, TIMING);
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert!(matches!(&error, ModemError::Open { .. }), "{error}");
    assert!(error.to_string().contains(&path), "{error}");
    drop(first);

    let missing = Session::open(Path::new("/dev/ttyNone9"), 115_200, Echo::On, TIMING).unwrap_err();
    assert!(missing.to_string().starts_with("failed to open the modem's port /dev/ttyNone9: "), "{missing}");
}
