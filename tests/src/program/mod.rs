//! The `lab` program: the story, the prompt and the benchmarks.

mod mobile;
mod picture;
mod prompt;
mod screen;
mod stage;
mod story;
mod watch;

use crate::agent::Program;
use crate::bench::{self, Desk, Extent};
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

    /// Draw the failover into FILE, as SVG.
    #[arg(long, value_name = "FILE", conflicts_with = "interactive")]
    picture: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure what the README claims, and print it as a table.
    Bench {
        /// Outages per figure [default: 20, or 3 with --quick].
        #[arg(long, value_name = "NUMBER")]
        runs: Option<u32>,
        /// Few outages, two rounds of CPU time instead of five, and 10 simulated days instead of 100: shows that all
        /// of it works, proves no figure.
        #[arg(long)]
        quick: bool,
        /// Measure only these [default: all]: gaps by carrier loss; black holes and false switches; black holes while
        /// users' packets are answered, and while there are none; CPU and memory; reported RTT; forced switches; a command's
        /// round trip to a modem, and how long its bearer takes.
        #[arg(value_parser = ["carrier", "black-hole", "stall", "cost", "accuracy", "moves", "modem"])]
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
    if let Some(Command::Bench { runs, quick, groups }) = &args.command {
        let usual = if *quick { Extent::QUICK } else { Extent::FULL };
        let extent = Extent { runs: runs.unwrap_or(usual.runs), ..usual };
        return run_benchmarks(&program, extent, groups, screen);
    }
    if args.interactive {
        prompt::run(&program, screen)
    } else {
        story::run(&program, args.picture.as_deref(), screen)
    }
}

/// A group that cannot be measured here does not keep the others from being measured.
fn run_benchmarks(program: &Program, extent: Extent, groups: &[String], screen: &Screen) -> Result<()> {
    // Before anything is measured: measuring is load itself.
    let machine = machine();
    screen.line("| figure | runs | median | p95 | min–max | goal | |");
    screen.line("|-|-|-|-|-|-|-|");
    let mut failed = None;
    for (name, group) in bench::Group::ALL {
        if !groups.is_empty() && !groups.iter().any(|wanted| wanted == name) {
            continue;
        }
        let mut show = |figure: &bench::Figure| screen.line(&figure.to_string());
        let mut progress = |text: &str| screen.progress(text);
        let mut desk = Desk { show: &mut show, progress: &mut progress };
        if let Err(error) = bench::measure(program, group, extent, &mut desk) {
            screen.line(&format!("| {name} | – | – | – | – | – | **failed to {error}** |"));
            failed = Some(error);
        }
    }
    screen.line("");
    screen.line(&machine);
    failed.map_or(Ok(()), Err)
}

/// What a figure depends on beside the program.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(", ");
    format!(
        "{cores} cores ({}), Linux {}, load average at the start {load}.",
        std::env::consts::ARCH,
        kernel.trim()
    )
}
