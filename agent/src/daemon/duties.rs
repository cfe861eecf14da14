//! Whether the loop takes up its duties: what has to have happened by when for the watchdogs to be fed.
//!
//! Why: a loop that turns is not yet one that works. Feeds end only for what a restart mends, a part that no longer takes
//! up its work. A link that is down, a target that is silent or a route that the kernel refuses is work that was taken up.
//! Pure: the loop tells what was done and what its parts have planned, and asks when a feed is due.

use super::settings;
use shunt_decision::{Family, LinkId, TargetId, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What is due is taken up in the same turn, so that none of it is ever late by as much; a machine that stood still or
/// is overloaded has done its first turn by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Probes are sent to the grid, moved by chance, and left out for a while after a move: never for three intervals.
const INTERVALS: u32 = 3;
/// On top of that: canaries, names that are looked up first, a standstill.
const PROBE_PATIENCE: Duration = Duration::from_secs(60);

/// Where a budget rules the pace, a link may be asked once a day only.
const BUDGETED: Duration = Duration::from_secs(86_400);

/// What the loop owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// The decisions' timers are handed to them.
    Decisions,
    /// While a link has a path, something is planned.
    Plan,
    /// Over each path that can carry something, probes are sent.
    Probes,
    /// What the prober waits for is looked after.
    Answers,
    /// The routes are compared with the kernel; what it refuses is known, told and tried again.
    Routes,
}

/// Why no watchdog is fed. Completes "no watchdog is fed: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reason {
    /// What was not taken up.
    pub(super) duty: Duty,
    /// How long it has been overdue.
    pub(super) overdue: Duration,
}

/// What the parts have planned, at the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Planned {
    /// The decisions' next timer.
    pub(super) decisions: Option<Timestamp>,
    /// The prober's.
    pub(super) answers: Option<Timestamp>,
    /// That of the kernel's edge, which always has one.
    pub(super) routes: Option<Timestamp>,
}

/// A link in the ledger. What lacks carrier or a bearer is not probed, whatever addresses it has.
#[derive(Debug, Clone)]
struct Owed {
    /// How long the probes of a path may be missing.
    patience: Duration,
    /// The family of each target.
    families: Vec<Family>,
    carrier: bool,
    bearer: bool,
}

impl Owed {
    /// Whether its paths can be probed.
    fn carries(&self) -> bool {
        self.carrier && self.bearer
    }

    fn of(link: &shunt_config::Link) -> Self {
        let interval = match link.probe_budget {
            Some(_) => BUDGETED,
            None if link.metered => link.probe.interval.max(link.probe.standby_interval),
            None => link.probe.interval,
        };
        Self {
            patience: interval.saturating_mul(INTERVALS).saturating_add(PROBE_PATIENCE),
            families: link.targets.iter().map(|weighted| settings::family(&weighted.target)).collect(),
            carrier: true,
            bearer: true,
        }
    }
}

/// What was done.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    links: Vec<Owed>,
    /// The paths that are there, and when each was probed last, or could be probed first.
    probed: BTreeMap<(LinkId, Family), Timestamp>,
    /// Since when the decisions have planned nothing, and the routes' edge.
    nothing: [Option<Timestamp>; 2],
}

impl Ledger {
    /// A ledger for the links of this config, none of which has a path yet.
    pub(super) fn new(config: &shunt_config::Config) -> Self {
        let links = config.links.iter().map(Owed::of).collect();
        Self { links, probed: BTreeMap::new(), nothing: [None; 2] }
    }

    /// A path came or went. One of a family without a target is not managed.
    pub(super) fn path(&mut self, path: (LinkId, Family), ready: bool, now: Timestamp) {
        let (link, family) = path;
        let managed = self.link(link).is_some_and(|link| link.families.contains(&family));
        if ready && managed {
            self.probed.entry(path).or_insert(now);
        } else {
            self.probed.remove(&path);
        }
    }

    /// A link's carrier came or went.
    pub(super) fn carrier(&mut self, link: LinkId, up: bool, now: Timestamp) {
        self.change(link, now, |owed| owed.carrier = up);
    }

    /// The bearer of a link's modem came or went.
    pub(super) fn bearer(&mut self, link: LinkId, up: bool, now: Timestamp) {
        self.change(link, now, |owed| owed.bearer = up);
    }

    fn change(&mut self, link: LinkId, now: Timestamp, set: impl FnOnce(&mut Owed)) {
        let Some(owed) = self.links.get_mut(usize::from(link.0)) else { return };
        let was = owed.carries();
        set(owed);
        if was || !owed.carries() {
            return;
        }
        self.begin_anew(link, now);
    }

    /// A probe was sent, or it is known why it could not be.
    pub(super) fn probed(&mut self, link: LinkId, target: TargetId, now: Timestamp) {
        let family = self.link(link).and_then(|link| link.families.get(usize::from(target.0)).copied());
        if let Some(at) = family.and_then(|family| self.probed.get_mut(&(link, family))) {
            *at = now;
        }
    }

    /// The link owes its probe budget, and nothing is sent over it before that is paid off, which may take weeks.
    pub(super) fn indebted(&mut self, link: LinkId, now: Timestamp) {
        self.begin_anew(link, now);
    }

    /// The machine stood still: nobody could do anything, and all begins anew.
    pub(super) fn stood_still(&mut self, now: Timestamp) {
        self.probed.values_mut().for_each(|at| *at = now);
        self.nothing = [None; 2];
    }

    /// What could not be probed is not late for that.
    fn begin_anew(&mut self, link: LinkId, now: Timestamp) {
        for (_, at) in self.probed.iter_mut().filter(|((other, _), _)| *other == link) {
            *at = now;
        }
    }

    fn link(&self, link: LinkId) -> Option<&Owed> {
        self.links.get(usize::from(link.0))
    }

    /// The paths that are to be probed: when each was the last time, and how long that may be ago.
    fn owed(&self) -> impl Iterator<Item = (Timestamp, Duration)> + '_ {
        self.probed.iter().filter_map(|((link, _), at)| {
            let owed = self.link(*link).filter(|owed| owed.carries())?;
            Some((*at, owed.patience))
        })
    }

    /// Whether the watchdogs may be fed.
    ///
    /// # Errors
    /// What has been overdue for the longest time.
    pub(super) fn judge(&mut self, planned: Planned, now: Timestamp) -> Result<(), Reason> {
        let Planned { decisions, answers, routes } = planned;
        let probing = self.owed().next().is_some();
        let idle = [probing && decisions.is_none(), routes.is_none()];
        for (since, idle) in self.nothing.iter_mut().zip(idle) {
            *since = idle.then(|| since.unwrap_or(now));
        }
        let [no_plan, no_routes] = self.nothing;
        let owed = [
            (Duty::Decisions, decisions, PATIENCE),
            (Duty::Plan, no_plan, PATIENCE),
            (Duty::Answers, answers, PATIENCE),
            (Duty::Routes, routes.or(no_routes), PATIENCE),
        ];
        let probes = self.owed().map(|(at, patience)| (Duty::Probes, Some(at), patience));
        let late = owed.into_iter().chain(probes).filter_map(|(duty, by, patience)| {
            let overdue = now.since(by?);
            (overdue > patience).then_some(Reason { duty, overdue })
        });
        late.max_by_key(|reason| reason.overdue).map_or(Ok(()), Err)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.duty {
            Duty::Decisions => "a timer of the decisions was not taken up",
            Duty::Plan => "the decisions have planned nothing although a link has a path",
            Duty::Probes => "no probe was sent over a link that has a path",
            Duty::Answers => "what the prober waits for was not looked after",
            Duty::Routes => "the routes were not compared with the kernel",
        };
        write!(f, "{what} for {} s", self.overdue.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The first link is probed each second, the second one each 30 s.
    const USUAL: (LinkId, Family) = (LinkId(0), Family::V4);
    const METERED: (LinkId, Family) = (LinkId(1), Family::V4);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    fn ledger(keys: &str) -> Ledger {
        let text = format!(
            "targets = [\"192.0.2.1\"]\n[probe]\nstandby_interval = \"30s\"\n\
             [[link]]\nname = \"a\"\ninterface = \"a0\"\n{keys}\n[[link]]\nname = \"b\"\ninterface = \"b0\"\nmetered = true\n"
        );
        Ledger::new(&shunt_config::parse(&text, Path::new("test.toml")).unwrap())
    }

    /// What is planned and what was done (the last probe), and what is overdue at 1000 s.
    #[test]
    fn the_whole_table() {
        let soon = Some(at(1_001));
        let fine = Planned { decisions: soon, answers: None, routes: soon };
        let rows = [
            (fine, true, 999, None),
            (fine, false, 0, None),
            // 3 × 30 s + 60 s.
            (fine, true, 850, None),
            (fine, true, 849, Some((Duty::Probes, 151))),
            (Planned { decisions: Some(at(990)), ..fine }, true, 999, None),
            (Planned { decisions: Some(at(989)), ..fine }, true, 999, Some((Duty::Decisions, 11))),
            (Planned { decisions: Some(at(989)), ..fine }, false, 999, Some((Duty::Decisions, 11))),
            (Planned { decisions: None, ..fine }, false, 999, None),
            (Planned { answers: Some(at(980)), ..fine }, true, 999, Some((Duty::Answers, 20))),
            (Planned { routes: Some(at(940)), ..fine }, true, 999, Some((Duty::Routes, 60))),
            // The worst is told.
            (Planned { routes: Some(at(940)), ..fine }, true, 100, Some((Duty::Probes, 900))),
        ];
        for (planned, ready, probed, late) in rows {
            let mut ledger = ledger("");
            ledger.path(METERED, ready, at(0));
            ledger.probed(METERED.0, TargetId(0), at(probed));
            let told = ledger.judge(planned, at(1_000)).err();
            let late = late.map(|(duty, s)| Reason { duty, overdue: Duration::from_secs(s) });
            assert_eq!(told, late, "{planned:?}, ready {ready}, probed at {probed}");
        }
    }

    #[test]
    fn who_plans_nothing_at_all_is_late_as_well() {
        let mut ledger = ledger("");
        ledger.path(METERED, true, at(0));
        let nothing = Planned { routes: Some(at(1_000)), ..Planned::default() };
        assert_eq!(ledger.judge(nothing, at(1)), Ok(()));
        let late = ledger.judge(nothing, at(12)).unwrap_err();
        assert_eq!((late.duty, late.overdue.as_secs()), (Duty::Plan, 11));
        ledger.stood_still(at(13));
        assert_eq!(ledger.judge(nothing, at(13)), Ok(()));
        // Without a path there is nothing to plan; the kernel is looked at all the same.
        ledger.path(METERED, false, at(20));
        assert_eq!(ledger.judge(Planned::default(), at(100)), Ok(()));
        let late = ledger.judge(Planned::default(), at(111)).unwrap_err();
        assert_eq!((late.duty, late.overdue.as_secs()), (Duty::Routes, 11));
    }

    #[test]
    fn a_path_that_comes_late_and_a_budget_are_no_silence() {
        let fine = |now| Planned { decisions: Some(now), answers: None, routes: Some(now) };
        let mut late = ledger("");
        late.path(METERED, true, at(5_000));
        assert_eq!(late.judge(fine(at(5_149)), at(5_149)), Ok(()));
        assert_eq!(late.judge(fine(at(5_151)), at(5_151)).unwrap_err().duty, Duty::Probes);
        let mut kept_low = ledger("probe_budget = \"1 MB/month\"");
        kept_low.path(USUAL, true, at(0));
        assert_eq!(kept_low.judge(fine(at(200_000)), at(200_000)), Ok(()));
        assert_eq!(kept_low.judge(fine(at(300_000)), at(300_000)).unwrap_err().duty, Duty::Probes);
    }

    #[test]
    fn a_debt_of_weeks_is_no_silence() {
        let fine = |now| Planned { decisions: Some(now), answers: None, routes: Some(now) };
        let mut ledger = ledger("probe_budget = \"1 MB/month\"");
        ledger.path(USUAL, true, at(0));
        for day in 1..14 {
            ledger.indebted(USUAL.0, at(day * 86_400));
            assert_eq!(ledger.judge(fine(at(day * 86_400)), at(day * 86_400)), Ok(()));
        }
        assert_eq!(ledger.judge(fine(at(20 * 86_400)), at(20 * 86_400)).unwrap_err().duty, Duty::Probes);
    }

    #[test]
    fn each_path_is_owed_its_own_probes_whatever_the_others_have() {
        let fine = |now| Planned { decisions: Some(now), answers: None, routes: Some(now) };
        let late =
            |ledger: &mut Ledger, now| ledger.judge(fine(at(now)), at(now)).err().map(|late| late.duty);
        // The other link may be asked once a day, and is asked all the time: it does not speak for the first.
        let mut ledger = Ledger::new(
            &shunt_config::parse(
                "[[link]]\nname = \"a\"\ninterface = \"a0\"\ntargets = [\"192.0.2.1\", \"2001:db8::1\"]\n\
                 [[link]]\nname = \"b\"\ninterface = \"b0\"\ntargets = [\"192.0.2.1\"]\nprobe_budget = \"1 MB/month\"\n",
                Path::new("test.toml"),
            )
            .unwrap(),
        );
        ledger.path(USUAL, true, at(0));
        ledger.path(METERED, true, at(0));
        ledger.probed(METERED.0, TargetId(0), at(60));
        assert_eq!(late(&mut ledger, 63), None);
        assert_eq!(late(&mut ledger, 64), Some(Duty::Probes));
        // Nor does one family for the other, and one without a target is owed nothing.
        ledger.probed(USUAL.0, TargetId(0), at(64));
        ledger.path((LinkId(0), Family::V6), true, at(64));
        ledger.path((LinkId(1), Family::V6), true, at(64));
        ledger.probed(USUAL.0, TargetId(0), at(120));
        assert_eq!(late(&mut ledger, 128), Some(Duty::Probes));
        ledger.probed(USUAL.0, TargetId(1), at(128));
        assert_eq!(late(&mut ledger, 128), None);
    }

    /// The addresses and routes of a dead link stay where they were set by hand.
    #[test]
    fn a_link_without_carrier_or_bearer_is_owed_no_probes_until_it_is_back() {
        let fine = |now| Planned { decisions: None, answers: None, routes: Some(at(now)) };
        let changes: [fn(&mut Ledger, bool, Timestamp); 2] = [
            |ledger, up, now| ledger.carrier(LinkId(0), up, now),
            |ledger, up, now| ledger.bearer(LinkId(0), up, now),
        ];
        for change in changes {
            let mut ledger = ledger("");
            ledger.path(USUAL, true, at(0));
            change(&mut ledger, false, at(10));
            assert_eq!(ledger.judge(fine(10_000), at(10_000)), Ok(()));
            change(&mut ledger, true, at(10_000));
            let planned = Planned { decisions: Some(at(10_064)), ..fine(10_064) };
            assert_eq!(ledger.judge(planned, at(10_063)), Ok(()));
            // That it is still there is no probe.
            change(&mut ledger, true, at(10_063));
            assert_eq!(ledger.judge(planned, at(10_064)).unwrap_err().duty, Duty::Probes);
        }
    }

    #[test]
    fn a_reason_is_a_sentence() {
        let reason = Reason { duty: Duty::Routes, overdue: Duration::from_millis(40_900) };
        assert_eq!(reason.to_string(), "the routes were not compared with the kernel for 40 s");
    }
}
