//! Gathers records in memory and decides when they go to disk: a flash chip wears out by writes, and an incident must
//! not be lost with a power cut.
//!
//! - In the steady state a block goes out when it is worth it ([`WORTH_WRITING`]), never twice within a minute.
//! - When something happens to an uplink (its verdict changes, it moves, an incident opens or comes a stage further) it
//!   goes out at once, and then once a second until [`ACUTE`] after the latest sign of trouble.
//! - While an incident is open beyond that, it goes out once a minute, whatever is in it.

use super::disk::Outlet;
use super::record::{Asked, Course};
use super::ring::Job;
use super::segment::{self, FRAME_HEAD, Header, MAX_FRAME};
use super::tally::Tally;
use super::wire::put_value;
use crate::clock;
use shunt_decision::{
    Action, Config, Entry, Event, Failover, Happening, LinkId, PerFamily, Timestamp, Verdict,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// A block of so many bytes is worth a write: the erase block of a small flash chip.
const WORTH_WRITING: usize = 64 * 1024;
/// Outside incidents, two writes are never nearer.
const STEADY: Duration = Duration::from_secs(60);
/// In incidents, neither are these.
const URGENT: Duration = Duration::from_secs(1);
/// How long after a sign of trouble each second is worth a write: a move and its proof take a few.
const ACUTE: Duration = Duration::from_secs(30);
/// Records in memory at most. 600 probes a second fill it within the minute that a write must wait; beyond that
/// there is a hole.
const MOST_IN_MEMORY: usize = 512 * 1024;
/// A segment takes this part of the ring: with the oldest one goes an eighth of what is known.
const PARTS: u64 = 8;
/// The state at the beginning of a segment takes at most this part of it: else there would be little but states.
const STATE_PARTS: u64 = 2;
/// And this part of the ring: it must hold some segments.
const STATE_OF_RING: u64 = 4;
/// Incidents that are open at once at most; the core remembers no more of them.
const MAX_OPEN: usize = 64;

/// What a recording says about the core that it records.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// With what the core was made.
    pub config: Config,
    /// With what the core was made.
    pub seed: u64,
    /// The targets of each link, as the operator wrote them.
    pub targets: Vec<Vec<String>>,
    /// Bytes that all segments may take.
    pub size: u64,
}

/// The recorder of one core.
#[derive(Debug)]
pub(super) struct Recorder {
    about: About,
    outlet: Outlet,
    course: Course,
    /// The records since the last write.
    block: Vec<u8>,
    /// Calls in what was handed to the disk, and in what was before its latest block: that may yet fail.
    kept: (u64, u64),
    tally: Tally,
    /// Actions that no mark has confirmed yet.
    unmarked: bool,
    segment: SegmentState,
    attention: Attention,
    last_write: Option<Timestamp>,
    uplinks: PerFamily<Option<LinkId>>,
}

#[derive(Debug)]
struct SegmentState {
    run: u64,
    sequence: u64,
    /// The number by which the disk knows it.
    number: u64,
    /// Its beginning, until it is written together with the first block.
    begin: Option<Vec<u8>>,
    bytes: u64,
    most: u64,
    /// The state alone takes so many bytes that the ring is too small for it.
    oversized: Option<u64>,
}

/// How urgent it is.
#[derive(Debug, Default)]
struct Attention {
    wanted: bool,
    acute_until: Option<Timestamp>,
    open: BTreeSet<u64>,
}

impl Recorder {
    /// Begins to record `core`, which was last called at `now`.
    pub(super) fn begin(about: About, outlet: Outlet, core: &Failover, now: Timestamp) -> Self {
        let run = clock::wall_now().as_nanos();
        let segment =
            SegmentState { run, sequence: 0, number: 0, begin: None, bytes: 0, most: 0, oversized: None };
        let mut this = Self {
            course: Course::new(&about.config, now),
            about,
            outlet,
            block: Vec::new(),
            kept: (0, 0),
            tally: Tally::default(),
            unmarked: false,
            segment,
            attention: Attention::default(),
            last_write: None,
            uplinks: core.snapshot().uplink,
        };
        this.begin_segment(core, 0, now);
        this
    }

    pub(super) fn event(&mut self, event: &Event, now: Timestamp) {
        self.tally.call();
        self.course.put_event(event, now, &mut self.block);
    }

    pub(super) fn timeout(&mut self, now: Timestamp) {
        self.tally.call();
        self.course.put_timeout(now, &mut self.block);
    }

    /// The core wants `action`.
    pub(super) fn action(&mut self, action: &Action, now: Timestamp) {
        self.tally.action(action);
        match action {
            Action::Probe { id, link, target, .. } => {
                self.asked(Asked { id: *id, link: *link, target: *target, canary: None });
            }
            Action::Canary { id, family, link, target, .. } => {
                self.asked(Asked { id: *id, link: *link, target: *target, canary: Some(*family) });
            }
            // They are asked for so often that a mark for each would double the recording; the next one covers them.
            Action::SampleTraffic { .. } | Action::AskGateway { .. } => {}
            Action::Journal(entry) => {
                self.unmarked = true;
                self.course.put_told(entry, &mut self.block);
                self.note(entry, now);
            }
            Action::Rank { .. } | Action::CutFlows { .. } | Action::KeepForce(_) => self.unmarked = true,
        }
    }

    fn asked(&mut self, asked: Asked) {
        self.course.put_asked(asked, &mut self.block);
    }

    /// Everything that the core wanted was fetched.
    pub(super) fn drained(&mut self) {
        if std::mem::take(&mut self.unmarked) {
            Course::put_mark(self.tally.mark(), &mut self.block);
        }
    }

    /// Whether this entry is about trouble of an uplink, or its end.
    fn note(&mut self, entry: &Entry, now: Timestamp) {
        let attention = &mut self.attention;
        let trouble = match &entry.what {
            Happening::Verdict { link, family, to, .. } => {
                if *self.uplinks.get(*family) != Some(*link) {
                    return;
                }
                matches!(to, Verdict::Failed | Verdict::Degraded)
            }
            Happening::Uplink { family, to, .. } => {
                *self.uplinks.get_mut(*family) = Some(*to);
                false
            }
            Happening::Stranded { .. } => true,
            Happening::Incident(incident) if incident.ended.is_some() => {
                attention.open.remove(&incident.number);
                false
            }
            Happening::Incident(incident) => {
                if attention.open.len() >= MAX_OPEN {
                    attention.open.pop_first();
                }
                attention.open.insert(incident.number)
            }
            _ => return,
        };
        attention.wanted = true;
        if trouble {
            attention.acute_until = Some(now + ACUTE);
        }
    }

    /// Writes what is due, once everything was fetched.
    pub(super) fn keep(&mut self, core: &Failover, now: Timestamp) {
        self.drained();
        // What was not written cannot be gone on from.
        if self.outlet.failed(self.segment.number) {
            self.kept.0 = self.kept.1;
            self.begin_anew(core, now);
        }
        if self.write_due(now).is_some_and(|due| due <= now) {
            self.write(core, now);
        } else if self.block.len() >= MOST_IN_MEMORY {
            self.begin_anew(core, now);
        }
    }

    /// When the next write is due; `None` while nothing waits for one.
    fn write_due(&self, now: Timestamp) -> Option<Timestamp> {
        if self.block.is_empty() {
            return None;
        }
        let attention = &self.attention;
        let acute = attention.acute_until.is_some_and(|until| now < until);
        let wait = if attention.wanted || acute {
            URGENT
        } else if !attention.open.is_empty() || self.block.len() >= WORTH_WRITING {
            STEADY
        } else {
            return None;
        };
        Some(self.last_write.map_or(now, |last| last + wait))
    }

    /// When the loop is to turn although nothing else is due: an urgent write may wait for its second to be over.
    pub(super) fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.write_due(now).filter(|_| self.attention.wanted && self.outlet.has_room())
    }

    fn write(&mut self, core: &Failover, now: Timestamp) {
        // What was refused before is tried again at the usual pace, not at that of the loop.
        self.last_write = Some(now);
        self.attention.wanted = false;
        if self.segment.oversized.is_some() {
            return self.begin_anew(core, now);
        }
        if !self.outlet.has_room() {
            // The disk is slow; the block grows until there is no more memory for it.
            self.attention.wanted = true;
            return;
        }
        Course::put_end(&self.tally, &mut self.block);
        self.course.part();
        let mut frame = Vec::with_capacity(self.block.len() + FRAME_HEAD);
        segment::frame(&self.block, &mut frame);
        let begin = self.segment.begin.take();
        self.segment.bytes += frame.len() as u64;
        self.block.clear();
        self.block.shrink_to(WORTH_WRITING);
        let job = Job { segment: self.segment.number, size: self.about.size, begin, frame };
        if !self.outlet.send(job) {
            return self.begin_anew(core, now);
        }
        self.kept = (self.tally.calls, self.kept.0);
        if self.segment.bytes >= self.segment.most {
            self.begin_segment(core, 0, now);
        }
    }

    /// Leaves out what is in memory, and goes on from the present state.
    fn begin_anew(&mut self, core: &Failover, now: Timestamp) {
        let lost = self.tally.calls.saturating_sub(self.kept.0);
        self.block.clear();
        self.begin_segment(core, lost, now);
    }

    fn begin_segment(&mut self, core: &Failover, lost: u64, now: Timestamp) {
        let mut checkpoint = Vec::new();
        put_value(&mut checkpoint, core);
        let header = Header {
            run: self.segment.run,
            sequence: self.segment.sequence,
            lost,
            at: now,
            wall: clock::wall_now().as_nanos(),
            seed: self.about.seed,
            config: self.about.config.clone(),
            targets: self.about.targets.clone(),
            uplinks: self.uplinks,
            facts: core.facts(),
            tally: self.tally,
            checkpoint,
        };
        let begin = segment::begin(&header);
        let bytes = begin.len() as u64;
        self.course = Course::new(&self.about.config, now);
        self.segment = SegmentState {
            run: self.segment.run,
            sequence: self.segment.sequence + 1,
            number: self.outlet.next_segment(),
            begin: Some(begin),
            bytes,
            oversized: (bytes * STATE_OF_RING > self.about.size).then_some(bytes),
            most: (self.about.size / PARTS).max(bytes * STATE_PARTS).min(MAX_FRAME as u64 * STATE_PARTS),
        };
    }

    /// Why nothing is recorded: a whole sentence with its mend.
    pub(super) fn fault(&self) -> Option<String> {
        let state = self.segment.oversized?;
        Some(format!(
            "nothing is recorded: the state of these links takes {} KiB, and [recording] size must be {STATE_OF_RING} \
             times that; set it to at least \"{} KiB\"",
            state.div_ceil(1024),
            (state * STATE_OF_RING).div_ceil(1024)
        ))
    }

    /// Writes what there is.
    pub(super) fn end(mut self, core: &Failover, now: Timestamp) {
        self.drained();
        if !self.block.is_empty() {
            self.write(core, now);
        }
    }
}
