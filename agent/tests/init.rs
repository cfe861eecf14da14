//! `shunt init` as a script sees it: what it proposes, and that it never writes over a config that names a link.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

const MWAN3: &str = include_str!("../src/init/mwan3/example");
const NETWORK: &str = include_str!("../src/init/mwan3/network");
/// What OpenWrt's package installs.
const TEMPLATE: &str = include_str!("../packaging/openwrt/shunt.toml");

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

    for (mine, why) in
        [("[[link]]\nname = \"mine\"\n", "there already, names links, and"), ("[[link\n", "is no TOML")]
    {
        fs::write(&config, mine).unwrap();
        let again = migrate(directory.path(), &["--write"]);
        assert_eq!(again.status.code(), Some(1), "{again:?}");
        assert!(text(&again.stderr).contains(why), "{again:?}");
        assert_eq!(fs::read_to_string(&config).unwrap(), mine);
        // To look is allowed.
        let looked = migrate(directory.path(), &[]);
        assert_eq!((&looked.stdout, looked.status.code()), (&shown.stdout, Some(0)));
        assert!(text(&looked.stderr).contains("and stays in use"), "{looked:?}");
    }
    assert!(text(&shown.stderr).contains("etc/shunt.toml, add --write."), "{shown:?}");
}

#[test]
fn what_is_no_file_is_no_config_to_replace() {
    let directory = openwrt(MWAN3);
    let config = directory.path().join("etc/shunt.toml");
    fs::create_dir(config.parent().unwrap()).unwrap();
    let _socket = UnixListener::bind(&config).unwrap();
    let output = migrate(directory.path(), &["--write"]);
    assert!(text(&output.stderr).contains("is no plain file"), "{output:?}");
    assert!(!config.is_file());
}

#[test]
fn the_packages_config_is_replaced_and_what_it_sets_is_kept() {
    let directory = openwrt(MWAN3);
    let (config, data) = (directory.path().join("etc/shunt.toml"), directory.path().join("data"));
    fs::create_dir(&data).unwrap();
    fs::create_dir(directory.path().join("etc")).unwrap();
    // As an image has it: the file itself lies on the data partition.
    symlink("../data/shunt.toml", &config).unwrap();
    let real = data.join("shunt.toml");
    fs::write(&real, TEMPLATE).unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();

    let shown = migrate(directory.path(), &[]);
    assert_eq!(fs::read_to_string(&real).unwrap(), TEMPLATE);
    let written = migrate(directory.path(), &["--write"]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert!(text(&written.stdout).contains("note: Kept as the earlier file had it: agent, recording."));
    assert!(config.is_symlink());
    assert_eq!(fs::read(&real).unwrap(), shown.stdout);
    let table: toml::Table = toml::from_str(&fs::read_to_string(&real).unwrap()).unwrap();
    assert_eq!(table["agent"]["state_dir"].as_str(), Some("/etc/shunt/state"), "{table:#?}");
    assert_eq!(table["recording"]["enabled"].as_bool(), Some(false), "{table:#?}");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    let names = |directory: &Path| fs::read_dir(directory).unwrap().count();
    assert_eq!(names(&data), 1, "nothing is left behind");

    // What somebody wrote into it is not lost, though it names no link; a link that leads nowhere yet is followed.
    fs::write(&real, "# mine\n").unwrap();
    let written = migrate(directory.path(), &["--write"]);
    assert!(text(&written.stdout).contains("which named no link, is kept"), "{written:?}");
    assert_eq!(fs::read_to_string(data.join("shunt.toml.before")).unwrap(), "# mine\n");
    fs::remove_file(&real).unwrap();
    assert_eq!(migrate(directory.path(), &["--write"]).status.code(), Some(0));
    assert!(config.is_symlink() && real.is_file());
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

#[test]
fn what_a_terminal_obeys_is_shown_to_none() {
    let policy = "config policy 'e\u{1b}[2Jvil'\n\toption last_resort '\u{1b}]0;pwn\u{7}'\n";
    for name in ["wan", "w\u{1b}[2Jn"] {
        let mwan3 = format!(
            "config interface '{name}'\n\toption enabled '1'\n\toption '\u{1b}[8mx' '1'\n\tlist track_ip \
             '\u{1b}]0;pwn\u{7}'\n{policy}"
        );
        for mwan3 in [mwan3.as_str(), &mwan3.replace("\tlist track_ip '\u{1b}]0;pwn\u{7}'\n", "")] {
            let directory = openwrt(mwan3);
            for args in [&["--write"][..], &[]] {
                let output = migrate(directory.path(), args);
                let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
                assert!(said.contains("2Jvil"), "{said:?}");
                let obeyed = |c: char| c.is_control() && c != '\n';
                assert!(!said.contains(obeyed), "{said:?}");
            }
        }
    }
}

#[test]
fn a_file_in_the_place_of_a_directory_is_named() {
    let directory = openwrt(MWAN3);
    fs::write(directory.path().join("etc"), "").unwrap();
    let output = migrate(directory.path(), &["--write"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let place = directory.path().join("etc");
    let expected = format!("failed to make the directory {}: ", place.display());
    assert!(text(&output.stderr).contains(&expected), "{output:?}");
}
