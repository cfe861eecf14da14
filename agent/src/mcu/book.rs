//! What the MCU remembers, read out in parts: each thing once, with its age, and what led to a reset of the gateway.

use shunt_decision::Timestamp;
use shunt_wire::{Happened, LOG_BLOCK, Log, LogEntry, Seconds};
use std::collections::VecDeque;
use std::time::Duration;

/// So many entries are read before they are told: several times what the firmware remembers.
const MOST_PAGES: usize = 64;

/// Something that the MCU remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// Its number, counted by the MCU.
    pub(super) number: u32,
    /// Seconds since the MCU booted.
    pub(super) at: Seconds,
    /// How long ago that was; `None`: the MCU booted again since, and nobody knows.
    pub(super) age: Option<Duration>,
    /// What.
    pub(super) what: Happened,
    /// For a reset of the gateway that was not asked for, and for feeds that end an alert: how long none had come.
    pub(super) silence: Option<Duration>,
    /// It was not told before: neither to this run of the agent nor to one before it.
    pub(super) news: bool,
}

/// What a read-out has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Noted(Noted),
    /// So many were forgotten before they were read.
    Forgotten(u32),
    /// So many are of a newer firmware, and nobody here knows what they say.
    Strange(u32),
    /// All before this number is told.
    Upto(u32),
}

/// How far the record was read.
#[derive(Debug, Clone)]
pub(super) struct Book {
    /// What was told before this run, or in it; `None`: nothing is known of that.
    told: Option<u32>,
    /// The next entry to be read.
    next: u32,
    /// The next that the MCU will write, as far as it said.
    end: u32,
    feed_timeout: Seconds,
    /// The last alert that no feed followed.
    alert: Option<Seconds>,
    asked: bool,
    /// Read, and not told yet.
    pages: Vec<(u32, LogEntry)>,
    /// Passed over, and not told yet.
    strange: u32,
    out: VecDeque<Told>,
}

impl Book {
    pub(super) fn new(told: Option<u32>, feed_timeout: Seconds) -> Self {
        Self {
            told,
            next: 0,
            end: 0,
            feed_timeout,
            alert: None,
            asked: false,
            pages: Vec::new(),
            strange: 0,
            out: VecDeque::new(),
        }
    }

    /// The MCU's next entry will have this number.
    pub(super) fn has(&mut self, end: u32) {
        if end < self.next || self.told.is_some_and(|told| end < told) {
            // Another MCU, or one whose memory was erased: its record is a new one.
            self.next = 0;
            self.told = Some(0);
            self.pages.clear();
        }
        self.end = end;
    }

    /// The number to read on from; `None`: all is read.
    pub(super) fn wants(&self) -> Option<u32> {
        (self.next < self.end).then_some(self.next)
    }

    /// Takes a part of the record. `uptime` is how long the MCU was up, and when it said so.
    pub(super) fn read(&mut self, log: &Log, uptime: Option<(Seconds, Timestamp)>, now: Timestamp) {
        let strange = log.entries.is_empty() && log.first < log.next;
        if log.first < self.next || log.entries.is_empty() && !strange {
            // A repeat, or nothing that could be read on from: what is said to be there is not there.
            self.end = self.end.min(self.next);
            return;
        }
        if let Some(told) = self.told {
            // The numbers between two blocks were never given: the MCU's supply was lost.
            let begin = told.max(self.next).max(log.first / LOG_BLOCK * LOG_BLOCK);
            if log.first > begin {
                self.out.push_back(Told::Forgotten(log.first - begin));
            }
        }
        for (number, entry) in (log.first..).zip(&log.entries) {
            self.pages.push((number, *entry));
            self.next = number.saturating_add(1);
        }
        if strange {
            self.strange += u32::from(self.told.is_none_or(|told| log.first >= told));
            self.next = log.first.saturating_add(1);
        }
        self.end = self.end.max(log.next);
        // Which entries are of this boot of the MCU is known when all are read.
        if self.next >= self.end || self.pages.len() >= MOST_PAGES {
            self.tell(uptime, now);
        }
    }

    fn tell(&mut self, uptime: Option<(Seconds, Timestamp)>, now: Timestamp) {
        let pages = std::mem::take(&mut self.pages);
        let last_boot = pages.iter().rposition(|(_, entry)| matches!(entry.what, Happened::McuBooted(_)));
        for (place, (number, LogEntry { at, what })) in pages.into_iter().enumerate() {
            let this_boot = last_boot.is_none_or(|boot| place >= boot);
            let age = uptime.filter(|(up, _)| this_boot && *up >= at).map(|(up, said)| {
                now.since(said) + Duration::from_secs(u64::from(up.0.saturating_sub(at.0)))
            });
            let silence = self.follow(what, at);
            let news = self.told.is_none_or(|told| number >= told);
            self.out.push_back(Told::Noted(Noted { number, at, age, what, silence, news }));
        }
        if self.strange > 0 {
            self.out.push_back(Told::Strange(std::mem::take(&mut self.strange)));
        }
        if self.told.is_none_or(|told| told < self.next) {
            self.told = Some(self.next);
            self.out.push_back(Told::Upto(self.next));
        }
    }

    /// What was read.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Told> + '_ {
        self.out.drain(..)
    }

    /// What leads to a reset; gives the silence before one.
    fn follow(&mut self, what: Happened, at: Seconds) -> Option<Duration> {
        match what {
            Happened::Alert => self.alert = Some(at),
            Happened::ResetAsked => self.asked = true,
            Happened::McuBooted(_) => (self.alert, self.asked) = (None, false),
            Happened::Fed => {
                let alert = self.alert.take()?;
                self.asked = false;
                return Some(self.silence(alert, at));
            }
            Happened::HostReset(_) => {
                // Taken in any case: what was asked for is this reset, and not the next one.
                let asked = std::mem::take(&mut self.asked);
                let alert = self.alert.filter(|_| !asked)?;
                return Some(self.silence(alert, at));
            }
            Happened::Armed
            | Happened::Disarmed
            | Happened::Leased(_)
            | Happened::LeaseOver
            | Happened::ModemCut
            | Happened::ModemCutAsked
            | Happened::ShutdownRequested
            | Happened::HeldBack
            | Happened::LineStuck
            | Happened::BootLoader => {}
        }
        None
    }

    fn silence(&self, alert: Seconds, until: Seconds) -> Duration {
        let silent = until.0.saturating_sub(alert.0).saturating_add(self.feed_timeout.0);
        Duration::from_secs(silent.into())
    }
}
