//! A modem in a hurry on ptys, and the agent's session to talk to it.

use shunt_lab::modem::{Endpoint, Fault, Modem, Network, Profile, Simulator};
use shunt_modem::at::{Class, Command, Echo, Final, Outcome};
use shunt_modem::{ModemError, Reply, Session};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Only a defect, or a machine that stands still, gets there.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Meant to pass; long enough that a modem in a hurry would have answered on a busy machine.
pub(crate) const SHORT: Duration = Duration::from_millis(400);

/// How the session fences here: quickly, for this modem answers quickly.
pub(crate) fn fences() -> shunt_modem::Timing {
    shunt_modem::Timing {
        drain: Duration::from_millis(100),
        fence: Duration::from_millis(800),
        quiet: Duration::from_millis(100),
        fences: 2,
        ..shunt_modem::Timing::default()
    }
}

pub(crate) struct Bench {
    pub(crate) modem: Simulator,
    pub(crate) home: TempDir,
}

impl Bench {
    pub(crate) fn new(profile: Profile) -> Self {
        let home = tempfile::Builder::new().prefix("shunt-modem-").tempdir().unwrap();
        let endpoints = vec![Endpoint::Pty(home.path().to_owned()), Endpoint::Pty(home.path().to_owned())];
        let modem = Simulator::start(profile, Network::default(), endpoints, None, 7).unwrap();
        Self { modem, home }
    }

    pub(crate) fn session(&self, port: usize) -> Session {
        open(&self.modem.wait_for_ports(DEADLINE).unwrap()[port])
    }

    pub(crate) fn registered(&self) -> Session {
        let session = self.session(0);
        self.modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
        session
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.modem.act(move |modem, now| modem.fault(fault, now)).unwrap();
    }

    pub(crate) fn set_power(&self, on: bool) {
        self.modem.act(move |modem, now| modem.set_power(on, now)).unwrap();
    }

    pub(crate) fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&mut Modem) -> T + Send + 'static) -> T {
        self.modem.act(|modem, _| ask(modem)).unwrap()
    }
}

pub(crate) fn open(port: &Path) -> Session {
    Session::open(port, 115_200, Echo::On, fences()).unwrap()
}

pub(crate) fn command(text: &str) -> Command {
    let class = match text {
        "AT+CSQ" => Class::SingleLine("+CSQ:"),
        "AT+CPIN?" => Class::SingleLine("+CPIN:"),
        "AT+CEREG?" => Class::SingleLine("+CEREG:"),
        "AT+CGPADDR=1" => Class::SingleLine("+CGPADDR:"),
        "AT+QGDCNT?" => Class::SingleLine("+QGDCNT:"),
        "AT+QTEMP" => Class::SingleLine("+QTEMP:"),
        "AT+CGSN" | "AT+CIMI" => Class::Numeric,
        text if text.starts_with("AT+CMGL") => Class::Headed("+CMGL:"),
        text if text.starts_with("AT+CMGS") => Class::SingleLine("+CMGS:"),
        text if text.starts_with("AT+QENG") => Class::MultiLine("+QENG:"),
        _ => Class::NoResult,
    };
    Command::new(text, class).unwrap()
}

pub(crate) async fn say(session: &mut Session, text: &str) -> Reply {
    session.command(command(text), DEADLINE).await.unwrap()
}

pub(crate) async fn fails(session: &mut Session, text: &str) -> ModemError {
    session.command(command(text), SHORT).await.unwrap_err()
}

/// The only line of a reply that ended well.
pub(crate) async fn line(session: &mut Session, text: &str) -> String {
    let reply = say(session, text).await;
    assert_eq!((reply.outcome, reply.lines.len()), (Outcome::Final(Final::Ok), 1), "{text}: {reply:?}");
    reply.lines[0].clone()
}

pub(crate) async fn end(session: &mut Session, text: &str) -> Final {
    match say(session, text).await.outcome {
        Outcome::Final(end) => end,
        other => panic!("{text}: {other:?}"),
    }
}

pub(crate) async fn urc(session: &mut Session, wanted: &str) -> String {
    loop {
        let line = tokio::time::timeout(DEADLINE, session.next_urc()).await.unwrap().unwrap();
        if line.starts_with(wanted) {
            return line;
        }
    }
}

/// Waits for the port's end.
pub(crate) async fn gone(session: &mut Session) {
    let error = loop {
        if let Err(error) = tokio::time::timeout(DEADLINE, session.next_urc()).await.unwrap() {
            break error;
        }
    };
    assert!(matches!(error, ModemError::Gone { .. }), "{error}");
}
