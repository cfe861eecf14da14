//! What survives a reset of the MCU, so that its own hang makes no boot loop of the host.

use heapless::Deque;
use shunt_wire::{Counts, Happened, HostResetCause, LOG_BLOCK, Log, LogEntry, Reader, Timeouts, Writer};

/// The size of [`Saved`] in memory that lasts.
pub const SAVED_BYTES: usize = 256;

/// Entries of the log that are kept: the story of a night of resets, in the bytes that there are.
pub const LOG_KEPT: usize = 12;

/// The first byte: of this layout, and of neither erased nor zeroed memory.
const LAYOUT: u8 = 0x52;
/// The layout, and the length of the content.
const HEAD_BYTES: usize = 2;
const CRC_BYTES: usize = 2;

/// All that is kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Saved {
    /// The times, once armed.
    pub(crate) armed: Option<Timeouts>,
    pub(crate) counts: Counts,
    /// How many of the modem's cuts are spent.
    pub(crate) modem_spent: u8,
    pub(crate) last_host_reset: Option<HostResetCause>,
    /// The number of the next entry.
    pub(crate) log_next: u32,
    /// The block of numbers (`LOG_BLOCK`) that is in flash, or has to be.
    block: u32,
    log: Entries,
}

/// The last things that happened with their numbers, oldest first.
#[derive(Debug, Clone, Default)]
struct Entries(Deque<(u32, LogEntry), LOG_KEPT>);

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().eq(other.0.iter())
    }
}

/// The part of [`Saved`] for which flash is worn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lasting {
    armed: Option<Timeouts>,
    host_resets: u32,
    resets_in_a_row: u8,
    modem_cycles: u32,
    block: u32,
}

/// What tells whether anything in [`Saved`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    lasting: Lasting,
    log_next: u32,
}

impl Saved {
    /// As bytes for memory that lasts: the MCU's RAM that is not cleared, or flash.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SAVED_BYTES] {
        let mut bytes = [0; SAVED_BYTES];
        // It always fits (a test holds the longest); if it ever did not, nothing is better than a part.
        if self.fill(&mut bytes).is_none() {
            bytes = [0; SAVED_BYTES];
        }
        bytes
    }

    fn fill(&self, bytes: &mut [u8; SAVED_BYTES]) -> Option<()> {
        let mut writer = Writer::new(bytes.get_mut(HEAD_BYTES..SAVED_BYTES - CRC_BYTES)?);
        writer.byte(self.armed.is_some().into());
        if let Some(timeouts) = &self.armed {
            timeouts.write(&mut writer);
        }
        self.counts.write(&mut writer);
        writer.byte(self.modem_spent);
        writer.option(self.last_host_reset.map(|cause| cause as u32));
        writer.number(self.log_next);
        writer.number(self.log.0.len() as u32);
        let mut before = 0;
        for (number, entry) in &self.log.0 {
            // What is between two of them is short, unless the supply was lost.
            writer.number(number.wrapping_sub(before));
            before = *number;
            entry.write(&mut writer);
        }
        let content = writer.finish()?;
        *bytes.first_chunk_mut()? = [LAYOUT, u8::try_from(content).ok()?];
        let end = HEAD_BYTES + content;
        let crc = shunt_wire::checksum(bytes.get(..end)?).to_le_bytes();
        bytes.get_mut(end..end + CRC_BYTES)?.copy_from_slice(&crc);
        Some(())
    }

    /// From memory; `None` when what is there is damaged, of another layout, or nothing.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [layout, content] = *bytes.first_chunk::<HEAD_BYTES>()?;
        let end = HEAD_BYTES + usize::from(content);
        let crc = bytes.get(end..end + CRC_BYTES)?;
        let whole = shunt_wire::checksum(bytes.get(..end)?).to_le_bytes();
        if layout != LAYOUT || crc != whole.as_slice() {
            return None;
        }
        Self::read(Reader::new(bytes.get(HEAD_BYTES..end)?))
    }

    /// Reads what [`Saved::fill`] wrote.
    fn read(mut reader: Reader<'_>) -> Option<Self> {
        let mut saved = Self {
            armed: reader.flag().then(|| Timeouts::read(&mut reader)),
            counts: Counts::read(&mut reader),
            modem_spent: reader.byte(),
            last_host_reset: if reader.flag() { reader.one_of(&HostResetCause::ALL) } else { None },
            log_next: reader.number(),
            block: 0,
            log: Entries::default(),
        };
        saved.settle();
        let mut number = 0u32;
        for _ in 0..reader.number() {
            number = number.wrapping_add(reader.number());
            saved.log.0.push_back((number, LogEntry::read(&mut reader)?)).ok()?;
        }
        reader.finish().then_some(saved)
    }

    /// For what was kept in flash, when the supply was lost and with it all that came after: numbers of the log go on
    /// with a new block, so that none of them is ever used twice.
    pub fn lose_supply(&mut self) {
        self.log_next = (self.log_next / LOG_BLOCK + 1).wrapping_mul(LOG_BLOCK);
    }

    /// From now on the present block of numbers has to be in flash.
    pub(crate) fn settle(&mut self) {
        self.block = self.log_next / LOG_BLOCK;
    }

    /// Another one whenever anything here has changed: whatever does is in the log, or lasts.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark { lasting: self.lasting(), log_next: self.log_next }
    }

    /// What is worth a write to flash when it changes: times, resets, cuts, and a new block of the log's numbers. All of
    /// them have a bounded pace, so that flash lasts; the log and the count of boots go along with the next such write.
    #[must_use]
    pub const fn lasting(&self) -> Lasting {
        Lasting {
            armed: self.armed,
            host_resets: self.counts.host_resets,
            resets_in_a_row: self.counts.resets_in_a_row,
            modem_cycles: self.counts.modem_cycles,
            block: self.block,
        }
    }

    pub(crate) fn note(&mut self, entry: LogEntry) {
        if self.log.0.is_full() {
            self.log.0.pop_front();
        }
        if self.log.0.push_back((self.log_next, entry)).is_ok() {
            self.log_next = self.log_next.saturating_add(1);
        }
    }

    /// The last thing that was noted.
    pub(crate) fn last(&self) -> Option<Happened> {
        self.log.0.back().map(|(_, entry)| entry.what)
    }

    /// The part of the log from the entry numbered `from` on.
    pub(crate) fn log_from(&self, from: u32) -> Log {
        let mut part = Log { first: self.log_next, next: self.log_next, entries: Default::default() };
        for (number, entry) in self.log.0.iter().skip_while(|(number, _)| *number < from) {
            if part.entries.is_empty() {
                part.first = *number;
            }
            let follows = part.first + part.entries.len() as u32 == *number;
            if !follows || part.entries.push(*entry).is_err() {
                break;
            }
        }
        part
    }
}
