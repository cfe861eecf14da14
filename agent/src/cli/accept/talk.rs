//! The talk with the daemon: looks, and what is to be done. It may be restarted in the midst, and is looked for again.

use crate::accept::{Lease, Look};
use crate::api::mcu::McuStatus;
use crate::api::modem::ModemStatus;
use crate::api::types::Status;
use crate::api::wire::{Done, Event, Request};
use crate::cli::args::Args;
use crate::cli::client::{Client, ClientError};
use crate::cli::commands::socket;
use crate::clock;
use shunt_config::Config;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// An MCU that is wired says what it is within seconds of the agent's start, and the steps hang on that.
const MCU_WORD: Duration = Duration::from_secs(10);
/// How often that is looked for.
const AGAIN: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Talk {
    socket: PathBuf,
    modems: bool,
    mcu: bool,
    client: Option<Client>,
    /// How long the first look may take.
    patience: Duration,
    /// What this run forced.
    lease: Lease,
}

impl Talk {
    /// Finds the daemon.
    pub(super) fn open(args: &Args, config: &Config) -> Result<Self, ClientError> {
        let socket = socket(args.socket.as_deref(), args.config());
        let client = Some(Client::connect(&socket)?);
        let (modems, mcu) = (!config.modems.is_empty(), config.watchdog.mcu.port.is_some());
        Ok(Self { socket, modems, mcu, client, patience: MCU_WORD, lease: Lease::default() })
    }

    /// Where the daemon is.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A daemon at this socket, without modems and MCU.
    #[cfg(test)]
    pub(super) fn with(socket: PathBuf) -> Self {
        Self { socket, modems: false, mcu: false, client: None, patience: MCU_WORD, lease: Lease::default() }
    }

    /// What is seen before the first step, with the MCU's first word where there is an MCU that speaks.
    pub(super) fn first_look(&mut self) -> Result<Look, ClientError> {
        let begun = Instant::now();
        loop {
            let look = self.try_look();
            let whole = look.as_ref().is_ok_and(|look| !self.mcu || look.mcu_answers());
            if whole || begun.elapsed() > self.patience {
                return look;
            }
            if look.is_err() {
                self.client = None;
            }
            thread::sleep(AGAIN);
        }
    }

    /// What is seen now; without a status where no daemon answers.
    pub(super) fn look(&mut self) -> Look {
        let seen = self.try_look();
        seen.unwrap_or_else(|_| {
            self.client = None;
            around(Look::default())
        })
    }

    fn try_look(&mut self) -> Result<Look, ClientError> {
        let (modems, mcu) = (self.modems, self.mcu);
        let client = self.client()?;
        let status: Option<Status> = Some(client.ask(&Request::Status {})?);
        let mut events: Vec<Event> = Vec::new();
        client.events(false, |event| {
            events.push(event);
            Ok::<(), ClientError>(())
        })?;
        let modems: Vec<ModemStatus> = if modems { client.ask(&Request::Modem {})? } else { Vec::new() };
        let mcu: Option<McuStatus> = if mcu { answered(client.ask(&Request::Mcu {}))? } else { None };
        let own_lease = status.as_ref().is_some_and(|status| self.lease.see(status));
        Ok(around(Look { status, events, own_lease, modems, mcu, ..Look::default() }))
    }

    /// Has something done.
    pub(super) fn ask(&mut self, request: &Request) -> Result<String, ClientError> {
        let done: Result<Done, ClientError> = self.client().and_then(|client| client.ask(request));
        // An answer that is lost may leave a lease as well; what is refused leaves none.
        if let Request::Force { link, .. } = request
            && !matches!(done, Err(ClientError::Refused(_)))
        {
            self.lease.taken(link);
        }
        if !matches!(done, Ok(_) | Err(ClientError::Refused(_))) {
            self.client = None;
        }
        done.map(|done| done.text)
    }

    /// Takes back what this run forced, if that still stands.
    pub(super) fn undo(&mut self) -> Result<(), ClientError> {
        if !self.lease.is_some() {
            return Ok(());
        }
        if self.try_look()?.own_lease {
            self.ask(&Request::Release {})?;
        }
        self.lease = Lease::default();
        Ok(())
    }

    fn client(&mut self) -> Result<&mut Client, ClientError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.socket)?,
        };
        Ok(self.client.insert(client))
    }
}

/// What the machine itself says.
fn around(look: Look) -> Look {
    Look { boot: clock::boot_id(), up: Duration::from_nanos(clock::now().as_nanos()), ..look }
}

/// An error that the daemon answers is an answer: there is none of what was asked for.
fn answered<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ClientError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::testing;
    use crate::api::types::Forced;
    use std::io::{BufRead, BufReader, Write};
    use std::num::NonZeroU64;
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc;

    const END: &str = "{\"ok\":{\"text\":\"that is all\"}}\n";
    const NO: &str = "{\"error\":{\"code\":\"failed\",\"message\":\"not today\"}}\n";

    /// Answers one client, and tells what was asked.
    fn answering(
        listener: UnixListener,
        mut answer: impl FnMut(&str) -> String + Send + 'static,
    ) -> mpsc::Receiver<String> {
        let (sender, asked) = mpsc::channel();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap();
                stream.write_all(answer(&line).as_bytes()).unwrap();
                sender.send(line).unwrap();
            }
        });
        asked
    }

    #[test]
    fn the_first_look_waits_for_the_first_word_of_the_mcu() {
        let home = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(home.path().join("s")).unwrap();
        let look = testing::look();
        let status = serde_json::to_string(&look.status).unwrap();
        let mcu = serde_json::to_string(&look.mcu).unwrap();
        let mut looks = 0;
        let _asked = answering(listener, move |line| match line {
            line if line.contains("\"status\"") => format!("{{\"ok\":{status}}}\n"),
            line if line.contains("\"events\"") => END.into(),
            _ => {
                looks += 1;
                if looks < 3 { NO.into() } else { format!("{{\"ok\":{mcu}}}\n") }
            }
        });
        let mut talk = Talk { mcu: true, ..Talk::with(home.path().join("s")) };
        assert!(talk.first_look().unwrap().mcu_answers());
    }

    #[test]
    fn a_first_look_that_fails_says_why() {
        let home = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(home.path().join("s")).unwrap();
        let _asked = answering(listener, |_| "{\"ok\":{\"version\":7}}\n".into());
        let mut talk = Talk { patience: Duration::ZERO, ..Talk::with(home.path().join("s")) };
        let error = talk.first_look().unwrap_err();
        assert!(matches!(&error, ClientError::Garbled(_)), "{error}");
        assert!(error.to_string().contains("is it of another version?"), "{error}");
    }

    #[test]
    fn what_was_refused_to_the_run_is_not_the_runs_to_release() {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        // An operator forces the same link for just as long.
        let mut status = testing::look().status.unwrap();
        let until = humantime::parse_rfc3339(&status.at).unwrap() + Duration::from_secs(899);
        let until = Some(humantime::format_rfc3339_millis(until).to_string());
        status.forced = Some(Forced { link: "lte".into(), until, strict: false });
        let status = serde_json::to_string(&status).unwrap();
        let asked = answering(listener, move |line| match line {
            line if line.contains("\"status\"") => format!("{{\"ok\":{status}}}\n"),
            line if line.contains("\"events\"") => END.into(),
            _ => NO.into(),
        });
        let mut talk = Talk::with(socket);
        let order = Request::Force { link: "lte".into(), for_s: NonZeroU64::new(900), strict: false };
        assert!(matches!(talk.ask(&order), Err(ClientError::Refused(_))));
        assert!(!talk.look().own_lease);
        talk.undo().unwrap();
        drop(talk);
        let asked: Vec<String> = asked.iter().collect();
        assert!(!asked.iter().any(|line| line.contains("release")), "{asked:?}");
    }
}
