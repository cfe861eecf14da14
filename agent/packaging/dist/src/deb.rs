//! Debian packages, by `cargo-deb`: what is in them stands in `agent/Cargo.toml`, their scripts in `packaging/debian`.

use crate::cargo::{PROFILE, Source};
use crate::error::{Result, file};
use crate::pages;
use crate::target::Target;
use std::fs;
use std::path::Path;

/// The program.
pub(crate) const PROGRAM: &str = "cargo-deb";
/// Its version: another one may pack other bytes.
pub(crate) const VERSION: &str = "3.8.0";

/// Where the manual pages and completions lie for it, beside the binary: `agent/Cargo.toml` names this.
const PAGES: &str = "pages";

/// Packs the binary that was built for `target` into `out`.
///
/// # Errors
/// When cargo-deb fails; it has said why on standard error.
pub(crate) fn pack(source: &Source, target: &Target, out: &Path) -> Result<()> {
    let beside = source.release_dir(target).join(PAGES);
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(file("remove", &beside))?;
    }
    pages::write_manual(&beside.join("man"))?;
    pages::write_completions(&beside.join("completions"))?;
    let mut command = source.cargo();
    command.args(["deb", "--no-build", "--no-strip", "--locked", "--quiet", "--package=shunt"]);
    command.args(["--profile", PROFILE, "--target", target.triple]).arg("--output").arg(out);
    command.env("CARGO_TARGET_DIR", &source.build);
    source.run(command, &format!("pack the Debian package for {}", target.debian))
}
