//! A simulated network around the decision core: days of weather in seconds, the same each time.
//!
//! It behaves as the agent's loop does: replies are read only on a wake-up, right before the core's timers,
//! and carry the time at which they really arrived.

mod links;
mod reports;
mod weather;

pub use links::{link, two_links};
pub use reports::{
    DetectionReport, SimulationReport, black_hole_detection, black_hole_detection_with, false_switches,
};
pub use weather::Weather;

use shunt_decision::{
    Action, Config, Entry, Event, Failover, Family, LinkId, Outcome, Packets, PathState, ProbeId, Target,
    TargetId, Timestamp,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

/// Time from a ranking to the route in the kernel, as measured for one netlink replace.
const KERNEL_TIME: Duration = Duration::from_micros(50);
/// A core that wants to be called so often without time passing would spin in the agent.
const MOST_TURNS: u32 = 100;
/// The prober keeps the address of a name for so long, or up to twice as long, and asks for one that it does not know
/// after so long.
const NAME_LIFE: Duration = Duration::from_secs(30);
const NAME_RETRY: Duration = Duration::from_secs(1);

/// Packets on a link's interface until a moment; parts of a packet are kept.
#[derive(Debug, Clone, Copy)]
struct Counted {
    at: Timestamp,
    received: f64,
    sent: f64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reply {
    at: Timestamp,
    id: ProbeId,
    link: LinkId,
    v6: bool,
    sent: Timestamp,
    from: Source,
    /// All packets of it that leave and come.
    packets: (u32, u32),
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Target,
    /// Somebody in its place.
    Portal,
    /// The prober: nothing was sent, as the name is not known.
    Prober,
    /// The canary's edge, for the same reason.
    Edge,
}

/// A core as the loop sees it: bare, or with a recorder that listens.
pub trait Core {
    /// As [`Failover::handle_event`].
    fn handle_event(&mut self, event: Event, now: Timestamp);
    /// As [`Failover::handle_timeout`].
    fn handle_timeout(&mut self, now: Timestamp);
    /// As [`Failover::poll_action`].
    fn poll_action(&mut self) -> Option<Action>;
    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    fn due(&self) -> Option<Timestamp>;
    /// The turn is over, and everything was carried out.
    fn rest(&mut self, now: Timestamp);
}

impl Core for Failover {
    fn handle_event(&mut self, event: Event, now: Timestamp) {
        Self::handle_event(self, event, now);
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        Self::handle_timeout(self, now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        Self::poll_action(self)
    }

    fn due(&self) -> Option<Timestamp> {
        self.poll_timeout().map(|(at, _)| at)
    }

    fn rest(&mut self, _: Timestamp) {}
}

/// The core in its network.
#[derive(Debug)]
pub struct Simulation<C = Failover> {
    /// The machine under test.
    pub core: C,
    /// The weather of each link, IPv4 then IPv6.
    pub weather: Vec<[Weather; 2]>,
    /// What the core told the operator.
    pub entries: Vec<Entry>,
    /// The latest ranking of each family, IPv4 then IPv6.
    pub ranking: [Vec<LinkId>; 2],
    /// Probes sent on each link.
    pub probes: Vec<u64>,
    /// Times that the loop was woken.
    pub wakeups: u64,
    /// All other actions, counted.
    pub actions: u64,
    /// Actions other than probes, in order, with their time; only if `keep_actions`.
    pub log: Vec<(Timestamp, Action)>,
    /// Whether `log` is kept.
    pub keep_actions: bool,
    /// What each probe and canary cost which link, in order; only if `keep_costs`.
    pub costs: Vec<(Timestamp, LinkId, u32)>,
    /// Whether `costs` is kept.
    pub keep_costs: bool,
    now: Timestamp,
    /// Family, and bytes of a probe and of a look-up.
    targets: Vec<Vec<Target>>,
    /// When the edge may look a name up again.
    names: BTreeMap<(LinkId, TargetId), Timestamp>,
    replies: BinaryHeap<Reverse<Reply>>,
    counted: Vec<Counted>,
    random: u64,
}

impl Simulation {
    /// All links fair, present and with carrier from the beginning.
    #[must_use]
    pub fn new(config: Config, rtts: &[Duration], seed: u64) -> Self {
        let mut this = Self::bare(config, rtts, seed);
        for link in (0..u8::MAX).map(LinkId).take(rtts.len()) {
            for family in Family::ALL {
                this.tell(Event::Path { link, family, state: PathState::Ready });
            }
        }
        this
    }

    /// The same, before the core was told anything.
    #[must_use]
    pub fn bare(config: Config, rtts: &[Duration], seed: u64) -> Self {
        Self::around(&config, rtts, seed, |start| Failover::new(config.clone(), seed, start))
    }
}

impl<C: Core> Simulation<C> {
    /// The same around a core that `make` gives, of the same config and seed.
    pub fn around(config: &Config, rtts: &[Duration], seed: u64, make: impl FnOnce(Timestamp) -> C) -> Self {
        let start = Timestamp::from_nanos(1_000_000_000);
        let targets = config.links.iter().map(|link| link.targets.clone()).collect();
        Self {
            core: make(start),
            weather: rtts.iter().map(|rtt| [Weather::fair(*rtt), Weather::fair(*rtt)]).collect(),
            entries: Vec::new(),
            ranking: [Vec::new(), Vec::new()],
            probes: vec![0; rtts.len()],
            wakeups: 0,
            actions: 0,
            log: Vec::new(),
            keep_actions: false,
            costs: Vec::new(),
            keep_costs: false,
            now: start,
            targets,
            names: BTreeMap::new(),
            replies: BinaryHeap::new(),
            counted: vec![Counted { at: start, received: 0.0, sent: 0.0 }; rtts.len()],
            random: seed ^ 0x5851_f42d_4c95_7f2d,
        }
    }

    /// The simulated time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Tells the core a fact, now, and does what it asks for.
    pub fn tell(&mut self, event: Event) {
        self.core.handle_event(event, self.now);
        self.act();
    }

    /// The uplink that the kernel has.
    #[must_use]
    pub fn uplink(&self, family: Family) -> Option<LinkId> {
        self.ranking.get(place(family))?.first().copied()
    }

    /// Lets the time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(at) = self.core.due().filter(|at| *at <= end) {
            turns = if at > self.now { 0 } else { turns + 1 };
            assert!(turns < MOST_TURNS, "the core wants to be called at {at:?} for ever");
            self.now = self.now.max(at);
            self.wakeups += 1;
            self.read_replies();
            self.core.handle_timeout(self.now);
            self.act();
        }
        self.now = end;
        // The weather may change now: what went before is of the old one.
        self.count();
    }

    fn read_replies(&mut self) {
        while self.replies.peek().is_some_and(|Reverse(reply)| reply.at <= self.now) {
            let Some(Reverse(reply)) = self.replies.pop() else { break };
            let weather =
                self.weather.get(usize::from(reply.link.0)).and_then(|w| w.get(usize::from(reply.v6)));
            let passes = weather.is_some_and(|weather| weather.cut.is_none_or(|cut| reply.at < cut));
            let outcome = match reply.from {
                Source::Prober => Outcome::Unresolved,
                Source::Edge => Outcome::Unsendable,
                Source::Target | Source::Portal if !passes => continue,
                Source::Target => Outcome::Reply { rtt: reply.at.since(reply.sent), at: reply.at },
                Source::Portal => Outcome::Intercepted,
            };
            if let Some(counted) = self.counted.get_mut(usize::from(reply.link.0))
                && matches!(reply.from, Source::Target | Source::Portal)
            {
                // The first packet was counted when it was sent; what follows the answer comes by at once.
                counted.sent += f64::from(reply.packets.0) - 1.0;
                counted.received += f64::from(reply.packets.1);
            }
            self.core.handle_event(Event::Probe { id: reply.id, outcome }, self.now);
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.core.poll_action() {
            if self.keep_costs {
                self.note_cost(&action);
            }
            if let Action::Probe { id, link, target, .. } = action {
                if let Some(count) = self.probes.get_mut(usize::from(link.0)) {
                    *count += 1;
                }
                self.send(id, link, target, false);
                self.look_up(link, target);
                continue;
            }
            self.actions += 1;
            if self.keep_actions {
                self.log.push((self.now, action.clone()));
            }
            match action {
                Action::Canary { id, family, link, target, .. } => {
                    if self.uplink(family) == Some(link) {
                        self.send(id, link, target, true);
                    }
                }
                Action::SampleTraffic { link } => {
                    self.count();
                    let counted = self.counted.get(usize::from(link.0));
                    if let Some((received, sent)) = counted.map(|c| (c.received as u64, c.sent as u64)) {
                        self.core.handle_event(Event::Traffic { link, received, sent }, self.now);
                    }
                }
                Action::Rank { id, family, order, .. } => {
                    self.count();
                    if let Some(ranking) = self.ranking.get_mut(place(family)) {
                        *ranking = order;
                    }
                    let ranked = Event::Ranked { id, at: self.now + KERNEL_TIME, accepted: true };
                    self.core.handle_event(ranked, self.now);
                }
                Action::Journal(entry) => self.entries.push(entry),
                Action::AskGateway { id, link, family, .. } => {
                    let weather = self.weather.get(usize::from(link.0)).and_then(|w| w.get(place(family)));
                    let answers = weather.is_some_and(|weather| weather.gateway);
                    self.core.handle_event(Event::Gateway { id, link, family, answers }, self.now);
                }
                Action::Probe { .. } | Action::CutFlows { .. } | Action::KeepForce(_) => {}
            }
        }
        self.core.rest(self.now);
    }

    /// Counts the packets of all links up to now.
    fn count(&mut self) {
        let uplink = self.uplink(Family::V4).map(|link| usize::from(link.0));
        for (number, (counted, weather)) in self.counted.iter_mut().zip(&self.weather).enumerate() {
            let passed = self.now.since(counted.at).as_secs_f64();
            for weather in weather {
                let heard = weather.cut.map_or(passed, |cut| passed.min(cut.since(counted.at).as_secs_f64()));
                let users = if uplink == Some(number) { weather.users } else { 0.0 };
                counted.sent += users * passed;
                counted.received += users * heard + weather.strangers * passed;
            }
            counted.at = self.now;
        }
    }

    fn target(&self, link: LinkId, target: TargetId) -> Option<Target> {
        self.targets.get(usize::from(link.0))?.get(usize::from(target.0)).copied()
    }

    /// The prober forgets what it knows of names, as it does with a new path.
    pub fn forget_names(&mut self, link: LinkId) {
        self.names.retain(|(of, _), _| *of != link);
    }

    /// As the prober does with a probe of a name, where that is due.
    fn look_up(&mut self, link: LinkId, target: TargetId) {
        let Some(Target { family, look_up: bytes, .. }) = self.target(link, target) else { return };
        if bytes == 0 || self.names.get(&(link, target)).is_some_and(|next| *next > self.now) {
            return;
        }
        let weather = self.weather.get(usize::from(link.0)).and_then(|w| w.get(place(family)));
        let unknown = weather.is_some_and(|weather| weather.unresolved.contains(&target));
        let wait = if unknown { NAME_RETRY } else { NAME_LIFE.mul_f64(1.0 + self.chance()) };
        self.names.insert((link, target), self.now + wait);
        if self.keep_costs {
            self.costs.push((self.now, link, bytes));
        }
        let packets = Packets { sent: 1, received: 1 };
        if let Some(counted) = self.counted.get_mut(usize::from(link.0)) {
            counted.sent += 1.0;
            counted.received += 1.0;
        }
        self.core.handle_event(Event::Spent { link, bytes, packets }, self.now);
    }

    fn note_cost(&mut self, action: &Action) {
        let (Action::Probe { link, target, .. } | Action::Canary { link, target, .. }) = *action else {
            return;
        };
        if let Some(Target { cost, .. }) = self.target(link, target) {
            self.costs.push((self.now, link, cost));
        }
    }

    fn send(&mut self, id: ProbeId, link: LinkId, target: TargetId, canary: bool) {
        let (number, draw, wait) = (usize::from(link.0), self.chance(), self.chance());
        let Some(Target { family, packets, .. }) = self.target(link, target) else { return };
        let Some(weather) = self.weather.get(number).and_then(|w| w.get(place(family))) else { return };
        let v6 = family == Family::V6;
        if weather.unresolved.contains(&target) {
            // The prober's word wakes the loop at once; here the next turn does as well.
            let (at, from) = (self.now, if canary { Source::Edge } else { Source::Prober });
            return self.replies.push(Reverse(Reply { at, id, link, v6, sent: at, from, packets: (0, 0) }));
        }
        if let Some(counted) = self.counted.get_mut(number) {
            counted.sent += 1.0;
        }
        let blocked = canary && !weather.forwards || weather.gone.contains(&target) || draw < weather.loss;
        if !blocked && weather.cut.is_none() {
            let at = self.now + weather.rtt + weather.jitter.mul_f64(wait);
            let from = if weather.portal.contains(&target) { Source::Portal } else { Source::Target };
            let packets = (packets.sent, packets.received);
            self.replies.push(Reverse(Reply { at, id, link, v6, sent: self.now, from, packets }));
        }
    }

    /// From 0 to nearly 1 (xorshift64*).
    fn chance(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(1_u32 << 24)
    }
}

/// The place of a family in the simulation's arrays.
#[must_use]
pub const fn place(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}
