//! What the doctor knows: plain data, read once. A thing that cannot be read is kept together with the reason.

mod disk;
mod machine;
mod modems;
mod network;
mod programs;
mod reach;
mod sysctls;
mod text;

pub(crate) use disk::Disk;
pub(crate) use machine::Machine;
pub(crate) use modems::{ModemFacts, Secret, SecretState};
pub(crate) use network::{Network, Seen};
pub(crate) use programs::{Process, Programs};
pub(crate) use reach::{Answer, NotSent, PATIENCE, Reach, TargetReach, way_out};
pub(crate) use sysctls::Sysctls;
#[cfg(test)]
pub(crate) use {modems::Holder, network::Socket, programs::Lease, sysctls::OfInterface};

use super::firewall::Firewall;
use shunt_config::Config;
use shunt_decision::Timestamp;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A fact, or why it is not known.
pub(crate) type Known<T> = Result<T, Unread>;

/// Why something is not known: a part of a sentence that follows on "because".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// More rights would tell.
    Denied(String),
    /// Nothing that the caller could do would.
    Failed(String),
}

impl Unread {
    /// `what` is what was tried, such as "read /proc/1".
    fn of(what: &str, error: &io::Error) -> Self {
        let text = format!("it failed to {what}: {error}");
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied(text),
            _ => Self::Failed(text),
        }
    }

    /// What the kernel's edge could not do.
    pub(crate) fn kernel(error: &crate::netlink::KernelError) -> Self {
        let text = format!("the kernel refused to {error}");
        match crate::cli::Exit::of(error, crate::cli::Exit::Failed) {
            crate::cli::Exit::Denied => Self::Denied(text),
            _ => Self::Failed(text),
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) | Self::Failed(text) => text.fmt(f),
        }
    }
}

/// Where files are: the machine's own, or those that a test has laid out in a directory.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    root: PathBuf,
}

impl Roots {
    pub(crate) fn system() -> Self {
        Self { root: PathBuf::from("/") }
    }

    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The file that is `path` on the machine, which may be written with its leading slash.
    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A text file; `None`: there is none.
    fn text(&self, path: impl AsRef<Path>) -> Known<Option<String>> {
        self.text_by(path, text::read)
    }

    /// The end of one that grows.
    fn end_of_text(&self, path: impl AsRef<Path>) -> Known<Option<String>> {
        self.text_by(path, text::read_end)
    }

    fn text_by(
        &self,
        path: impl AsRef<Path>,
        read: fn(&Path) -> io::Result<String>,
    ) -> Known<Option<String>> {
        let file = self.path(&path);
        match read(&file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Unread::of(&format!("read {}", file.display()), &error)),
        }
    }

    /// The same, where neither an absent nor an unreadable file matters.
    fn value(&self, path: impl AsRef<Path>) -> Option<String> {
        self.text(path).ok().flatten().map(|text| text.trim().to_owned())
    }
}

/// Whether a daemon runs, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DaemonFacts {
    /// None answers.
    Absent,
    /// It may not be asked, or gave no answer: a part of a sentence that follows on "because".
    Unasked(Unread),
    /// It answers.
    Running { version: String, warnings: Vec<String> },
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) machine: Machine,
    pub(crate) network: Network,
    pub(crate) sysctls: Sysctls,
    pub(crate) firewall: Firewall,
    pub(crate) programs: Programs,
    pub(crate) daemon: DaemonFacts,
    /// `None`: without a config there is no state directory to look at.
    pub(crate) disk: Option<Known<Disk>>,
    /// As the modems of the config.
    pub(crate) modems: Vec<ModemFacts>,
    /// For each link and family that has targets.
    pub(crate) reach: Vec<Reach>,
}

/// Reads everything; with a config also what it is about. `offline`: sends no probes.
pub(crate) fn read(
    config: Option<&Config>,
    roots: &Roots,
    daemon: DaemonFacts,
    offline: bool,
    now: Timestamp,
) -> Facts {
    let network = Network::read(config, roots);
    let asked = reach::ask(config, &network, offline, now);
    Facts {
        machine: Machine::read(roots),
        sysctls: Sysctls::read(config, roots),
        firewall: Firewall::read(roots.path("proc/thread-self/net/ip_tables_names")),
        programs: Programs::read(config, roots),
        disk: config.map(|config| Disk::read(&config.agent.state_dir, roots)),
        modems: config.map_or_else(Vec::new, |config| modems::read(config, roots)),
        // Last: who answered a probe is in the table of neighbours by then.
        network: network.with_neighbours(),
        reach: asked,
        daemon,
    }
}
