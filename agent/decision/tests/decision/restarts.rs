//! A link's probe budget is kept over restarts, however often and however unkindly the agent ends.

use crate::simulation::{Simulation, two_links};
use proptest::prelude::*;
use shunt_decision::{Event, Family, LinkId, Missing, Packets, PathState, ProbeBudget, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

const LTE: LinkId = LinkId(1);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// How often the edge looks whether another floor must be on record, at the least.
const LOOK: Duration = Duration::from_millis(100);

/// A daemon that starts again and again: what it has on record, and what all its cores cost LTE.
struct Starts {
    allowed: ProbeBudget,
    floor: Option<i64>,
    seed: u64,
    begin: Timestamp,
    costs: Vec<(Timestamp, u64)>,
    /// What was owed at each look.
    owed: Vec<(Timestamp, u64)>,
    writes: u32,
}

impl Starts {
    fn new(allowed: ProbeBudget) -> Self {
        Self {
            allowed,
            floor: None,
            seed: 0,
            begin: Timestamp::ZERO,
            costs: Vec::new(),
            owed: Vec::new(),
            writes: 0,
        }
    }

    /// Runs one core for so long, in the worst of weathers: LTE is the uplink and loses much, and each second a page
    /// takes `more` beyond its price. Then it is killed, or ends in order.
    fn run(&mut self, time: Duration, more: u32, in_order: bool) {
        let mut config = two_links(Duration::from_secs(1));
        config.links[1].budget = Some(self.allowed);
        self.seed += 1;
        let mut simulation = Simulation::bare(config, &[10, 40].map(Duration::from_millis), self.seed);
        simulation.keep_costs = true;
        let start = self.allowed.start(self.floor);
        self.keep(start.floor);
        simulation.core.set_balance(LTE, start.balance);
        for link in [LinkId(0), LTE] {
            let ready = link == LTE;
            let state = if ready { PathState::Ready } else { PathState::Missing(Missing::Interface) };
            simulation.tell(Event::Path { link, family: Family::V4, state });
        }
        simulation.weather[1][0].loss = 0.3;
        let (begin, mut page) = (simulation.now(), Duration::from_secs(1));
        while simulation.now().since(begin) < time {
            simulation.run_for(LOOK.min(time));
            if more > 0 && simulation.now().since(begin) >= page {
                page += Duration::from_secs(1);
                simulation.tell(Event::Spent { link: LTE, bytes: more, packets: Packets::default() });
                let at = self.begin + simulation.now().since(Timestamp::ZERO);
                self.costs.push((at, more.into()));
            }
            let balance = simulation.core.balance(LTE).unwrap();
            let at = self.begin + simulation.now().since(Timestamp::ZERO);
            self.owed.push((at, balance.min(0).unsigned_abs()));
            if let Some(floor) = self.allowed.lower_floor(self.floor.unwrap(), balance) {
                self.keep(floor);
            }
        }
        if in_order {
            self.keep(simulation.core.balance(LTE).unwrap());
        }
        let costs = simulation.costs.iter().filter(|(_, link, _)| *link == LTE);
        let at = |at: Timestamp| self.begin + at.since(Timestamp::ZERO);
        let costs: Vec<_> = costs.map(|(when, _, cost)| (at(*when), u64::from(*cost))).collect();
        self.costs.extend(costs);
        self.begin = self.begin + simulation.now().since(Timestamp::ZERO);
    }

    fn keep(&mut self, floor: i64) {
        self.writes += u32::from(self.floor != Some(floor));
        self.floor = Some(floor);
    }

    fn spent(&self) -> u64 {
        self.costs.iter().map(|(_, cost)| cost).sum()
    }
}

/// A crash loop; `forgetful`: nothing is on record.
fn a_thousand_starts_in_an_hour(allowed: ProbeBudget, forgetful: bool) -> Starts {
    let mut starts = Starts::new(allowed);
    for _ in 0..1_000 {
        starts.run(Duration::from_millis(3_600), 0, false);
        starts.floor = starts.floor.filter(|_| !forgetful);
    }
    starts
}

#[test]
fn a_thousand_starts_in_an_hour_spend_one_reserve() {
    let allowed = ProbeBudget { bytes: 1_000_000, period: MONTH };
    let starts = a_thousand_starts_in_an_hour(allowed, false);
    // Half a bucket at the very first, and what an hour gains.
    let gained = allowed.bytes * 9 / 10 * 3_600 / MONTH.as_secs();
    let (spent, without) = (starts.spent(), a_thousand_starts_in_an_hour(allowed, true).spent());
    println!("{spent} bytes in 1,000 starts, {} writes; {without} without a record", starts.writes);
    assert!(spent <= allowed.capacity() / 2 + gained, "{spent}");
    assert!(without > allowed.capacity(), "no crash loop that would matter: {without}");
    // Half a bucket has sixteen steps; then there is nothing to write down either.
    assert!(starts.writes <= 17, "{}", starts.writes);
}

#[test]
fn a_restart_in_order_goes_on_with_what_was_left() {
    let mut starts = Starts::new(ProbeBudget { bytes: 100_000, period: MONTH });
    starts.run(Duration::from_secs(20), 0, true);
    let left = starts.floor.unwrap();
    assert!(left < 5_000, "something was spent: {left}");
    let start = starts.allowed.start(starts.floor);
    assert_eq!((start.balance, start.floor), (left, left - 312));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// However often it starts, how it ends, and whatever pages take beyond their price, which may be any amount: no
    /// window of the period sees more than the budget and what was owed then.
    #[test]
    fn no_window_over_restarts_sees_more_than_the_budget(
        bytes in 20_000..200_000_u64,
        more in prop_oneof![Just(0), 1..3_000_u32],
        runs in proptest::collection::vec((100..30_000_u64, any::<bool>()), 1..16),
    ) {
        let period = Duration::from_secs(60);
        let mut starts = Starts::new(ProbeBudget { bytes, period });
        for (millis, in_order) in runs {
            starts.run(Duration::from_millis(millis), more, in_order);
        }
        starts.costs.sort();
        let (mut window, mut sum) = (VecDeque::new(), 0);
        for (at, cost) in starts.costs {
            window.push_back((at, cost));
            sum += cost;
            while let Some((_, gone)) = window.pop_front_if(|(first, _)| at.since(*first) > period) {
                sum -= gone;
            }
            // At the next look this was known as a debt, less what a look refills; one page more may have come.
            let next = starts.owed.partition_point(|(look, _)| *look < at);
            let owed = starts.owed.get(next).or(starts.owed.last()).map_or(0, |(_, owed)| *owed);
            let refilled = bytes / 600;
            prop_assert!(sum <= bytes + owed + refilled + u64::from(more), "{sum} of {bytes}, {owed} owed");
        }
    }
}
