//! The scripts for OpenWrt and `install.sh` do what they say: `scripts.sh` runs them in roots of their own.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::Command;

fn run_under(shell: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts.sh");
    let output = Command::new(script).arg(shell).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn under_debians_shell() {
    run_under("dash");
}

/// That of OpenWrt and of most images.
#[test]
fn under_busyboxs_shell() {
    if Command::new("busybox").arg("true").output().is_ok_and(|output| output.status.success()) {
        run_under("busybox");
        return;
    }
    // Not by a macro, whose words are kept from the screen when a test passes.
    writeln!(std::io::stderr(), "there is no busybox: its shell was not tried; install busybox-static")
        .unwrap();
}
