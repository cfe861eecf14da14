//! Runs cargo for a board.

use crate::board::Board;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program could not be started.
    #[error("failed to start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The board's target is not installed.
    #[error(
        "failed to build the firmware for {board}: its target is not installed; install it by: rustup target add {target}"
    )]
    NoTarget {
        /// The board.
        board: &'static str,
        /// Its target.
        target: &'static str,
    },
    /// What cargo made could not be given its length and checksum.
    #[error("failed to seal the image {path}: {source}", path = .path.display())]
    Seal {
        /// The image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Cargo failed, and said why.
    #[error("failed to build the firmware for {board}: cargo ended with {status}")]
    Cargo {
        /// The board.
        board: &'static str,
        /// How cargo ended.
        status: ExitStatus,
    },
}

/// Builds the firmware of `board`, in release and with the locked dependencies, seals it, and gives the path of its ELF image.
/// Nothing is installed. What cargo says goes to this process's own standard error.
///
/// # Errors
///
/// When the target is missing or cargo fails, or what it made cannot be sealed.
pub fn build(board: Board) -> Result<PathBuf, BuildError> {
    // The folder of this package, as it was built: the firmware lies beside it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    require_target(board)?;
    let target_dir = target_dir(here);
    let package = format!("shunt-{}", board.name);
    let program = cargo();
    let status = Command::new(&program)
        .args(["build", "--quiet", "--release", "--locked", "--package", &package, "--target", board.target])
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(here.join("../boards"))
        // Flags and profiles that are meant for the host would change the image.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .map_err(|source| BuildError::Start { program: program.to_string_lossy().into_owned(), source })?;
    if !status.success() {
        return Err(BuildError::Cargo { board: board.name, status });
    }
    let path = target_dir.join(board.target).join("release").join(package);
    seal(&path).map_err(|source| BuildError::Seal { path: path.clone(), source })?;
    Ok(path)
}

/// Puts length and checksum into the image. The file stays the one that cargo made and compares with; one that is sealed
/// already is left alone, since others may be reading it.
fn seal(path: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let elf = std::fs::read(path)?;
    let (at, seal) = shunt_image::seal_for(&elf).ok_or(io::ErrorKind::InvalidData)?;
    let mut there = [0; 8];
    file.read_exact_at(&mut there, at)?;
    if there == seal { Ok(()) } else { file.write_all_at(&seal, at) }
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Beside the host's own build, never in it: an image is not to be waited for while the host's build is locked.
fn target_dir(here: &Path) -> PathBuf {
    let root = here.join("../..");
    let host = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    host.join("firmware")
}

/// Asks the compiler itself where its libraries for the target would be, so that a tool chain without rustup does.
fn require_target(board: Board) -> Result<(), BuildError> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&program)
        .args(["--print", "target-libdir", "--target", board.target])
        .output()
        .map_err(|source| BuildError::Start { program: program.to_string_lossy().into_owned(), source })?;
    let libraries = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(libraries.trim()).is_dir() {
        Ok(())
    } else {
        Err(BuildError::NoTarget { board: board.name, target: board.target })
    }
}
