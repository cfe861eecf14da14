//! What outlives the supply: the last two pages of the flash.
//!
//! Wear: each page holds seven records, and a full pair of pages costs each one erasure; the part promises 1,000 of
//! them (data sheet DS12991), so 7,000 records a page. `shunt-watchdog` bounds how often there is one
//! (`Saved::outdates`). A record counts from the moment that its mark, written last, is whole: when the supply goes
//! while one is written, the one before it holds.

use embassy_stm32::Peri;
use embassy_stm32::flash::{Blocking, Flash};
use embassy_stm32::peripherals::FLASH;
use shunt_watchdog::{SAVED_BYTES, Saved};

/// From the start of the flash; `memory.x` ends the program here.
const START: u32 = 28 * 1024;
const PAGE: u32 = 2 * 1024;
const PAGES: u32 = 2;
/// The number of a record, and its complement: erased and half-written flash is neither.
const MARK_BYTES: usize = 8;
const SLOT_BYTES: usize = SAVED_BYTES + MARK_BYTES;
const SLOTS: u32 = PAGE / SLOT_BYTES as u32;
const ERASED: u8 = 0xff;

/// The memory.
pub(crate) struct Memory {
    flash: Flash<'static, Blocking>,
    /// The place of the next record.
    next: u32,
    number: u32,
}

impl Memory {
    /// The memory, and the latest record that is whole.
    pub(crate) fn open(unit: Peri<'static, FLASH>) -> (Self, Option<Saved>) {
        let mut memory = Self { flash: Flash::new_blocking(unit), next: 0, number: 0 };
        let mut latest = None;
        for place in 0..PAGES * SLOTS {
            let Some((number, saved)) = memory.read(place) else { continue };
            if number >= memory.number {
                memory.number = number;
                memory.next = (place + 1) % (PAGES * SLOTS);
                latest = Some(saved);
            }
        }
        (memory, latest)
    }

    /// Keeps a record; `false` when its place was spoilt by a write that the supply had cut short: try again, at
    /// the next one. What the flash itself refuses is not tried again: that would wear it out.
    pub(crate) fn keep(&mut self, saved: &Saved) -> bool {
        let place = self.next;
        self.next = (place + 1) % (PAGES * SLOTS);
        self.number = self.number.saturating_add(1);
        let mut slot = [0; SLOT_BYTES];
        let (record, mark) = slot.split_at_mut(SAVED_BYTES);
        record.copy_from_slice(&saved.to_bytes());
        let (number, complement) = mark.split_at_mut(MARK_BYTES / 2);
        number.copy_from_slice(&self.number.to_le_bytes());
        complement.copy_from_slice(&(!self.number).to_le_bytes());
        let page = START + place / SLOTS * PAGE;
        if place.is_multiple_of(SLOTS) {
            let _refused = self.flash.blocking_erase(page, page + PAGE);
        } else if !self.is_erased(place) {
            return false;
        }
        let _refused = self.flash.blocking_write(offset(place), &slot);
        true
    }

    fn slot(&mut self, place: u32) -> Option<[u8; SLOT_BYTES]> {
        let mut slot = [0; SLOT_BYTES];
        self.flash.blocking_read(offset(place), &mut slot).ok()?;
        Some(slot)
    }

    fn is_erased(&mut self, place: u32) -> bool {
        self.slot(place).is_some_and(|slot| slot.iter().all(|byte| *byte == ERASED))
    }

    fn read(&mut self, place: u32) -> Option<(u32, Saved)> {
        let slot = self.slot(place)?;
        let (record, mark) = slot.split_last_chunk::<MARK_BYTES>()?;
        let (number, complement) = mark.split_first_chunk::<4>()?;
        let number = u32::from_le_bytes(*number);
        if complement != (!number).to_le_bytes() {
            return None;
        }
        Some((number, Saved::from_bytes(record)?))
    }
}

fn offset(place: u32) -> u32 {
    START + place / SLOTS * PAGE + place % SLOTS * SLOT_BYTES as u32
}

#[allow(unsafe_code)]
mod cut_short {
    use cortex_m_rt::exception;
    use embassy_stm32::pac;

    /// Reading a double word whose write was cut short raises this (reference manual RM0454, error code correction).
    /// The read gives something; the record's CRC tells that it is not what was meant. Anything else that may raise
    /// it does so again, and ends at the hardware watchdog.
    // SAFETY: it touches one register that nothing else does, and shares no memory.
    #[exception]
    unsafe fn NonMaskableInt() {
        pac::FLASH.eccr().modify(|register| register.set_eccd(true));
    }
}
