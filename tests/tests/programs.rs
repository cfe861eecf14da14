//! The agent starts no other program, and no shell: a line that could would be the way from a fault to a command of somebody
//! else's. So no source of what is shipped names what starts one.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of all that is linked into the agent.
const SHIPPED: [&str; 11] = [
    "agent/src",
    "agent/decision/src",
    "agent/time/src",
    "config/src",
    "modem/src",
    "modem/at/src",
    "modem/recovery/src",
    "modem/sms/src",
    "firmware/image/src",
    "firmware/wire/src",
    "firmware/watchdog/src",
];

/// What starts a program in Rust, in libc and in the kernel.
const STARTS: [&str; 9] = [
    "process::Command",
    "tokio::process",
    "std::process::{",
    "posix_spawn",
    "libc::exec",
    "libc::system",
    "libc::popen",
    "libc::fork",
    "SYS_exec",
];

/// What begins a module of tests, which may.
const TESTS: &str = "#[cfg(test)]\nmod ";

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    let is_test =
        |path: &Path| path.file_name().is_some_and(|name| name == "tests.rs" || name == "testing.rs");
    all.filter(|path| path.extension().is_some_and(|it| it == "rs") && !is_test(path)).collect()
}

#[test]
fn nothing_that_is_shipped_starts_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut found = Vec::new();
    let mut looked_at = 0;
    for path in SHIPPED.iter().flat_map(|directory| sources(&root.join(directory))) {
        let text = fs::read_to_string(&path).unwrap();
        let shipped = text.split(TESTS).next().unwrap_or_default();
        looked_at += 1;
        found.extend(
            STARTS
                .iter()
                .filter(|start| shipped.contains(*start))
                .map(|start| format!("{}: {start}", path.display())),
        );
    }
    assert!(looked_at > 200, "only {looked_at} sources were found");
    assert_eq!(found, Vec::<String>::new());
}
