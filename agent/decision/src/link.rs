//! One configured link: what its two paths share.

use crate::damping::Damping;
use crate::desk::Desk;
use crate::path::Path;
use crate::schedule::Spacing;
use crate::stall::StallWatch;
use crate::{Family, LinkConfig, LinkId, PerFamily, Reason, Timestamp, Verdict};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A metered link that stands by and is not healthy is probed at least this often, so that its recovery is seen
/// and its trial ends; a fifth of the usual rate.
const METERED_RECOVERY_INTERVAL: Duration = Duration::from_secs(5);

/// How often the targets of a path are to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It is the uplink, or the uplink is not sound.
    Dense,
    /// It stands by and is healthy.
    Standby,
    /// It stands by, and its recovery is waited for.
    Recovery,
}

/// The intervals of a link.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Intervals {
    metered: bool,
    pub(crate) usual: Duration,
    standby: Duration,
}

impl Intervals {
    pub(crate) fn of(config: &LinkConfig) -> Self {
        let LinkConfig { metered, interval, standby_interval, .. } = *config;
        Self { metered, usual: interval, standby: standby_interval.max(interval) }
    }

    /// The time between two probes of one target, as far as the budget allows it.
    pub(crate) fn wanted(&self, need: Need) -> Duration {
        match need {
            Need::Standby if self.metered => self.standby,
            Need::Recovery if self.metered => self.standby.min(METERED_RECOVERY_INTERVAL.max(self.usual)),
            Need::Dense | Need::Standby | Need::Recovery => self.usual,
        }
    }
}

/// One link.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) carrier: Option<bool>,
    pub(crate) damping: Damping,
    pub(crate) stall: StallWatch,
    pub(crate) paths: PerFamily<Option<Path>>,
    /// Its data allowance is used up.
    pub(crate) used_up: bool,
    id: LinkId,
    intervals: Intervals,
    /// Whether the family's uplink is not sound.
    alarmed: PerFamily<bool>,
}

impl Link {
    pub(crate) fn new(id: LinkId, config: &LinkConfig, seed: u64, now: Timestamp) -> Self {
        Self {
            carrier: None,
            damping: Damping::new(),
            stall: StallWatch::default(),
            paths: PerFamily::from_fn(|family| Path::new(id, family, config, seed, now)),
            used_up: false,
            id,
            intervals: Intervals::of(config),
            alarmed: PerFamily::default(),
        }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.v4.iter().chain(&self.paths.v6)
    }

    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut Path> {
        self.paths.v4.iter_mut().chain(&mut self.paths.v6)
    }

    /// Whether it carries the default route of a family.
    pub(crate) fn is_uplink(&self) -> bool {
        self.paths().any(|path| path.uplink)
    }

    /// Sends the steady probes that are due. `true` if there was one.
    pub(crate) fn send_due(&mut self, desk: &mut Desk) -> bool {
        let now = desk.now;
        let mut any = false;
        for path in self.paths_mut().filter(|path| path.absent.is_none() && path.pace.is_due(now)) {
            path.send_steady(desk);
            any = true;
        }
        if any && desk.budgets.of(self.id).is_some() {
            self.keep_to_budget(desk);
        }
        any
    }

    /// When the counters of its interface are to be read for a stall's sake.
    pub(crate) fn look_due(&self) -> Option<Timestamp> {
        self.stall.due().filter(|_| self.is_uplink())
    }

    /// Takes in the packets counted on its interface.
    pub(crate) fn take_traffic(&mut self, received: u64, sent: u64, desk: &mut Desk) {
        let Some(count) = desk.own.count(self.id, (received, sent), desk.now) else { return };
        let carried = self.stall.carried();
        for path in self.paths_mut() {
            path.count_traffic(count, carried, desk);
        }
        if !self.is_uplink() {
            return;
        }
        let Some(silence) = self.stall.observe(count) else { return };
        for path in self.paths_mut().filter(|path| path.uplink) {
            path.suspect(Reason::Stalled { silence }, desk.now - silence, path.window.loss(), desk);
        }
    }

    /// Sets how often the family's targets are asked; `alarmed`: the uplink is not sound.
    pub(crate) fn set_pace(&mut self, family: Family, alarmed: bool, desk: &Desk) {
        let Some(path) = self.paths.get_mut(family) else { return };
        *self.alarmed.get_mut(family) = alarmed;
        let interval = self.intervals.wanted(need(path, alarmed));
        if desk.budgets.of(self.id).is_some() {
            self.keep_to_budget(desk);
        } else {
            let spacing = Spacing::of(path.asked(), interval, 1.0, interval);
            path.pace.set_spacing(spacing, desk.now);
        }
    }

    /// Both families share one budget: what they want beyond it is stretched alike.
    fn keep_to_budget(&mut self, desk: &Desk) {
        let Some(budget) = desk.budgets.of(self.id) else { return };
        let Self { paths, intervals, alarmed, .. } = self;
        let wanted = |path: &Path| intervals.wanted(need(path, *alarmed.get(path.family)));
        let asked = paths.v4.iter().chain(&paths.v6).filter(|path| path.absent.is_none());
        let bytes = asked.map(|path| f64::from(path.round_cost()) / wanted(path).as_secs_f64()).sum();
        let stretch = budget.stretch(bytes, alarmed.v4 || alarmed.v6, desk.now);
        for path in paths.v4.iter_mut().chain(&mut paths.v6) {
            let spacing = Spacing::of(path.asked(), wanted(path), stretch, intervals.usual);
            path.pace.set_spacing(spacing, desk.now);
        }
    }
}

fn need(path: &Path, alarmed: bool) -> Need {
    if path.uplink || alarmed {
        Need::Dense
    } else if path.state.base == Verdict::Healthy {
        Need::Standby
    } else {
        Need::Recovery
    }
}
