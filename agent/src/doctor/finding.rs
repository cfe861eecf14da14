//! What the doctor has to say: one finding is one sentence, and the mend beside it.

use super::facts::Unread;
use serde::Serialize;

/// How bad it is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It could not be looked at.
    NotChecked,
    /// It works, and may hurt some day.
    Warning,
    /// Failover does not work as it should.
    Fault,
}

/// What was looked at; the order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// The configuration file.
    Config,
    /// What the kernel can do.
    Kernel,
    /// What this user may do.
    Rights,
    /// The time of day.
    Clock,
    /// The state directory.
    Disk,
    /// The agent itself, where it runs.
    Daemon,
    /// The links' interfaces and addresses.
    Interface,
    /// The default routes of others, from which ways out are learned.
    Routes,
    /// What the links have in common.
    Paths,
    /// The largest packets.
    Mtu,
    /// The reverse path filter.
    RpFilter,
    /// Whether the machine forwards packets at all.
    Forwarding,
    /// Translation on each uplink.
    Nat,
    /// Whether the firewall lets clients' packets and the canary through.
    Firewall,
    /// Flows that pass by the rules.
    Offload,
    /// The numbers that Shunt owns in the kernel.
    Numbers,
    /// Other programs that touch routes.
    Programs,
    /// The modems' ports.
    Modem,
    /// The targets, over each link.
    Target,
}

impl Check {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 19] = [
        Self::Config,
        Self::Kernel,
        Self::Rights,
        Self::Clock,
        Self::Disk,
        Self::Daemon,
        Self::Interface,
        Self::Routes,
        Self::Paths,
        Self::Mtu,
        Self::RpFilter,
        Self::Forwarding,
        Self::Nat,
        Self::Firewall,
        Self::Offload,
        Self::Numbers,
        Self::Programs,
        Self::Modem,
        Self::Target,
    ];

    /// As it is shown and written in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Kernel => "kernel",
            Self::Rights => "rights",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::Daemon => "daemon",
            Self::Interface => "interface",
            Self::Routes => "routes",
            Self::Paths => "paths",
            Self::Mtu => "mtu",
            Self::RpFilter => "rp_filter",
            Self::Forwarding => "forwarding",
            Self::Nat => "nat",
            Self::Firewall => "firewall",
            Self::Offload => "offload",
            Self::Numbers => "numbers",
            Self::Programs => "programs",
            Self::Modem => "modem",
            Self::Target => "target",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: Check,
    /// How bad it is.
    pub(crate) level: Level,
    /// Which link, modem or program it is about; `None`: the machine.
    pub(crate) about: Option<String>,
    /// What was found: a whole sentence.
    pub(crate) what: String,
    /// What to do: a whole sentence; `None` where nothing has to be done.
    pub(crate) mend: Option<String>,
    /// More rights would tell.
    #[serde(skip)]
    pub(crate) denied: bool,
}

impl Finding {
    fn new(check: Check, level: Level, what: impl Into<String>, mend: Option<String>) -> Self {
        Self { check, level, about: None, what: what.into(), mend, denied: false }
    }

    pub(crate) fn ok(check: Check, what: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, what, None)
    }

    pub(crate) fn note(check: Check, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Level::Note, what, Some(mend.into()))
    }

    pub(crate) fn warning(check: Check, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, what, Some(mend.into()))
    }

    pub(crate) fn fault(check: Check, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Level::Fault, what, Some(mend.into()))
    }

    /// `what` is what was not looked at, such as "the rules".
    pub(crate) fn unread(check: Check, what: &str, why: &Unread) -> Self {
        let (denied, mend) = match why {
            Unread::Denied(_) => (true, Some("Run this as root.".to_owned())),
            Unread::Failed(_) => (false, None),
        };
        let text = format!("Not checked: {what}, because {why}.");
        Self { denied, ..Self::new(check, Level::NotChecked, text, mend) }
    }

    /// `why` completes "because …"; `mend` is a whole sentence.
    pub(crate) fn not_checked(check: Check, what: &str, why: &str, mend: Option<&str>) -> Self {
        let text = format!("Not checked: {what}, because {why}.");
        Self::new(check, Level::NotChecked, text, mend.map(str::to_owned))
    }

    pub(crate) fn about(mut self, whom: impl Into<String>) -> Self {
        self.about = Some(whom.into());
        self
    }
}
