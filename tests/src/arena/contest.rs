//! A contest: one set of rules in one weather, from the beginning to the end.

use super::rules::Rules;
use super::weather::{Counters, Packets, Sky, Traffic};
use shunt_decision::{LinkId, TargetId, Timestamp};
use std::time::Duration;

/// The uplink moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub from: LinkId,
    /// To where.
    pub to: LinkId,
    /// How far back the observations lie on which it rests.
    pub evidence: Duration,
}

/// How a `ping` program fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// When it ended: by the answer, or when its patience did.
    pub ends: Timestamp,
    /// The round trip, if there was an answer in time.
    pub answer: Option<Duration>,
}

/// What a set of rules can see and do.
#[derive(Debug)]
pub struct Air<'a> {
    now: Timestamp,
    sky: &'a Sky,
    packets: Packets<'a>,
    traffic: Traffic,
    uplink: LinkId,
    moves: Vec<Move>,
    bytes: u64,
}

impl<'a> Air<'a> {
    /// Everything is in order and the first link is in use.
    #[must_use]
    pub fn new(sky: &'a Sky) -> Self {
        Self {
            now: Timestamp::ZERO,
            sky,
            packets: Packets::new(sky),
            traffic: Traffic::new(sky),
            uplink: LinkId(0),
            moves: Vec::new(),
            bytes: 0,
        }
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets the time pass; it does not run backwards.
    pub fn wait_until(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
    }

    /// The link in use.
    #[must_use]
    pub const fn uplink(&self) -> LinkId {
        self.uplink
    }

    /// The links, the preferred one first.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + use<> {
        (0..u8::MAX).map(LinkId).take(self.sky.links())
    }

    /// Sends a request of `size` bytes (with its IP header) and tells when the answer, of the same size, will be back.
    /// Rules must make nothing of it before that time.
    pub fn request(&mut self, link: LinkId, target: TargetId, size: u64) -> Option<Timestamp> {
        let back = self.packets.round_trip(link, target, self.now);
        self.bytes += if back.is_some() { 2 * size } else { size };
        back
    }

    /// Runs a `ping` program with one request.
    pub fn ping(&mut self, link: LinkId, target: TargetId, patience: Duration, size: u64) -> Ping {
        let limit = self.now + patience;
        match self.request(link, target, size).filter(|back| *back <= limit) {
            Some(back) => Ping { ends: back, answer: Some(back.since(self.now)) },
            None => Ping { ends: limit, answer: None },
        }
    }

    /// Uses `link` from now on. The decision rests on what was seen since `evidence` ago.
    pub fn use_link(&mut self, link: LinkId, evidence: Duration) {
        if link != self.uplink {
            self.traffic.advance(self.sky, self.uplink, self.now);
            self.moves.push(Move { at: self.now, from: self.uplink, to: link, evidence });
            self.uplink = link;
        }
    }

    /// Uses the first link that is up, in order of preference; if none is, the one in use is kept.
    pub fn use_first(&mut self, up: impl IntoIterator<Item = bool>, evidence: Duration) {
        let first = self.links().zip(up).find_map(|(link, up)| up.then_some(link));
        if let Some(link) = first {
            self.use_link(link, evidence);
        }
    }

    /// The packets of users on a link's interface; those of the rules themselves are not among them.
    pub fn users(&mut self, link: LinkId) -> Counters {
        self.traffic.advance(self.sky, self.uplink, self.now);
        self.traffic.counters(link)
    }

    /// The seed for what the rules leave to chance.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.sky.seed()
    }

    /// What became of the contest.
    #[must_use]
    pub fn record(self) -> Record {
        Record { moves: self.moves, bytes: self.bytes }
    }
}

/// What a set of rules did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its moves, in order. The first link is in use at the beginning.
    pub moves: Vec<Move>,
    /// Bytes of its probes and their answers, with IP headers.
    pub bytes: u64,
}

/// Runs a set of rules through the whole weather.
#[must_use]
pub fn run(sky: &Sky, make: &dyn Fn(&mut Air<'_>) -> Box<dyn Rules>) -> Record {
    let mut air = Air::new(sky);
    let mut rules = make(&mut air);
    loop {
        let due = rules.due();
        if due >= sky.ends {
            return air.record();
        }
        air.wait_until(due);
        rules.step(&mut air);
    }
}
