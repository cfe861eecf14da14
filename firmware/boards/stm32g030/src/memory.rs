//! What outlives the supply: the last two pages of the flash.
//!
//! Wear: each page holds seven records, and a full pair of pages costs each one erasure; the part promises 1,000 of
//! them (data sheet DS12991), so 7,000 records a page. `shunt-watchdog` bounds how often there is one
//! (`Saved::lasting`). A record counts from the moment that its mark, written last, is whole: when the supply goes
//! while one is written, the one before it holds.

use embassy_stm32::Peri;
use embassy_stm32::flash::{Blocking, Flash};
use embassy_stm32::peripherals::FLASH;
use shunt_watchdog::{Lasting, SAVED_BYTES, Saved};

/// From the start of the flash; `memory.x` ends the program here.
const START: u32 = 28 * 1024;
const PAGE: u32 = 2 * 1024;
const PAGES: u32 = 2;
/// The number of a record, and its complement: erased and half-written flash is neither.
const MARK_BYTES: usize = 8;
const SLOT_BYTES: usize = SAVED_BYTES + MARK_BYTES;
const SLOTS: u32 = PAGE / SLOT_BYTES as u32;
const PLACES: u32 = PAGES * SLOTS;
const ERASED: u8 = 0xff;

/// The memory.
pub(crate) struct Memory {
    flash: Flash<'static, Blocking>,
    /// The place of the next record.
    next: u32,
    number: u32,
}

// What holds records is never inlined: the stack holds them only while they are looked at.
impl Memory {
    pub(crate) fn new(unit: Peri<'static, FLASH>) -> Self {
        Self { flash: Flash::new_blocking(unit), next: 0, number: 0 }
    }

    /// Where the latest record is that is whole. To be called before the first one is kept.
    #[inline(never)]
    pub(crate) fn find(&mut self) -> Option<u32> {
        let mut latest = None;
        for place in 0..PLACES {
            let Some(number) = self.number_of(place) else { continue };
            if number >= self.number {
                self.number = number;
                latest = Some(place);
            }
        }
        let latest = latest?;
        self.next = (latest + 1) % PLACES;
        Some(latest)
    }

    /// What of the record at `place` lasts.
    #[inline(never)]
    pub(crate) fn lasting(&mut self, place: u32) -> Lasting {
        self.record(place).as_ref().map(Saved::lasting).unwrap_or_default()
    }

    /// Keeps a record; `false` when its place was spoilt by a write that the supply had cut short: try again, at
    /// the next one. What the flash itself refuses is not tried again: that would wear it out.
    #[inline(never)]
    pub(crate) fn keep(&mut self, saved: &Saved) -> bool {
        let place = self.next;
        self.next = (place + 1) % PLACES;
        self.number = self.number.saturating_add(1);
        let page = START + place / SLOTS * PAGE;
        if place.is_multiple_of(SLOTS) {
            let _refused = self.flash.blocking_erase(page, page + PAGE);
        } else if !self.is_erased(place) {
            return false;
        }
        let _refused = self.flash.blocking_write(offset(place), &saved.to_bytes());
        let mut mark = [0; MARK_BYTES];
        let (number, complement) = mark.split_at_mut(MARK_BYTES / 2);
        number.copy_from_slice(&self.number.to_le_bytes());
        complement.copy_from_slice(&(!self.number).to_le_bytes());
        let _refused = self.flash.blocking_write(offset(place) + SAVED_BYTES as u32, &mark);
        true
    }

    /// The number of the record at `place`, if that is whole.
    #[inline(never)]
    fn number_of(&mut self, place: u32) -> Option<u32> {
        let mut mark = [0; MARK_BYTES];
        self.flash.blocking_read(offset(place) + SAVED_BYTES as u32, &mut mark).ok()?;
        let (number, complement) = mark.split_first_chunk::<4>()?;
        let number = u32::from_le_bytes(*number);
        (complement == (!number).to_le_bytes() && self.record(place).is_some()).then_some(number)
    }

    /// The record at `place`, if that is whole.
    #[inline(never)]
    pub(crate) fn record(&mut self, place: u32) -> Option<Saved> {
        let mut record = [0; SAVED_BYTES];
        self.flash.blocking_read(offset(place), &mut record).ok()?;
        Saved::from_bytes(&record)
    }

    #[inline(never)]
    fn is_erased(&mut self, place: u32) -> bool {
        let mut slot = [0; SLOT_BYTES];
        self.flash.blocking_read(offset(place), &mut slot).is_ok() && slot.iter().all(|byte| *byte == ERASED)
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
