//! How well a set of rules served its users, by the ground truth and not by what anybody measured.
//!
//! - **Outage seconds**: time in which the link in use lost everything for at least 0.2 s, or held it back for at least
//!   0.5 s, while another link carried. When all links are down it is nobody's fault, and left out.
//! - **Degraded seconds**: time in which the link in use was lossy or slow (see [`Truth`]) while another was neither.
//! - **Detection**: from the beginning of an outage of the link in use to the move away from it, for outages in which
//!   another link could have helped for more than 5 s. Such an outage without a move before its end is **missed**,
//!   and is not among the detection times.
//! - **False failover**: a move to a less preferred link, away from a link that carried through the whole time on which
//!   the decision rests (and a second before, for what was under way) and for another 5 s. A link that loses a tenth of
//!   its packets or more at the time may be left; one that is merely slow, or whose target is silent, may not.
//! - **Switches**: all moves, those back included. Each breaks flows.

use super::contest::{Move, Record};
use super::weather::{Sky, Span, Truth};
use shunt_decision::{LinkId, Timestamp};
use std::time::Duration;

/// An outage worth noticing: longer than this.
pub const NOTICEABLE: Duration = Duration::from_secs(5);
/// What lay just before the first observation was under way with it.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// A link that fails so soon after it was left was left with good reason.
const WENT_ON: Duration = Duration::from_secs(5);
/// Rates are given for so many seconds, 30 days.
const MONTH: f64 = 30.0 * 86_400.0;
const DAY: f64 = 86_400.0;

/// The sums of one or several contests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Simulated time.
    pub time: Duration,
    /// Detection times.
    pub detections: Vec<Duration>,
    /// Outages longer than [`NOTICEABLE`] that were not noticed.
    pub missed: u64,
    /// Moves without a reason.
    pub false_failovers: u64,
    /// User-visible outage.
    pub outage: Duration,
    /// User-visible degradation.
    pub degraded: Duration,
    /// Bytes of probes and answers.
    pub bytes: u64,
    /// All moves.
    pub switches: u64,
}

impl Tally {
    /// Adds another contest.
    pub fn add(&mut self, other: &Self) {
        self.time += other.time;
        self.detections.extend(&other.detections);
        self.missed += other.missed;
        self.false_failovers += other.false_failovers;
        self.outage += other.outage;
        self.degraded += other.degraded;
        self.bytes += other.bytes;
        self.switches += other.switches;
    }

    /// The detection time in seconds that this share of all, from 0 to 1, does not exceed; `None` without any.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn detection(&self, share: f64) -> Option<f64> {
        let mut times = self.detections.clone();
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        // A share of a length that fits is a place that fits.
        let place = (last as f64 * share).round() as usize;
        times.get(place).map(Duration::as_secs_f64)
    }

    /// `what` of the whole time, for 30 days.
    #[must_use]
    pub fn monthly(&self, what: f64) -> f64 {
        what * MONTH / self.time.as_secs_f64().max(1.0)
    }

    /// Probe bytes a day.
    #[must_use]
    pub fn daily_bytes(&self) -> f64 {
        self.bytes as f64 * DAY / self.time.as_secs_f64().max(1.0)
    }
}

/// What of the ground truth counts, worked out once for all contestants.
#[derive(Debug, Clone)]
pub struct Judge {
    begins: Timestamp,
    ends: Timestamp,
    links: Vec<Marks>,
}

#[derive(Debug, Clone)]
struct Marks {
    down: Vec<Span>,
    /// Down while another link is not.
    avoidable: Vec<Span>,
    /// Lossy or slow while another link is neither, nor down.
    degraded: Vec<Span>,
    /// Good reasons to leave.
    reasons: Vec<Span>,
}

impl Judge {
    /// Knows the truth.
    #[must_use]
    pub fn new(sky: &Sky) -> Self {
        Self::of(&sky.truths, sky.begins, sky.ends)
    }

    /// The same for a truth made by hand.
    #[must_use]
    pub fn of(truths: &[Truth], begins: Timestamp, ends: Timestamp) -> Self {
        let bad: Vec<_> = truths.iter().map(|t| join(&[&t.down, &t.lossy, &t.slow])).collect();
        let others = |spans: &dyn Fn(usize) -> Vec<Span>, link: usize| {
            let mut all = (0..truths.len()).filter(|other| *other != link).map(spans);
            let first = all.next().unwrap_or_else(|| vec![Span { from: begins, to: ends }]);
            all.fold(first, |common, spans| intersect(&common, &spans))
        };
        let down = |link: usize| truths.get(link).map(|t| t.down.clone()).unwrap_or_default();
        let any = |link: usize| bad.get(link).cloned().unwrap_or_default();
        let links = truths.iter().enumerate().map(|(link, truth)| {
            let unwell = subtract(&join(&[&truth.lossy, &truth.slow]), &truth.down);
            Marks {
                down: truth.down.clone(),
                avoidable: subtract(&truth.down, &others(&down, link)),
                degraded: subtract(&unwell, &others(&any, link)),
                reasons: join(&[&truth.down, &truth.lossy]),
            }
        });
        Self { begins, ends, links: links.collect() }
    }

    /// Judges what a contestant did.
    #[must_use]
    pub fn score(&self, record: &Record) -> Tally {
        let mut tally = Tally { time: self.ends.since(self.begins), bytes: record.bytes, ..Tally::default() };
        for (link, span) in self.uses(&record.moves) {
            let Some(marks) = self.marks(link) else { continue };
            tally.outage += overlap(&marks.avoidable, span);
            tally.degraded += overlap(&marks.degraded, span);
            for outage in inside(&marks.down, span).filter(|outage| outage.from >= span.from) {
                match self.noticed(marks, *outage, span) {
                    Some(Some(after)) => tally.detections.push(after),
                    Some(None) => tally.missed += 1,
                    None => {}
                }
            }
        }
        for each in record.moves.iter().filter(|each| each.at >= self.begins) {
            tally.switches += 1;
            tally.false_failovers += u64::from(self.is_false(each));
        }
        tally
    }

    fn marks(&self, link: LinkId) -> Option<&Marks> {
        self.links.get(usize::from(link.0))
    }

    /// Which link was in use when.
    fn uses(&self, moves: &[Move]) -> Vec<(LinkId, Span)> {
        let mut uses = Vec::with_capacity(moves.len() + 1);
        let (mut link, mut from) = (LinkId(0), self.begins);
        for each in moves {
            let to = each.at.max(self.begins);
            uses.push((link, Span { from, to }));
            (link, from) = (each.to, to);
        }
        uses.push((link, Span { from, to: self.ends }));
        uses
    }

    /// Whether an outage of the link in use was noticed, and when; the outer `None` if it was not worth it.
    fn noticed(&self, marks: &Marks, outage: Span, used: Span) -> Option<Option<Duration>> {
        if outage.to > self.ends || overlap(&marks.avoidable, outage) <= NOTICEABLE {
            return None;
        }
        let first = inside(&marks.avoidable, outage).next().map_or(outage.from, |span| span.from);
        let left = used.to;
        Some((left <= outage.to).then(|| left.since(first)))
    }

    fn is_false(&self, each: &Move) -> bool {
        if each.to < each.from {
            return false;
        }
        let from = each.at - each.evidence - UNDER_WAY;
        let window = Span { from, to: each.at + WENT_ON };
        self.marks(each.from).is_some_and(|marks| inside(&marks.reasons, window).next().is_none())
    }
}

/// The spans that overlap `window`.
fn inside(spans: &[Span], window: Span) -> impl Iterator<Item = &Span> {
    let place = spans.partition_point(|span| span.to <= window.from);
    spans.iter().skip(place).take_while(move |span| span.from < window.to)
}

fn overlap(spans: &[Span], window: Span) -> Duration {
    inside(spans, window).map(|span| span.to.min(window.to).since(span.from.max(window.from))).sum()
}

/// The time that lies in any of these.
fn join(lists: &[&Vec<Span>]) -> Vec<Span> {
    let mut all: Vec<Span> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    all.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::with_capacity(all.len());
    for span in all {
        match joined.last_mut() {
            Some(last) if last.to >= span.from => last.to = last.to.max(span.to),
            Some(_) | None => joined.push(span),
        }
    }
    joined
}

/// The time that lies in both. Each list is in order and without overlaps.
fn intersect(one: &[Span], other: &[Span]) -> Vec<Span> {
    let cut = |a: &Span, b: &Span| Span { from: a.from.max(b.from), to: a.to.min(b.to) };
    one.iter().flat_map(|a| inside(other, *a).map(move |b| cut(a, b))).collect()
}

/// The time that lies in `from` and not in `without`.
fn subtract(from: &[Span], without: &[Span]) -> Vec<Span> {
    let mut left = Vec::with_capacity(from.len());
    for span in from {
        let mut free = span.from;
        for hole in inside(without, *span) {
            if hole.from > free {
                left.push(Span { from: free, to: hole.from });
            }
            free = free.max(hole.to);
        }
        if free < span.to {
            left.push(Span { from: free, to: span.to });
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    const fn span(from: u64, to: u64) -> Span {
        Span { from: at(from), to: at(to) }
    }

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn truth(down: &[Span], lossy: &[Span], slow: &[Span]) -> Truth {
        Truth { down: down.to_vec(), lossy: lossy.to_vec(), slow: slow.to_vec() }
    }

    fn moved(when: u64, from: u8, to: u8, evidence: u64) -> Move {
        Move { at: at(when), from: LinkId(from), to: LinkId(to), evidence: secs(evidence) }
    }

    fn judged(truths: &[Truth], moves: &[Move]) -> Tally {
        let record = Record { moves: moves.to_vec(), bytes: 0 };
        Judge::of(truths, at(100), at(1_000)).score(&record)
    }

    #[test]
    fn seconds_count_while_the_link_in_use_is_down_and_another_is_not() {
        let truths = [truth(&[span(200, 260)], &[], &[]), truth(&[span(250, 300)], &[], &[])];
        // It moves after 20 s, and the backup fails at 250: both are down until 260, then only the backup.
        let tally = judged(&truths, &[moved(220, 0, 1, 10), moved(290, 1, 0, 10)]);
        assert_eq!(tally.outage, secs(20 + 30));
        assert_eq!(tally.detections, [secs(20), secs(30)]);
        assert_eq!((tally.missed, tally.switches, tally.false_failovers), (0, 2, 0));
        // Who never moves has all but the ten seconds in which nothing would have helped.
        let still = judged(&truths, &[]);
        assert_eq!(still.outage, secs(50));
        assert_eq!((still.missed, still.detections.len()), (1, 0));
    }

    #[test]
    fn a_short_outage_need_not_be_noticed() {
        let truths = [truth(&[span(200, 204), span(300, 306)], &[], &[]), truth(&[], &[], &[])];
        let tally = judged(&truths, &[]);
        assert_eq!((tally.missed, tally.outage), (1, secs(10)));
        let late = judged(&truths, &[moved(307, 0, 1, 5)]);
        assert_eq!((late.missed, late.false_failovers), (1, 0));
    }

    #[test]
    fn leaving_a_link_that_carried_and_went_on_is_false() {
        let truths = [truth(&[span(200, 210)], &[span(400, 500)], &[span(600, 700)]), truth(&[], &[], &[])];
        let falsely = |when, evidence| judged(&truths, &[moved(when, 0, 1, evidence)]).false_failovers;
        assert_eq!(falsely(150, 10), 1);
        assert_eq!(falsely(205, 3), 0, "it is down");
        assert_eq!(falsely(220, 15), 0, "it was down while it was judged");
        assert_eq!(falsely(220, 5), 1, "it was down before it was judged");
        assert_eq!(falsely(196, 5), 0, "it fails at once");
        assert_eq!(falsely(450, 5), 0, "it loses packets");
        assert_eq!(falsely(650, 5), 1, "it is slow, but it carries");
        let back = judged(&truths, &[moved(205, 0, 1, 3), moved(300, 1, 0, 5)]);
        assert_eq!((back.false_failovers, back.switches), (0, 2), "the way back is no failover");
    }

    #[test]
    fn degraded_seconds_count_while_another_link_is_well() {
        let truths = [truth(&[span(420, 430)], &[span(400, 500)], &[]), truth(&[], &[], &[span(480, 600)])];
        let still = judged(&truths, &[]);
        assert_eq!(still.degraded, secs(70));
        assert_eq!(judged(&truths, &[moved(450, 0, 1, 50)]).degraded, secs(40 + 100));
    }

    #[test]
    fn figures_are_scaled_to_days_and_months() {
        let mut tally = Tally { time: secs(86_400), bytes: 10, missed: 1, ..Tally::default() };
        tally.add(&Tally {
            time: secs(86_400),
            bytes: 30,
            detections: vec![secs(3), secs(1)],
            ..Tally::default()
        });
        assert!((tally.daily_bytes() - 20.0).abs() < 1e-9);
        assert!((tally.monthly(2.0) - 30.0).abs() < 1e-9);
        assert_eq!((tally.detection(0.0), tally.detection(1.0)), (Some(1.0), Some(3.0)));
        assert_eq!(Tally::default().detection(0.5), None);
    }
}
