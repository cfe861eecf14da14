//! What the choice is told of each link, and the questions that are asked before it.

use crate::audition::Audition;
use crate::budget::Purpose;
use crate::choice::{Candidate, Fitness, Hold};
use crate::failover::Failover;
use crate::path::Path;
use crate::{Family, LinkId, Reason, Timestamp, Verdict};

/// A preferred link that served this part of its hold-down is taken back at once if the link in use is in doubt: the
/// hold-down is to keep users off a link that may fail again, not on one that is failing.
const RIPE_PART: u32 = 6;

impl Failover {
    pub(crate) fn path(&self, link: LinkId, family: Family) -> Option<&Path> {
        self.links.get(usize::from(link.0))?.paths.get(family).as_ref()
    }

    /// How fit a link is for a family's traffic.
    pub(crate) fn fitness(&self, link: LinkId, family: Family) -> Fitness {
        self.path(link, family).map_or(Fitness::Absent, fitness)
    }

    /// The suspect uplink's best alternative is asked at once, so that its answer is there when it is needed.
    pub(crate) fn ask_best(&mut self, family: Family, uplink: LinkId) {
        let others = (0..u8::MAX).map(LinkId).zip(&self.links).filter(|(id, _)| *id != uplink);
        let usable = others.filter_map(|(id, link)| {
            let path = link.paths.get(family).as_ref().filter(|path| path.absent.is_none())?;
            let place = (link.used_up, fitness(path), path.verdict() == Verdict::Suspect);
            (fitness(path) < Fitness::Failed).then_some((id, place))
        });
        if let Some((id, _)) = usable.min_by_key(|(_, place)| *place) {
            self.ask(id, family, Purpose::Suspicion);
        }
    }

    pub(crate) fn ask(&mut self, id: LinkId, family: Family, purpose: Purpose) -> Option<Timestamp> {
        let path = self.links.get_mut(usize::from(id.0))?.paths.get_mut(family).as_mut()?;
        path.absent.is_none().then(|| path.ask(purpose, &mut self.desk))
    }

    pub(crate) fn gather(&mut self, family: Family) {
        let now = self.desk.now;
        // Not the damped one: reluctance to return is for a backup that does its work.
        let ripe = self.failback.hold_down / RIPE_PART;
        let mut candidates = core::mem::take(&mut self.candidates);
        let state = self.families.get(family);
        let uplink = state.uplink.and_then(|link| self.path(link, family));
        let suspected = uplink.map(|path| path.suspected);
        // Those that could be asked are waited for.
        let searched = state.search_until.is_some_and(|until| until <= now);
        candidates.clear();
        for link in &self.links {
            let Some(path) = link.paths.get(family) else { continue };
            let unknown_incumbent = state.uplink == Some(path.link) && path.absent == Some(Reason::Starting);
            candidates.push(Candidate {
                link: path.link,
                fitness: if unknown_incumbent { Fitness::Unknown } else { fitness(path) },
                suspect: path.verdict() == Verdict::Suspect,
                doubtful: path.is_doubtful(),
                unheard: path.is_unasked(None),
                fresh: path.last_reply.is_some_and(|at| suspected.is_none_or(|since| at >= since)),
                unasked: searched && path.is_unasked(suspected),
                hold: match path.healthy_since {
                    None => Hold::Broken,
                    Some(since) if path.hold_until <= now => Hold::Served(now.since(since)),
                    Some(_) => Hold::Waiting(path.hold_until.since(now)),
                },
                ripe: path.healthy_since.is_some_and(|since| now.since(since) >= ripe),
                spotless: !path.blemished,
                better: uplink.is_some_and(|uplink| path.is_better_than(uplink)),
                rejected: state.is_rejected(path.link),
                used_up: link.used_up,
            });
        }
        self.candidates = candidates;
    }

    /// While the uplink is degraded, the others are asked to show that they are better.
    pub(crate) fn audition(&mut self, family: Family) {
        let Some(uplink) = self.families.get(family).uplink else { return };
        let degraded = self.fitness(uplink, family) == Fitness::Degraded;
        let others = self.links.iter_mut().filter_map(|link| link.paths.get_mut(family).as_mut());
        for path in others.filter(|path| path.link != uplink) {
            if !degraded || path.absent.is_some() {
                path.audition = None;
            } else if path.audition.is_none() {
                path.audition = Some(Audition::begin(self.desk.now));
                path.ask(Purpose::Suspicion, &mut self.desk);
            }
        }
    }
}

/// How fit a path is for traffic.
pub(crate) fn fitness(path: &Path) -> Fitness {
    if path.absent.is_some() {
        return Fitness::Absent;
    }
    match path.state.base {
        Verdict::Healthy | Verdict::Suspect => Fitness::Healthy,
        Verdict::Degraded => Fitness::Degraded,
        Verdict::Recovering => Fitness::Recovering,
        Verdict::Unknown => Fitness::Unknown,
        Verdict::Failed => Fitness::Failed,
    }
}
