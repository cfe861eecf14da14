//! What is seen of the gateway at one moment.

use crate::api::mcu::McuStatus;
use crate::api::modem::ModemStatus;
use crate::api::types::{Families, Family, LinkStatus, PathStatus, Status, Verdict};
use crate::api::wire::Event;
use std::time::Duration;

/// One look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    /// What the daemon knows; `None`: none answers.
    pub(crate) status: Option<Status>,
    /// Its latest events, the oldest first.
    pub(crate) events: Vec<Event>,
    /// Whether what is forced now, if anything is, was forced by this run.
    pub(crate) own_lease: bool,
    /// The modems.
    pub(crate) modems: Vec<ModemStatus>,
    /// The watchdog MCU, where there is one.
    pub(crate) mcu: Option<McuStatus>,
    /// Another one after each start of the machine.
    pub(crate) boot: Option<String>,
    /// For how long the machine has been running.
    pub(crate) up: Duration,
}

impl Look {
    /// Whether a daemon answers.
    pub(crate) const fn answers(&self) -> bool {
        self.status.is_some()
    }

    pub(super) fn modem(&self, name: &str) -> Option<&ModemStatus> {
        self.modems.iter().find(|modem| modem.name == name)
    }

    /// Whether the MCU has said what it is.
    pub(crate) fn mcu_answers(&self) -> bool {
        self.mcu.as_ref().is_some_and(|mcu| mcu.identity.is_some())
    }

    /// Whether the MCU that answers has this capability.
    pub(super) fn mcu_can(&self, capability: &str) -> bool {
        let identity = self.mcu.as_ref().and_then(|mcu| mcu.identity.as_ref());
        identity.is_some_and(|known| known.capabilities.iter().any(|one| one == capability))
    }

    /// How often the MCU cut the modem's supply, as far as it is known.
    pub(super) fn rail_cuts(&self) -> Option<u32> {
        Some(self.mcu.as_ref()?.state.as_ref()?.counts.modem_cycles)
    }

    /// How often the MCU reset the gateway, as far as it is known.
    pub(super) fn host_resets(&self) -> Option<u32> {
        Some(self.mcu.as_ref()?.state.as_ref()?.counts.host_resets)
    }
}

pub(super) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

pub(super) const fn of<T>(families: &Families<T>, family: Family) -> &T {
    match family {
        Family::V4 => &families.v4,
        Family::V6 => &families.v6,
    }
}

pub(super) fn link<'a>(status: &'a Status, name: &str) -> Option<&'a LinkStatus> {
    status.links.iter().find(|link| link.name == name)
}

/// The paths of a link, of the families that it has.
pub(super) fn paths(link: &LinkStatus) -> impl Iterator<Item = (Family, &PathStatus)> {
    FAMILIES.into_iter().filter_map(|family| Some((family, of(&link.families, family).as_ref()?)))
}

/// Whether a link carries traffic in all its families.
pub(super) fn is_healthy(link: &LinkStatus) -> bool {
    paths(link).next().is_some() && paths(link).all(|(_, path)| path.verdict == Verdict::Healthy)
}

/// The path for which a link is not healthy: the link's own verdict and reason are those of IPv4, which may be well.
pub(super) fn ill_path(link: &LinkStatus) -> Option<(Family, &PathStatus)> {
    paths(link).find(|(_, path)| path.verdict != Verdict::Healthy)
}

/// Why a link is not healthy, with the family that is not.
pub(super) fn illness(link: &LinkStatus) -> String {
    ill_path(link).map_or_else(
        || "it has no path".into(),
        |(family, path)| format!("{} is {}: {}", family.name(), path.verdict.word(), path.reason),
    )
}

/// In which families a link is the uplink.
pub(super) fn carries(status: &Status, name: &str) -> Vec<Family> {
    let is = |family: &Family| of(&status.uplink, *family).as_deref() == Some(name);
    FAMILIES.into_iter().filter(is).collect()
}

/// Whether another link could take over from `name` in a family.
pub(super) fn has_other(status: &Status, name: &str, family: Family) -> bool {
    let fit = |link: &LinkStatus| {
        of(&link.families, family).as_ref().is_some_and(|path| path.verdict == Verdict::Healthy)
    };
    status.links.iter().any(|link| link.name != name && fit(link))
}

/// The number of the latest incident.
pub(super) fn latest_incident(status: &Status) -> u64 {
    status.incidents.iter().map(|incident| incident.number).max().unwrap_or(0)
}

/// How long `earlier` was before `later`, both RFC 3339.
pub(super) fn between(earlier: &str, later: &str) -> Option<Duration> {
    let parse = |text: &str| humantime::parse_rfc3339(text).ok();
    parse(later)?.duration_since(parse(earlier)?).ok()
}
