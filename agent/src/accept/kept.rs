//! Where a run is, on the disk: it goes on after a restart of the gateway, and after a connection that was lost.

use super::step::Done;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The run so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The config that it is about: with another one, the steps are others.
    pub(crate) config_sha256: String,
    /// When it began (RFC 3339).
    pub(crate) started: String,
    /// Where its report goes.
    pub(crate) report: PathBuf,
    /// Steps that are over.
    pub(crate) done: Vec<Done>,
    /// A restart of the gateway that is waited for.
    pub(crate) pending: Option<Pending>,
}

/// What was so before the gateway was restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// The step.
    pub(crate) step: String,
    /// The name of that run of the machine.
    pub(crate) boot: Option<String>,
    /// Whether the MCU was to reset it.
    pub(crate) by_mcu: bool,
    /// How often the MCU had done that.
    pub(crate) host_resets: Option<u32>,
    /// The number of the latest incident.
    pub(crate) incident: u64,
    /// The numbers of the incidents that were not over: a reset ends them.
    #[serde(default)]
    pub(crate) open: Vec<u64>,
}
