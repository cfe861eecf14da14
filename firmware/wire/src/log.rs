//! What happened, as the MCU remembers it.

use crate::message::Seconds;
use crate::status::ResetCause;
use core::fmt;
use heapless::Vec;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Entries in one [`Log`]: as many as always fit into a message.
pub const LOG_PART: usize = 6;

/// Numbers of entries come in blocks of so many. An MCU whose supply was lost goes on with a new block: which numbers it had
/// used in the last one it cannot know, and none may ever mean two things. Entries that it kept stay below that gap.
pub const LOG_BLOCK: u32 = 1 << 14;

/// Since the MCU booted: only from then on are its numbers its own for good. A supply that bounces is not to wear its flash out, so an
/// MCU that loses it before has a new block of numbers in vain, and gives the same block again. Whoever remembers how far
/// the log was read reads it later than that; only after a reset that left the MCU its memory need it not be waited for.
pub const LOG_SETTLED: Seconds = Seconds(10);

/// A part of the log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The number of the first entry here: above the one that was asked for, when that is forgotten.
    pub first: u32,
    /// The number that the next entry to come will have: the log is read out when `first` and the entries
    /// reach it.
    pub next: u32,
    /// The entries, each numbered one above the one before: a gap ends a part. One that is not known here ends it, too: an
    /// empty part that begins below `next` is such a one, and its number is to be passed over.
    #[serde(deserialize_with = "known")]
    pub entries: Vec<LogEntry, LOG_PART>,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, since the MCU booted: [`Happened::McuBooted`] begins a new count.
    pub at: Seconds,
    /// What.
    pub what: Happened,
}

/// Reads entries up to the first that a newer firmware made: how long that is, and what follows, is not known.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LogEntry, LOG_PART>, D::Error> {
    struct Known;

    impl<'de> Visitor<'de> for Known {
        type Value = Vec<LogEntry, LOG_PART>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("entries of the log")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut known = Vec::new();
            while let Ok(Some(entry)) = entries.next_element() {
                if known.push(entry).is_err() {
                    break;
                }
            }
            Ok(known)
        }
    }

    deserializer.deserialize_seq(Known)
}

/// What can happen. A number of a newer firmware ends the part of the log that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happened {
    /// The MCU booted.
    McuBooted(ResetCause),
    /// It was armed, or its times were changed.
    Armed,
    /// It was disarmed.
    Disarmed,
    /// Feeds began, or began again.
    Fed,
    /// Judging was suspended for so long.
    Leased(Seconds),
    /// The lease ended without a feed.
    LeaseOver,
    /// Feeds were missing; the alert was raised.
    Alert,
    /// The modem's supply was cut by the escalation.
    ModemCut,
    /// The modem's supply was cut since the agent asked for it.
    ModemCutAsked,
    /// The host was asked to shut down for want of feeds.
    ShutdownRequested,
    /// The host was asked to shut down since the agent asked for a reset.
    ResetAsked,
    /// The reset was held back by the back-off or by the grace.
    HeldBack,
    /// The host was reset; so often in a row.
    HostReset(u8),
    /// The line brought something other than frames for long.
    LineStuck,
    /// The boot loader was started.
    BootLoader,
}
