//! `shunt doctor`: looks at the whole chain between this machine and its targets, and names for each fault its mend.
//!
//! `facts/` reads the world into plain data, `checks/` judges it, one concern a file, and `report.rs` adds it up. The
//! checks are pure, so that each of them is shown to fail by a table of facts. Nothing is changed, and a daemon that
//! runs is not disturbed: what is sent are a few probes, bound to their links as the daemon's own. What cannot be
//! looked at is told with the reason, and never left out.

mod checks;
mod facts;
mod finding;
mod firewall;
mod report;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use facts::{DaemonFacts, Roots, Unread};
pub(crate) use finding::{Finding, Level};
pub(crate) use report::{Outcome, Report};

use crate::clock;
use shunt_config::Config;
use std::path::Path;

/// What the config is found to be.
#[derive(Debug)]
pub(crate) enum ConfigFile<'a> {
    /// It can be run.
    Valid(&'a Config),
    /// There is none in the usual place.
    Absent(&'a Path),
    /// It may not be read.
    Denied(&'a Path),
    /// Its only fault, which is here, is that it names no link: so packages leave it.
    NoLink(String),
    /// It has faults, all of which are here.
    Faulty(String),
}

impl ConfigFile<'_> {
    const fn valid(&self) -> Option<&Config> {
        match self {
            Self::Valid(config) => Some(config),
            Self::Absent(_) | Self::Denied(_) | Self::NoLink(_) | Self::Faulty(_) => None,
        }
    }
}

/// What is to be looked at.
#[derive(Debug)]
pub(crate) struct Patient<'a> {
    pub(crate) config: ConfigFile<'a>,
    pub(crate) roots: Roots,
    pub(crate) daemon: DaemonFacts,
    /// Send no probes.
    pub(crate) offline: bool,
}

/// Looks at everything. It takes as long as the slowest target may take to answer.
pub(crate) fn examine(patient: Patient<'_>) -> Report {
    let Patient { config, roots, daemon, offline } = patient;
    let facts = facts::read(config.valid(), &roots, daemon, offline, clock::now());
    Report::of(checks::all(&config, &facts))
}
