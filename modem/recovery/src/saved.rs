//! What is kept over a restart.

use crate::facts::{Iccid, Slot, Usage};
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
    /// What the network refused for good, so that a restart does not ask it again.
    pub blocks: Vec<Block>,
    /// What each card carried.
    pub cards: Vec<CardUsage>,
    /// The modem's counters up to which this is counted.
    pub counted: Usage,
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
    /// What it was asked for: [`Config::wanted`](crate::Config::wanted).
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
