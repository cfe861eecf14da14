//! The modem's side of a pty.

#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test's helpers are part of the test")]

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use shunt_modem::at::{Class, Command, Echo, Final, Outcome};
use shunt_modem::{Port, Reply, Session, Timing};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// Long enough for a loaded machine; only a test that fails waits so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// Short, since it is meant to pass.
pub(crate) const SHORT: Duration = Duration::from_millis(50);
pub(crate) const TIMING: Timing = Timing {
    drain: Duration::from_millis(20),
    fence: Duration::from_secs(10),
    quiet: Duration::from_millis(20),
    fences: 2,
    prompt: LIMIT,
    guard: Duration::from_millis(20),
};

/// What is at the far end of the port.
#[derive(Debug)]
pub(crate) struct Peer {
    port: Port,
    pub(crate) path: PathBuf,
    /// A pty that nobody has open reads as ended at its other side.
    _kept_open: File,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        let kept_open =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(&path).unwrap();
        let mut settings = rustix::termios::tcgetattr(&kept_open).unwrap();
        settings.make_raw();
        rustix::termios::tcsetattr(&kept_open, rustix::termios::OptionalActions::Now, &settings).unwrap();
        Self { port: Port::new(File::from(master)).unwrap(), path, _kept_open: kept_open }
    }

    /// Waits for exactly `line`, then says `answer`.
    pub(crate) async fn expect(&mut self, line: &str, answer: &str) {
        let mut heard = Vec::new();
        while heard.len() < line.len() {
            let mut bytes = vec![0; line.len() - heard.len()];
            let read = tokio::time::timeout(LIMIT, self.port.read(&mut bytes)).await;
            let read = read.unwrap_or_else(|_| panic!("{line:?} did not come, but {heard:?}")).unwrap();
            heard.extend(bytes.get(..read).unwrap());
        }
        assert_eq!(String::from_utf8_lossy(&heard), line);
        self.say(answer).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.port.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn answer_fence(&mut self) {
        self.expect("ATE1\r", "ATE1\r\r\nOK\r\n").await;
    }

    /// Reads a command up to its end.
    pub(crate) async fn hear(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            self.port.read(&mut byte).await.unwrap();
            match byte {
                [b'\r'] => return String::from_utf8_lossy(&line).into_owned(),
                [byte] => line.push(byte),
            }
        }
    }

    /// Answers every command: `OK`, or what `answers` has for it and `OK`.
    pub(crate) async fn serve(mut self, answers: Vec<(&'static str, String)>) {
        loop {
            let line = self.hear().await;
            let answer = answers.iter().find(|(command, _)| *command == line).map(|(_, answer)| answer);
            let answer = answer.map_or_else(String::new, |answer| format!("\r\n{answer}\r\n"));
            self.say(&format!("{line}\r{answer}\r\nOK\r\n")).await;
        }
    }
}

pub(crate) fn signal() -> Command {
    Command::new("AT+CSQ", Class::SingleLine("+CSQ:")).unwrap()
}

pub(crate) fn ok(lines: &[&str]) -> Reply {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Reply { outcome: Outcome::Final(Final::Ok), lines, data: Vec::new() }
}

pub(crate) fn session(peer: &Peer, timing: Timing) -> Session {
    Session::open(&peer.path, 115_200, Echo::On, timing).unwrap()
}

pub(crate) fn pair() -> (Peer, Session) {
    let peer = Peer::new();
    let session = session(&peer, TIMING);
    (peer, session)
}
