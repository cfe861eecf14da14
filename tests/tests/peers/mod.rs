//! Other people's programs, started for one test only: nothing system-wide, everything ends with the test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)] // helpers of tests are tests

pub(crate) mod manager;

use shunt_lab::modem::{Endpoint, Network, Profile, Simulator};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Set to `1`, tests that need other people's programs are skipped, and say so.
const SKIP_VARIABLE: &str = "SHUNT_SKIP_PEERS";
/// Far beyond what anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// Whether the test is to be skipped, which it says.
///
/// # Panics
/// Where a program is missing: a test must not pass unseen.
pub(crate) fn skipped(test: &str, programs: &[(&str, &str)]) -> bool {
    if std::env::var_os(SKIP_VARIABLE).is_some_and(|value| value == "1") {
        println!("{test} is skipped, because {SKIP_VARIABLE}=1");
        return true;
    }
    for (program, package) in programs {
        assert!(
            find(program).is_some(),
            "{program} is missing. Install it (apt-get install {package}), or leave this test out by {SKIP_VARIABLE}=1."
        );
    }
    false
}

/// Where a program is; services are not always on the path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]);
    places.map(|place| place.join(program)).find(|file| file.is_file())
}

/// A modem in a hurry, with endpoints of this kind in a directory of its own.
pub(crate) fn modem(endpoint: impl Fn(&Path, usize) -> Endpoint) -> (Simulator, TempDir) {
    let home = tempfile::Builder::new().prefix("shunt-modem-").tempdir().unwrap();
    let endpoints = (0..2).map(|number| endpoint(home.path(), number)).collect();
    let modem = Simulator::start(Profile::quick(), Network::default(), endpoints, None, 1).unwrap();
    (modem, home)
}

/// Runs a program to its end, at most so many seconds as `timeout` (coreutils) is told; tells what it said.
///
/// # Panics
/// When it fails; the message quotes all that it said.
pub(crate) fn run(command: &mut Command) -> String {
    let said = try_run(command);
    assert!(said.status.success(), "{command:?} ended with {}: {}", said.status, text(&said));
    text(&said)
}

/// As [`run`], for a program that may fail.
pub(crate) fn try_run(command: &mut Command) -> Output {
    let mut bounded = Command::new("timeout");
    bounded.args(["-k", "5", "60"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    bounded.stdin(Stdio::null()).output().unwrap()
}

/// All that it said.
pub(crate) fn text(said: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}

/// A process that ends with the test.
#[derive(Debug)]
pub(crate) struct Daemon(pub(crate) Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

/// Waits until `look` finds something.
///
/// # Panics
/// When it does not within [`DEADLINE`]; `last` tells what is there instead.
pub(crate) fn wait_for<T>(
    awaited: &str,
    mut look: impl FnMut() -> Option<T>,
    last: impl Fn() -> String,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "failed to see {awaited} within {DEADLINE:?}; instead: {}",
            last()
        );
    }
}
