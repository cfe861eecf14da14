//! What a build needs of the machine, looked for before anything is built: a quarter of an hour into it is too late.

use crate::Order;
use crate::cargo::{Source, is_installed};
use crate::deb;
use crate::error::{DistError, Result};
use shunt_firmware::{BOARDS, Board};
use std::path::Path;

/// Looks for all that is needed to build and pack what is ordered.
///
/// # Errors
/// One, which names everything that is missing, each with its mend.
pub(crate) fn check(source: &Source, order: &Order) -> Result<()> {
    let mut missing = Vec::new();
    let boards: &[Board] = if order.firmware { &BOARDS } else { &[] };
    let triples =
        order.targets.iter().map(|target| target.triple).chain(boards.iter().map(|board| board.target));
    for triple in triples.filter(|triple| !has_library(source, triple)) {
        missing.push(format!("the Rust library for {triple}; install it by: rustup target add {triple}"));
    }
    for (compiler, package) in order.targets.iter().map(|target| target.compiler) {
        if !is_installed(compiler) {
            missing.push(format!("{compiler}; install it by (Debian): apt-get install {package}"));
        }
    }
    let version =
        || Some(source.cargo_says(&["deb", "--version"]).ok()?.split_whitespace().last()? == deb::VERSION);
    let has_packer = is_installed(deb::PROGRAM) && version().unwrap_or(false);
    if !has_packer {
        let (packer, version) = (deb::PROGRAM, deb::VERSION);
        missing.push(format!("{packer} {version}; install it by: cargo install --locked {packer}@{version}"));
    }
    if missing.is_empty() { Ok(()) } else { Err(DistError::Missing(missing)) }
}

/// Asks the compiler itself where its libraries would be, so that a tool chain without rustup does.
fn has_library(source: &Source, triple: &str) -> bool {
    let output = source.rustc(&["--print=target-libdir", "--target", triple]).output();
    output.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}
