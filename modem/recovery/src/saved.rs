//! What is kept over a restart.

use crate::facts::{Counter, Iccid, Slot, Usage};
use crate::month::Month;
use crate::{Cause, UnixTime};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What is kept over a restart. The default is that of a modem that was never seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Saved {
    /// The time of day at which it was saved, if it was known for certain.
    pub at: Option<UnixTime>,
    /// PINs that were given, and what came of each.
    pub pins: Vec<PinAttempt>,
    /// How old each reset was that still counts towards the caps.
    pub resets: Vec<Duration>,
    /// How many times the ladder was climbed in vain: the pace of the back-off.
    pub rounds: u8,
    /// What is left of the wait after the last time. Whoever hands it over again takes off it the time that passed since it was
    /// saved, which only he knows without a clock, and leaves it out after a start of the host: that did more to most modems
    /// than the ladder can.
    pub rest: Duration,
    /// What the network refused for good, so that a restart does not ask it again.
    pub blocks: Vec<Block>,
    /// What each card carried.
    pub cards: Vec<CardUsage>,
    /// The reading of the counter up to which this is counted; none before the first.
    // The first versions kept it under its own name, without whose it was: that is passed over, and nothing else lost for it.
    #[serde(rename = "counted_to")]
    pub counted: Option<Baseline>,
}

/// What is known of SIM cards elsewhere: a card may be moved from one modem to another, and a modem be given another name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elsewhere {
    /// As in [`Saved::pins`].
    pub pins: Vec<PinAttempt>,
    /// As in [`Saved::cards`].
    pub cards: Vec<CardUsage>,
}

/// A counter's reading. Only the difference of two readings is traffic, and only if both are of the same counter, modem and
/// card: many modems tell what they carried in all their life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Whose.
    pub counter: Counter,
    /// The IMEI of the modem; empty where it does not tell.
    pub device: String,
    /// The card that was in use.
    pub iccid: Iccid,
    /// The reading.
    pub usage: Usage,
}

/// That a PIN was given to a card. The PIN itself is not kept, only a salted hash: that keeps it out of sight and out of
/// backups, but PINs are short, so the file must be for nobody's eyes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinAttempt {
    /// Which card.
    pub iccid: Iccid,
    /// What was hashed in front of the PIN.
    pub salt: u64,
    /// The first half of SHA-256 over salt, card and PIN.
    pub digest: [u8; 16],
    /// Tries that the card had when it accepted the PIN last. `None`: it did not, or nobody knows; then the PIN is not
    /// given to it again.
    #[serde(default)]
    pub accepted: Option<u8>,
}

/// That the network refused a card, or its bearer, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// In which slot, as in the config.
    pub slot: Option<Slot>,
    /// Which card.
    pub iccid: Iccid,
    /// What the network said.
    pub cause: Cause,
    /// What it was asked for: [`SimConfig::wanted`](crate::SimConfig::wanted).
    pub wanted: Option<u64>,
    /// How long it is not asked again, from when this was saved.
    pub left: Duration,
}

/// What a card carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardUsage {
    /// Which card.
    pub iccid: Iccid,
    /// In which billing month; `None`: before the time of day was known.
    pub month: Option<Month>,
    /// Bytes, both ways.
    pub bytes: u64,
}
