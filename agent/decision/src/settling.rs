//! From changed verdicts to a choice, and from the choice to a ranking.

use crate::budget::Purpose;
use crate::candidates::fitness;
use crate::choice::{self, Choice, Fitness, Hold, Motive, Question};
use crate::desk::Change;
use crate::failover::Failover;
use crate::family::Moving;
use crate::link::Link;
use crate::rng::{mix, share};
use crate::verification::patience;
use crate::{Action, FailbackMode, Family, Happening, LinkId, Reason, Verdict};
use core::time::Duration;

/// A choice may change what the other family or the lease makes of it; after so many rounds the rest waits
/// for the next turn.
const MAX_ROUNDS: u32 = 4;
/// The part of the hold-down that is added at most, by chance: a region that comes back does not move at once.
const HOLD_DOWN_SPREAD: u32 = 5;

impl Failover {
    /// Follows up everything that changed.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let mut changes = core::mem::take(&mut self.desk.changes);
            for change in changes.drain(..) {
                self.follow(change);
            }
            if self.desk.changes.is_empty() {
                self.desk.changes = changes;
            }
            let mut chosen = false;
            for family in Family::ALL {
                if core::mem::take(&mut self.families.get_mut(family).dirty) {
                    chosen = true;
                    self.choose(family);
                    self.set_paces(family);
                }
            }
            if !chosen {
                break;
            }
            self.check_lease();
        }
    }

    fn follow(&mut self, change: Change) {
        let Change { link, family, from, to, reason } = change;
        self.update_hold(link, family);
        let state = self.families.get_mut(family);
        state.dirty = true;
        let is_uplink = state.uplink == Some(link);
        let path =
            self.links.get_mut(usize::from(link.0)).and_then(|link| link.paths.get_mut(family).as_mut());
        let Some(path) = path else { return };
        // A suspicion is told only when it led somewhere.
        if to != Verdict::Suspect && to != path.told {
            let from = core::mem::replace(&mut path.told, to);
            self.desk.record(Happening::Verdict { link, family, from, to, reason });
        }
        let (zero, last_reply, fault) = (path.zero, path.last_reply, path.fault());
        match to {
            Verdict::Suspect if is_uplink && from != to => self.ask_best(family, link),
            Verdict::Failed if is_uplink && from != to => {
                self.families.get_mut(family).rejected = 0;
                self.record.open(family, link, (reason, fault), zero, &mut self.desk);
            }
            Verdict::Recovering if is_uplink && from == Verdict::Failed => {
                self.record.ended(family, link, last_reply, &mut self.desk);
            }
            Verdict::Healthy => {
                self.record.recovered(family, link, &mut self.desk);
                let state = self.families.get_mut(family);
                if is_uplink {
                    state.settled = true;
                    // It need not have been on trial: after a clock gap nothing was known of it.
                    self.record.ended(family, link, last_reply, &mut self.desk);
                    let state = self.families.get_mut(family);
                    // The first proof of a sound uplink shows whether canaries pass at all.
                    if !state.canary_tried {
                        self.verify(family);
                    }
                }
            }
            Verdict::Unknown
            | Verdict::Suspect
            | Verdict::Degraded
            | Verdict::Failed
            | Verdict::Recovering => {}
        }
    }

    /// A path that has just become healthy begins to serve its hold-down; one that no longer is, loses it.
    fn update_hold(&mut self, id: LinkId, family: Family) {
        let now = self.desk.now;
        let Some(link) = self.links.get_mut(usize::from(id.0)) else { return };
        let Some(path) = link.paths.get_mut(family) else { return };
        if path.state.base != Verdict::Healthy {
            path.healthy_since = None;
        } else if path.healthy_since.is_none() {
            path.healthy_since = Some(now);
            self.restart_hold(id, family);
        }
    }

    /// The link must stay good for a whole hold-down from now on.
    pub(crate) fn restart_hold(&mut self, id: LinkId, family: Family) {
        let now = self.desk.now;
        let Some(link) = self.links.get_mut(usize::from(id.0)) else { return };
        let hold = link.damping.hold_down(self.failback.hold_down, self.half_life, now);
        let chance = mix(self.seed ^ u64::from(id.0), now.as_nanos());
        if let Some(path) = link.paths.get_mut(family) {
            path.hold_until = now + hold + share(chance, hold / HOLD_DOWN_SPREAD);
        }
    }

    fn set_uplink(&mut self, link: Option<LinkId>, family: Family, uplink: bool) {
        let Some(id) = link else { return };
        if let Some(link) = self.links.get_mut(usize::from(id.0))
            && let Some(path) = link.paths.get_mut(family)
        {
            path.uplink = uplink;
            link.stall.forget();
        }
    }

    /// The kernel's table names this link: it is kept until there is a reason to move.
    pub(crate) fn adopt(&mut self, family: Family, link: LinkId) {
        let state = self.families.get(family);
        if state.uplink.is_some() || self.path(link, family).is_none() {
            return;
        }
        self.set_uplink(Some(link), family, true);
        let state = self.families.get_mut(family);
        state.uplink = Some(link);
        state.settled = true;
        state.dirty = true;
    }

    fn choose(&mut self, family: Family) {
        self.audition(family);
        self.gather(family);
        let lease = self.lease_for(family);
        let state = self.families.get_mut(family);
        let question = Question {
            candidates: &self.candidates,
            incumbent: state.uplink,
            settled: state.settled,
            lease,
            mode: self.failback.mode,
            window_open: self.window_open,
            returning: core::mem::take(&mut state.returning),
        };
        let choice = choice::choose(&question);
        // From a link without data left every other one is a way back.
        let used_up = self.candidates.iter().any(|c| Some(c.link) == state.uplink && c.used_up);
        let awaited = self.candidates.iter().take_while(|c| used_up || Some(c.link) != state.uplink);
        let holds = awaited.filter_map(|c| match c.hold {
            Hold::Waiting(left) => Some(self.desk.now + left),
            Hold::Served(_) | Hold::Broken => None,
        });
        state.timer = holds.min();
        match choice {
            Choice::Keep => {
                state.alive();
                if matches!(state.reason, Reason::NoAlternative) {
                    state.reason = Reason::Preferred;
                }
                self.rank(family);
            }
            Choice::Stranded => {
                self.rank(family);
                self.search(family);
            }
            Choice::Move { link, motive, reason } if Some(link) == state.uplink => {
                state.lease_used |= motive == Motive::Forced;
                state.reason = reason;
                self.rank(family);
                // A lease is given up only for a link that was asked.
                if motive == Motive::Forced && self.fitness(link, family) == Fitness::Failed {
                    self.search(family);
                } else {
                    self.families.get_mut(family).alive();
                }
            }
            Choice::Move { link, motive, reason } => self.move_to(family, link, motive, reason),
        }
    }

    /// The uplink is dead and no alternative has answered: all are asked, once; then it is an outage.
    fn search(&mut self, family: Family) {
        let now = self.desk.now;
        let state = self.families.get(family);
        let Some(uplink) = state.uplink.filter(|_| !state.stranded) else { return };
        let Some(until) = state.search_until else {
            let mut until = now;
            for id in (0..u8::MAX).map(LinkId).take(self.links.len()).filter(|id| *id != uplink) {
                until = until.max(self.ask(id, family, Purpose::Need).unwrap_or(now));
            }
            let state = self.families.get_mut(family);
            state.search_until = Some(until);
            // Those that could not be asked are chosen from at once, where there are no others.
            state.dirty |= until <= now;
            return;
        };
        if until <= now {
            let state = self.families.get_mut(family);
            state.search_until = None;
            state.stranded = true;
            state.reason = Reason::NoAlternative;
            self.desk.record(Happening::Stranded { family, link: uplink });
        }
    }

    fn move_to(&mut self, family: Family, link: LinkId, motive: Motive, reason: Reason) {
        let now = self.desk.now;
        let from = self.families.get(family).uplink;
        self.set_uplink(from, family, false);
        self.set_uplink(Some(link), family, true);
        let failed = match motive {
            Motive::Failed | Motive::Degraded | Motive::NotVerified => from,
            Motive::First | Motive::Planned | Motive::Forced => None,
        };
        if let Some(from) = failed {
            match motive {
                Motive::Degraded => self.open_degraded(family, from),
                Motive::NotVerified => self.open_unverified(family, from),
                Motive::First | Motive::Failed | Motive::Planned | Motive::Forced => {}
            }
            if let Some(link) = self.links.get_mut(usize::from(from.0)) {
                link.damping.flap(self.half_life, now);
                if let Some(path) = link.paths.get_mut(family) {
                    path.blemished = true;
                }
            }
            self.record.decided(family, link, now);
        } else {
            self.record.leave(family);
        }
        let fitness = self.fitness(link, family);
        let healthy = fitness == Fitness::Healthy;
        let state = self.families.get_mut(family);
        state.uplink = Some(link);
        state.reason = reason;
        state.search_until = None;
        // A move onto a link that has yet to answer ends no outage, and begins no second one.
        state.stranded &= fitness >= Fitness::Failed;
        state.verification = None;
        state.moving = None;
        // What waits for its hold-down is another set now.
        state.dirty = true;
        state.settled |= motive != Motive::First || healthy;
        state.lease_used |= motive == Motive::Forced;
        if matches!(motive, Motive::Planned | Motive::Forced) {
            state.rejected = 0;
        }
        let verify = state.settled;
        self.desk.counters.moves += u64::from(from.is_some());
        self.rank(family);
        let state = self.families.get_mut(family);
        state.moving = state.ranked.map(|id| Moving { id, to: link, cut: failed });
        if verify {
            self.verify(family);
        }
        self.desk.record(Happening::Uplink { family, from, to: link, reason });
        self.record.ended(family, link, None, &mut self.desk);
    }

    fn open_degraded(&mut self, family: Family, link: LinkId) {
        let Some(path) = self.path(link, family) else { return };
        let reason = path.standing_reason();
        let zero = match reason {
            Reason::Loss(_) => path.test.since().unwrap_or(path.degraded.0),
            _ => path.degraded.0,
        };
        self.families.get_mut(family).rejected = 0;
        self.record.open(family, link, (reason, None), zero, &mut self.desk);
    }

    /// A planned move onto a link that forwards nothing is an outage of its own; in the course of an incident it is
    /// that incident which goes on.
    fn open_unverified(&mut self, family: Family, link: LinkId) {
        let Some(path) = self.path(link, family).filter(|_| !self.record.in_course(family)) else { return };
        // The canaries had this long, from the move on.
        let zero = self.desk.now - patience(path);
        let cause = (Reason::NotVerified { from: link }, None);
        self.record.open(family, link, cause, zero, &mut self.desk);
    }

    /// Asks for the ranking, if it is another than before.
    fn rank(&mut self, family: Family) {
        let ready = self.candidates.iter().any(|c| {
            self.links
                .get(usize::from(c.link.0))
                .and_then(|link| link.paths.get(family).as_ref())
                .is_some_and(|path| path.absent.is_none())
        });
        let state = self.families.get_mut(family);
        let Some(uplink) = state.uplink else { return };
        choice::rank(&self.candidates, uplink, &mut state.next_order);
        if state.next_order == state.order || (state.order.is_empty() && !ready) {
            return;
        }
        core::mem::swap(&mut state.order, &mut state.next_order);
        let id = self.desk.ranking();
        state.ranked = Some(id);
        let (order, reason) = (state.order.clone(), state.reason);
        self.desk.act(Action::Rank { id, family, order, reason });
    }

    fn set_paces(&mut self, family: Family) {
        let uplink = self.families.get(family).uplink.and_then(|link| self.path(link, family));
        let sound = uplink.is_some_and(|path| path.verdict() == Verdict::Healthy);
        for link in &mut self.links {
            link.set_pace(family, !sound, &self.desk);
        }
    }

    /// Why the uplink is the uplink, or what a better link waits for.
    pub(crate) fn uplink_reason(&self, family: Family) -> Reason {
        let state = self.families.get(family);
        let (Some(uplink), None) = (state.uplink, self.lease_for(family)) else { return state.reason };
        let better = || {
            self.links.iter().take(usize::from(uplink.0)).filter_map(|link: &Link| {
                let path = link.paths.get(family).as_ref();
                path.filter(|path| fitness(path) == Fitness::Healthy).map(|path| (link, path))
            })
        };
        let affordable = better().filter(|(link, _)| !link.used_up).map(|(_, path)| path);
        let Some(path) = affordable.min_by_key(|path| path.hold_until) else {
            let spared = better().next().map(|(_, path)| Reason::AllowanceUsedUp { link: path.link });
            return spared.unwrap_or(state.reason);
        };
        let (waiting, left) = (path.link, path.hold_until.since(self.desk.now));
        match self.failback.mode {
            FailbackMode::Manual => Reason::WaitingForOperator { waiting },
            FailbackMode::Window if left == Duration::ZERO => Reason::WaitingForWindow { waiting },
            FailbackMode::Auto | FailbackMode::Window => Reason::HoldDown { waiting, left },
        }
    }
}
