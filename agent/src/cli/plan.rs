//! What each link's settings come to, before anything is sent: its data, and the slowest that a failure is found.
//! `shunt check --json` prints it as it is here; `agent/API.md` shows it.

use super::modem_plan::ModemReport;
use crate::api::describe::short;
use crate::daemon::core_config;
use serde::Serialize;
use shunt_config::Config;
use shunt_decision::{LinkConfig, Plan, ProbeBudget, Steady, worst_detection};
use std::path::Path;
use std::time::Duration;

/// The month in which data is told, as in `probe_budget`.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// The round trip for which the usual detection is told: a mobile link's; a fiber's is found a little sooner.
const USUAL_RTT: Duration = Duration::from_millis(50);

/// The whole of `shunt check --json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    pub(super) links: Vec<LinkReport>,
    pub(super) modems: Vec<ModemReport>,
}

/// One link.
#[derive(Debug, Serialize)]
pub(super) struct LinkReport {
    name: String,
    interface: String,
    metered: bool,
    targets: Vec<String>,
    in_use: SteadyReport,
    standing_by: SteadyReport,
    budget: Option<BudgetReport>,
    /// Some target may cost more than its price.
    #[serde(skip)]
    open_ended: bool,
    /// One look-up of each name, at the most.
    look_up_bytes: u32,
    /// From silence to the verdict, at the longest that the deadlines can become.
    worst_detection_ms: u64,
    /// The same at a steady round trip of 50 ms and without loss.
    usual_worst_detection_ms: u64,
}

/// Steady probing.
#[derive(Debug, Serialize)]
struct SteadyReport {
    /// Time between two probes of one target.
    interval_ms: u64,
    bytes_per_month: u64,
    /// What it takes of the budget.
    budget_percent: Option<f64>,
    /// The budget makes it slower than it was set.
    slowed: bool,
}

#[derive(Debug, Serialize)]
struct BudgetReport {
    bytes: u64,
    period_s: u64,
    #[serde(skip)]
    written: String,
}

impl Report {
    pub(super) fn of(file: &Path, config: &Config) -> Self {
        let core = core_config(config);
        let links = config.links.iter().zip(&core.links).map(|(link, core)| LinkReport::of(link, core));
        Self {
            file: file.display().to_string(),
            links: links.collect(),
            modems: config.modems.iter().map(ModemReport::of).collect(),
        }
    }
}

impl LinkReport {
    fn of(link: &shunt_config::Link, core: &LinkConfig) -> Self {
        let plan = Plan::of(core);
        let free = Plan::of(&LinkConfig { budget: None, ..core.clone() });
        let steady = |plan: Steady, free: Steady| SteadyReport {
            interval_ms: millis(plan.interval),
            bytes_per_month: plan.bytes_in(MONTH),
            budget_percent: core.budget.map(|budget| percent_of(plan, budget)),
            slowed: plan.interval > free.interval,
        };
        Self {
            name: link.name.clone(),
            interface: link.interface.clone(),
            metered: link.metered,
            targets: link.targets.iter().map(|target| target.target.to_string()).collect(),
            in_use: steady(plan.in_use, free.in_use),
            standing_by: steady(plan.standing_by, free.standing_by),
            budget: link.probe_budget.map(|budget| BudgetReport {
                bytes: budget.bytes,
                period_s: budget.period.as_secs(),
                written: budget.to_string(),
            }),
            open_ended: link.targets.iter().any(|target| target.target.is_open_ended()),
            look_up_bytes: core.targets.iter().map(|target| target.look_up).sum(),
            worst_detection_ms: millis(worst_detection(core, None)),
            usual_worst_detection_ms: millis(worst_detection(core, Some(USUAL_RTT))),
        }
    }

    /// The lines below the link's own.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "steady probing {} a month in use, {} standing by",
            size(self.in_use.bytes_per_month),
            size(self.standing_by.bytes_per_month)
        )];
        if let Some(budget) = &self.budget {
            lines.push(format!(
                "of its budget of {} in use {}, standing by {}; bursts and moves have the rest",
                budget.written,
                self.in_use.share(),
                self.standing_by.share()
            ));
        }
        if self.look_up_bytes > 0 {
            lines.push(format!(
                "beside that, looking up its names costs at most {} each time that they expire",
                size(self.look_up_bytes.into())
            ));
        }
        if self.budget.is_some() && self.open_ended {
            lines.push(
                "where its pages are longer than the least, or its names expire soon, it is probed more rarely to keep to \
                 the budget, and a failure found later than told here"
                    .to_owned(),
            );
        }
        lines.push(format!(
            "in use, a silent failure is found within {}; within {} while round trips are a steady {}",
            time(self.worst_detection_ms),
            time(self.usual_worst_detection_ms),
            short(USUAL_RTT)
        ));
        lines
    }
}

impl SteadyReport {
    fn share(&self) -> String {
        let percent = self.budget_percent.unwrap_or_default();
        let slowed = if self.slowed {
            format!(" (slowed down to every {})", time(self.interval_ms))
        } else {
            String::new()
        };
        format!("{percent:.1} %{slowed}")
    }
}

/// To a tenth.
fn percent_of(plan: Steady, budget: ProbeBudget) -> f64 {
    (plan.bytes_in(budget.period) as f64 * 1_000.0 / budget.bytes.max(1) as f64).round() / 10.0
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> String {
    short(Duration::from_millis(millis))
}

/// Three digits and a decimal unit.
pub(super) fn size(bytes: u64) -> String {
    let value = bytes as f64;
    let (value, unit) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (value / 1e3, "KB"),
        1_000_000..1_000_000_000 => (value / 1e6, "MB"),
        _ => (value / 1e9, "GB"),
    };
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, shown) in [
            (999, "999 B"),
            (1_000, "1.00 KB"),
            (15_206_400, "15.2 MB"),
            (912_384_000, "912 MB"),
            (1_119_744_000, "1.12 GB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    fn report(extra: &str) -> Report {
        let text = format!(
            "targets = [\"192.0.2.1\", \"192.0.2.2\"]\n[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\nmetered = true\n{extra}"
        );
        Report::of(Path::new("x.toml"), &shunt_config::parse(&text, Path::new("x.toml")).unwrap())
    }

    #[test]
    fn a_link_without_a_budget_tells_what_its_intervals_come_to() {
        let lines = report("").links[0].lines();
        assert_eq!(
            lines,
            [
                "steady probing 456 MB a month in use, 15.2 MB standing by",
                "in use, a silent failure is found within 5.0 s; within 785 ms while round trips are a steady 50 ms"
            ]
        );
    }

    #[test]
    fn a_budget_slows_down_and_takes_its_share() {
        let lines = report("probe_budget = \"100 MB/month\"").links[0].lines();
        assert_eq!(
            lines[1],
            "of its budget of 100 MB/month in use 65.2 % (slowed down to every 7 s), standing by 15.2 %; \
             bursts and moves have the rest"
        );
        let pages = report("probe_budget = \"100 MB/month\"\ntargets = [\"https://example.com/\"]");
        assert!(pages.links[0].lines().iter().any(|line| line.contains("found later than told here")));
        assert!(!lines.iter().any(|line| line.contains("found later than told here")));
        let weekly = report("probe_budget = \"100 MB/week\"");
        assert!(weekly.links[0].standing_by.budget_percent.is_some_and(|percent| percent < 4.0));
    }
}
