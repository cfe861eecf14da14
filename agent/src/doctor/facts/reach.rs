//! Asks each target over each link, by probes bound as the daemon's own.
//!
//! Bounded in everything: a few rounds, so many targets, and the longest time that is waited. A daemon that runs beside
//! it has sockets of its own, and neither sees the other's answers.

use super::network::Network;
use crate::clock;
use crate::netlink::{Binding, DefaultRoute, Given, Memory, Way, WayOut};
use crate::probe::{GatewayAnswer, ProbeError, Prober};
use shunt_config::{Config, Gateway, Link};
use shunt_decision::{CheckId, Family, LinkId, Outcome, PathState, ProbeId, TargetId, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

/// Probes of each target: one lost packet is no finding.
const ROUNDS: u64 = 3;
/// Time between two rounds: a pause of a quarter of a second does not hit two of them.
const PACE: Duration = Duration::from_millis(300);
/// The longest that a reply is waited for, whatever the config allows: an operator sits in front of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// How often answers are looked for. They are stamped by the kernel, so that this costs no accuracy.
const LOOK: Duration = Duration::from_millis(10);
/// Targets that are asked in all, over all links: a config may hold 2,000.
const TARGETS_AT_MOST: usize = 256;

/// What came of a link's targets of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The link's place in the config.
    pub(crate) link: usize,
    pub(crate) family: Family,
    /// Or why nothing was sent: a part of a sentence that follows on "because".
    pub(crate) targets: Result<Vec<TargetReach>, NotSent>,
    /// Whether the router answered on the wire; `None`: it was not, or cannot be, asked.
    pub(crate) router: Option<(IpAddr, bool)>,
}

/// Why nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// Nobody wanted it, or it cannot be.
    Because(String),
    /// More rights are needed.
    Denied(String),
    /// The link has no path in this family; that is told elsewhere.
    NoPath,
}

/// What came of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetReach {
    /// As it is written in the config.
    pub(crate) target: String,
    pub(crate) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It answered: the quickest round trip, and how many of all probes were not answered.
    Replies { rtt: Duration, lost: u64, sent: u64 },
    /// It said no.
    Refused,
    /// Somebody else answered in its place.
    Intercepted,
    /// Its name is not known.
    Unresolved,
    /// Nothing could be sent.
    Unsendable,
    /// Nothing came back.
    Silent,
    /// There are too many targets to ask them all.
    NotAsked,
}

/// The ways out of a link, by the operator's word or by the default routes in `main`.
pub(crate) fn way_out(link: &Link, network: &Network, family: Family, now: Timestamp) -> WayOut {
    let interface = network.interface(&link.interface).map(|seen| &seen.interface);
    let addresses = network.addresses.as_deref().unwrap_or(&[]);
    let defaults: &[DefaultRoute] = network.defaults.get(family).as_deref().unwrap_or(&[]);
    let given = Given { configured: configured(link, family), ..Given::default() };
    Memory::default().judge(interface, addresses, defaults, family, given, now)
}

fn configured(link: &Link, family: Family) -> Option<Way> {
    fn way<A: Into<IpAddr>>(gateway: Gateway<A>) -> Way {
        match gateway {
            Gateway::Via(router) => Way::Via(router.into()),
            Gateway::OnLink => Way::OnLink,
        }
    }
    match family {
        Family::V4 => link.gateway.map(way),
        Family::V6 => link.gateway6.map(way),
    }
}

/// Sends the probes of all links together, and waits for what comes of them.
pub(super) fn ask(config: Option<&Config>, network: &Network, offline: bool, now: Timestamp) -> Vec<Reach> {
    let Some(config) = config else { return Vec::new() };
    let targets: Vec<Vec<_>> =
        config.links.iter().map(|link| link.targets.iter().map(|t| t.target.clone()).collect()).collect();
    let resolvers: Vec<_> = config.links.iter().map(|link| link.resolvers.clone()).collect();
    let mut round = Round {
        prober: Prober::new(&targets).resolving_by(&resolvers),
        asked: BTreeMap::new(),
        tallies: BTreeMap::new(),
        gateways: Vec::new(),
    };
    let mut all = Vec::new();
    for (place, link) in config.links.iter().enumerate() {
        for family in Family::ALL {
            if !link.targets.iter().any(|t| t.target.is_ipv4() == (family == Family::V4)) {
                continue;
            }
            let ready = if offline {
                Err(NotSent::Because("--offline was given".to_owned()))
            } else {
                round.prepare(config, place, family, network, now)
            };
            let router = ready.as_ref().ok().copied().flatten();
            all.push((place, family, ready.map(|_| ()), router));
        }
    }
    if !round.tallies.is_empty() {
        round.run(
            config,
            &all.iter().filter_map(|(place, .., router)| Some((*place, (*router)?))).collect::<Vec<_>>(),
        );
    }
    let finish =
        |(link, family, ready, router): (usize, Family, Result<(), NotSent>, Option<IpAddr>)| Reach {
            link,
            family,
            targets: ready.map(|()| round.results(config, link, family)),
            router: router.and_then(|router| round.router(link, family).map(|answers| (router, answers))),
        };
    all.into_iter().map(finish).collect()
}

/// What came of one target so far.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    best: Option<Duration>,
    replies: u64,
    /// Another outcome than a reply, the last one.
    other: Option<Outcome>,
}

/// The asking.
struct Round {
    prober: Prober,
    /// By probe.
    asked: BTreeMap<ProbeId, (LinkId, TargetId)>,
    tallies: BTreeMap<(LinkId, TargetId), Tally>,
    gateways: Vec<GatewayAnswer>,
}

impl Round {
    /// Opens the sockets of a path; its router, if it has one.
    fn prepare(
        &mut self,
        config: &Config,
        place: usize,
        family: Family,
        network: &Network,
        now: Timestamp,
    ) -> Result<Option<IpAddr>, NotSent> {
        let Some(link) = config.links.get(place) else { return Err(NotSent::NoPath) };
        let path = way_out(link, network, family, now);
        let Some(source) = path.source else { return Err(NotSent::NoPath) };
        // Once its rules stand, the agent's tables lead the way, even to what `main` knows nothing of.
        let own = |rule: &crate::netlink::FoundRule| rule.protocol == config.kernel.protocol;
        let guided = network.rules.get(family).as_ref().is_ok_and(|rules| rules.iter().any(own));
        let defaults: &[DefaultRoute] = network.defaults.get(family).as_deref().unwrap_or(&[]);
        let in_main = defaults.iter().any(|route| route.index == path.index);
        if !guided && !in_main {
            if path.state != PathState::Ready {
                return Err(NotSent::NoPath);
            }
            let text = "its way out is not in the table main, and becomes known to the kernel only when the agent runs";
            return Err(NotSent::Because(text.to_owned()));
        }
        let mark = config.kernel.link_mark(place);
        let router = path.way.and_then(Way::router);
        let binding = Binding { interface: link.interface.clone(), index: path.index, source, router, mark };
        let id = link_id(place);
        self.prober.bind(id, family, Some(binding), now).map_err(|error| refused(&error))?;
        for (number, weighted) in (0_u8..).zip(&link.targets) {
            if weighted.target.is_ipv4() == (family == Family::V4) && self.tallies.len() < TARGETS_AT_MOST {
                self.tallies.insert((id, TargetId(number)), Tally::default());
            }
        }
        Ok(router)
    }

    fn run(&mut self, config: &Config, routers: &[(usize, IpAddr)]) {
        let begin = clock::now();
        let longest =
            config.links.iter().map(|link| link.probe.timeout).max().unwrap_or(PATIENCE).min(PATIENCE);
        for (number, (place, router)) in (0..).zip(routers) {
            let check = (CheckId(number), link_id(*place));
            self.prober.ask_gateway(check, *router, begin, begin + longest);
        }
        let mut rounds = 0;
        let (mut outcomes, mut end) = (Vec::new(), begin + longest);
        loop {
            let now = clock::now();
            if rounds < ROUNDS && now.since(begin) >= PACE.saturating_mul(u32::try_from(rounds).unwrap_or(0))
            {
                end = now + longest;
                self.send(config, rounds, now, end);
                rounds += 1;
            }
            self.prober.drain(now, &mut outcomes);
            self.prober.gateway_answers(now, &mut self.gateways);
            outcomes.drain(..).for_each(|(id, outcome)| self.take(id, outcome));
            let routers_known = self.prober.poll_timeout().is_none();
            if rounds == ROUNDS && (now >= end || self.asked.is_empty() && routers_known) {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// One probe to each target; on a metered link with a budget in the first round only.
    fn send(&mut self, config: &Config, round: u64, now: Timestamp, expires: Timestamp) {
        for (place, ((link, target), tally)) in (0_u64..).zip(&mut self.tallies) {
            let spare = config.links.get(usize::from(link.0)).is_some_and(|link| link.probe_budget.is_some());
            if spare && round > 0 {
                continue;
            }
            let most = u64::try_from(TARGETS_AT_MOST).unwrap_or(u64::MAX);
            let id = ProbeId(round * most + place);
            tally.sent += 1;
            self.asked.insert(id, (*link, *target));
            self.prober.send(id, *link, *target, now, expires);
        }
    }

    fn take(&mut self, id: ProbeId, outcome: Outcome) {
        let Some(tally) = self.asked.remove(&id).and_then(|key| self.tallies.get_mut(&key)) else { return };
        match outcome {
            Outcome::Reply { rtt, .. } => {
                tally.replies += 1;
                tally.best = Some(tally.best.map_or(rtt, |best| best.min(rtt)));
            }
            other => tally.other = Some(other),
        }
    }

    fn results(&self, config: &Config, place: usize, family: Family) -> Vec<TargetReach> {
        let Some(link) = config.links.get(place) else { return Vec::new() };
        let of = |(number, weighted): (u8, &shunt_config::Weighted)| {
            let tally = self.tallies.get(&(link_id(place), TargetId(number)));
            TargetReach {
                target: weighted.to_string(),
                answer: tally.map_or(Answer::NotAsked, Tally::answer),
            }
        };
        let ours = |(_, weighted): &(u8, &shunt_config::Weighted)| {
            weighted.target.is_ipv4() == (family == Family::V4)
        };
        (0_u8..).zip(&link.targets).filter(ours).map(of).collect()
    }

    fn router(&self, place: usize, family: Family) -> Option<bool> {
        let ours = |answer: &&GatewayAnswer| answer.link == link_id(place) && answer.family == family;
        self.gateways.iter().find(ours).map(|answer| answer.answers)
    }
}

impl Tally {
    fn answer(&self) -> Answer {
        if let Some(rtt) = self.best {
            return Answer::Replies { rtt, lost: self.sent.saturating_sub(self.replies), sent: self.sent };
        }
        match self.other {
            Some(Outcome::Refused) => Answer::Refused,
            Some(Outcome::Intercepted) => Answer::Intercepted,
            Some(Outcome::Unresolved) => Answer::Unresolved,
            Some(Outcome::Unsendable) => Answer::Unsendable,
            Some(Outcome::Reply { .. }) | None => Answer::Silent,
        }
    }
}

/// A config has 127 links at most.
fn link_id(place: usize) -> LinkId {
    LinkId(u8::try_from(place).unwrap_or(u8::MAX))
}

fn refused(error: &ProbeError) -> NotSent {
    let text = format!("it failed to {error}");
    match crate::cli::Exit::of(error, crate::cli::Exit::Failed) {
        crate::cli::Exit::Denied => NotSent::Denied(text),
        _ => NotSent::Because(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_outweighs_every_other_outcome() {
        let rtt = Duration::from_millis(7);
        let with = |replies, other| Tally { sent: 3, best: (replies > 0).then_some(rtt), replies, other };
        for (tally, expected) in [
            (with(3, None), Answer::Replies { rtt, lost: 0, sent: 3 }),
            (with(1, Some(Outcome::Refused)), Answer::Replies { rtt, lost: 2, sent: 3 }),
            (with(0, Some(Outcome::Refused)), Answer::Refused),
            (with(0, Some(Outcome::Intercepted)), Answer::Intercepted),
            (with(0, Some(Outcome::Unresolved)), Answer::Unresolved),
            (with(0, Some(Outcome::Unsendable)), Answer::Unsendable),
            (with(0, None), Answer::Silent),
        ] {
            assert_eq!(tally.answer(), expected);
        }
    }
}
