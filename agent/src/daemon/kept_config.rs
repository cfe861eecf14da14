//! The last config that an agent took, kept with its state: all can be given back when the file is gone or refused.

use crate::state_file;
use shunt_config::Config;
use std::fs;
use std::path::{Path, PathBuf};

/// The text of the config, in the state directory.
const NAME: &str = "config.toml";

/// For the agent's user alone, whatever the mode of the operator's file.
const MODE: u32 = 0o600;

/// Where the packages put the state when the config does not say where.
const STATE_DIR: &str = "/var/lib/shunt";

/// What is known of an agent whose config cannot be used.
#[derive(Debug)]
pub(crate) enum Trace {
    /// What it went by, with the file that says so.
    Kept(PathBuf, Box<Config>),
    /// None ever ran with its state where one would have it.
    NeverRan,
    /// One ran, or may have.
    Unknown,
}

/// Keeps what is in `file`, where nobody waits for it.
pub(super) fn keep(file: &Path, state_dir: &Path) {
    let (file, state_dir) = (file.to_owned(), state_dir.to_owned());
    tokio::task::spawn_blocking(move || write(&file, &state_dir));
}

/// Only what is new and good: flash wears out, and the file may have been changed since it was taken.
fn write(file: &Path, state_dir: &Path) {
    let kept = state_dir.join(NAME);
    let Ok(text) = fs::read_to_string(file) else { return };
    if fs::read(&kept).is_ok_and(|kept| kept == text.as_bytes()) || shunt_config::parse(&text, file).is_err()
    {
        return;
    }
    if let Err(error) = state_file::replace(&kept, text.as_bytes(), MODE) {
        tracing::warn!(
            "failed to keep the config as {}: {error}; `shunt stop --restore` will need the file itself",
            kept.display()
        );
    }
}

/// What an agent left that went by `file`, which cannot be used.
pub(crate) fn trace(file: &Path) -> Trace {
    let places = state_dirs(file);
    for state_dir in &places {
        let kept = state_dir.join(NAME);
        let Ok(Some((bytes, _))) = state_file::read_with_owner(&kept) else { continue };
        let config = str::from_utf8(&bytes).ok().and_then(|text| shunt_config::parse(text, &kept).ok());
        if let Some(mut config) = config {
            // It is the agent's user who owns the file: it must not lead root elsewhere.
            config.agent.state_dir.clone_from(state_dir);
            return Trace::Kept(kept, Box::new(config));
        }
    }
    // Each agent has made its lock before it did anything else.
    let ran = |place: &PathBuf| place.join("lock").try_exists().unwrap_or(true);
    if places.iter().any(ran) { Trace::Unknown } else { Trace::NeverRan }
}

/// Where the state is by a file that may be anything: what the last line says that names it, or else where packages put it.
fn state_dirs(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = |line: &str| {
        let value = line.trim_start().strip_prefix("state_dir")?.trim_start().strip_prefix('=')?;
        Some(PathBuf::from(value.split(['"', '\'']).nth(1)?))
    };
    match text.lines().filter_map(value).next_back() {
        Some(named) => vec![named],
        // The first is OpenWrt's, whose /var is lost at each boot.
        None => vec![file.with_file_name("state"), STATE_DIR.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    const GOOD: &str = "targets = [\"192.0.2.1\"]\n[[link]]\nname = \"fiber\"\ninterface = \"fiber0\"\n";

    #[test]
    fn what_an_agent_took_is_known_when_its_file_is_broken_or_gone() {
        let directory = tempfile::tempdir().unwrap();
        let (file, state) = (directory.path().join("shunt.toml"), directory.path().join("state"));
        fs::create_dir(&state).unwrap();
        let agent = format!("[agent]\nstate_dir = {state:?}\n");
        let good = format!("{GOOD}[kernel]\nprotocol = 158\n{agent}");
        fs::write(&file, &agent).unwrap();
        assert!(matches!(trace(&file), Trace::NeverRan));
        fs::write(state.join("lock"), "").unwrap();
        assert!(matches!(trace(&file), Trace::Unknown));

        fs::write(&file, &good).unwrap();
        write(&file, &state);
        let kept = fs::metadata(state.join(NAME)).unwrap();
        assert_eq!(kept.mode() & 0o777, MODE);
        write(&file, &state);
        assert_eq!(fs::metadata(state.join(NAME)).unwrap().ino(), kept.ino(), "the same was written again");

        fs::write(&file, format!("{agent}nothing that is understood")).unwrap();
        write(&file, &state);
        let known = |file: &Path| match trace(file) {
            Trace::Kept(from, config) => Some((from, config.kernel.protocol, config.agent.state_dir)),
            Trace::NeverRan | Trace::Unknown => None,
        };
        assert_eq!(known(&file), Some((state.join(NAME), 158, state.clone())));
        fs::remove_file(&file).unwrap();
        assert_eq!(known(&file), Some((state.join(NAME), 158, state.clone())));

        fs::write(&file, &agent).unwrap();
        // Whoever has the state directory chooses neither another one nor what root reads.
        fs::write(state.join(NAME), format!("{GOOD}[agent]\nstate_dir = \"/root\"\n")).unwrap();
        assert_eq!(known(&file).unwrap().2, state);
        fs::rename(state.join(NAME), directory.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), state.join(NAME)).unwrap();
        assert_eq!(known(&file), None);
    }
}
