//! `shunt init` as a script sees it: what it proposes, and that it never writes over a file.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const MWAN3: &str = include_str!("../src/init/mwan3/example");
const NETWORK: &str = include_str!("../src/init/mwan3/network");

fn shunt(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shunt")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A directory with mwan3's config and the network's, as OpenWrt has them.
fn openwrt(mwan3: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mwan3"), mwan3).unwrap();
    fs::write(directory.path().join("network"), NETWORK).unwrap();
    directory
}

fn migrate(directory: &Path, more: &[&str]) -> Output {
    let mwan3 = directory.join("mwan3");
    let config = directory.join("etc/shunt.toml");
    let mut args =
        vec!["init", "--from-mwan3", mwan3.to_str().unwrap(), "--config", config.to_str().unwrap()];
    args.extend(more);
    shunt(&args)
}

#[test]
fn a_config_is_shown_and_written_only_when_told() {
    let directory = openwrt(MWAN3);
    let config = directory.path().join("etc/shunt.toml");
    let shown = migrate(directory.path(), &[]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    assert!(text(&shown.stdout).contains("interface = \"pppoe-dsl\""), "{shown:?}");
    assert!(!config.exists());

    let written = migrate(directory.path(), &["--write"]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert!(text(&written.stdout).contains("note: Stop mwan3"), "{written:?}");
    assert_eq!(fs::read(&config).unwrap(), shown.stdout);
    let check = shunt(&["check", config.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");

    fs::write(&config, "# mine\n").unwrap();
    let again = migrate(directory.path(), &["--write"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(text(&again.stderr).contains("is there already, and is left as it is"), "{again:?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), "# mine\n");
}

#[test]
fn what_cannot_be_taken_over_is_told_with_its_place() {
    for (mwan3, part) in [
        ("[[link]]\nname = \"fiber\"\n", "failed to read line 1"),
        ("config interface 'wan'\n\toption enabled '0'\n", "none is enabled for mwan3"),
        // A name that is none: the proposal is shown, with what to mend.
        ("config interface 'wan'\n\toption enabled '1'\n\tlist track_ip 'not a host'\n", "mend these"),
    ] {
        let directory = openwrt(mwan3);
        let output = migrate(directory.path(), &["--write"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(part), "{part:?}: {output:?}");
        assert!(!directory.path().join("etc").exists());
    }
    let output = shunt(&["init", "--from-mwan3", "/nowhere/mwan3"]);
    assert!(text(&output.stderr).contains("failed to read /nowhere/mwan3"), "{output:?}");
}
