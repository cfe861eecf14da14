//! Shunt itself: the real decision core with the defaults of `config/shunt.toml` and the README's ten lines of config (two
//! targets, the backup metered), driven as the agent's loop drives it: answers are read on a wake-up, before the timers.

use super::Rules;
use crate::arena::contest::Air;
use crate::simulation;
use shunt_decision::{
    Action, Config, Event, Failover, Family, Happening, LinkId, Outcome, PathState, ProbeId, RankingId,
    TargetId, Timestamp,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Targets of each link.
pub(super) const TARGETS: u8 = 2;
/// The default interval of one target.
const INTERVAL: Duration = Duration::from_secs(1);
/// A metered link that stands by is asked so many times more rarely: the default standby interval is 30 s.
pub(super) const STANDBY_PARTS: u32 = 30;
/// 20 bytes of IP, 8 of ICMP, 16 of token: the agent's echo request.
const PROBE: u64 = 44;

/// Bytes of a request.
pub(super) const fn probe_size() -> u64 {
    PROBE
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reply {
    at: Timestamp,
    id: ProbeId,
    link: LinkId,
    sent: Timestamp,
}

/// The core and what lies in its sockets.
#[derive(Debug)]
pub(super) struct Shunt {
    core: Failover,
    replies: BinaryHeap<Reverse<Reply>>,
    /// Our own packets on each interface, sent and received.
    own: Vec<(u64, u64)>,
    /// The number of the latest incident, and the sending time of the first probe that it is about.
    incident: (u64, Timestamp),
    due: Timestamp,
}

impl Shunt {
    pub(super) fn new(air: &mut Air<'_>) -> Self {
        let core = Failover::new(config(air), air.seed(), air.now());
        let own = air.links().map(|_| (0, 0)).collect();
        let replies = BinaryHeap::new();
        let mut this = Self { core, replies, own, incident: (0, air.now()), due: air.now() };
        for link in air.links() {
            this.tell(Event::Path { link, family: Family::V4, state: PathState::Ready }, air);
        }
        this.set_due(air);
        this
    }

    fn tell(&mut self, event: Event, air: &mut Air<'_>) {
        self.core.handle_event(event, air.now());
        self.act(air);
    }

    fn set_due(&mut self, air: &Air<'_>) {
        // With nothing to wait for it would sleep for ever; it never does, since probes are always due.
        self.due = self.core.poll_timeout().map_or(air.now() + INTERVAL, |(at, _)| at.max(air.now()));
    }

    fn read_replies(&mut self, now: Timestamp) {
        while self.replies.peek().is_some_and(|Reverse(reply)| reply.at <= now) {
            let Some(Reverse(reply)) = self.replies.pop() else { break };
            if let Some((_, received)) = self.own.get_mut(usize::from(reply.link.0)) {
                *received += 1;
            }
            let outcome = Outcome::Reply { rtt: reply.at.since(reply.sent), at: reply.at };
            self.core.handle_event(Event::Probe { id: reply.id, outcome }, now);
        }
    }

    fn act(&mut self, air: &mut Air<'_>) {
        let mut ranked: Option<LinkId> = None;
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Probe { id, link, target, .. } => self.send(id, link, target, air),
                Action::Canary { id, link, target, .. } => self.send(id, link, target, air),
                Action::SampleTraffic { link } => self.sample(link, air),
                Action::Rank { id, order, .. } => {
                    ranked = order.first().copied().or(ranked);
                    self.tell_ranked(id, air.now());
                }
                Action::Journal(entry) => {
                    if let Happening::Incident(told) = entry.what {
                        self.incident = self.incident.max((told.number, told.zero));
                    }
                }
                // Outages lie beyond the gateway: carrier and gateway are there all the time.
                Action::AskGateway { id, link, family, .. } => {
                    let answer = Event::Gateway { id, link, family, answers: true };
                    self.core.handle_event(answer, air.now());
                }
                Action::CutFlows { .. } | Action::KeepForce(_) => {}
            }
        }
        if let Some(link) = ranked {
            air.use_link(link, air.now().since(self.incident.1));
        }
    }

    fn tell_ranked(&mut self, id: RankingId, at: Timestamp) {
        self.core.handle_event(Event::Ranked { id, at, accepted: true }, at);
    }

    fn send(&mut self, id: ProbeId, link: LinkId, target: TargetId, air: &mut Air<'_>) {
        if let Some((sent, _)) = self.own.get_mut(usize::from(link.0)) {
            *sent += 1;
        }
        let sent = air.now();
        let back = air.request(link, target, PROBE);
        self.replies.extend(back.map(|at| Reverse(Reply { at, id, link, sent })));
    }

    fn sample(&mut self, link: LinkId, air: &mut Air<'_>) {
        let users = air.users(link);
        let (sent, received) = self.own.get(usize::from(link.0)).copied().unwrap_or_default();
        let traffic = Event::Traffic { link, received: users.received + received, sent: users.sent + sent };
        self.core.handle_event(traffic, air.now());
    }
}

impl Rules for Shunt {
    fn due(&self) -> Timestamp {
        self.due
    }

    fn step(&mut self, air: &mut Air<'_>) {
        self.read_replies(air.now());
        self.core.handle_timeout(air.now());
        self.act(air);
        self.set_due(air);
    }
}

/// The README's config: the first link plain, the others metered.
fn config(air: &Air<'_>) -> Config {
    let plain = simulation::two_links(INTERVAL);
    let links = air.links().map(|link| {
        let mut config = simulation::link(&format!("link {}", link.0), INTERVAL, usize::from(TARGETS), 0);
        config.metered = link.0 > 0;
        config
    });
    Config { links: links.collect(), ..plain }
}
