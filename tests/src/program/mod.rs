//! The `lab` program: the story, the prompt and the benchmarks.

mod prompt;
mod screen;
mod stage;
mod story;

use crate::agent::Program;
use crate::bench;
use crate::error::{LabError, Result};
use crate::privilege::{EXIT_NOT_PERMITTED, enter};
use clap::{Parser, Subcommand};
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

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure what the README claims, and print it as a table.
    Bench {
        /// Outages per figure.
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        runs: u32,
        /// Measure only these [default: all].
        #[arg(value_parser = ["carrier", "black-hole", "cost", "accuracy", "moves"])]
        groups: Vec<String>,
    },
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
    if let Some(Command::Bench { runs, groups }) = &args.command {
        return run_benchmarks(&program, *runs, groups, screen);
    }
    if args.interactive { prompt::run(&program, screen) } else { story::run(&program, screen) }
}

/// A group that cannot be measured here does not keep the others from being measured.
fn run_benchmarks(program: &Program, runs: u32, groups: &[String], screen: &Screen) -> Result<()> {
    screen.line("| figure | runs | median | p95 | p99 | min–max | goal |");
    screen.line("|-|-|-|-|-|-|-|");
    let mut failed = None;
    for (name, group) in bench::Group::ALL {
        if !groups.is_empty() && !groups.iter().any(|wanted| wanted == name) {
            continue;
        }
        let mut show = |figure: &bench::Figure| screen.line(&figure.to_string());
        if let Err(error) = bench::measure(program, group, runs, &mut show) {
            screen.line(&format!("| {name} | – | failed to {error} | | | | |"));
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), Err)
}
