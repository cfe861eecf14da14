//! What can be typed behind `shunt accept`.

use crate::accept::{Answer, Answers};
use std::fs;
use std::path::PathBuf;

/// How an acceptance run goes.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AcceptArgs {
    /// Show the steps and what each disturbs; do nothing.
    #[arg(long)]
    pub(super) plan: bool,
    /// Do this step (such as link:fiber, or all) without asking; may be given several times.
    #[arg(long, value_name = "STEP")]
    yes: Vec<String>,
    /// Do this step by order, without hands: the agent moves the traffic, and nobody pulls a cable.
    #[arg(long, value_name = "STEP")]
    order: Vec<String>,
    /// Skip this step, for this reason.
    #[arg(long, value_name = "STEP=REASON", value_parser = skip)]
    skip: Vec<(String, Answer)>,
    /// Take answers from this file, a line each: `link:fiber yes`, `restart skip the site is in use`.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Who signs the report.
    #[arg(long, value_name = "NAME")]
    pub(super) sign: Option<String>,
    /// Where the report goes, as JSON; the text goes beside it [default: shunt-accept-HOST-TIME.json here].
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Where it is kept how far the run is [default: accept.json in the state directory].
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Begin anew, whatever is left of an earlier run.
    #[arg(long)]
    pub(super) anew: bool,
    /// Let skipped steps count as failed ones in the exit code.
    #[arg(long)]
    pub(super) strict: bool,
    /// As JSON: the plan, or in the end the report. Nobody is asked.
    #[arg(long)]
    pub(super) json: bool,
    /// Look whether this report (JSON) is as it was written, and do nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "yes", "order", "skip", "answers", "report"])]
    pub(super) verify: Option<PathBuf>,
}

impl AcceptArgs {
    /// What is said to the steps beforehand; on a doubt the command line counts before the file. A message says what is wrong.
    pub(super) fn answers(&self) -> Result<Answers, String> {
        let mut answers = Answers::default();
        if let Some(file) = &self.answers {
            let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            for (number, line) in text.lines().enumerate() {
                answers
                    .read(line)
                    .map_err(|error| format!("{}, line {}: {error}", file.display(), number + 1))?;
            }
        }
        for step in &self.order {
            answers.give(step, Answer::Order);
        }
        for step in &self.yes {
            answers.give(step, Answer::Yes);
        }
        for (step, answer) in &self.skip {
            answers.give(step, answer.clone());
        }
        Ok(answers)
    }
}

fn skip(text: &str) -> Result<(String, Answer), String> {
    match text.split_once('=').map(|(step, reason)| (step.trim(), reason.trim())) {
        Some((step, reason)) if !step.is_empty() && !reason.is_empty() => {
            Ok((step.to_owned(), Answer::Skip(reason.to_owned())))
        }
        _ => Err("a step is skipped with its reason, such as restart=\"the site is in use\"".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_skipped_with_its_reason() {
        assert_eq!(skip("restart=in use"), Ok(("restart".into(), Answer::Skip("in use".into()))));
        for wrong in ["restart", "restart=", "=in use", ""] {
            assert!(skip(wrong).is_err(), "{wrong}");
        }
    }
}
