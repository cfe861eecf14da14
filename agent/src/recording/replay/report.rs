//! What a replay came to, for people and for programs. As in the control socket's JSON, a field may be added; none is
//! renamed or removed.

use super::super::read::Recording;
use super::super::segment::Header;
use super::account::Account;
use super::truth::Truth;
use crate::api::Names;
use crate::api::{describe, types};
use serde::Serialize;
use shunt_decision::{Family, LinkId, PerFamily, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in seconds, to the millisecond.
pub type Seconds = f64;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The versions of the agents that recorded, each once.
    pub recorded_by: Vec<String>,
    /// Segments that were read.
    pub segments: usize,
    /// Stretches without a hole, the oldest first. What was between them is not known.
    pub spans: Vec<Span>,
    /// What is missing or damaged, each a whole sentence.
    pub holes: Vec<String>,
    /// Whether the same config led to the same actions; `null` with another config.
    pub same: Option<Same>,
    /// What did happen.
    pub happened: Figures,
    /// What happened in the replay; `null` if it was the same.
    pub replayed: Option<Replayed>,
}

/// A stretch without a hole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// When it began.
    pub from: String,
    /// When it ended.
    pub to: String,
    /// How long it is.
    pub length_s: Seconds,
}

/// The proof of a replay with the same config.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Same {
    /// Calls into the core that were replayed.
    pub calls: u64,
    /// Actions that came of them in the replay.
    pub actions: u64,
    /// The first difference; `null`: none.
    pub difference: Option<Difference>,
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// When.
    pub at: String,
    /// What the recording has, and what the replay did.
    pub how: String,
}

/// The figures of the replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// As of what happened.
    #[serde(flatten)]
    pub figures: Figures,
    /// Probes that the replayed core asked for; `null` with the same config.
    pub probes: Option<u64>,
}

/// What became of the users.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Figures {
    /// The families that have targets.
    pub families: Vec<FamilyFigures>,
    /// All moves, the oldest first.
    pub moves: Vec<Move>,
}

/// One address family.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyFigures {
    /// Which.
    pub family: types::Family,
    /// Moves from one uplink to another.
    pub moves: u64,
    /// Those away from a link that failed or was worse.
    pub failovers: u64,
    /// Those of them for which the recording shows no cause.
    pub false_failovers: u64,
    /// Time in which the uplink carried nothing, by the recorded probes, or there was none.
    pub outage_s: Seconds,
    /// Time on each uplink; without a name: none was chosen.
    pub uplinks: Vec<OnUplink>,
}

/// Time on one uplink.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnUplink {
    /// Which; `null`: none.
    pub link: Option<String>,
    /// How long.
    pub time_s: Seconds,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Move {
    /// When.
    pub at: String,
    /// Which family.
    pub family: types::Family,
    /// The uplink before; `null`: none.
    pub from: Option<String>,
    /// The uplink from then on.
    pub to: String,
    /// Why: one phrase.
    pub reason: String,
    /// It left a link that had failed or was worse.
    pub failover: bool,
    /// And the recording shows no cause for it.
    #[serde(rename = "false")]
    pub is_false: bool,
}

impl Report {
    pub(super) fn begin(recording: &Recording) -> Self {
        let mut recorded_by: Vec<String> = Vec::new();
        let mut holes: Vec<String> = recording
            .skipped
            .iter()
            .map(|skipped| format!("{} is left out: {}", skipped.file, skipped.why))
            .collect();
        for (file, segment) in &recording.segments {
            if !recorded_by.contains(&segment.agent) {
                recorded_by.push(segment.agent.clone());
            }
            if let Some(damage) = segment.damage {
                holes.push(format!("{file}: {damage}"));
            }
            if segment.header.lost > 0 {
                let lost = segment.header.lost;
                holes.push(format!("before {file}, {lost} calls were not recorded: the disk was too slow or refused them, or there were too many"));
            }
        }
        Self {
            recorded_by,
            segments: recording.segments.len(),
            spans: Vec::new(),
            holes,
            same: None,
            happened: Figures::default(),
            replayed: None,
        }
    }

    pub(super) fn span(&mut self, header: &Header, end: Timestamp) {
        let length_s = seconds(end.since(header.at));
        self.spans.push(Span { from: wall(header, header.at), to: wall(header, end), length_s });
    }
}

/// A time of a recording, by the clock on the wall.
pub(super) fn wall(header: &Header, at: Timestamp) -> String {
    let begin = UNIX_EPOCH.checked_add(Duration::from_nanos(header.wall));
    let time =
        begin.and_then(|begin| begin.checked_add(at.since(header.at))).unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

fn seconds(duration: Duration) -> Seconds {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// Figures in the making, over some runs.
#[derive(Debug, Default)]
pub(super) struct Sums {
    families: PerFamily<FamilySums>,
    moves: Vec<Move>,
}

#[derive(Debug, Default)]
struct FamilySums {
    managed: bool,
    moves: u64,
    failovers: u64,
    false_failovers: u64,
    outage: Duration,
    uplinks: Vec<(Option<String>, Duration)>,
}

impl Sums {
    /// Adds what an account came to. `names` are those of its links, `here` gives their numbers in the recording.
    pub(super) fn add(
        &mut self,
        account: &Account,
        header: &Header,
        truth: &Truth,
        names: &[String],
        here: impl Fn(LinkId) -> LinkId + Copy,
    ) {
        let said = Names::of_links(names);
        for family in Family::ALL {
            let mut managed = header.config.links.iter().flat_map(|link| &link.targets);
            if !managed.any(|target| target.family == family) {
                continue;
            }
            let sums = self.families.get_mut(family);
            sums.managed = true;
            sums.outage += account.outage(family, truth, here);
            let links =
                (0..u8::MAX).map(LinkId).zip(names).map(|(link, name)| (Some(link), Some(name.clone())));
            for (link, name) in links.chain([(None, None)]) {
                let time = account.time_on(family, link);
                match sums.uplinks.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += time,
                    None => sums.uplinks.push((name, time)),
                }
            }
        }
        for a_move in &account.moves {
            let is_false = a_move.is_false(truth, here);
            let sums = self.families.get_mut(a_move.family);
            sums.moves += u64::from(a_move.from.is_some());
            sums.failovers += u64::from(a_move.is_failover());
            sums.false_failovers += u64::from(is_false);
            self.moves.push(Move {
                at: wall(header, a_move.at),
                family: a_move.family.into(),
                from: a_move.from.map(|from| said.link(from).into_owned()),
                to: said.link(a_move.to).into_owned(),
                reason: describe::reason(&a_move.reason, Some(a_move.to), &said),
                failover: a_move.is_failover(),
                is_false,
            });
        }
    }

    pub(super) fn figures(self) -> Figures {
        let family = |(family, sums): (Family, FamilySums)| FamilyFigures {
            family: family.into(),
            moves: sums.moves,
            failovers: sums.failovers,
            false_failovers: sums.false_failovers,
            outage_s: seconds(sums.outage),
            uplinks: sums
                .uplinks
                .into_iter()
                .filter(|(link, time)| link.is_some() || !time.is_zero())
                .map(|(link, time)| OnUplink { link, time_s: seconds(time) })
                .collect(),
        };
        let families = [(Family::V4, self.families.v4), (Family::V6, self.families.v6)];
        let managed = families.into_iter().filter(|(_, sums)| sums.managed);
        Figures { families: managed.map(family).collect(), moves: self.moves }
    }
}
