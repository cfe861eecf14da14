//! `cargo dist`: builds what is shipped.
#![allow(clippy::print_stderr, reason = "a command line's output is its purpose")]

use clap::Parser;
use shunt_dist::{Order, Source, TARGETS, Target, ship};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Builds what is shipped of Shunt: binaries, packages, manual pages, completions, bills of materials, and sums.
#[derive(Debug, Parser)]
#[command(name = "cargo dist", version)]
struct Args {
    /// Build for this target only; may be given again.
    #[arg(long = "target", value_name = "TRIPLE", value_parser = target)]
    targets: Vec<Target>,

    /// Leave out the firmware of the watchdog MCU.
    #[arg(long)]
    no_firmware: bool,

    /// Where it goes; what is there is removed [default: dist in cargo's target directory].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let target = target_directory();
    let order = Order {
        targets: if args.targets.is_empty() { TARGETS.to_vec() } else { args.targets },
        firmware: !args.no_firmware,
        out: args.out.unwrap_or_else(|| target.join("dist")),
    };
    match Source::here(&target).and_then(|source| ship(&source, &order, &mut io::stderr())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Where cargo puts what it builds.
fn target_directory() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let root = root.canonicalize().unwrap_or(root);
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |directory| root.join(directory))
}

fn target(triple: &str) -> Result<Target, String> {
    let known = || TARGETS.map(|target| target.triple).join(", ");
    Target::named(triple).ok_or_else(|| format!("Shunt is not shipped for it; it is for {}", known()))
}
