//! A cable is pulled and plugged in again. Nobody says when: the daemon's incident does, and has the times.

use super::super::look::{Look, carries, has_other, illness, is_healthy, latest_incident, link, paths};
use super::super::plan::{HANDS, Limits};
use super::Next;
use super::account::Account;
use super::homeward::{Homeward, Way, force};
use crate::api::describe::short;
use crate::api::types::{Family, IncidentStatus, Status, Verdict};
use std::time::Duration;

/// A move by order takes milliseconds, where the link can carry anything.
const TAKING: Duration = Duration::from_secs(30);
/// A failover that is not proved by then has failed; it may be promised later, see [`Cable::proving`].
const PROVING: Duration = Duration::from_secs(30);
/// A suspicion is confirmed or dropped by a burst of probes, within seconds; one that comes and goes for longer is a finding.
const SETTLING: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Cable {
    link: String,
    interface: String,
    objective: Duration,
    limits: Limits,
    stage: Stage,
    since: Duration,
    account: Account,
    /// Where the traffic was.
    homeward: Option<Homeward>,
    /// Incidents up to this are not of this step.
    before: u64,
    /// The families whose traffic the link carries.
    families: Vec<Family>,
    back_by_agent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    /// The traffic goes onto the link.
    Taking,
    /// Somebody is to pull the cable.
    Pull,
    /// It is pulled: the traffic moves.
    Gone,
    /// Somebody is to plug it in.
    Plug,
    /// The traffic goes back.
    Back,
}

impl Cable {
    pub(super) fn new(link: &str, interface: &str, limits: &Limits) -> Self {
        Self {
            link: link.to_owned(),
            interface: interface.to_owned(),
            objective: limits.objective,
            limits: limits.clone(),
            stage: Stage::Begin,
            since: Duration::ZERO,
            account: Account::default(),
            homeward: None,
            before: 0,
            families: Vec::new(),
            back_by_agent: false,
        }
    }

    pub(super) fn parting(&self, look: &Look) -> Option<String> {
        let plug = matches!(self.stage, Stage::Gone | Stage::Plug)
            .then(|| format!("Plug the cable of {} ({}) in again.", self.link, self.interface));
        let homeward = self.homeward.as_ref().zip(look.status.as_ref());
        let back = homeward.and_then(|(homeward, status)| homeward.parting(status));
        let all: Vec<String> = plug.into_iter().chain(back).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    pub(super) fn next(&mut self, status: &Status, at: Duration) -> Next {
        match self.stage {
            Stage::Begin => self.begin(status, at),
            Stage::Taking => self.taking(status, at),
            Stage::Pull => self.pull(status, at),
            Stage::Gone => self.gone(status, at),
            Stage::Plug => self.plug(status, at),
            Stage::Back => self.back(status, at),
        }
    }

    fn enter(&mut self, stage: Stage, at: Duration) {
        (self.stage, self.since) = (stage, at);
    }

    fn fail(&mut self, why: impl Into<String>) -> Next {
        self.account.fault(why);
        Next::Over(self.account.outcome())
    }

    fn begin(&mut self, status: &Status, at: Duration) -> Next {
        if let Some(why) = unfit(status, &self.link) {
            return if may_settle(status, at) { Next::Wait } else { self.fail(why) };
        }
        self.homeward = Some(Homeward::new(status.uplink.clone(), &self.limits));
        if carries(status, &self.link).is_empty() {
            self.enter(Stage::Taking, at);
            return Next::Do(force(&self.link));
        }
        self.ask_to_pull(status, at)
    }

    fn taking(&mut self, status: &Status, at: Duration) -> Next {
        if !carries(status, &self.link).is_empty() {
            return self.ask_to_pull(status, at);
        }
        if at.saturating_sub(self.since) < TAKING {
            return Next::Wait;
        }
        let link = &self.link;
        self.fail(format!("The traffic could not be moved onto {link} within {}.", short(TAKING)))
    }

    fn ask_to_pull(&mut self, status: &Status, at: Duration) -> Next {
        self.before = latest_incident(status);
        self.families = carries(status, &self.link);
        self.enter(Stage::Pull, at);
        let (link, interface) = (&self.link, &self.interface);
        Next::Tell(format!("Pull the cable of {link} ({interface}) now; it is seen by itself."))
    }

    fn pull(&mut self, status: &Status, at: Duration) -> Next {
        if self.incident(status, None).is_some() {
            self.enter(Stage::Gone, at);
            return Next::Wait;
        }
        if at.saturating_sub(self.since) < HANDS {
            return Next::Wait;
        }
        let why = format!(
            "{} did not fail within {}: was the cable pulled, and is it that of {}?",
            self.link,
            short(HANDS),
            self.interface
        );
        self.account.fault(why);
        self.turn_back(at);
        Next::Wait
    }

    fn gone(&mut self, status: &Status, at: Duration) -> Next {
        let restored = |family: &Family| {
            self.incident(status, Some(*family)).is_some_and(|incident| incident.restored_ms.is_some())
        };
        if self.families.iter().all(restored) {
            for family in self.families.clone() {
                self.judge(status, family);
            }
        } else if at.saturating_sub(self.since) < self.proving() {
            return Next::Wait;
        } else {
            let late = short(self.proving());
            self.account.fault(format!("No traffic flowed over another link within {late}."));
        }
        self.enter(Stage::Plug, at);
        let (link, interface) = (&self.link, &self.interface);
        Next::Tell(format!("Plug the cable of {link} ({interface}) in again."))
    }

    fn plug(&mut self, status: &Status, at: Duration) -> Next {
        if link(status, &self.link).is_some_and(is_healthy) {
            self.turn_back(at);
            return Next::Wait;
        }
        if at.saturating_sub(self.since) < HANDS {
            return Next::Wait;
        }
        let why = link(status, &self.link).map_or_else(|| "it is gone".into(), illness);
        let why = format!("{} was not healthy again within {}: {why}.", self.link, short(HANDS));
        self.fail(why)
    }

    fn turn_back(&mut self, at: Duration) {
        self.enter(Stage::Back, at);
    }

    fn back(&mut self, status: &Status, at: Duration) -> Next {
        let Some(homeward) = &mut self.homeward else { return Next::Over(self.account.outcome()) };
        match homeward.next(status, at) {
            Way::Next(next) => return next,
            Way::Late(why) => self.account.fault(why),
            Way::Home => {
                self.back_by_agent = !homeward.is_ordered();
                if !self.back_by_agent {
                    self.account.note(
                        "the config leaves the way back to people or to a window: it was made by order",
                    );
                }
                self.judge_way_back(status);
            }
        }
        Next::Over(self.account.outcome())
    }

    /// The latest incident of this step, of one family or of any that the link carried.
    fn incident<'a>(&self, status: &'a Status, family: Option<Family>) -> Option<&'a IncidentStatus> {
        let ours = |incident: &&IncidentStatus| {
            let wanted = match (family, incident.family) {
                (Some(wanted), Some(is)) => wanted == is,
                (None, Some(is)) => self.families.contains(&is),
                (_, None) => false,
            };
            incident.number > self.before && incident.link.as_ref() == Some(&self.link) && wanted
        };
        status.incidents.iter().rev().find(ours)
    }

    fn judge(&mut self, status: &Status, family: Family) {
        let Some(incident) = self.incident(status, Some(family)) else { return };
        let name = |what: &str| format!("{what} ({})", family.name());
        let to = incident.to.as_deref().unwrap_or("another link");
        self.account.figure(&name("failure detected"), incident.detected_ms, None);
        if let Some(switched) = incident.switched_ms {
            self.account.figure(&name(&format!("route on {to}")), switched, None);
        }
        if let Some(restored) = incident.restored_ms {
            self.account.figure(&name("traffic flows again"), restored, Some(self.objective));
        }
        self.account.note(format!("incident {}: {}", incident.number, incident.cause));
    }

    /// From the link's health to the traffic's return: the hold-down, as the agent served it.
    fn judge_way_back(&mut self, status: &Status) {
        if !self.back_by_agent {
            return;
        }
        for family in self.families.clone() {
            let Some(incident) = self.incident(status, Some(family)) else { continue };
            let (Some(recovered), Some(ended)) = (incident.recovered_ms, incident.ended_ms) else { continue };
            let what = format!("healthy link takes the traffic back ({})", family.name());
            self.account.figure(&what, (ended - recovered).max(0.0), Some(self.limits.back));
        }
    }

    /// Who promises a slow recovery gets the time for it.
    fn proving(&self) -> Duration {
        PROVING.max(self.objective * 2)
    }
}

/// Whether what stands against a step may pass by itself: a link is under a mere suspicion.
pub(super) fn may_settle(status: &Status, at: Duration) -> bool {
    let mut verdicts = status.links.iter().flat_map(paths).map(|(_, path)| path.verdict);
    at < SETTLING && verdicts.any(|verdict| verdict == Verdict::Suspect)
}

/// Why the traffic of a link may not be moved now.
pub(super) fn unfit(status: &Status, name: &str) -> Option<String> {
    let Some(known) = link(status, name) else {
        return Some(format!("The daemon knows no link {name}."));
    };
    if !is_healthy(known) {
        return Some(format!("{name} is not healthy to begin with: {}.", illness(known)));
    }
    let families = paths(known).map(|(family, _)| family);
    families.into_iter().find(|family| !has_other(status, name, *family)).map(|family| {
        format!("No other link is healthy in {}, so that this would cut the site off.", family.name())
    })
}
