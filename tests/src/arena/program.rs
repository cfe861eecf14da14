//! The `arena` program: reads the traces, holds the contests, prints the table.

use super::{Round, hold_all, scenarios, table, trace};
use crate::error::{LabError, Result};
use clap::Parser;
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Longest contest: four years in each scenario, beyond which the drawn weather would not fit into memory.
const MAX_HOURS: u64 = 35_000;
/// Less weather than this says nothing.
const LEAST_HOURS: u64 = 1;

/// Shunt's detector against the rules of its peers, in simulated weather: who notices outages, how fast, and who moves
/// without a reason.
#[derive(Debug, Parser)]
#[command(name = "arena", version, about, max_term_width = 100)]
struct Args {
    /// Simulated hours in each scenario, for each set of rules.
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u64).range(LEAST_HOURS..=MAX_HOURS))]
    hours: u64,
    /// Draws the weather; the same seed, the same table.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Print the whole table of each scenario too.
    #[arg(long)]
    scenarios: bool,
    /// Recorded links in Mahimahi's format: NAME.up and NAME.down, with or without .gz, or folders of such. Each stands
    /// in as backup and as primary [default: synthetic links only].
    traces: Vec<PathBuf>,
}

/// Runs the program; `args` without the program's own name.
#[must_use]
pub fn arena_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(std::iter::once(OsString::from("arena")).chain(args)) {
        Ok(args) => args,
        Err(error) => {
            let _nowhere_to_complain = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("failed to {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let plans = scenarios::all(&trace::load(&args.traces)?);
    let begun = Instant::now();
    let length = Duration::from_secs(args.hours * 3_600);
    let rounds = hold_all(&plans, length, args.seed, &|name| complain(&format!("done: {name}")));
    let speed = Speed::of(&rounds, begun.elapsed());
    let text = if args.json { to_json(args, &rounds, &speed) } else { to_text(args, &rounds, &speed) };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").map_err(|source| LabError::System { doing: "print the table".into(), source })
}

/// Long enough to be measured.
const SAMPLE_HOURS: u64 = 48;

/// How fast it was.
struct Speed {
    contests: usize,
    hours: f64,
    a_minute: f64,
    /// Hours a minute, one contest at a time, of Shunt's core alone.
    core: f64,
}

impl Speed {
    fn of(rounds: &[Round], took: Duration) -> Self {
        let tallies = || rounds.iter().flat_map(|round| &round.outcomes);
        let hours = tallies().map(|outcome| outcome.tally.time.as_secs_f64() / 3_600.0).sum::<f64>();
        let a_minute = |hours: f64, took: Duration| hours / (took.as_secs_f64() / 60.0).max(1e-9);
        let core = super::core_alone(SAMPLE_HOURS);
        Self {
            contests: tallies().count(),
            hours,
            a_minute: a_minute(hours, took),
            core: a_minute(SAMPLE_HOURS as f64, core),
        }
    }
}

fn to_text(args: &Args, rounds: &[Round], speed: &Speed) -> String {
    let all = table::together(rounds);
    let mut parts = Vec::new();
    if args.scenarios {
        for round in rounds {
            parts.push(format!("### {}\n\n{}", round.name, table::render(round)));
        }
    }
    parts.push(table::render(&all));
    let mut sentences = vec![format!(
        "{} scenarios of {} h each, seed {}. All but detection times and bytes are for 30 days. `*`: better than Shunt \
         for no more probe bytes.",
        rounds.len(),
        args.hours,
        args.seed
    )];
    sentences.push(table::standing(&all));
    sentences.extend(table::better(&all));
    parts.push(sentences.join("\n"));
    parts.push(table::by_scenario(rounds));
    let mut ends = vec![format!(
        "{} contests, {:.0} simulated hours, {:.0} a minute; Shunt's core alone, on one processor: {:.0} a minute.",
        speed.contests, speed.hours, speed.a_minute, speed.core
    )];
    if args.traces.is_empty() {
        ends.push("No traces were given: all of this is synthetic.".into());
    }
    parts.push(ends.join("\n"));
    parts.join("\n\n")
}

fn to_json(args: &Args, rounds: &[Round], speed: &Speed) -> String {
    let all = table::together(rounds);
    let scenarios: Vec<_> = rounds.iter().map(table::to_json).collect();
    let value = json!({
        "hours": args.hours,
        "seed": args.seed,
        "synthetic_only": args.traces.is_empty(),
        "simulated_hours_a_minute": speed.a_minute,
        "core_hours_a_minute": speed.core,
        "all": table::to_json(&all),
        "scenarios": scenarios,
    });
    format!("{value:#}")
}

/// Progress and faults go where they do not mix with the table.
fn complain(text: &str) {
    let _nowhere_to_complain = writeln!(std::io::stderr().lock(), "{text}");
}
