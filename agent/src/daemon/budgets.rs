//! Probe budgets over restarts and reloads: what is on record of each, so that no start is given a new reserve. The rules
//! are the decision core's; here they meet the file, the links' names and the loop.

use super::event_loop::EventLoop;
use super::settings;
use super::store::Store;
use crate::probe::Spent;
use crate::state_file;
use shunt_config::Config;
use shunt_decision::{BudgetStart, Event, Failover, LinkId, ProbeBudget, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A higher floor is written this often at the most, for the sake of the flash chip: what it is worth is a better start
/// after a kill or a power cut, and it takes days to save it up.
const RAISE: Duration = Duration::from_secs(3_600);
/// A start waits so long for its floors to be on record: a tired flash card takes seconds at times, and a disk that hangs must
/// not keep the agent from its work.
const PATIENCE: Duration = Duration::from_secs(5);

/// The floors of budgets, in bytes by the names of their links: what a start may begin with.
pub(super) type Floors = BTreeMap<String, i64>;

/// What is on record of the budgets, or is being written.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    floors: Floors,
    raised: Timestamp,
    /// The floors are to be written although none was lowered or raised.
    unwritten: bool,
}

/// What a core begins with on each link, by number; `None` for a link without a budget.
pub(super) type Balances = Vec<Option<i64>>;

/// The file that holds the floors.
pub(super) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("budget.json")
}

impl Budgets {
    /// Takes up what the last run left, and has the floors on record before anything is spent. Where that cannot be, all
    /// reserves begin empty: a start that leaves no trace must not be paid for, as it may come again and again.
    pub(super) async fn start(config: &Config, store: &Store, now: Timestamp) -> (Self, Balances) {
        let path = file(&config.agent.state_dir);
        let kept = state_file::load::<Floors>(&path);
        let known = kept.as_ref().ok().cloned().flatten().unwrap_or_default();
        let mut this = Self { floors: Floors::new(), raised: now, unwritten: false };
        let mut balances = Vec::new();
        for (_, name, allowed) in budgets(config) {
            let kept = if kept.is_ok() { known.get(name).copied() } else { Some(0) };
            balances.push(allowed.map(|allowed| this.begin(name, allowed, kept)));
        }
        let saved = if this.floors == known { Ok(()) } else { put_on_record(&this.floors, store).await };
        if let Err(error) = kept.map(drop).map_err(|error| error.to_string()).and(saved) {
            tracing::warn!(
                "failed to take up the probe budgets of the last run by {}: {error}; their reserves begin empty, so \
                 that links with a budget are probed sparsely for some hours; make the file and its directory \
                 ([agent] state_dir) readable and writable",
                path.display()
            );
            let all = balances.iter_mut().flatten().chain(this.floors.values_mut());
            all.for_each(|bytes| *bytes = (*bytes).min(0));
            this.unwritten = true;
        }
        (this, balances)
    }

    /// What the core of a new config begins with: on a link that the old one had, what `left` tells of it.
    pub(super) fn go_on(&mut self, config: &Config, left: impl Fn(&str) -> Option<i64>) -> Balances {
        let old = std::mem::take(&mut self.floors);
        self.unwritten = true;
        let mut balances = Vec::new();
        for (_, name, allowed) in budgets(config) {
            balances.push(allowed.map(|allowed| match (old.get(name), left(name)) {
                (Some(floor), Some(left)) => {
                    self.floors.insert(name.to_owned(), *floor);
                    left
                }
                _ => self.begin(name, allowed, None),
            }));
        }
        balances
    }

    fn begin(&mut self, name: &str, allowed: ProbeBudget, kept: Option<i64>) -> i64 {
        let BudgetStart { balance, floor } = allowed.start(kept);
        self.floors.insert(name.to_owned(), floor);
        balance
    }

    /// The floors that are to be on record now, if others are than before.
    fn turn(
        &mut self,
        config: &Config,
        balance: impl Fn(LinkId) -> Option<i64>,
        now: Timestamp,
    ) -> Option<Floors> {
        let may_raise = now.since(self.raised) >= RAISE;
        let mut changed = std::mem::take(&mut self.unwritten);
        for (link, name, allowed) in budgets(config) {
            let (Some(allowed), Some(balance)) = (allowed, balance(link)) else { continue };
            let Some(floor) = self.floors.get_mut(name) else { continue };
            let higher = || allowed.higher_floor(*floor, balance).filter(|_| may_raise);
            if let Some(new) = allowed.lower_floor(*floor, balance).or_else(higher) {
                *floor = new;
                changed = true;
            }
        }
        if changed {
            self.raised = now;
        }
        changed.then(|| self.floors.clone())
    }

    /// What is to be on record when nothing will be spent any more.
    fn finish(&mut self, config: &Config, balance: impl Fn(LinkId) -> Option<i64>) -> Option<Floors> {
        let left = budgets(config).filter_map(|(link, name, _)| Some((name.to_owned(), balance(link)?)));
        let left: Floors = left.collect();
        (left != self.floors).then_some(left)
    }
}

async fn put_on_record(floors: &Floors, store: &Store) -> Result<(), String> {
    store.keep_budgets(floors.clone());
    match tokio::time::timeout(PATIENCE, store.budgets_kept()).await {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure),
        Err(_) => Err(format!("it was not written within {} s", PATIENCE.as_secs())),
    }
}

fn budgets(config: &Config) -> impl Iterator<Item = (LinkId, &str, Option<ProbeBudget>)> {
    let numbered = (0..u8::MAX).map(LinkId).zip(&config.links);
    numbered.map(|(id, link)| (id, link.name.as_str(), settings::probe_budget(link)))
}

/// Gives a core that is new its balances.
pub(super) fn hand_over(balances: &Balances, core: &mut Failover) {
    for (link, balance) in (0..u8::MAX).map(LinkId).zip(balances) {
        if let Some(balance) = balance {
            core.set_balance(link, *balance);
        }
    }
}

impl EventLoop {
    /// Tells the core what went over a link without its asking.
    pub(super) fn charge(&mut self, link: LinkId, spent: Spent, now: Timestamp) {
        if spent != Spent::default() {
            let Spent { bytes, packets } = spent;
            self.core.handle_event(Event::Spent { link, bytes, packets }, now);
        }
    }

    /// The same of all pages whose probes ended.
    pub(super) fn charge_pages(&mut self, now: Timestamp) {
        let billed: Vec<_> = self.prober.billed().collect();
        for (link, spent) in billed {
            self.charge(link, spent, now);
        }
    }

    /// Has other floors put on record, where that is due. Lowered ones take a moment to be there: what is spent meanwhile
    /// is what a floor has left above the next one, unless the disk hangs.
    pub(super) fn keep_budgets(&mut self, now: Timestamp) {
        let Self { core, config, around, duties, .. } = self;
        let owing = |link: &LinkId| core.balance(*link).is_some_and(|balance| balance < 0);
        for link in budgets(config).map(|(link, ..)| link).filter(owing) {
            duties.indebted(link, now);
        }
        if let Some(floors) = around.budgets.turn(config, |link| core.balance(link), now) {
            around.store.keep_budgets(floors);
        }
    }

    /// Puts on record what is left, as nothing is spent any more.
    pub(super) fn close_budgets(&mut self, now: Timestamp) {
        self.charge_pages(now);
        let Self { core, config, around, .. } = self;
        if let Some(floors) = around.budgets.finish(config, |link| core.balance(link)) {
            around.store.keep_budgets(floors);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// LTE has a budget of 1,000,000 bytes, of which 100,000 can be saved up.
    fn config(state_dir: &Path, links: &[&str]) -> Config {
        let link = |name: &&str| {
            let budget = if *name == "fiber" { "" } else { "probe_budget = \"1 MB/month\"\n" };
            format!("[[link]]\nname = \"{name}\"\ninterface = \"{name}0\"\n{budget}")
        };
        let links: String = links.iter().map(link).collect();
        let text =
            format!("targets = [\"192.0.2.1\"]\n[agent]\nstate_dir = \"{}\"\n{links}", state_dir.display());
        shunt_config::parse(&text, Path::new("test.toml")).unwrap()
    }

    fn on_disk(state_dir: &Path) -> Option<i64> {
        state_file::load::<Floors>(&file(state_dir)).unwrap().map(|floors| floors["lte"])
    }

    async fn start(config: &Config) -> (Budgets, Balances) {
        let store = Store::start(&config.agent.state_dir);
        let begun = Budgets::start(config, &store, Timestamp::ZERO).await;
        store.close().await;
        begun
    }

    #[tokio::test]
    async fn a_start_is_on_record_before_it_may_spend_and_starts_in_a_row_have_ever_less() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), &["fiber", "lte"]);
        for (balance, floor) in [(50_000, 46_875), (46_875, 43_750), (43_750, 40_625)] {
            let (_, balances) = start(&config).await;
            assert_eq!((balances, on_disk(directory.path())), (vec![None, Some(balance)], Some(floor)));
        }
    }

    #[tokio::test]
    async fn a_start_that_leaves_no_trace_begins_empty() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), &["fiber", "lte"]);
        fs::write(file(directory.path()), "no JSON").unwrap();
        assert_eq!(start(&config).await.1, [None, Some(0)]);
        assert_eq!(on_disk(directory.path()), Some(0), "and the next one is not better off");
        fs::remove_file(file(directory.path())).unwrap();
        fs::create_dir(directory.path().join("budget.new")).unwrap();
        let (mut budgets, balances) = start(&config).await;
        assert_eq!(balances, [None, Some(0)], "it cannot be written");
        let tried_again = budgets.turn(&config, |_| Some(7), Timestamp::ZERO);
        assert_eq!(tried_again, Some(Floors::from([("lte".into(), 0)])));
    }

    #[test]
    fn a_disk_that_hangs_keeps_no_agent_from_starting() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), &["fiber", "lte"]);
        let disk = state_file::testing::hang(directory.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let balances = runtime.block_on(async {
            let store = Store::start(directory.path());
            let (_, balances) = Budgets::start(&config, &store, Timestamp::ZERO).await;
            balances
        });
        assert_eq!(balances, [None, Some(0)]);
        // The runtime waits for the one who stands there.
        drop(disk);
        drop(runtime);
    }

    #[tokio::test]
    async fn a_floor_is_lowered_at_once_and_raised_once_an_hour() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), &["fiber", "lte"]);
        let (mut budgets, _) = start(&config).await;
        let mut turn = |balance: i64, minutes: u64| {
            let now = Timestamp::ZERO + Duration::from_secs(minutes * 60);
            let floors = budgets.turn(&config, |link| (link == LinkId(1)).then_some(balance), now);
            floors.map(|floors| floors["lte"])
        };
        assert_eq!(turn(100_000, 59), None);
        assert_eq!(turn(100_000, 60), Some(96_875));
        assert_eq!(turn(40_000, 61), Some(36_875));
        assert_eq!(turn(100_000, 120), None);
        assert_eq!(turn(43_000, 121), None, "it is not worth a write");
        assert_eq!(turn(43_125, 122), Some(40_000));
    }

    #[tokio::test]
    async fn a_reload_goes_on_with_what_is_left_and_a_new_link_with_half() {
        let directory = tempfile::tempdir().unwrap();
        let (mut budgets, _) = start(&config(directory.path(), &["fiber", "lte"])).await;
        let left = |name: &str| (name == "lte").then_some(77_000);
        let new = config(directory.path(), &["lte", "sat", "fiber"]);
        assert_eq!(budgets.go_on(&new, left), [Some(77_000), Some(50_000), None]);
        assert_eq!(budgets.floors, Floors::from([("lte".into(), 46_875), ("sat".into(), 46_875)]));
        assert_eq!(budgets.finish(&new, |_| Some(60_000)).map(|left| left["lte"]), Some(60_000));
    }
}
