//! `shunt accept`: asks, shows, talks to the daemon and writes files; what is right is for [`crate::accept`] to say.

mod args;
mod console;
mod files;
mod run;
mod talk;
mod told;

pub(super) use args::AcceptArgs;
pub(super) use files::FileError;

use super::args::Args;
use super::exit::Failure;
use super::style::{Style, Tone};
use crate::accept::{Limits, Sealed, Step, Verdict, plan, verify};
use crate::api::types::Status;
use console::Console;
use run::Run;
use serde::Serialize;
use shunt_config::Config;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use talk::Talk;

/// Where it is kept how far the run is, in the state directory.
const STATE: &str = "accept.json";

/// Before what belongs to a step.
const INDENT: &str = "    ";

/// Why a gateway is not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum AcceptError {
    #[error("failed to {0}")]
    File(#[from] FileError),
    #[error("failed to use the answers: {0}")]
    Answers(String),
    #[error(
        "nothing was done, for nobody is on a terminal; answer by --yes STEP, --order STEP, --skip STEP=REASON or --answers FILE"
    )]
    Unattended,
    #[error(
        "failed to match the daemon with {}: it has the links {daemon}, and the file has {file}; have it read its config (systemctl reload shunt)",
        config.display()
    )]
    OtherConfig { config: PathBuf, daemon: String, file: String },
    #[error("the run was stopped, and no lease of it is left in force; run this again to go on")]
    Stopped,
    #[error("the gateway is not accepted; the reasons stand with the steps")]
    Failed,
    #[error("not every step was done, and --strict wants that")]
    Skipped,
    #[error("{} {what}", path.display())]
    Seal { path: PathBuf, what: &'static str },
}

impl AcceptError {
    pub(super) const fn is_usage(&self) -> bool {
        matches!(self, Self::Answers(_) | Self::Unattended | Self::OtherConfig { .. })
            || matches!(
                self,
                Self::File(FileError::OtherConfig { .. } | FileError::Exists { .. } | FileError::Name { .. })
            )
    }
}

pub(super) fn carry_out(args: &Args, flags: &AcceptArgs, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(report) = &flags.verify {
        return look_at_seal(report, out);
    }
    let config = shunt_config::load(args.config())?;
    let answers = flags.answers().map_err(AcceptError::Answers)?;
    let mut talk = Talk::open(args, &config)?;
    let first = talk.first_look()?;
    if let Some(status) = &first.status {
        same_links(args.config(), &config, status)?;
    }
    let steps = plan(&config, &first);
    answers
        .check(steps.iter().map(|step| step.name.as_str()))
        .map_err(|error| AcceptError::Answers(error.to_string()))?;
    let limits = Limits::of(&config);
    // Prompts are no JSON.
    let attended = console::is_attended() && !flags.json;
    if flags.plan || (!attended && answers.is_empty()) {
        show_plan(&steps, &limits, flags.json, out)?;
        return if flags.plan { Ok(()) } else { Err(AcceptError::Unattended.into()) };
    }
    let console = Console::open(attended)?;
    let state = flags.state.clone().unwrap_or_else(|| config.agent.state_dir.join(STATE));
    let mut run = Run::prepare((args.config(), &state, flags), (steps, limits), (answers, console), talk)?;
    run.learn(&first);
    let (verdict, skipped) = run.play(out)?;
    match verdict {
        Verdict::Failed => Err(AcceptError::Failed.into()),
        Verdict::Passed | Verdict::Skipped if skipped && flags.strict => Err(AcceptError::Skipped.into()),
        Verdict::Passed | Verdict::Skipped => Ok(()),
    }
}

fn look_at_seal(path: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| AcceptError::File(FileError::Unreadable { path: path.to_owned(), source }))?;
    let seal = |what| Failure::from(AcceptError::Seal { path: path.to_owned(), what });
    match verify(&text) {
        Sealed::Whole(digest) => {
            Ok(writeln!(out, "{} is as it was written; SHA-256 {digest}", path.display())?)
        }
        Sealed::Changed { stands, is } => {
            writeln!(out, "its SHA-256 is said to be  {stands}\nwhat stands there comes to {is}")?;
            Err(seal("was changed since it was written"))
        }
        Sealed::NoReport => Err(seal("is no report with a digest")),
    }
}

/// The daemon may have been started with another file, or not have read this one again.
fn same_links(file: &Path, config: &Config, status: &Status) -> Result<(), AcceptError> {
    let daemon: Vec<String> =
        status.links.iter().map(|link| format!("{} ({})", link.name, link.interface)).collect();
    let ours: Vec<String> =
        config.links.iter().map(|link| format!("{} ({})", link.name, link.interface)).collect();
    if daemon == ours {
        return Ok(());
    }
    Err(AcceptError::OtherConfig {
        config: file.to_owned(),
        daemon: daemon.join(", "),
        file: ours.join(", "),
    })
}

/// A step as JSON.
#[derive(Debug, Serialize)]
struct Planned {
    step: String,
    what: String,
    disturbs: bool,
    allowed: Option<String>,
    cannot: Option<String>,
}

fn show_plan(steps: &[Step], limits: &Limits, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let planned = |step: &Step| Planned {
        step: step.name.clone(),
        what: step.what(),
        disturbs: step.way().is_some(),
        allowed: step.allowed(limits),
        cannot: step.cannot.clone(),
    };
    if json {
        let all: Vec<Planned> = steps.iter().map(planned).collect();
        serde_json::to_writer_pretty(&mut *out, &all).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let style = Style::of_stdout();
    writeln!(out, "{} steps; nothing is done yet.\n", steps.len())?;
    for step in steps {
        out.write_all(told::head(step, limits, style, "").as_bytes())?;
        if let Some(cannot) = &step.cannot {
            writeln!(out, "    {}", style.paint(Tone::Faint, cannot))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::Look;

    #[test]
    fn the_plan_is_as_documented() {
        let text = "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n";
        let config = shunt_config::parse(text, Path::new("test.toml")).unwrap();
        let steps = plan(&config, &Look::default());
        let mut out = Vec::new();
        show_plan(&steps[1..2], &Limits::of(&config), true, &mut out).unwrap();
        let page = include_str!("../../../API.md");
        let example =
            page.split("```json accept_plan\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let documented: serde_json::Value = serde_json::from_str(example).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), documented);
        let mut out = Vec::new();
        show_plan(&steps, &Limits::of(&config), false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("4 steps; nothing is done yet.\n\ngateway\n    The agent"), "{text}");
    }
}
