//! The talk with the daemon: looks, and what is to be done. It may be restarted in the midst, and is looked for again.

use crate::accept::Look;
use crate::api::mcu::McuStatus;
use crate::api::modem::ModemStatus;
use crate::api::wire::{Done, Event, Request};
use crate::cli::args::Args;
use crate::cli::client::{Client, ClientError};
use crate::cli::commands::socket;
use crate::clock;
use shunt_config::Config;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Talk {
    socket: PathBuf,
    modems: bool,
    mcu: bool,
    client: Option<Client>,
    /// The link that was forced by this run, and is not released yet.
    forced: Option<String>,
}

impl Talk {
    /// Finds the daemon.
    pub(super) fn open(args: &Args, config: &Config) -> Result<Self, ClientError> {
        let socket = socket(args.socket.as_deref(), args.config());
        let client = Some(Client::connect(&socket)?);
        let (modems, mcu) = (!config.modems.is_empty(), config.watchdog.mcu.port.is_some());
        Ok(Self { socket, modems, mcu, client, forced: None })
    }

    /// A daemon at this socket, without modems and MCU.
    #[cfg(test)]
    pub(super) const fn with(socket: PathBuf) -> Self {
        Self { socket, modems: false, mcu: false, client: None, forced: None }
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
        let status = Some(client.ask(&Request::Status {})?);
        let mut events: Vec<Event> = Vec::new();
        client.events(false, |event| {
            events.push(event);
            Ok::<(), ClientError>(())
        })?;
        let modems: Vec<ModemStatus> = if modems { client.ask(&Request::Modem {})? } else { Vec::new() };
        let mcu: Option<McuStatus> = if mcu { answered(client.ask(&Request::Mcu {}))? } else { None };
        Ok(around(Look { status, events, modems, mcu, ..Look::default() }))
    }

    /// Has something done.
    pub(super) fn ask(&mut self, request: &Request) -> Result<String, ClientError> {
        match request {
            // Before it is asked: an answer that is lost leaves a lease as well.
            Request::Force { link, .. } => self.forced = Some(link.clone()),
            Request::Release {} => self.forced = None,
            _ => {}
        }
        let done: Result<Done, ClientError> = self.client().and_then(|client| client.ask(request));
        if !matches!(done, Ok(_) | Err(ClientError::Refused(_))) {
            self.client = None;
        }
        done.map(|done| done.text)
    }

    /// Takes back what this run forced, if that still stands.
    pub(super) fn undo(&mut self) -> Result<(), ClientError> {
        let Some(forced) = self.forced.clone() else { return Ok(()) };
        let look = self.try_look()?;
        let stands = look.status.and_then(|status| status.forced).is_some_and(|now| now.link == forced);
        if stands {
            self.ask(&Request::Release {})?;
        }
        self.forced = None;
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
