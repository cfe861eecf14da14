//! Configuration of Shunt: TOML in, a valid [`Config`] out.
//!
//! [`parse`] either gives a [`Config`] in which every value is in range, every name is known and nothing
//! clashes, or all [`Faults`] of the file at once, each with its place, the reason, and the mend. `shunt.toml`
//! beside this crate is the reference of all keys.

#![forbid(unsafe_code)]

mod budget;
mod cost;
mod defaults;
mod fault;
mod kernel;
mod keys;
mod links;
mod model;
mod modem;
mod recording;
mod resolvers;
mod sections;
mod syntax;
mod target;
#[cfg(test)]
mod tests;
mod values;
mod walk;
mod watchdog;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use toml::de::DeTable;

pub use cost::{LOOK_UP_TRIES, look_up_cost, look_up_packets};
pub use fault::{Fault, Faults, LoadError};
pub use kernel::MAX_LINKS;
pub use model::{
    Agent, Canary, Config, DailyWindow, Damping, Failback, FailbackMode, Failover, Gateway, Kernel, Limits,
    Link, LogFormat, Probe, ProbeBudget, TimeLimit,
};
pub use modem::{BearerAuth, BearerIp, Find, Modem, Power, Remote, RemoteOperator, Sim};
pub use recording::Recording;
pub use target::{Endpoint, Host, Page, Target, Weighted};
pub use watchdog::{Mcu, McuPins, McuPort, Watchdog};

/// Longest file in bytes: a hundred links with every key written out stay below half of it.
const MAX_FILE: usize = 256 * 1024;

/// Reads and checks a configuration file.
///
/// # Errors
///
/// The file cannot be read, is too long or is not text; or it has [`Faults`], all of which are named.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let unreadable = |source| LoadError::Unreadable { file: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long.
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_FILE {
        return Err(LoadError::TooLong { file: path.to_owned(), limit: MAX_FILE });
    }
    let text = str::from_utf8(&bytes).map_err(|error| {
        let good = bytes.iter().take(error.valid_up_to());
        LoadError::NotText { file: path.to_owned(), line: good.filter(|byte| **byte == b'\n').count() + 1 }
    })?;
    Ok(parse(text, path)?)
}

/// Checks the text of a configuration; `file` is its name in the faults.
///
/// # Errors
///
/// All faults of the text, in its order. What is not TOML hides the faults behind it, so that these come first
/// and alone.
pub fn parse(text: &str, file: &Path) -> Result<Config, Faults> {
    let mut walk = walk::Walker::default();
    let config = read(&mut walk, text);
    match walk.into_faults(text, file) {
        Some(faults) => Err(faults),
        None => Ok(config),
    }
}

/// Reads everything; the result may be run only when the walker found no fault.
fn read(walk: &mut walk::Walker, text: &str) -> Config {
    if syntax::long_lines(walk, text) {
        return defaults::config();
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return sections(walk, root.get_ref(), text.len());
    }
    syntax::complain(walk, text, &errors);
    defaults::config()
}

/// Reads all sections of `root`; `end` is where the file ends.
fn sections<'t>(walk: &mut walk::Walker, root: &'t DeTable<'t>, end: usize) -> Config {
    let root = walk::Section::new("", String::new(), root, 0..0);
    walk.known_only(&root);
    let tables = links::tables(walk, &root, end);
    let targets = target::targets(walk, &root);
    let resolvers = resolvers::resolvers(walk, &root, walk::Setting::default(defaults::RESOLVERS.to_vec()));
    let probe = walk.section(&root, "probe");
    let limits = walk.section(&root, "limits");
    let (canary, canary_interface) = sections::canary(walk, &root);
    let kernel = sections::kernel(walk, &root, tables.len());
    let general = links::General {
        targets: targets.unwrap_or_else(defaults::targets),
        resolvers,
        probe: sections::ProbeSettings::defaults().overlaid(walk, &probe),
        limits: sections::LimitSettings::defaults().overlaid(walk, &limits),
        canary_interface,
    };
    let links = links::links(walk, tables, &general);
    let watchdog = watchdog::watchdog(walk, &root);
    Config {
        agent: sections::agent(walk, &root),
        failover: sections::failover(walk, &root),
        failback: sections::failback(walk, &root),
        damping: sections::damping(walk, &root),
        canary,
        recording: recording::recording(walk, &root),
        kernel,
        modems: modem::modems(walk, &root, &links, &watchdog.mcu),
        watchdog,
        links,
    }
}
