//! The flash and its controller (RM0454, chapter 3): pages are erased, and double words written once.

use crate::load::{LoadError, load};

pub(crate) const FLASH_START: u32 = 0x0800_0000;
pub(crate) const FLASH_BYTES: usize = 32 * 1024;
const PAGE_BYTES: usize = 2 * 1024;
const ERASED: u8 = 0xff;
const DOUBLE_WORD: usize = 8;

/// Milliseconds and microseconds in clocks; the part takes nothing else up meanwhile (data sheet DS12991).
const ERASURE_CLOCKS: u64 = 22 * 16_000;
const WRITE_CLOCKS: u64 = 85 * 16;

/// `FLASH_ACR` after a reset, and its bit that says that the first word was erased when the supply came on.
const ACCESS: u32 = 0x0004_0600;
const EMPTY: u32 = 1 << 16;
const KEYS: [u32; 2] = [0x4567_0123, 0xcdef_89ab];
const PG: u32 = 1;
const PER: u32 = 1 << 1;
const STRT: u32 = 1 << 16;
const LOCK: u32 = 1 << 31;
const LOCKED: u32 = 0xc000_0000;
const EOP: u32 = 1;
const PROGERR: u32 = 1 << 3;
const PGSERR: u32 = 1 << 7;

#[derive(Debug)]
pub(crate) struct Flash {
    content: Vec<u8>,
    access: u32,
    control: u32,
    status: u32,
    keys_given: usize,
    /// The first half of a double word, and where.
    half: Option<(usize, u32)>,
    /// Clocks for which the processor stands still.
    stall: u64,
    pub(crate) erasures: u32,
    pub(crate) refused: u32,
}

impl Flash {
    pub(crate) fn new(elf: &[u8]) -> Result<Self, LoadError> {
        let mut content = vec![ERASED; FLASH_BYTES];
        load(elf, &mut content, FLASH_START)?;
        Ok(Self::with(content))
    }

    /// With these bytes, as many as there are in all.
    pub(crate) fn with(mut content: Vec<u8>) -> Self {
        content.resize(FLASH_BYTES, ERASED);
        Self {
            content,
            access: ACCESS,
            control: LOCKED,
            status: 0,
            keys_given: 0,
            half: None,
            stall: 0,
            erasures: 0,
            refused: 0,
        }
    }

    /// The supply comes on: it is looked whether there is a program, and that holds over resets.
    pub(crate) fn power(&mut self) {
        let erased = self.content.iter().take(4).all(|byte| *byte == ERASED);
        self.access = ACCESS | if erased { EMPTY } else { 0 };
    }

    /// Whether a reset starts the boot loader, for want of a program.
    pub(crate) fn is_empty(&self) -> bool {
        self.access & EMPTY != 0
    }

    pub(crate) fn reset(&mut self) {
        self.access = ACCESS | self.access & EMPTY;
        self.control = LOCKED;
        self.status = 0;
        self.keys_given = 0;
        self.half = None;
    }

    /// What a boot loader does in many steps.
    pub(crate) fn overwrite(&mut self, content: &[u8]) {
        for (place, byte) in self.content.iter_mut().zip(content) {
            *place = *byte;
        }
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x00 => self.access,
            0x10 => self.status,
            0x14 => self.control,
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        match offset {
            0x00 => self.access = value,
            0x08 => self.give_key(value),
            0x10 => self.status &= !value,
            0x14 if self.control & LOCK == 0 => {
                self.control = value & !STRT;
                if value & (PER | STRT) == PER | STRT {
                    self.erase(value >> 3 & 0x3f);
                }
            }
            _ => {}
        }
    }

    /// A word is written to the flash itself.
    pub(crate) fn program(&mut self, offset: usize, value: u32) {
        if self.control & LOCK != 0 || self.control & PG == 0 {
            self.refuse(PGSERR);
            return;
        }
        match self.half.take() {
            None if offset.is_multiple_of(DOUBLE_WORD) => self.half = Some((offset, value)),
            Some((first, low)) if offset == first + DOUBLE_WORD / 2 => self.store(first, low, value),
            _ => self.refuse(PGSERR),
        }
    }

    /// The clocks that the last deed takes.
    pub(crate) fn take_stall(&mut self) -> u64 {
        core::mem::take(&mut self.stall)
    }

    fn store(&mut self, offset: usize, low: u32, high: u32) {
        let word = u64::from(high) << 32 | u64::from(low);
        self.stall += WRITE_CLOCKS;
        let place = self.content.get_mut(offset..offset + DOUBLE_WORD);
        match place.filter(|place| place.iter().all(|byte| *byte == ERASED) || word == 0) {
            Some(place) => {
                place.copy_from_slice(&word.to_le_bytes());
                self.status |= EOP;
            }
            None => self.refuse(PROGERR),
        }
    }

    fn erase(&mut self, page: u32) {
        let start = page as usize * PAGE_BYTES;
        match self.content.get_mut(start..start + PAGE_BYTES) {
            Some(page) => page.fill(ERASED),
            None => self.refuse(PGSERR),
        }
        self.erasures += 1;
        self.stall += ERASURE_CLOCKS;
    }

    fn give_key(&mut self, key: u32) {
        if KEYS.get(self.keys_given) == Some(&key) {
            self.keys_given += 1;
        }
        if self.keys_given == KEYS.len() {
            self.keys_given = 0;
            self.control &= !LOCK;
        }
    }

    fn refuse(&mut self, why: u32) {
        self.refused += 1;
        self.status |= why;
    }
}
