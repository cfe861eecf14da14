//! The acceptance run, with the story in the part of the one on site: it pulls the cables that it is told to pull.

use crate::story::Outcome;
use shunt_lab::{Agent, Lab};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// What it is told, and whether the carrier is there afterwards.
const HANDS: [(&str, bool); 2] = [("Pull the cable of ", false), ("Plug the cable of ", true)];

/// Goes through all that needs no restart.
///
/// # Errors
/// With all that the run said, when the gateway is not accepted.
pub(crate) fn run(lab: &Lab, agent: &Agent) -> Outcome {
    let report = agent.home().join("accepted.json");
    let mut command =
        agent.command(&["accept", "--yes", "all", "--skip", "restart=it comes later", "--sign", "vm-test"]);
    let mut run = command.arg("--report").arg(&report).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    for line in BufReader::new(run.stdout.take().ok_or("it has no output")?).lines() {
        let line = line?;
        for (order, carrier) in HANDS {
            let told = line.trim().strip_prefix(order).and_then(|rest| rest.split(' ').next());
            if let Some(name) = told {
                lab.uplink(name).ok_or_else(|| format!("there is no {name}"))?.set_carrier(carrier)?;
            }
        }
        said.push_str(&line);
        said.push('\n');
    }
    let ended = run.wait()?;
    if !ended.success() {
        return Err(format!("it ended with {ended}: {said}").into());
    }
    let path = report.to_string_lossy();
    let sealed = agent.command(&["accept", "--verify", &*path]).output()?;
    if sealed.status.success() { Ok(()) } else { Err(format!("the report is not whole: {sealed:?}").into()) }
}
