//! The choice of the uplink: a pure function of what is known of the candidates.

use crate::{FailbackMode, LinkId, Reason};
use core::time::Duration;

/// How fit a path is for traffic, the fittest first. A suspicion does not count until it is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fitness {
    Healthy,
    Degraded,
    Recovering,
    Unknown,
    /// Confirmed silent.
    Failed,
    /// Something is missing, or there is no carrier: the kernel could not use it.
    Absent,
}

/// Whether a healthy path has earned the traffic back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Not healthy at present.
    Broken,
    /// Must stay good for this much longer.
    Waiting(Duration),
    /// It was good for this long, and that suffices.
    Served(Duration),
}

/// One link, as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) link: LinkId,
    pub(crate) fitness: Fitness,
    /// Under suspicion just now.
    pub(crate) suspect: bool,
    /// And its first confirming probes are lost.
    pub(crate) doubtful: bool,
    /// It was moved to without being asked, and has not been heard since.
    pub(crate) unheard: bool,
    /// It answered since the suspicion against the incumbent began.
    pub(crate) fresh: bool,
    /// All were asked since then, but it could not be, for want of budget: that is no evidence against it.
    pub(crate) unasked: bool,
    pub(crate) hold: Hold,
    /// It served so much of its hold-down that it is to be preferred to a link in doubt.
    pub(crate) ripe: bool,
    /// It never failed, nor was left for its quality, since the start.
    pub(crate) spotless: bool,
    /// It has shown, since the incumbent is degraded, that it is better now.
    pub(crate) better: bool,
    /// A canary was lost over it in this incident.
    pub(crate) rejected: bool,
    /// Its data allowance is used up: it is the last resort.
    pub(crate) used_up: bool,
}

/// The operator's lease, as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) link: LinkId,
    pub(crate) strict: bool,
    /// It was failed when the lease began, and is being asked again.
    pub(crate) on_trial: bool,
    /// It was not followed yet.
    pub(crate) untried: bool,
}

/// Everything that the choice depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// In order of preference.
    pub(crate) candidates: &'a [Candidate],
    pub(crate) incumbent: Option<LinkId>,
    /// The incumbent was once healthy, or was adopted; before, preference alone decides.
    pub(crate) settled: bool,
    pub(crate) lease: Option<Lease>,
    pub(crate) mode: FailbackMode,
    pub(crate) window_open: bool,
    /// A lease has just ended: the way back needs no failback.
    pub(crate) returning: bool,
}

/// What kind of move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motive {
    /// There was no uplink, or none that had proved itself.
    First,
    /// The uplink failed.
    Failed,
    /// The uplink is degraded, and there is a better one.
    Degraded,
    /// The canary did not come back.
    NotVerified,
    /// A better link has earned the traffic back, or the lease ended.
    Planned,
    /// The lease.
    Forced,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Choice {
    /// Nothing is to be changed.
    Keep,
    /// The uplink is dead, and nothing is known to be better.
    Stranded,
    /// `link` is to be the uplink.
    Move { link: LinkId, motive: Motive, reason: Reason },
}

/// Chooses. `Move` may name the incumbent itself when only the reason is new.
pub(crate) fn choose(question: &Question<'_>) -> Choice {
    if let Some(lease) = &question.lease {
        if let Some(link) = follow(question, lease) {
            return Choice::Move { link, motive: Motive::Forced, reason: Reason::Forced };
        }
        return match unforced(question) {
            Choice::Move { link, motive, .. } => {
                Choice::Move { link, motive, reason: Reason::ForceGivenUp { link: lease.link } }
            }
            other @ (Choice::Keep | Choice::Stranded) => other,
        };
    }
    unforced(question)
}

/// The forced link, unless it is to be given up (or another used while it cannot be).
fn follow(question: &Question<'_>, lease: &Lease) -> Option<LinkId> {
    let forced = question.candidates.iter().find(|c| c.link == lease.link)?;
    if lease.strict {
        return Some(forced.link);
    }
    let usable = !forced.rejected
        && match forced.fitness {
            Fitness::Healthy | Fitness::Degraded | Fitness::Unknown => true,
            Fitness::Recovering => lease.untried || question.incumbent == Some(forced.link),
            Fitness::Failed => lease.on_trial || question.incumbent == Some(forced.link),
            Fitness::Absent => false,
        };
    let dead = forced.fitness >= Fitness::Failed && !lease.on_trial;
    let viable = alternatives(question, forced.link)
        .any(|c| c.fitness < Fitness::Failed && (c.fresh || c.unasked || forced.fitness == Fitness::Absent));
    let stays = question.incumbent == Some(forced.link) && !viable;
    ((usable && !(dead && viable)) || stays).then_some(forced.link)
}

fn alternatives<'a>(question: &Question<'a>, to: LinkId) -> impl Iterator<Item = &'a Candidate> {
    question.candidates.iter().filter(move |candidate| candidate.link != to)
}

/// The best by fitness, then preference; one without suspicion and whose canary came back is better. What has no data
/// left comes after all that carry something, and before what carries nothing.
fn best<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<LinkId> {
    let key = |c: &&Candidate| (c.rejected, c.fitness >= Fitness::Failed, c.used_up, c.fitness, c.suspect);
    candidates.min_by_key(key).map(|c| c.link)
}

fn unforced(question: &Question<'_>) -> Choice {
    let current = question.incumbent.and_then(|link| question.candidates.iter().find(|c| c.link == link));
    let Some(current) = current else { return first(question) };
    match current.fitness {
        Fitness::Absent => return flee(question, current, |c| c.fitness < Fitness::Absent),
        Fitness::Failed => {
            let lives = |c: &Candidate| c.fitness < Fitness::Failed;
            return match flee(question, current, |c| lives(c) && c.fresh) {
                // What carries nothing is left for what nobody knows to be dead.
                Choice::Stranded => flee(question, current, |c| lives(c) && c.unasked),
                found @ (Choice::Keep | Choice::Move { .. }) => found,
            };
        }
        Fitness::Healthy | Fitness::Degraded | Fitness::Recovering | Fitness::Unknown => {}
    }
    if !question.settled {
        return first(question);
    }
    let others = || alternatives(question, current.link);
    if current.rejected
        && let Some(link) = best(others().filter(|c| !c.rejected && c.fitness < Fitness::Failed))
    {
        let reason = Reason::NotVerified { from: current.link };
        return Choice::Move { link, motive: Motive::NotVerified, reason };
    }
    // A link that has had its troubles must have served its hold-down: two links that degrade in turn are not to be
    // changed for each other all day.
    let earned = |c: &&Candidate| c.spotless || matches!(c.hold, Hold::Served(_));
    let sound = |c: &&Candidate| c.fitness == Fitness::Healthy && !c.suspect && c.better;
    if current.fitness == Fitness::Degraded
        && let Some(link) = best(others().filter(sound).filter(earned).filter(|c| !c.rejected && !c.used_up))
    {
        let reason = Reason::UplinkDegraded { from: current.link };
        return Choice::Move { link, motive: Motive::Degraded, reason };
    }
    // Whatever the failback's mode: that is about the way back to a better link, not about what costs money.
    let spared = |c: &&Candidate| c.fitness == Fitness::Healthy && !c.suspect && !c.rejected && !c.used_up;
    if current.used_up
        && let Some(link) = best(others().filter(spared).filter(earned))
    {
        let reason = Reason::AllowanceUsedUp { link: current.link };
        return Choice::Move { link, motive: Motive::Planned, reason };
    }
    if current.doubtful
        && let Some(better) = preferred(question, current).find(|c| c.ripe && c.fresh)
        // Nothing may be able to ask what was never heard, for as long as a debt lasts.
        && (current.unheard || may_return(question))
    {
        let reason = Reason::UplinkDoubtful { from: current.link };
        return Choice::Move { link: better.link, motive: Motive::Planned, reason };
    }
    failback(question, current)
}

/// Better links than the current one that are healthy beyond doubt, and have data left.
fn preferred<'a>(question: &Question<'a>, current: &Candidate) -> impl Iterator<Item = &'a Candidate> {
    let link = current.link;
    let better = question.candidates.iter().take_while(move |c| c.link != link);
    better.filter(|c| c.fitness == Fitness::Healthy && !c.suspect && !c.used_up)
}

/// Whether the agent may move back by itself now.
const fn may_return(question: &Question<'_>) -> bool {
    match question.mode {
        FailbackMode::Auto => true,
        FailbackMode::Window => question.window_open,
        FailbackMode::Manual => false,
    }
}

/// No uplink yet, or none that proved itself: traffic must flow, so the first that is ready is taken, known or not.
fn first(question: &Question<'_>) -> Choice {
    let ready = question.candidates.iter().filter(|c| c.fitness < Fitness::Absent);
    let chosen = ready.min_by_key(|c| {
        let fitness = match c.fitness {
            Fitness::Healthy | Fitness::Unknown => Fitness::Healthy,
            Fitness::Degraded | Fitness::Recovering | Fitness::Failed | Fitness::Absent => c.fitness,
        };
        (fitness >= Fitness::Failed, c.used_up, fitness)
    });
    match chosen {
        Some(c) if Some(c.link) != question.incumbent => {
            Choice::Move { link: c.link, motive: Motive::First, reason: Reason::Preferred }
        }
        Some(_) | None => Choice::Keep,
    }
}

fn flee(question: &Question<'_>, from: &Candidate, fit: impl Fn(&Candidate) -> bool) -> Choice {
    match best(alternatives(question, from.link).filter(|c| fit(c))) {
        Some(link) => {
            let reason = Reason::UplinkFailed { from: from.link };
            Choice::Move { link, motive: Motive::Failed, reason }
        }
        None => Choice::Stranded,
    }
}

fn failback(question: &Question<'_>, current: &Candidate) -> Choice {
    let found = preferred(question, current).find_map(|c| match c.hold {
        Hold::Served(good_for) => Some((c.link, good_for)),
        Hold::Waiting(_) if question.returning && c.spotless => Some((c.link, Duration::ZERO)),
        Hold::Waiting(_) | Hold::Broken => None,
    });
    let Some((link, good_for)) = found else { return Choice::Keep };
    if question.returning {
        return Choice::Move { link, motive: Motive::Planned, reason: Reason::Released };
    }
    if may_return(question) {
        Choice::Move { link, motive: Motive::Planned, reason: Reason::FailedBack { good_for } }
    } else {
        Choice::Keep
    }
}

/// Writes the ranking: the uplink, the others by fitness then preference, those without data left after all that carry
/// something, and failed ones last.
pub(crate) fn rank(candidates: &[Candidate], uplink: LinkId, order: &mut Vec<LinkId>) {
    order.clear();
    order.extend(candidates.iter().map(|c| c.link));
    let place = |c: &Candidate| (c.link != uplink, c.fitness >= Fitness::Failed, c.used_up, c.fitness);
    let key = |link: &LinkId| candidates.iter().find(|c| c.link == *link).map(place);
    // Stable: equals stay in order of preference.
    order.sort_by_key(key);
}

#[cfg(test)]
mod tests;
