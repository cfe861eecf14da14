//! Spells of bad weather: when each begins, how long it lasts and how bad it is, drawn once from a seed.

use crate::random::Random;
use shunt_decision::Timestamp;
use std::time::Duration;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Span {
    /// How long it lasts.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// A stretch of time with something wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spell {
    /// When.
    pub span: Span,
    /// How bad: the share of packets that are lost, or seconds added to a round trip.
    pub depth: f64,
}

impl Spell {
    /// Seconds that the queue of [`Effect::Queue`] adds at `at`: it fills and drains at a set rate, up to the depth.
    #[must_use]
    pub fn queued(&self, at: Timestamp) -> f64 {
        let edge = at.since(self.span.from).min(self.span.to.since(at));
        self.depth.min(edge.as_secs_f64() * FILLING)
    }

    /// When the queue adds at least `seconds`.
    pub(super) fn queued_for(&self, seconds: f64) -> Option<Span> {
        let edge = Duration::from_secs_f64(seconds / FILLING);
        let span = Span { from: self.span.from + edge, to: self.span.to - edge };
        (self.depth >= seconds && span.from < span.to).then_some(span)
    }
}

/// Seconds that a second of an upload adds to a queue: half as much again is sent as the line carries.
const FILLING: f64 = 0.5;

/// What a kind of spell does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A share of them is lost; a depth of 1 is an outage.
    Loss,
    /// They take longer by the depth, from one moment to the next.
    Step,
    /// They wait in a queue that fills and drains.
    Queue,
    /// They wait until the spell is over, and then pass all at once.
    Hold,
}

/// How long spells last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// As often between 1 and 10 s as between 10 and 100 s.
    LogUniform(Duration, Duration),
    /// Memoryless, with this mean: the sojourn of a two-state Markov chain (Gilbert 1960, Elliott 1963).
    Exponential(Duration),
}

/// When spells begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// At random, with this mean time from the end of one to the next.
    Random(Duration),
    /// At each multiple of this.
    Every(Duration),
}

/// One kind of spell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// What it does.
    pub effect: Effect,
    /// When it begins.
    pub arrival: Arrival,
    /// How long it lasts.
    pub length: Length,
    /// The least and the greatest depth, evenly spread between.
    pub depth: (f64, f64),
}

impl Kind {
    /// All spells of this kind between `from` and `to`. The last may end later.
    #[must_use]
    pub fn spells(&self, from: Timestamp, to: Timestamp, seed: u64) -> Vec<Spell> {
        let mut random = Random::new(seed);
        let mut spells: Vec<Spell> = Vec::new();
        let mut beat = 0;
        let mut free = from;
        loop {
            let begin = match self.arrival {
                Arrival::Random(mean) => free + mean.mul_f64(exponential(&mut random)),
                Arrival::Every(period) => {
                    beat += 1;
                    (from + period * beat).max(free)
                }
            };
            if begin >= to {
                return spells;
            }
            let length = match self.length {
                Length::LogUniform(least, most) => {
                    let ratio = most.as_secs_f64() / least.as_secs_f64();
                    least.mul_f64(ratio.powf(random.share()))
                }
                Length::Exponential(mean) => mean.mul_f64(exponential(&mut random)),
            };
            let depth = (self.depth.1 - self.depth.0).mul_add(random.share(), self.depth.0);
            free = begin + length;
            spells.push(Spell { span: Span { from: begin, to: free }, depth });
        }
    }
}

/// A draw with the mean 1.
fn exponential(random: &mut Random) -> f64 {
    -(1.0 - random.share()).ln()
}

/// The spells of one kind, seen by somebody for whom time does not run backwards.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    place: usize,
}

impl Cursor {
    pub(super) const fn new() -> Self {
        Self { place: 0 }
    }

    /// What is wrong at `at`, which never lies before that of an earlier call.
    pub(super) fn spell<'a>(&mut self, spells: &'a [Spell], at: Timestamp) -> Option<&'a Spell> {
        while spells.get(self.place).is_some_and(|spell| spell.span.to <= at) {
            self.place += 1;
        }
        self.peek(spells, at)
    }

    /// The same for a moment soon after the latest one, without moving on.
    pub(super) fn peek<'a>(&self, spells: &'a [Spell], at: Timestamp) -> Option<&'a Spell> {
        let left = spells.get(self.place..).unwrap_or_default();
        left.iter().take_while(|spell| spell.span.from <= at).find(|spell| spell.span.to > at)
    }
}

/// Joins spans that touch or overlap and drops those shorter than `shortest`.
pub(super) fn union(mut spans: Vec<Span>, shortest: Duration) -> Vec<Span> {
    spans.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if last.to >= span.from => last.to = last.to.max(span.to),
            Some(_) | None => joined.push(span),
        }
    }
    joined.retain(|span| span.length() >= shortest);
    joined
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

    #[test]
    fn spells_are_as_often_as_long_and_as_deep_as_their_kind_says() {
        let kind = Kind {
            effect: Effect::Loss,
            arrival: Arrival::Random(Duration::from_secs(1_000)),
            length: Length::LogUniform(Duration::from_millis(200), Duration::from_secs(600)),
            depth: (0.2, 0.6),
        };
        let spells = kind.spells(at(0), at(10_000_000), 1);
        // A mean length of (600 - 0.2) / ln(3000) = 75 s: one in 1,075 s.
        assert!((9_000..9_600).contains(&spells.len()), "{}", spells.len());
        let short = spells.iter().filter(|s| s.span.length() < Duration::from_secs_f64(10.95)).count();
        // The geometric mean of 0.2 and 600 is 10.95.
        assert!((0.47..0.53).contains(&(short as f64 / spells.len() as f64)), "{short}");
        assert!(spells.iter().all(|s| (0.2..=0.6).contains(&s.depth)));
        assert!(spells.windows(2).all(|pair| pair[0].span.to <= pair[1].span.from));
        assert_eq!(spells, kind.spells(at(0), at(10_000_000), 1));
        assert_ne!(spells, kind.spells(at(0), at(10_000_000), 2));
    }

    #[test]
    fn a_cursor_follows_the_time_and_looks_ahead() {
        let spells = [Spell { span: span(10, 12), depth: 1.0 }, Spell { span: span(13, 14), depth: 0.5 }];
        let [first, second] = &spells;
        let mut cursor = Cursor::new();
        assert_eq!(cursor.spell(&spells, at(9)), None);
        assert_eq!(cursor.peek(&spells, at(13)), Some(second));
        assert_eq!(cursor.spell(&spells, at(10)), Some(first));
        assert_eq!(cursor.spell(&spells, at(12)), None);
        assert_eq!(cursor.spell(&spells, at(13)), Some(second));
        assert_eq!(cursor.spell(&spells, at(14)), None);
    }

    #[test]
    fn a_queue_fills_stays_full_and_drains() {
        let spell = Spell { span: span(10, 20), depth: 1.0 };
        assert_eq!(spell.queued(at(10)), 0.0);
        assert_eq!(spell.queued(at(11)), 0.5);
        assert_eq!(spell.queued(at(15)), 1.0);
        assert_eq!(spell.queued(at(19)), 0.5);
        assert_eq!(spell.queued_for(0.5), Some(span(11, 19)));
        assert_eq!(spell.queued_for(1.1), None);
        assert_eq!(Spell { span: span(10, 11), depth: 1.0 }.queued_for(0.5), None);
    }

    #[test]
    fn spans_are_joined() {
        let joined = union(
            vec![span(5, 7), span(1, 2), span(6, 9), span(9, 10), span(20, 21)],
            Duration::from_secs(2),
        );
        assert_eq!(joined, [span(5, 10)]);
    }
}
