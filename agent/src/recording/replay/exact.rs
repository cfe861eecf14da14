//! The same core over the same calls: it must do the same, to the last action.

use super::super::plausible::plausible;
use super::super::record::{Asked, Record, Timed};
use super::super::segment::{Header, Segment};
use super::super::tally::Tally;
use super::super::wire::put_value;
use super::account::Account;
use shunt_decision::{Action, Entry, Failover, Timestamp};
use std::collections::VecDeque;

/// What the replay did and the recording did not (yet) name, at most: beyond it they have parted anyway.
const MAX_AHEAD: usize = 65_536;

/// What came of it.
#[derive(Debug)]
pub(super) struct Exact {
    pub(super) tally: Tally,
    /// Where the replay did something else for the first time, and what: a whole phrase.
    pub(super) difference: Option<(Timestamp, String)>,
    pub(super) account: Account,
    pub(super) end: Timestamp,
}

struct Replay {
    core: Failover,
    tally: Tally,
    asked: VecDeque<Asked>,
    told: VecDeque<Entry>,
    account: Account,
    difference: Option<(Timestamp, String)>,
    /// The latest action, to be named when it is the one that differs.
    latest: Option<Action>,
}

/// Replays a run. `None`: the state at its beginning is no core's.
pub(super) fn replay(run: &[(String, Segment)]) -> Option<Exact> {
    let (_, first) = run.first()?;
    let core = core_at(&first.header)?;
    let account = Account::new(first.header.uplinks, first.header.at);
    let mut replay = Replay {
        core,
        tally: first.header.tally,
        asked: VecDeque::new(),
        told: VecDeque::new(),
        account,
        difference: None,
        latest: None,
    };
    let mut end = first.header.at;
    for (place, (file, segment)) in run.iter().enumerate() {
        if place > 0 {
            replay.compare_state(file, segment);
        }
        for timed in segment.records() {
            end = timed.now;
            replay.step(timed);
        }
    }
    replay.account.close(end);
    let Replay { tally, difference, account, .. } = replay;
    Some(Exact { tally, difference, account, end })
}

/// The core as it was at the beginning of a segment; `None`: no core was ever like that.
pub(super) fn core_at(header: &Header) -> Option<Failover> {
    let core = postcard::from_bytes(&header.checkpoint).ok()?;
    plausible(&core).then_some(core)
}

impl Replay {
    fn step(&mut self, Timed { now, record }: Timed) {
        match record {
            Record::Event(event) => {
                self.tally.call();
                self.core.handle_event(event, now);
                self.drain(now);
            }
            Record::Timeout => {
                self.tally.call();
                self.core.handle_timeout(now);
                self.drain(now);
            }
            Record::Asked(asked) => {
                let own = self.asked.pop_front();
                if own != Some(asked) {
                    let own = own.map_or_else(|| "none".to_owned(), |own| format!("{own:?}"));
                    self.differs(now, || {
                        format!("a probe was asked for, {asked:?}, and the replay asked for {own}")
                    });
                }
            }
            Record::Told(entry) => {
                let own = self.told.pop_front();
                if own.as_ref() != Some(&entry) {
                    let own = own.map_or_else(|| "nothing".to_owned(), |own| format!("{:?}", own.what));
                    self.differs(now, || format!("it told {:?}, and the replay {own}", entry.what));
                }
            }
            Record::Mark(mark) => {
                if mark != self.tally.mark() {
                    self.actions_differ(now);
                }
            }
            Record::End(tally) => {
                if tally != self.tally {
                    self.actions_differ(now);
                }
            }
        }
    }

    fn drain(&mut self, now: Timestamp) {
        while let Some(action) = self.core.poll_action() {
            self.tally.action(&action);
            match &action {
                Action::Probe { id, link, target, .. } => {
                    self.asked.push_back(Asked { id: *id, link: *link, target: *target, canary: None });
                }
                Action::Canary { id, family, link, target, .. } => {
                    self.asked.push_back(Asked {
                        id: *id,
                        link: *link,
                        target: *target,
                        canary: Some(*family),
                    });
                }
                Action::Journal(entry) => {
                    self.account.told(entry);
                    self.told.push_back(entry.clone());
                }
                Action::SampleTraffic { .. }
                | Action::AskGateway { .. }
                | Action::Rank { .. }
                | Action::CutFlows { .. }
                | Action::KeepForce(_) => {}
            }
            self.latest = Some(action);
        }
        if self.asked.len() > MAX_AHEAD || self.told.len() > MAX_AHEAD || self.difference.is_some() {
            if self.difference.is_none() {
                self.actions_differ(now);
            }
            self.asked.clear();
            self.told.clear();
        }
    }

    fn compare_state(&mut self, file: &str, segment: &Segment) {
        let mut own = Vec::new();
        put_value(&mut own, &self.core);
        if own != segment.header.checkpoint {
            self.differs(segment.header.at, || format!("the state at the beginning of {file} is another"));
        }
    }

    fn actions_differ(&mut self, now: Timestamp) {
        let latest = self.latest.clone();
        self.differs(now, || match latest {
            Some(action) => format!("the actions are others; the latest of the replay is {action:?}"),
            None => "there were actions, and the replay has none".to_owned(),
        });
    }

    fn differs(&mut self, at: Timestamp, how: impl FnOnce() -> String) {
        if self.difference.is_none() {
            self.difference = Some((at, how()));
        }
    }
}
