//! What each command asks of the daemon, and what it shows.

use super::args::{Args, Command};
use super::client::{Client, ClientError};
use super::doctor::{self, Manner};
use super::exit::{Exit, Failure};
use super::plan::Report;
use super::style::Style;
use super::{check, events, replay, status};
use crate::api::types::Status;
use crate::api::wire::{Done, Request};
use crate::daemon::{self, Trace};
use std::io::{self, BufRead, IsTerminal, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

/// Where the daemon listens unless its config says otherwise.
const DEFAULT_SOCKET: &str = "/run/shunt/shunt.sock";

pub(super) fn carry_out(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        // It has no end that could be shown; the caller runs it.
        Command::Run => Ok(()),
        Command::Status { json } => {
            let status: Status = connect(args)?.ask(&Request::Status {})?;
            if *json {
                serde_json::to_writer_pretty(&mut *out, &status).map_err(io::Error::from)?;
                return Ok(writeln!(out)?);
            }
            Ok(out.write_all(status::render(&status, Style::of_stdout()).as_bytes())?)
        }
        Command::Force { link, lease, strict } => {
            let for_s = lease.and_then(|lease| NonZeroU64::new(lease.as_secs()));
            tell(args, &Request::Force { link: link.clone(), for_s, strict: *strict }, out)
        }
        Command::Release => tell(args, &Request::Release {}, out),
        Command::Events { follow, json } => show_events(args, *follow, *json, out),
        Command::Check { file, json } => {
            let file = file.as_deref().unwrap_or(args.config());
            let config = shunt_config::load(file)?;
            if *json {
                serde_json::to_writer_pretty(&mut *out, &Report::of(file, &config))
                    .map_err(io::Error::from)?;
                return Ok(writeln!(out)?);
            }
            Ok(out.write_all(check::summary(file, &config).as_bytes())?)
        }
        Command::Init { from_mwan3, write } => {
            super::init::carry_out(args.config(), from_mwan3.as_deref(), *write, out)
        }
        Command::Doctor { json, offline, strict } => {
            doctor::carry_out(args, Manner { json: *json, offline: *offline, strict: *strict }, out)
        }
        Command::Accept(flags) => super::accept::carry_out(args, flags, out),
        Command::Replay { recording, json } => replay::carry_out(recording, args.named_config(), *json, out),
        Command::Modem(command) => super::modem::carry_out(args, command, out),
        Command::Mcu(command) => super::mcu::carry_out(args, command, out),
        Command::Stop { restore } => stop(args, *restore, out),
    }
}

pub(super) fn tell(args: &Args, request: &Request, out: &mut impl Write) -> Result<(), Failure> {
    let done: Done = connect(args)?.ask(request)?;
    Ok(writeln!(out, "{}", done.text)?)
}

fn show_events(args: &Args, follow: bool, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let style = Style::of_stdout();
    connect(args)?.events(follow, |event| {
        if json {
            serde_json::to_writer(&mut *out, &event).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", events::line(&event, style))?;
        }
        // Whoever follows wants to see it now, through a pipe too.
        Ok(out.flush()?)
    })
}

fn stop(args: &Args, restore: bool, out: &mut impl Write) -> Result<(), Failure> {
    match ask_to_stop(args, restore) {
        Ok(done) => Ok(writeln!(out, "{}", done.text)?),
        Err(error) if restore && error.is_of_no_daemon() => restore_alone(args, out),
        Err(error) => Err(error.into()),
    }
}

/// Asks the daemon, and waits until it is gone.
fn ask_to_stop(args: &Args, restore: bool) -> Result<Done, ClientError> {
    connect(args)?.stop(restore)
}

/// Does what no daemon will do: none runs, or it was on its way out before it was asked. Where the config cannot be used, by
/// the last one that an agent took.
fn restore_alone(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let file = args.config();
    let config = match shunt_config::load(file) {
        Ok(config) => config,
        Err(error) if Exit::of(&error, Exit::Usage) == Exit::Denied => return Err(error.into()),
        Err(error) => match daemon::trace(file) {
            Trace::Kept(kept, config) => {
                writeln!(
                    out,
                    "{} cannot be used; going by {}, the last that an agent took",
                    file.display(),
                    kept.display()
                )?;
                *config
            }
            Trace::NeverRan => {
                return Ok(writeln!(out, "no agent has run here; there is nothing to be given back")?);
            }
            Trace::Unknown => return Err(error.into()),
        },
    };
    let disarmed = daemon::restore(&config).map_err(Failure::Restore)?;
    let disarmed: String =
        disarmed.iter().map(|port| format!("; the watchdog MCU on {port} is disarmed")).collect();
    Ok(writeln!(out, "no daemon runs; all that it owned in the kernel is gone{disarmed}")?)
}

/// Has somebody on a terminal say yes; `done` completes "nothing was …".
pub(super) fn confirm(question: &str, done: &'static str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Unconfirmed(done));
    }
    write!(io::stderr(), "{question}\nType yes to go on: ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::Unconfirmed(done)) }
}

pub(super) fn connect(args: &Args) -> Result<Client, ClientError> {
    Client::connect(&socket(args.socket.as_deref(), args.config()))
}

/// The socket that was named, or that of the config. Members of the group need not be able to read the config.
pub(super) fn socket(named: Option<&Path>, config: &Path) -> PathBuf {
    match named {
        Some(named) => named.into(),
        None => {
            shunt_config::load(config).map_or_else(|_| DEFAULT_SOCKET.into(), |config| config.agent.socket)
        }
    }
}
