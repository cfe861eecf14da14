//! The agent that the tests of this package run in front of the MCU's images.
//!
//! Why a package: these tests need QEMU and the compiler's libraries for the MCUs. It is no default member of the workspace, so that
//! `cargo test` asks for neither.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first argument says, as to the laboratory's program, that the agent is meant.
    shunt::cli::main_from(std::env::args_os().skip(1))
}
