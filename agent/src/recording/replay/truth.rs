//! What the recording knows of the links: each probe with its fate, and what the kernel and the operator said.

use super::super::record::{Asked, Record, Timed};
use shunt_decision::{Config, Event, Family, LinkId, Outcome, PathState, ProbeId, TargetId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// A link is silent when so many probes in a row were lost,
const SILENT_AFTER: usize = 3;
/// and of each target that ever answers so many.
const SILENT_AFTER_EACH: usize = 2;
/// Probes whose fate is open at once at most: what was asked before these and did not come back is lost.
const MAX_OPEN: usize = 16_384;
/// Probes of one stretch at most; a whole ring of the largest size has fewer. They are held in memory.
const MAX_PROBES: usize = 4_000_000;

/// A probe of another core is answered by one of so many on either side; a burst has fewer.
const NEIGHBOURS: usize = 16;

/// A probe and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heard {
    pub(super) asked: Timestamp,
    /// After which time it was told, and what. `None`: lost.
    pub(super) fate: Option<(Duration, Outcome)>,
}

/// How well a link did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quality {
    /// Share of probes lost, from 0; 0 without probes.
    pub(super) loss: f64,
    /// Mean round-trip time of those that came back.
    pub(super) rtt: Duration,
}

/// Which recorded probes have answered for one of another core.
pub(super) type Used = BTreeMap<(LinkId, TargetId), Vec<bool>>;

type Stretch = (Timestamp, Timestamp);

/// All of one run.
#[derive(Debug, Default)]
pub(super) struct Truth {
    probes: BTreeMap<(LinkId, TargetId), Vec<Heard>>,
    canaries: BTreeMap<(LinkId, Family), Vec<Heard>>,
    gateways: BTreeMap<(LinkId, Family), Vec<(Timestamp, bool)>>,
    pub(super) traffic: BTreeMap<LinkId, Vec<(Timestamp, u64, u64)>>,
    /// What another core is told as it was told to this one.
    pub(super) world: Vec<(Timestamp, Event)>,
    dead: BTreeMap<(LinkId, Family), Vec<Stretch>>,
    families: BTreeMap<(LinkId, TargetId), Family>,
    pub(super) end: Timestamp,
}

/// Gathers a [`Truth`].
#[derive(Debug)]
pub(super) struct Gatherer<'a> {
    config: &'a Config,
    truth: Truth,
    open: BTreeMap<ProbeId, Open>,
    count: usize,
    presence: BTreeMap<(LinkId, Family), Presence>,
}

#[derive(Debug, Clone, Copy)]
enum Open {
    Probe(LinkId, TargetId, usize),
    Canary(LinkId, Family, usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct Presence {
    carrier: Option<bool>,
    path: Option<PathState>,
    absent_since: Option<Timestamp>,
}

impl<'a> Gatherer<'a> {
    /// Begins with what held at `start`.
    pub(super) fn new(config: &'a Config, facts: &[Event], start: Timestamp) -> Self {
        let mut truth = Truth { end: start, ..Truth::default() };
        for (link, known) in (0..u8::MAX).map(LinkId).zip(&config.links) {
            let targets = (0..=u8::MAX).map(TargetId).zip(&known.targets);
            truth.families.extend(targets.map(|(target, known)| ((link, target), known.family)));
        }
        let mut this = Self { config, truth, open: BTreeMap::new(), count: 0, presence: BTreeMap::new() };
        for fact in facts {
            this.event(fact, start);
        }
        this
    }

    /// Takes in a record. `false`: there are too many.
    pub(super) fn take(&mut self, Timed { now, record }: &Timed) -> bool {
        self.truth.end = self.truth.end.max(*now);
        match record {
            Record::Asked(asked) => self.asked(*asked, *now),
            Record::Event(event) => self.event(event, *now),
            Record::Timeout | Record::Told(_) | Record::Mark(_) | Record::End(_) => {}
        }
        self.count <= MAX_PROBES
    }

    fn asked(&mut self, Asked { id, link, target, canary }: Asked, now: Timestamp) {
        self.count += 1;
        let heard = Heard { asked: now, fate: None };
        let open = match canary {
            None => {
                let list = self.truth.probes.entry((link, target)).or_default();
                list.push(heard);
                Open::Probe(link, target, list.len() - 1)
            }
            Some(family) => {
                let list = self.truth.canaries.entry((link, family)).or_default();
                list.push(heard);
                Open::Canary(link, family, list.len() - 1)
            }
        };
        if self.open.len() >= MAX_OPEN {
            self.open.pop_first();
        }
        self.open.insert(id, open);
    }

    fn event(&mut self, event: &Event, now: Timestamp) {
        match *event {
            Event::Probe { id, outcome } => return self.outcome(id, outcome, now),
            Event::Traffic { link, received, sent } => {
                self.count += 1;
                self.truth.traffic.entry(link).or_default().push((now, received, sent));
                return;
            }
            Event::Gateway { link, family, answers, .. } => {
                self.count += 1;
                self.truth.gateways.entry((link, family)).or_default().push((now, answers));
                return;
            }
            // Rankings are the core's own.
            Event::Ranked { .. } => return,
            Event::Carrier { link, up, .. } => {
                for family in Family::ALL {
                    self.present(link, family, now, |presence| presence.carrier = Some(up));
                }
            }
            Event::Path { link, family, state } => {
                self.present(link, family, now, |presence| presence.path = Some(state));
            }
            Event::Adopted { .. }
            | Event::Command(_)
            | Event::Window { .. }
            | Event::Spent { .. }
            | Event::Modem { .. }
            | Event::Allowance { .. }
            | Event::ClockGap => {}
        }
        self.count += 1;
        self.truth.world.push((now, event.clone()));
    }

    fn outcome(&mut self, id: ProbeId, outcome: Outcome, now: Timestamp) {
        let list = match self.open.remove(&id) {
            Some(Open::Probe(link, target, place)) => {
                self.truth.probes.get_mut(&(link, target)).and_then(|list| list.get_mut(place))
            }
            Some(Open::Canary(link, family, place)) => {
                self.truth.canaries.get_mut(&(link, family)).and_then(|list| list.get_mut(place))
            }
            None => None,
        };
        if let Some(heard) = list {
            let after = if let Outcome::Reply { rtt, .. } = outcome { rtt } else { now.since(heard.asked) };
            heard.fate = Some((after, outcome));
        }
    }

    fn present(&mut self, link: LinkId, family: Family, now: Timestamp, change: impl Fn(&mut Presence)) {
        let presence = self.presence.entry((link, family)).or_default();
        change(presence);
        let absent = presence.carrier == Some(false) || matches!(presence.path, Some(PathState::Missing(_)));
        if absent {
            presence.absent_since.get_or_insert(now);
        } else if let Some(since) = presence.absent_since.take() {
            self.truth.dead.entry((link, family)).or_default().push((since, now));
        }
    }

    /// All that is known, once everything was taken in.
    pub(super) fn finish(mut self) -> Truth {
        let end = self.truth.end;
        for (key, presence) in std::mem::take(&mut self.presence) {
            if let Some(since) = presence.absent_since {
                self.truth.dead.entry(key).or_default().push((since, end));
            }
        }
        for (link, config) in (0..u8::MAX).map(LinkId).zip(&self.config.links) {
            for family in Family::ALL {
                let targets = (0..=u8::MAX).map(TargetId).zip(&config.targets);
                let targets: Vec<_> =
                    targets.filter(|(_, target)| target.family == family).map(|(id, _)| id).collect();
                let silences = self.truth.silences(link, &targets, config.timeout);
                let dead = self.truth.dead.entry((link, family)).or_default();
                dead.extend(silences);
                *dead = joined(std::mem::take(dead));
            }
        }
        self.truth
    }
}

impl Truth {
    /// The recorded probe that was asked for nearest to `at`, has answered for no other yet, and from now on has. Where
    /// more is asked than was recorded, one probe that was lost by chance must not lose them all; but a silent link
    /// answers none.
    pub(super) fn answer(
        &self,
        link: LinkId,
        target: TargetId,
        at: Timestamp,
        used: &mut Used,
    ) -> Option<Heard> {
        let list = self.probes.get(&(link, target))?;
        let used = used.entry((link, target)).or_insert_with(|| vec![false; list.len()]);
        let after = list.partition_point(|heard| heard.asked < at);
        let distance = |place: &usize| list.get(*place).map(|h| at.since(h.asked).max(h.asked.since(at)));
        let near = after.saturating_sub(NEIGHBOURS)..(after + NEIGHBOURS).min(list.len());
        let nearest = near.clone().min_by_key(distance)?;
        let silent = || {
            let family = self.families.get(&(link, target));
            family.is_some_and(|family| self.is_dead(link, *family, at))
        };
        let place = if used.get(nearest) == Some(&true) && !silent() {
            near.filter(|place| used.get(*place) == Some(&false)).min_by_key(distance).unwrap_or(nearest)
        } else {
            nearest
        };
        if let Some(used) = used.get_mut(place) {
            *used = true;
        }
        list.get(place).copied()
    }

    /// The recorded probe that was asked for nearest to `at`.
    pub(super) fn nearest_probe(&self, link: LinkId, target: TargetId, at: Timestamp) -> Option<Heard> {
        nearest(self.probes.get(&(link, target))?, at, |heard| heard.asked).copied()
    }

    fn is_dead(&self, link: LinkId, family: Family, at: Timestamp) -> bool {
        self.dead_within(link, family, at, at + Duration::from_nanos(1)) > Duration::ZERO
    }

    /// The same for canaries.
    pub(super) fn nearest_canary(&self, link: LinkId, family: Family, at: Timestamp) -> Option<Heard> {
        nearest(self.canaries.get(&(link, family))?, at, |heard| heard.asked).copied()
    }

    /// Whether the gateway answered nearest to `at`.
    pub(super) fn nearest_gateway(&self, link: LinkId, family: Family, at: Timestamp) -> Option<bool> {
        nearest(self.gateways.get(&(link, family))?, at, |(at, _)| *at).map(|(_, answers)| *answers)
    }

    /// How much of the time between `from` and `to` the link was silent, or had no carrier, address or way out.
    pub(super) fn dead_within(
        &self,
        link: LinkId,
        family: Family,
        from: Timestamp,
        to: Timestamp,
    ) -> Duration {
        let stretches = self.dead.get(&(link, family)).map_or(&[][..], Vec::as_slice);
        let first = stretches.partition_point(|(_, end)| *end <= from);
        let inside = stretches.iter().skip(first).take_while(|(begin, _)| *begin < to);
        inside.map(|(begin, end)| (*end).min(to).since((*begin).max(from))).sum()
    }

    /// How the link's probes of a family did that were asked for between `from` and `to`.
    pub(super) fn quality(&self, link: LinkId, family: Family, from: Timestamp, to: Timestamp) -> Quality {
        let (mut asked, mut back, mut total) = (0_u32, 0_u32, Duration::ZERO);
        let all = self.probes.range((link, TargetId(0))..=(link, TargetId(u8::MAX)));
        for (_, list) in all.filter(|(key, _)| self.families.get(key) == Some(&family)) {
            let first = list.partition_point(|heard| heard.asked < from);
            for heard in list.iter().skip(first).take_while(|heard| heard.asked < to) {
                asked += 1;
                if let Some((_, Outcome::Reply { rtt, .. })) = heard.fate {
                    back += 1;
                    total += rtt;
                }
            }
        }
        let loss = if asked == 0 { 0.0 } else { f64::from(asked - back) / f64::from(asked) };
        Quality { loss, rtt: total.checked_div(back).unwrap_or_default() }
    }

    /// The stretches in which no target answered, of those that answer at all.
    fn silences(&self, link: LinkId, targets: &[TargetId], timeout: Duration) -> Vec<Stretch> {
        let answered =
            |heard: &Heard| matches!(heard.fate, Some((_, Outcome::Reply { rtt, .. })) if rtt <= timeout);
        let mut probes: Vec<(Timestamp, TargetId, bool)> = Vec::new();
        let mut speaking = Vec::new();
        for target in targets {
            let Some(list) = self.probes.get(&(link, *target)) else { continue };
            if list.iter().any(answered) {
                speaking.push(*target);
                probes.extend(list.iter().map(|heard| (heard.asked, *target, answered(heard))));
            }
        }
        if speaking.is_empty() {
            // None ever answered: it was silent for as long as it was asked.
            let asked = targets.iter().filter_map(|target| self.probes.get(&(link, *target))).flatten();
            let count = asked.clone().count();
            let first = asked.map(|heard| heard.asked).min().filter(|_| count >= SILENT_AFTER);
            return first.map(|first| (first, self.end)).into_iter().collect();
        }
        probes.sort_by_key(|(asked, ..)| *asked);
        let mut silences = Vec::new();
        let mut run: Option<(Timestamp, BTreeMap<TargetId, usize>)> = None;
        let is_silence = |lost: &BTreeMap<TargetId, usize>| {
            lost.values().sum::<usize>() >= SILENT_AFTER
                && speaking
                    .iter()
                    .all(|target| lost.get(target).is_some_and(|lost| *lost >= SILENT_AFTER_EACH))
        };
        for (asked, target, back) in probes {
            if back {
                let ended = run.take().filter(|(_, lost)| is_silence(lost));
                silences.extend(ended.map(|(begin, _)| (begin, asked)));
            } else {
                *run.get_or_insert_with(|| (asked, BTreeMap::new())).1.entry(target).or_default() += 1;
            }
        }
        silences.extend(run.filter(|(_, lost)| is_silence(lost)).map(|(begin, _)| (begin, self.end)));
        silences
    }
}

/// Stretches in order, those that overlap made one.
fn joined(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort();
    let mut joined: Vec<Stretch> = Vec::new();
    for (begin, end) in stretches {
        match joined.last_mut() {
            Some((_, last)) if begin <= *last => *last = end.max(*last),
            _ => joined.push((begin, end)),
        }
    }
    joined
}

fn nearest<T>(list: &[T], at: Timestamp, of: impl Fn(&T) -> Timestamp) -> Option<&T> {
    let after = list.partition_point(|item| of(item) < at);
    let (before, after) = (after.checked_sub(1).and_then(|place| list.get(place)), list.get(after));
    match (before, after) {
        (Some(before), Some(after)) if at.since(of(before)) <= of(after).since(at) => Some(before),
        (before, after) => after.or(before),
    }
}
