//! What these tests share. Those of `shunt-lab` have the same by the same names, with the program of that package.

#![allow(dead_code)] // each test binary uses its own part

use shunt::api::types::{LinkStatus, Status};
use shunt_lab::Program;
use std::time::Duration;

/// Far beyond what anything here takes: only a defect, or a machine that stands still, gets there.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The agent of these tests: this package's, unless `SHUNT_AGENT` names another.
pub(crate) fn program() -> Program {
    Program::from_environment().unwrap_or_else(|| Program::lab(env!("CARGO_BIN_EXE_emulated-lab")))
}

/// The IPv4 uplink.
pub(crate) fn uplink(status: &Status) -> Option<&str> {
    status.uplink.v4.as_deref()
}

/// One link's part of the status.
pub(crate) fn link<'a>(status: &'a Status, name: &str) -> &'a LinkStatus {
    status.links.iter().find(|link| link.name == name).unwrap()
}
