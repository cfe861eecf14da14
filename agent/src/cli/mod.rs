//! The command line. It only asks and shows: whatever it knows, the daemon told it over the control socket.

mod accept;
mod args;
mod check;
mod client;
mod commands;
mod doctor;
mod events;
mod exit;
mod init;
mod mcu;
mod mcu_flash;
mod modem;
mod modem_plan;
mod plan;
mod replay;
mod status;
mod style;
mod table;

pub use exit::Exit;

use args::{Args, Command};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use exit::Failure;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// What can be typed, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    main_from(std::env::args_os())
}

/// Runs the command line `args`, of which the first is the program's name. The laboratory, which is another
/// program, runs the agent by this.
#[must_use]
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Ok } else { Exit::Usage }.into();
        }
    };
    if let Command::Run = args.command {
        return crate::daemon::run(args.config(), args.socket.as_deref());
    }
    let mut out = io::stdout().lock();
    let result = commands::carry_out(&args, &mut out).and_then(|()| Ok(out.flush()?));
    match result {
        Ok(()) => Exit::Ok.into(),
        // Whoever read our output (`| head`) has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok.into(),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "shunt: {failure}");
            failure.exit().into()
        }
    }
}
