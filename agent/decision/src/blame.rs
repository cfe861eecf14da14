//! Whose fault a lost probe is: a target that is lost on every link, while others answer there, is itself at fault.

use crate::budget::Purpose;
use crate::failover::Failover;
use crate::link::Link;
use crate::path::Path;
use crate::suspicion::Examined;
use crate::{Family, Happening, LinkId, TargetIdentity, Verdict};
use core::time::Duration;

/// A link testifies against a target after so many losses in a row: of a pair of links that lose one percent each, two
/// that lose the same target twice at once by chance are one in a hundred million.
const RUN: u32 = 2;
/// So many links must testify: what one alone says of a target may as well be said of the link.
const WITNESSES: usize = 2;

/// The uplink waits so long for a witness that has no budget left: some of its targets answer, so it is good for something
/// still.
const PATIENCE: Duration = Duration::from_secs(10);
/// A link that stands by waits so long: nothing hangs on it at once, and a failback to it waits meanwhile.
const STANDBY_PATIENCE: Duration = Duration::from_secs(3_600);

impl Failover {
    /// Blames the targets that all links which can tell have lost, and lifts the blame from those that answered.
    pub(crate) fn assign_blame(&mut self) {
        for (family, identity) in core::mem::take(&mut self.desk.acquitted) {
            self.set_blame(family, identity, false);
        }
        if !core::mem::take(&mut self.desk.lost) {
            return;
        }
        for family in Family::ALL {
            while let Some(identity) = self.guilty(family) {
                self.set_blame(family, identity, true);
            }
        }
    }

    /// Where a burst left it open whether the link or a target is at fault, other links are asked about the target.
    pub(crate) fn examine(&mut self) {
        while let Some((link, family)) = self.divided() {
            let examined = self.ask_witnesses(link, family);
            let link = self.links.get_mut(usize::from(link.0));
            let Some(path) = link.and_then(|link| link.paths.get_mut(family).as_mut()) else { return };
            path.hold_burst(examined);
            path.step_burst(&mut self.desk);
        }
    }

    fn divided(&self) -> Option<(LinkId, Family)> {
        let mut paths = self.links.iter().flat_map(Link::paths);
        paths.find(|path| path.is_divided(self.desk.now)).map(|path| (path.link, path.family))
    }

    /// Asks every other link that knows one of the silent targets, until it can testify; tells when the last answer is due,
    /// or when the next attempt is if one cannot be paid now.
    fn ask_witnesses(&mut self, link: LinkId, family: Family) -> Examined {
        let now = self.desk.now;
        let mut examined = Examined { until: now, again: false };
        let Some(suspect) = self.path(link, family) else { return examined };
        // A witness that is not asked cannot acquit: the link would be failed for a target's own fault.
        let (purpose, patience) =
            if suspect.uplink { (Purpose::Need, PATIENCE) } else { (Purpose::Doubt, STANDBY_PATIENCE) };
        let end = suspect.suspected + patience;
        let accused = suspect.targets.iter().filter(|target| !target.confirmed);
        let accused: Vec<_> = accused.map(|target| target.identity).collect();
        let others = self.links.iter_mut().flat_map(Link::paths_mut).filter(|path| path.link != link);
        for path in others.filter(|path| path.family == family && path.absent.is_none()) {
            let knows = path.targets.iter().any(|t| t.known && accused.contains(&t.identity));
            if !knows || path.state.base == Verdict::Failed {
                continue;
            }
            // One that was asked once cannot testify.
            let asked = (0..RUN).all(|_| path.send_round(purpose, &mut self.desk));
            examined.until = examined.until.max(path.answers_due(&self.desk));
            if !asked && now < end {
                let cost = path.round_cost().saturating_mul(RUN);
                let payable = self.desk.payable_at(path.link, cost, purpose);
                examined.until = examined.until.max(payable.min(end));
                examined.again = true;
            }
        }
        examined
    }

    /// A target that is to be blamed and is not yet.
    fn guilty(&self, family: Family) -> Option<TargetIdentity> {
        let paths = || self.links.iter().filter_map(|link| link.paths.get(family).as_ref());
        let mut accused =
            paths().flat_map(|path| &path.targets).filter(|t| t.run >= RUN && t.known && !t.blamed);
        accused.find(|target| is_guilty(target.identity, paths())).map(|target| target.identity)
    }

    fn set_blame(&mut self, family: Family, identity: TargetIdentity, blamed: bool) {
        let mut known_as = None;
        for path in self.links.iter_mut().filter_map(|link| link.paths.get_mut(family).as_mut()) {
            for target in path.targets.iter_mut().filter(|target| target.identity == identity) {
                target.blamed = blamed;
                if blamed && !core::mem::replace(&mut target.silent, true) {
                    // Its losses were its own, not the link's.
                    path.test.forgive(target.counted);
                }
                known_as.get_or_insert((path.link, target.id));
            }
        }
        if let Some((link, target)) = known_as {
            self.desk.record(Happening::Target { family, link, target, blamed });
        }
    }
}

/// Enough links have lost the target while another answers there, and no such link has it answer.
fn is_guilty<'a>(identity: TargetIdentity, paths: impl Iterator<Item = &'a Path> + Clone) -> bool {
    let present = paths.filter(|path| path.absent.is_none());
    let known = present.filter_map(|path| {
        let target = path.targets.iter().find(|target| target.identity == identity && target.known)?;
        Some((path, target))
    });
    let lost = known.clone().filter(|(_, target)| target.run >= RUN);
    let Some(since) = lost.map(|(_, target)| target.run_since).min() else { return false };
    let mut witnesses = 0;
    for (path, target) in known {
        let mut others = path.targets.iter().filter(|other| other.identity != identity);
        // What answered before the target fell silent says nothing of the time since.
        if !others.any(|other| other.answers() && other.last_reply.is_some_and(|at| at >= since)) {
            continue;
        }
        match target.run {
            // It has it answer.
            0 => return false,
            // One loss says neither this nor that: a link that is asked seldom has had no time for a second one.
            1..RUN => {}
            RUN.. => witnesses += 1,
        }
    }
    witnesses >= WITNESSES
}
