//! What can go wrong outside of the emulated gateway, and inside of it.

use shunt_model::EmulatorError;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

pub(crate) type Result<T, E = VmError> = std::result::Result<T, E>;

/// Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum VmError {
    #[error("{doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{doing}: {program} cannot be started: {source}; is it installed?")]
    Start { doing: &'static str, program: String, source: io::Error },
    #[error("{doing}: {program} ended with {status}, as told above")]
    Program { doing: &'static str, program: String, status: ExitStatus },
    #[error("find what cargo built at {}", .0.display())]
    NotBuilt(PathBuf),
    #[error(
        "fetch a kernel: Debian's archive names none for {0}; run apt-get update, or name one by --kernel"
    )]
    NoKernel(&'static str),
    #[error("find {what} in {}", package.display())]
    NotInPackage { what: String, package: PathBuf },
    #[error("give the gateway its MCU: {0}")]
    Mcu(#[from] EmulatorError),
    #[error("wire the gateway to its MCU: {0}")]
    Wire(io::Error),
    #[error("hold or reset the gateway, as its MCU wants: the emulator answers {answer:?} to {order}")]
    Refused { order: &'static str, answer: String },
    #[error("run the gateway: {what}; its console ends with:\n  {console}")]
    Gateway { what: String, console: String },
}

/// For `map_err`: what was being done with which file.
pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VmError {
    let path = path.to_owned();
    move |source| VmError::File { doing, path, source }
}

/// Runs a program whose output goes to the terminal.
pub(crate) fn run(command: &mut Command, doing: &'static str) -> Result<()> {
    let program = name(command);
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|source| VmError::Start { doing, program: program.clone(), source })?;
    if status.success() { Ok(()) } else { Err(VmError::Program { doing, program, status }) }
}

/// What a program prints.
pub(crate) fn said(command: &mut Command, doing: &'static str) -> Result<String> {
    let program = name(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| VmError::Start { doing, program: program.clone(), source })?;
    if !output.status.success() {
        return Err(VmError::Program { doing, program, status: output.status });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("?")).to_string_lossy().into_owned()
}
