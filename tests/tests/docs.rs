//! What the documents name is there: a test that is named as holding an invariant exists, and so does each linked file.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Documents that name tests, and what their short names stand for.
const NAMING: [&str; 2] = ["agent/ARCHITECTURE.md", "SECURITY.md"];
const SHORT: [(&str, &str); 4] =
    [("A/", "agent/"), ("D/", "agent/decision/"), ("T/", "tests/tests/"), ("R/", "modem/recovery/")];

/// Where scenarios lie, all of which this test runs. They are named by their file alone.
const SCENARIOS: &str = "agent/decision/tests/scenarios";
const RUNNER: &str = "agent/decision/tests/decision/scenarios.rs";
const RUN: &str = "D/tests/decision/scenarios.rs::every_scenario_goes_as_its_file_says";

/// Where other files in TOML lie that are named so.
const CONFIGS: [&str; 2] = [".", "config"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut missing = Vec::new();
    let mut named = 0;
    for document in NAMING {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for (file, test) in quoted(&text).filter_map(|name| name.split_once("::")) {
            if !file.ends_with(".rs") || !is_word(test) {
                continue;
            }
            named += 1;
            let long =
                SHORT.iter().find_map(|(short, long)| Some(format!("{long}{}", file.strip_prefix(short)?)));
            let code = fs::read_to_string(root().join(long.as_deref().unwrap_or(file))).unwrap_or_default();
            if !code.contains(&format!("fn {test}(")) {
                missing.push(format!("{document}: {file}::{test}"));
            }
        }
    }
    assert!(
        named > 100,
        "only {named} tests were found in {NAMING:?}: are they still written as `file.rs::name`?"
    );
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}

/// A scenario that shows something is named there, with the test that runs all of them: without its file none would fail.
#[test]
fn every_scenario_that_a_document_names_is_there_and_is_run() {
    let mut named = 0;
    for document in NAMING {
        let text = fs::read_to_string(root().join(document)).unwrap();
        // A numbered invariant, a row of a table, or a paragraph.
        for part in text.split("\n\n").flat_map(|part| part.split("\n| ")).flat_map(|part| part.split(".\n"))
        {
            for file in quoted(part).filter(|name| name.ends_with(".toml") && !name.contains(['/', ' '])) {
                if CONFIGS.iter().any(|folder| root().join(folder).join(file).is_file()) {
                    continue;
                }
                named += 1;
                assert!(root().join(SCENARIOS).join(file).is_file(), "{document}: there is no {file}");
                assert!(
                    quoted(part).any(|test| test == RUN),
                    "{document}: {file} without the test that runs it"
                );
            }
        }
    }
    assert!(named >= 8, "only {named} scenarios are named in {NAMING:?}");
    let runner = fs::read_to_string(root().join(RUNNER)).unwrap();
    let folder = Path::new(SCENARIOS).strip_prefix("agent/decision").unwrap();
    assert!(runner.contains(&format!("join({folder:?})")), "the runner reads another folder");
}

#[test]
fn every_file_that_a_document_links_to_exists() {
    let mut missing = Vec::new();
    for document in documents(&root()) {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !link.is_empty() && !link.contains("://") && !document.with_file_name(link).exists() {
                missing.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no such file:\n{}", missing.join("\n"));
}

/// Words that follow `cargo` without an alias.
const CARGO: [&str; 5] = ["build", "fuzz", "install", "run", "test"];

#[test]
fn every_cargo_command_that_a_document_shows_has_its_alias_and_its_package() {
    let config = fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut wrong = Vec::new();
    for document in documents(&root()) {
        let text = fs::read_to_string(&document).unwrap();
        for line in text.lines().filter(|line| line.trim().starts_with("cargo ")) {
            let words: Vec<_> = line.split('#').next().unwrap().split_whitespace().collect();
            let verb = words.iter().skip(1).find(|word| !word.starts_with(['+', '-'])).unwrap();
            let packages = words.windows(2).filter(|pair| pair[0] == "-p").map(|pair| pair[1]);
            let known = CARGO.contains(verb) || config.contains(&format!("\n{verb} = \""));
            if !known || packages.into_iter().any(|name| !lock.contains(&format!("name = \"{name}\"\n"))) {
                wrong.push(format!("{}: {line}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "no such command or package:\n{}", wrong.join("\n"));
}

/// What `cargo test` leaves out, as CONTRIBUTING says: the packages that run the MCU's images, and nothing that was forgotten.
#[test]
fn cargo_test_leaves_out_what_needs_an_emulator_and_no_more() {
    let manifest = |folder: &str| fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let text = manifest("");
    let list = |key: &str| -> Vec<String> {
        let (_, list) = text.split_once(&format!("\n{key} = [")).unwrap();
        list.split(']').next().unwrap().split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let default = list("default-members");
    let left_out: Vec<_> = list("members").into_iter().filter(|member| !default.contains(member)).collect();
    assert_eq!(left_out, ["firmware/model", "tests/emulated"]);
    // Its program runs one, when it is asked to (`cargo vm-test`), and its tests none.
    for member in default.iter().filter(|member| *member != "tests/vm") {
        assert!(!manifest(member).contains("shunt-model"), "{member} runs the MCU's images");
    }
}

/// All Markdown files of the project.
fn documents(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(documents(&path));
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found
}
