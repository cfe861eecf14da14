//! Runs the decision core over a recording again: the same core, to prove that it would do the same; or one with
//! another config, to see what would have happened.

mod account;
mod exact;
mod report;
mod truth;
mod what_if;

pub use account::{AROUND, COMPARED, WORSE};
pub use report::{Difference, FamilyFigures, Figures, Move, OnUplink, Replayed, Report, Same, Seconds, Span};

use super::read::Recording;
use super::record::{Record, Timed};
use super::segment::{Header, Segment};
use account::Account;
use report::Sums;
use shunt_config::FailbackMode;
use shunt_decision::{Event, LinkId, TargetId, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use truth::{Gatherer, Truth};
use what_if::Here;

/// How often the maintenance window is looked at, as in the agent it opens and closes on a minute.
const WINDOW_CHECK: Duration = Duration::from_secs(60);
/// Longest run that another core is run over: every second of it costs time, recorded or not.
const LONGEST_RUN: Duration = Duration::from_secs(400 * 24 * 3_600);

/// Why a recording cannot be replayed. Each completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The new config has a link that was not recorded.
    #[error("replay with this config: the recording knows no link {link:?}; it knows {}", .known.join(", "))]
    UnknownLink {
        /// Which.
        link: String,
        /// Those that were.
        known: Vec<String>,
    },
    /// The new config asks a target over a link that was not asked over it.
    #[error(
        "replay with this config: over link {link:?} the recording knows no target {target}; it knows {}",
        .known.join(", ")
    )]
    UnknownTarget {
        /// Over which link.
        link: String,
        /// Which target.
        target: String,
        /// Those that were asked.
        known: Vec<String>,
    },
    /// The state at the beginning of a run is no core's.
    #[error("replay {file}: the state at its beginning makes no sense; was it changed?")]
    NoState {
        /// Which file.
        file: String,
    },
    /// There is more in it than a recorder writes.
    #[error("replay {file} and what follows: {why}; replay its segments one by one")]
    TooMuch {
        /// The first file.
        file: String,
        /// Of what there is too much.
        why: &'static str,
    },
}

/// A stretch of one core without a hole.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    /// The first file, and what it begins with.
    file: &'a str,
    header: &'a Header,
    segments: &'a [(String, Segment)],
}

impl Run<'_> {
    fn records(&self) -> impl Iterator<Item = Timed> {
        self.segments.iter().flat_map(|(_, segment)| segment.records())
    }
}

/// Replays with the config of the recording itself.
///
/// # Errors
/// The recording is none that a recorder wrote.
pub fn same(recording: &Recording) -> Result<Report, ReplayError> {
    let mut report = Report::begin(recording);
    let (mut happened, mut replayed) = (Sums::default(), Sums::default());
    let mut same = Same { calls: 0, actions: 0, difference: None };
    for run in runs(recording) {
        let header = run.header;
        let truth = gather(run)?;
        let exact =
            exact::replay(run.segments).ok_or_else(|| ReplayError::NoState { file: run.file.to_owned() })?;
        same.calls += exact.tally.calls.saturating_sub(header.tally.calls);
        same.actions += exact.tally.actions.saturating_sub(header.tally.actions);
        if let Some((at, how)) = exact.difference.filter(|_| same.difference.is_none()) {
            same.difference = Some(Difference { at: report::wall(header, at), how });
        }
        let names = names(&header.config);
        happened.add(&told(run, exact.end), header, &truth, &names, |link| link);
        replayed.add(&exact.account, header, &truth, &names, |link| link);
        report.span(header, exact.end);
    }
    report.happened = happened.figures();
    // What is the same needs no second column.
    report.replayed =
        same.difference.is_some().then(|| Replayed { figures: replayed.figures(), probes: None });
    report.same = Some(same);
    Ok(report)
}

/// Replays with another config: an estimate.
///
/// # Errors
/// The recording does not know a link or target of the config, or is none that a recorder wrote.
pub fn other(recording: &Recording, config: &shunt_config::Config) -> Result<Report, ReplayError> {
    let mut report = Report::begin(recording);
    let (mut happened, mut replayed) = (Sums::default(), Sums::default());
    let mut probes = 0;
    // All of them first: half an answer is worse than the name of what is missing.
    let mut known = Vec::new();
    for run in runs(recording) {
        known.push((run, here(run.header, config)?));
    }
    for (run, here) in known {
        let header = run.header;
        let truth = gather(run)?;
        if truth.end.since(header.at) > LONGEST_RUN {
            return Err(ReplayError::TooMuch { file: run.file.to_owned(), why: "it lasts for years" });
        }
        let core = crate::daemon::core_config(config);
        let new_names = names(&core);
        let window = window(config, header, truth.end);
        let recorded =
            exact::core_at(header).ok_or_else(|| ReplayError::NoState { file: run.file.to_owned() })?;
        let core = what_if::begin(core, (header.seed, header.at), &recorded, &here);
        let (account, asked) = what_if::run(core, header.at, (&truth, &here), &window);
        probes += asked;
        happened.add(&told(run, truth.end), header, &truth, &names(&header.config), |link| link);
        replayed.add(&account, header, &truth, &new_names, |link| here.link(link));
        report.span(header, truth.end);
    }
    report.happened = happened.figures();
    report.replayed = Some(Replayed { figures: replayed.figures(), probes: Some(probes) });
    Ok(report)
}

fn runs(recording: &Recording) -> Vec<Run<'_>> {
    let goes_on = |(_, before): &(String, Segment), (_, next): &(String, Segment)| {
        let (a, b) = (&before.header, &next.header);
        let numbered = a.run == b.run && a.sequence.checked_add(1) == Some(b.sequence);
        numbered && b.lost == 0 && before.damage.is_none() && before.end() == (b.tally, b.at)
    };
    let runs = recording.segments.chunk_by(goes_on);
    runs.filter_map(|segments| {
        let (file, first) = segments.first()?;
        Some(Run { file, header: &first.header, segments })
    })
    .collect()
}

fn gather(run: Run<'_>) -> Result<Truth, ReplayError> {
    let header = run.header;
    let mut gatherer = Gatherer::new(&header.config, &header.facts, header.at);
    for timed in run.records() {
        if !gatherer.take(&timed) {
            return Err(ReplayError::TooMuch { file: run.file.to_owned(), why: "it has millions of probes" });
        }
    }
    Ok(gatherer.finish())
}

/// What the recorded core told.
fn told(run: Run<'_>, end: Timestamp) -> Account {
    let mut account = Account::new(run.header.uplinks, run.header.at);
    for timed in run.records() {
        if let Record::Told(entry) = timed.record {
            account.told(&entry);
        }
    }
    account.close(end);
    account
}

fn names(config: &shunt_decision::Config) -> Vec<String> {
    config.links.iter().map(|link| link.name.clone()).collect()
}

/// Finds the links and targets of `config` in the recording.
fn here(header: &Header, config: &shunt_config::Config) -> Result<Here, ReplayError> {
    let known = names(&header.config);
    let mut here = Here { links: Vec::new(), targets: Vec::new(), billed: Vec::new() };
    for link in &config.links {
        let number =
            known.iter().position(|name| *name == link.name).and_then(|place| u8::try_from(place).ok());
        let Some(number) = number else {
            return Err(ReplayError::UnknownLink { link: link.name.clone(), known });
        };
        let asked = header.targets.get(usize::from(number)).map_or(&[][..], Vec::as_slice);
        let mut targets = Vec::new();
        for target in &link.targets {
            let text = target.to_string();
            let place =
                asked.iter().position(|known| *known == text).and_then(|place| u8::try_from(place).ok());
            let Some(place) = place else {
                let link = link.name.clone();
                return Err(ReplayError::UnknownTarget { link, target: text, known: asked.to_vec() });
            };
            targets.push(TargetId(place));
        }
        here.links.push(LinkId(number));
        here.targets.push(targets);
        here.billed.push(link.targets.iter().any(|target| target.target.is_open_ended()));
    }
    Ok(here)
}

/// When the maintenance window of the new config opens and closes, by this machine's local time.
fn window(config: &shunt_config::Config, header: &Header, end: Timestamp) -> Vec<(Timestamp, Event)> {
    let FailbackMode::Window(daily) = config.failback.mode else { return Vec::new() };
    let mut changes: Vec<(Timestamp, Event)> = Vec::new();
    let mut at = header.at;
    let mut was = None;
    while at <= end {
        let since_epoch = Duration::from_nanos(header.wall) + at.since(header.at);
        let open = crate::daemon::window_is_open(
            daily,
            UNIX_EPOCH.checked_add(since_epoch).unwrap_or(SystemTime::now()),
        );
        if was.replace(open) != Some(open) {
            changes.push((at, Event::Window { open }));
        }
        at = at + WINDOW_CHECK;
    }
    changes
}
