//! What a build needs of the machine, looked for before anything is built: a quarter of an hour into it is too late.

use crate::cargo::{Source, is_installed};
use crate::deb;
use crate::error::{DistError, Result};
use crate::target::Target;
use std::path::Path;

/// Looks for all that is needed to build and pack for `targets`.
///
/// # Errors
/// One, which names everything that is missing, each with its mend.
pub(crate) fn check(source: &Source, targets: &[Target]) -> Result<()> {
    let mut missing = Vec::new();
    for target in targets {
        if !has_library(source, target) {
            missing.push(format!(
                "the Rust library for {0}; install it by: rustup target add {0}",
                target.triple
            ));
        }
        let (compiler, package) = target.compiler;
        if !is_installed(compiler) {
            missing.push(format!("{compiler}; install it by (Debian): apt-get install {package}"));
        }
    }
    if !is_installed(deb::PROGRAM) {
        missing.push(format!("{}; install it by: cargo install --locked {}", deb::PROGRAM, deb::CRATE));
    }
    if missing.is_empty() { Ok(()) } else { Err(DistError::Missing(missing)) }
}

/// Asks the compiler itself where its libraries would be, so that a tool chain without rustup does.
fn has_library(source: &Source, target: &Target) -> bool {
    let output = source.rustc(&["--print=target-libdir", "--target", target.triple]).output();
    output.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}
