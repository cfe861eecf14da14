//! The commands that the documents show, run as they stand there: against an agent with two links, a modem and an MCU.

use crate::bench::{DEADLINE, Gateway, says};
use crate::supply::behind;
use shunt_lab::mcu::{StandIn, program};
use shunt_lab::modem::{Power, Profile};
use shunt_lab::{Agent, enter_or_reexec_beside};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Those that show how the program is used.
const DOCUMENTS: [&str; 5] =
    ["README.md", "agent/RUNBOOK.md", "agent/API.md", "agent/packaging/README.md", "firmware/README.md"];
/// More than stand there is not asked; fewer, and they are written otherwise by now.
const COMMANDS_AT_LEAST: usize = 30;
/// What a new gateway has, and `init --write` finds: the packages' own configuration.
const FRESH: &str = include_str!("../../../agent/packaging/shunt.toml");
const BOARD: &str = "stm32g030";
/// As long as the firmware that ships.
const LENGTH: usize = 15_148;

/// What a command is to come to where that is not success, by its first words.
const EXPECTED: [(&str, &[i32]); 4] = [
    // A laboratory is no gateway: it may find something.
    ("doctor", &[0, 1]),
    // It asks, and nobody is there to answer.
    ("accept", &[0, 2]),
    ("mcu reset-host", &[2]),
    // The SIM is not locked, and nothing is typed.
    ("modem sim --pin-file", &[1, 2]),
];

/// The order in which they can be run one after the other: what ends something comes last.
fn rank(command: &str) -> usize {
    let order = ["accept", "mcu flash", "stop", "replay"];
    order.iter().position(|start| command.starts_with(start)).map_or(0, |place| place + 1)
}

/// The commands, without the program's name and the remark behind them.
fn commands() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut all: Vec<String> = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let earlier = all.len();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("shunt ")) {
            let command = line.split("  #").next().unwrap().trim().to_owned();
            if !all[earlier..].contains(&command) {
                all.push(command);
            }
        }
    }
    all.sort_by_key(|command| rank(command));
    all
}

/// The files of this gateway that a document's stand for.
struct Files {
    home: PathBuf,
    config: String,
}

impl Files {
    fn lay_out(agent: &Agent) -> Self {
        let home = agent.home().to_owned();
        for (name, version) in [("new.bin", "1.1.0"), ("before.bin", "1.0.0")] {
            fs::write(home.join(name), program(BOARD, version, LENGTH)).unwrap();
        }
        fs::copy(agent.config_file(), home.join("new.toml")).unwrap();
        Self { config: agent.config_file().display().to_string(), home }
    }

    fn word(&self, word: &str) -> String {
        let here = |name: &str| self.home.join(name).display().to_string();
        match word {
            "/etc/shunt/shunt.toml" => self.config.clone(),
            "/tmp/new.toml" => here("new.toml"),
            "/var/lib/shunt/mcu-before.bin" => here("before.bin"),
            _ if word.ends_with("shunt-stm32g030") => here("new.bin"),
            _ if word.starts_with("/var/lib/shunt/recording") => self.recording(word.ends_with(".shuntrec")),
            _ if word.starts_with("shunt-accept-") => self.only("shunt-accept-", ".json"),
            _ => word.to_owned(),
        }
    }

    fn recording(&self, segment: bool) -> String {
        let directory = self.home.join("state/recording");
        let mut segments: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        segments.sort();
        if segment { segments[0].display().to_string() } else { directory.display().to_string() }
    }

    fn only(&self, start: &str, end: &str) -> String {
        let names =
            fs::read_dir(&self.home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<String> =
            names.filter(|name| name.starts_with(start) && name.ends_with(end)).collect();
        found.sort();
        found.pop().unwrap_or_else(|| panic!("no {start}…{end}"))
    }
}

/// What is wrong with what it came to, if anything.
fn run(agent: &Agent, files: &Files, command: &str) -> Option<String> {
    let mut words: Vec<String> = command.split_whitespace().map(|word| files.word(word)).collect();
    if command.starts_with("mcu flash") {
        words.push("--yes".into());
    }
    if command == "init --write" {
        let fresh = files.home.join("fresh.toml");
        fs::write(&fresh, FRESH).unwrap();
        words.extend(["--config".into(), fresh.display().to_string()]);
    }
    let names_config = words.iter().any(|word| *word == "--config");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut process = if names_config { agent.command_without_config(&words) } else { agent.command(&words) };
    process.current_dir(&files.home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if command.contains("--follow") {
        let mut child = process.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        return line.is_empty().then(|| format!("shunt {command} tells nothing"));
    }
    let output = process.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let expected =
        EXPECTED.iter().find(|(start, _)| command.starts_with(start)).map_or(&[0][..], |(_, codes)| *codes);
    let code = output.status.code().unwrap();
    (!expected.contains(&code)).then(|| format!("shunt {command} came to {code}, not {expected:?}:\n{said}"))
}

/// Has the gateway be again as the next command is to find it.
fn put_right(gateway: &Gateway, agent: &mut Agent, command: &str) {
    if command.starts_with("stop") {
        agent.start_again().unwrap();
    }
    agent.wait_for("an answer", DEADLINE, |_| true).unwrap();
    if command.starts_with("mcu lease") {
        says(agent, &["mcu", "lease", "--end"]);
    }
    if command.starts_with("mcu cycle-modem") {
        gateway.modem.wait_for("it to be off", DEADLINE, |modem, _| modem.power() == Power::Off).unwrap();
        for on in [false, true] {
            gateway.act(move |modem, now| modem.set_power(on, now));
        }
    }
    if !command.starts_with("force") {
        gateway.stands_by(agent);
    }
}

#[test]
fn every_command_that_a_document_shows_does_what_it_says() {
    let test = "documents::every_command_that_a_document_shows_does_what_it_says";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let home = tempfile::tempdir().unwrap();
    let mcu = StandIn::start_with(home.path(), &program(BOARD, "1.0.0", LENGTH)).unwrap();
    let (gateway, mut agent) = behind(mcu.port(), Profile::quick());
    let files = Files::lay_out(&agent);
    let commands = commands();
    assert!(commands.len() >= COMMANDS_AT_LEAST, "{commands:#?}");
    let mut wrong = Vec::new();
    for command in &commands {
        if command.starts_with("run ") {
            // By this the agent itself was started.
            assert_eq!(command, "run --config /etc/shunt/shunt.toml");
            continue;
        }
        wrong.extend(run(&agent, &files, command));
        put_right(&gateway, &mut agent, command);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
