//! The acceptance run, with the story in the part of the one on site: it pulls the cables that it is told to pull.

use crate::story::{Outcome, say};
use crate::system::STATE;
use shunt_lab::{Agent, Lab};
use shunt_vm::Said;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// What it is told, and whether the carrier is there afterwards.
const HANDS: [(&str, bool); 2] = [("Pull the cable of ", false), ("Plug the cable of ", true)];

/// What it says when the machine is about to be reset.
const RESETS: &str = "the MCU asks the gateway to shut down";

/// Goes through it, or on with it: the first call ends with the machine.
///
/// # Errors
/// With all that the run said, when the gateway is not accepted.
pub(crate) fn run(lab: &Lab, agent: &Agent) -> Outcome {
    let begin = Instant::now();
    let report = report();
    let mut command = agent.command(&["accept", "--yes", "all", "--sign", "vm-test", "--report", &report]);
    let mut run = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    for line in BufReader::new(run.stdout.take().ok_or("it has no output")?).lines() {
        let line = line?;
        for (order, carrier) in HANDS {
            let told = line.trim().strip_prefix(order).and_then(|rest| rest.split(' ').next());
            if let Some(name) = told {
                lab.uplink(name).ok_or_else(|| format!("there is no {name}"))?.set_carrier(carrier)?;
            }
        }
        if line.contains(RESETS) {
            let step = "an acceptance run pulls both cables, and has the MCU reset the gateway".to_owned();
            say(&Said::Done { step, took: begin.elapsed() });
            say(&Said::AwaitsReset);
        }
        said.push_str(&line);
        said.push('\n');
    }
    let ended = run.wait()?;
    if ended.success() { Ok(()) } else { Err(format!("it ended with {ended}: {said}").into()) }
}

/// Looks at the report: it is whole, and the reset passed.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn verify(agent: &Agent) -> Outcome {
    let report = report();
    let sealed = agent.command(&["accept", "--verify", &report]).output()?;
    if !sealed.status.success() {
        return Err(format!("the report is not whole: {sealed:?}").into());
    }
    let text = fs::read_to_string(Path::new(&report).with_extension("txt"))?;
    if text.contains("passed   restart: ") {
        Ok(())
    } else {
        Err(format!("the reset did not pass: {text}").into())
    }
}

/// On the disk, where the run goes on after the boot.
fn report() -> String {
    format!("{STATE}/accepted.json")
}
