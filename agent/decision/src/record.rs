//! The recorder of incidents: which are open, and what happens to them.

use crate::desk::Desk;
use crate::{Family, Fault, Happening, Incident, LinkId, PerFamily, Reason, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Incidents remembered; the store keeps the rest.
const MAX_INCIDENTS: usize = 64;

/// The latest incidents, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    incidents: VecDeque<Incident>,
    opened: u64,
    /// The incident whose move is being made or proved.
    course: PerFamily<Option<u64>>,
}

impl Record {
    /// The uplink is confirmed dead, or is left because it is degraded or forwards nothing.
    pub(crate) fn open(
        &mut self,
        family: Family,
        link: LinkId,
        (cause, fault): (Reason, Option<Fault>),
        zero: Timestamp,
        desk: &mut Desk,
    ) {
        self.opened += 1;
        let incident = Incident {
            number: self.opened,
            family,
            link,
            to: None,
            cause,
            fault,
            zero,
            detected: desk.now,
            decided: None,
            switched: None,
            restored: None,
            verified: None,
            recovered: None,
            ended: None,
        };
        if self.incidents.len() >= MAX_INCIDENTS {
            self.incidents.pop_front();
            desk.counters.incidents_dropped += 1;
        }
        *self.course.get_mut(family) = Some(self.opened);
        self.incidents.push_back(incident);
        desk.record(Happening::Incident(incident));
    }

    /// More is known of where the failed link is broken.
    pub(crate) fn localised(&mut self, family: Family, link: LinkId, fault: Option<Fault>, desk: &mut Desk) {
        let mut open = self.incidents.iter_mut().rev().filter(|i| i.family == family && i.link == link);
        let open = open.find(|incident| incident.recovered.is_none() && incident.ended.is_none());
        if let Some(incident) = open.filter(|incident| incident.fault != fault) {
            incident.fault = fault;
            desk.record(Happening::Incident(*incident));
        }
    }

    fn current(&mut self, family: Family) -> Option<&mut Incident> {
        let number = (*self.course.get(family))?;
        self.incidents.iter_mut().rev().find(|incident| incident.number == number)
    }

    /// Whether the latest move belongs to an incident.
    pub(crate) const fn in_course(&self, family: Family) -> bool {
        self.course.get(family).is_some()
    }

    /// The next move has nothing to do with an incident.
    pub(crate) const fn leave(&mut self, family: Family) {
        *self.course.get_mut(family) = None;
    }

    /// An alternative was chosen. A later one (the canary did not come back) takes its place.
    pub(crate) fn decided(&mut self, family: Family, to: LinkId, now: Timestamp) {
        if let Some(incident) = self.current(family) {
            incident.to = Some(to);
            incident.decided = Some(now);
            incident.switched = None;
        }
    }

    /// The kernel holds the new route.
    pub(crate) fn switched(&mut self, family: Family, to: LinkId, at: Timestamp) {
        if let Some(incident) = self.current(family).filter(|i| i.to == Some(to) && i.switched.is_none()) {
            incident.switched = Some(at);
        }
    }

    /// The first canary came back over `to`.
    pub(crate) fn restored(&mut self, family: Family, to: LinkId, at: Timestamp) {
        if let Some(incident) = self.current(family).filter(|i| i.to == Some(to) && i.restored.is_none()) {
            incident.restored = Some(at);
        }
    }

    /// The move to `to` is proved.
    pub(crate) fn verified(&mut self, family: Family, to: LinkId, desk: &mut Desk) {
        if let Some(incident) = self.current(family).filter(|i| i.to == Some(to) && i.verified.is_none()) {
            // The reply was read in the course of this turn, so that it may be younger than the turn's own time.
            incident.verified = Some(incident.restored.map_or(desk.now, |restored| restored.max(desk.now)));
            desk.record(Happening::Incident(*incident));
        }
    }

    /// The link that failed is healthy again.
    pub(crate) fn recovered(&mut self, family: Family, link: LinkId, desk: &mut Desk) {
        for incident in &mut self.incidents {
            if incident.family == family && incident.link == link && incident.recovered.is_none() {
                incident.recovered = Some(desk.now);
                desk.record(Happening::Incident(*incident));
            }
        }
    }

    /// `link` carries the traffic again; `restored` if it never left it, by what came back first.
    pub(crate) fn ended(
        &mut self,
        family: Family,
        link: LinkId,
        restored: Option<Timestamp>,
        desk: &mut Desk,
    ) {
        for incident in &mut self.incidents {
            if incident.family != family || incident.link != link || incident.ended.is_some() {
                continue;
            }
            if incident.to.is_none() {
                incident.restored = incident.restored.or(restored);
            }
            incident.ended = Some(desk.now);
            desk.record(Happening::Incident(*incident));
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<Incident> {
        self.incidents.iter().copied().collect()
    }
}
