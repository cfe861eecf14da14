//! One file of a recording: who wrote it, from where the core goes on, and then blocks of records.
//!
//! ```text
//! "SHUNTREC" | format u16 | layout u64 | length u8, version of the agent | frame: header | frame: block | frame: block …
//! frame: length u32 | CRC-32 u32 | payload          (numbers in little-endian)
//! ```
//!
//! Each block ends with what all calls so far come to. A write that was cut off costs the block that it wrote.

use super::record::{Course, Record, Timed};
use super::tally::{Tally, layout};
use super::wire::{Cursor, Malformed, put_value};
use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};
use shunt_decision::{Config, Event, LinkId, PerFamily, Timestamp};

const MAGIC: &[u8; 8] = b"SHUNTREC";
/// The format of the records; the [`layout`] of what is in them counts apart.
const FORMAT: u16 = 2;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Length and checksum of a frame.
pub(super) const FRAME_HEAD: usize = 8;
/// Longest payload: the state of 127 links of 16 targets each, in a long outage, is below it.
pub(super) const MAX_FRAME: usize = 8 * 1024 * 1024;

/// From where the records of a segment go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Tells the life of one core from that of another: nanoseconds since 1970 when it began.
    pub run: u64,
    /// Which segment of it, from 0.
    pub sequence: u64,
    /// Calls right before this segment that were not recorded.
    pub lost: u64,
    /// The time of the latest call.
    pub at: Timestamp,
    /// The same by the clock on the wall, in nanoseconds since 1970.
    pub wall: u64,
    /// With what the core was made.
    pub seed: u64,
    /// With what the core was made.
    pub config: Config,
    /// The targets of each link, as the operator wrote them.
    pub targets: Vec<Vec<String>>,
    /// The uplinks.
    pub uplinks: PerFamily<Option<LinkId>>,
    /// What the core was told and what still holds, for a core with another config.
    pub facts: Vec<Event>,
    /// What calls and actions came to until now.
    pub tally: Tally,
    /// The whole state of the core.
    pub checkpoint: Vec<u8>,
}

/// Why a file cannot be read at all. Each completes "… cannot be replayed: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Something else.
    #[error("it is not a recording of shunt")]
    Foreign,
    /// Made by an agent whose state this one cannot take over.
    #[error(
        "it was recorded by shunt {agent}, and this is shunt {}, which keeps its state in another form; replay it with the version that recorded it",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The version of the agent that recorded.
        agent: String,
    },
    /// It ends before the first record.
    #[error("it was cut off before its first record")]
    Empty,
    /// The header is damaged.
    #[error("its beginning is damaged")]
    Damaged,
}

/// What is wrong behind the part that can be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The last write was cut off.
    #[error("its last write was cut off: {bytes} bytes at the end are left out")]
    Torn {
        /// What is there of it.
        bytes: usize,
    },
    /// A block in the middle is not what was written.
    #[error("block {block} of it is damaged: {bytes} bytes from there on are left out")]
    Block {
        /// Which, from 1.
        block: usize,
        /// How much cannot be used.
        bytes: usize,
    },
}

/// One file, as far as it is whole.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Who recorded it.
    pub agent: String,
    /// From where it goes on.
    pub header: Header,
    blocks: Vec<u8>,
    /// What is wrong behind it.
    pub damage: Option<Damage>,
}

/// What stands before the first frame.
pub(super) fn preface() -> Vec<u8> {
    let agent = env!("CARGO_PKG_VERSION").as_bytes();
    let mut out = MAGIC.to_vec();
    out.extend(FORMAT.to_le_bytes());
    out.extend(layout().to_le_bytes());
    out.push(u8::try_from(agent.len()).unwrap_or(0));
    out.extend(agent);
    out
}

/// The beginning of a file.
pub(super) fn begin(header: &Header) -> Vec<u8> {
    let mut out = preface();
    let mut payload = Vec::new();
    put_value(&mut payload, header);
    frame(&payload, &mut out);
    out
}

/// Adds a frame.
pub(super) fn frame(payload: &[u8], out: &mut Vec<u8>) {
    out.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(CRC.checksum(payload).to_le_bytes());
    out.extend(payload);
}

/// What a frame turned out to be.
enum Frame<'a> {
    Whole(&'a [u8]),
    Torn,
    Damaged,
}

fn next_frame<'a>(from: &mut Cursor<'a>) -> Frame<'a> {
    let head = |from: &mut Cursor<'a>| Some((from.number(4).ok()?, from.number(4).ok()?));
    let Some((length, checksum)) = head(from) else { return Frame::Torn };
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= MAX_FRAME) else {
        return Frame::Damaged;
    };
    match from.take(length) {
        Err(Malformed) => Frame::Torn,
        Ok(payload) if u64::from(CRC.checksum(payload)) == checksum => Frame::Whole(payload),
        // Of blocks that were allocated but never written, zeroes are left after a power cut.
        Ok(_) if from.is_empty() => Frame::Torn,
        Ok(_) => Frame::Damaged,
    }
}

impl Segment {
    /// Reads a file, as far as it is whole.
    ///
    /// # Errors
    /// Nothing of it can be replayed.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut from = Cursor::new(bytes);
        if from.take(MAGIC.len()) != Ok(MAGIC) {
            return Err(Unreadable::Foreign);
        }
        let cut = |_| Unreadable::Empty;
        let (format, written) = (from.number(2).map_err(cut)?, from.number(8).map_err(cut)?);
        let length = usize::from(from.byte().map_err(cut)?);
        let agent = String::from_utf8_lossy(from.take(length).map_err(cut)?);
        let agent: String = agent.chars().filter(|c| c.is_ascii_graphic()).collect();
        if format != u64::from(FORMAT) || written != layout() {
            return Err(Unreadable::OtherVersion { agent });
        }
        let header: Header = match next_frame(&mut from) {
            Frame::Whole(payload) => Cursor::new(payload).value().map_err(|_| Unreadable::Damaged)?,
            Frame::Torn => return Err(Unreadable::Empty),
            Frame::Damaged => return Err(Unreadable::Damaged),
        };
        let mut segment = Self { agent, header, blocks: Vec::new(), damage: None };
        segment.take_blocks(from);
        if segment.blocks.is_empty() {
            return Err(if segment.damage.is_some() { Unreadable::Damaged } else { Unreadable::Empty });
        }
        Ok(segment)
    }

    /// All blocks up to the first that is not whole. A block that makes no sense in spite of its checksum is damaged.
    fn take_blocks(&mut self, mut from: Cursor<'_>) {
        let mut course = Course::new(&self.header.config, self.header.at);
        for block in 1_usize.. {
            if from.is_empty() {
                return;
            }
            let bytes = from.left();
            self.damage = match next_frame(&mut from) {
                Frame::Whole(payload) if makes_sense(&mut course, payload) => {
                    self.blocks.extend(payload);
                    continue;
                }
                Frame::Torn => Some(Damage::Torn { bytes }),
                Frame::Whole(_) | Frame::Damaged => Some(Damage::Block { block, bytes }),
            };
            return;
        }
    }

    /// Its records in order.
    pub fn records(&self) -> impl Iterator<Item = Timed> + '_ {
        let mut from = Cursor::new(&self.blocks);
        let mut course = Course::new(&self.header.config, self.header.at);
        // It was read once already, so that nothing is refused now.
        std::iter::from_fn(move || course.read(&mut from).ok().flatten())
    }

    /// What calls and actions come to at its end, and when that was.
    #[must_use]
    pub fn end(&self) -> (Tally, Timestamp) {
        let mut end = (self.header.tally, self.header.at);
        for Timed { now, record } in self.records() {
            if let Record::End(tally) = record {
                end.0 = tally;
            }
            end.1 = now;
        }
        end
    }
}

fn makes_sense(course: &mut Course, payload: &[u8]) -> bool {
    let mut from = Cursor::new(payload);
    let mut ended = false;
    loop {
        match course.read(&mut from) {
            Ok(None) => return ended,
            // Exactly one end, and at the end.
            Ok(Some(_)) if ended => return false,
            Ok(Some(Timed { record: Record::End(_), .. })) => ended = true,
            Ok(Some(_)) => {}
            Err(Malformed) => return false,
        }
    }
}
