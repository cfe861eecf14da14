//! The operator's lease on the choice: taken, ended, given up.

use crate::choice::{Fitness, Lease};
use crate::failover::Failover;
use crate::{Action, Command, Family, Force, Happening, Reason, Verdict};

impl Failover {
    /// Takes the operator's word. One about a link that does not exist, or is not managed, is ignored.
    pub(crate) fn take_command(&mut self, command: Command) {
        match command {
            Command::Force(force) => self.begin_lease(force),
            Command::Release => {
                if let Some(lease) = self.lease {
                    self.drop_lease(lease, Reason::Released);
                }
            }
        }
    }

    fn begin_lease(&mut self, force: Force) {
        let over = force.until.is_some_and(|until| until <= self.desk.now);
        let link = self.links.get_mut(usize::from(force.link.0));
        let Some(link) = link.filter(|link| !over && link.paths().next().is_some()) else {
            // A kept lease that means nothing any more is not to be kept over another restart.
            if self.lease.is_none() {
                self.desk.act(Action::KeepForce(None));
            }
            return;
        };
        for path in link.paths_mut() {
            if path.verdict() == Verdict::Failed && path.absent.is_none() && path.burst.is_none() {
                // The operator may know better: it is asked again before it is given up.
                path.begin_burst(self.desk.now, path.window.loss(), &mut self.desk);
            }
        }
        self.lease = Some(force);
        for family in Family::ALL {
            let state = self.families.get_mut(family);
            state.lease_used = false;
            state.rejected = 0;
        }
        self.all_dirty();
        self.desk.act(Action::KeepForce(Some(force)));
        self.desk.record(Happening::Force { link: force.link, reason: Reason::Forced });
    }

    /// Ends the lease when its time has come.
    pub(crate) fn end_lease(&mut self) {
        if let Some(lease) = self.lease
            && lease.until.is_some_and(|until| until <= self.desk.now)
        {
            self.drop_lease(lease, Reason::Released);
        }
    }

    fn drop_lease(&mut self, lease: Force, reason: Reason) {
        self.lease = None;
        for family in Family::ALL {
            let state = self.families.get_mut(family);
            state.returning = matches!(reason, Reason::Released);
            if matches!(state.reason, Reason::Forced) {
                state.reason = reason;
            }
        }
        self.all_dirty();
        self.desk.act(Action::KeepForce(None));
        self.desk.record(Happening::Force { link: lease.link, reason });
    }

    /// The lease as the choice of this family sees it; `None` where the forced link is not managed.
    pub(crate) fn lease_for(&self, family: Family) -> Option<Lease> {
        let lease = self.lease?;
        let path = self.links.get(usize::from(lease.link.0))?.paths.get(family).as_ref()?;
        let on_trial = path.verdict() == Verdict::Failed && path.absent.is_none() && path.burst.is_some();
        Some(Lease {
            link: lease.link,
            strict: lease.strict,
            on_trial,
            untried: !self.families.get(family).lease_used,
        })
    }

    /// Gives the lease up, loudly, when no family can use it and at least one has tried.
    pub(crate) fn check_lease(&mut self) {
        let Some(lease) = self.lease.filter(|lease| !lease.strict) else { return };
        let mut lost = false;
        for family in Family::ALL {
            let state = self.families.get(family);
            let Some(view) = self.lease_for(family) else { continue };
            if state.uplink == Some(lease.link) {
                return;
            }
            let dead = self.fitness(lease.link, family) >= Fitness::Failed && !view.on_trial;
            let silent = self.fitness(lease.link, family) == Fitness::Failed && !view.on_trial;
            lost |= (dead && state.lease_used) || silent || state.is_rejected(lease.link);
        }
        if lost {
            self.drop_lease(lease, Reason::ForceGivenUp { link: lease.link });
        }
    }
}
