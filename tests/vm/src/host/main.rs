//! `cargo vm-test`: boots a whole gateway in an emulator, and reads on its console how it gets on.
#![allow(clippy::print_stderr, reason = "a command line's output is its purpose")]

mod board;
mod emulator;
mod error;
mod image;
mod kernel;
mod report;

use board::Board;
use clap::Parser;
use emulator::Parts;
use error::{Result, VmError};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// The processor of the emulated gateway, as Rust names it.
const TARGET: &str = "aarch64-unknown-linux-musl";

/// Boots Debian's kernel for ARM with the shipped agent in QEMU, fails links over and back, kills the agent, and has the
/// kernel's watchdog reset the machine, and then the watchdog MCU, which is in an emulator of its own.
#[derive(Debug, Parser)]
#[command(name = "cargo vm-test", version)]
struct Args {
    /// Take the agent out of this Debian package, in place of building it.
    #[arg(long, value_name = "FILE")]
    package: Option<PathBuf>,

    /// Take this kernel package, in place of fetching Debian's by apt-get.
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,

    /// Show all that is said on the console.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let begin = Instant::now();
    let home = tempfile::tempdir().map_err(error::file("make a directory in", &std::env::temp_dir()))?;
    let step = |what: &str| eprintln!("[{:>4.0} s] {what}", begin.elapsed().as_secs_f64());
    step("Debian's kernel");
    let package =
        args.kernel.clone().map_or_else(|| kernel::fetch(&target_directory().join("vm-kernel")), Ok)?;
    let kernel = kernel::unpack(&package, &home.path().join("kernel"))?;
    // Before the builds that take long: it tells what is not installed.
    step("the watchdog MCU");
    let board = Board::power_on()?;
    step("the agent, and the guest's first program");
    let agent = match &args.package {
        Some(package) => image::agent_of(package, &home.path().join("package"))?,
        None => build(&["--package=shunt", "--bin=shunt", "--profile=dist"], "dist/shunt")?,
    };
    let guest = build(&["--package=shunt-vm", "--bin=vm-init"], "debug/vm-init")?;
    let image = image::write(&kernel, &agent, &guest, &home.path().join("initrd.gz"))?;
    step("the gateway");
    let disk = image::disk(&home.path().join("disk"))?;
    let parts = Parts { kernel: &kernel.image, initrd: &image, disk: &disk };
    let report = emulator::run(&parts, board, args.verbose)?;
    eprint!("{report}");
    step("good");
    Ok(())
}

/// Builds for the guest, and gives the path of what was built.
fn build(arguments: &[&str], built: &str) -> Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--locked", "--quiet", "--target", TARGET]).args(arguments);
    // What is only looked at by a debugger is half a minute of unpacking for the emulated processor.
    command.env("CARGO_PROFILE_DEV_STRIP", "symbols").env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.current_dir(root());
    error::run(&mut command, "build for the emulated gateway")?;
    let path = target_directory().join(TARGET).join(built);
    if path.exists() { Ok(path) } else { Err(VmError::NotBuilt(path)) }
}

fn root() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// Where cargo puts what it builds.
fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |directory| root().join(directory))
}
