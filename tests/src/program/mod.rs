//! The `lab` program: the story, the prompt and the benchmarks.

mod prompt;
mod screen;
mod stage;
mod story;

use crate::agent::Program;
use crate::error::{LabError, Result};
use crate::privilege::{EXIT_NOT_PERMITTED, enter};
use clap::Parser;
use screen::Screen;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The whole of Shunt on one machine: builds a network, cuts the fiber, and shows what the agent does.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "cargo lab", version, about, max_term_width = 100)]
struct Args {
    /// Leave the laboratory running, with a prompt.
    #[arg(long, short)]
    interactive: bool,

    /// The `shunt` binary to run instead of the agent that is built in.
    #[arg(long, value_name = "PATH")]
    agent: Option<PathBuf>,

}


/// Runs the program; `args` without the program's own name.
#[must_use]
pub fn lab_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(std::iter::once(OsString::from("lab")).chain(args)) {
        Ok(args) => args,
        Err(error) => {
            let _nowhere_to_complain = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let mut screen = Screen::new();
    // Before any thread: only a process without threads may enter a user namespace.
    match enter().and_then(|()| run(&args, &mut screen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.fault(&format!("failed to {error}"));
            ExitCode::from(if matches!(error, LabError::NotPermitted(_)) { EXIT_NOT_PERMITTED } else { 1 })
        }
    }
}

fn run(args: &Args, screen: &mut Screen) -> Result<()> {
    let program = match (&args.agent, std::env::current_exe()) {
        (Some(path), _) => Program::shunt(path),
        (None, Ok(own)) => Program::lab(own),
        (None, Err(source)) => {
            return Err(LabError::System { doing: "find this program's own file".into(), source });
        }
    };
    if args.interactive { prompt::run(&program, screen) } else { story::run(&program, screen) }
}
