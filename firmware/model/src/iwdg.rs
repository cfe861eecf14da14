//! The hardware watchdog, on its own clock (RM0454, chapter 20).

/// Clocks of the processor for one of its own: 16 MHz to 32 kHz.
const CLOCKS: u64 = 500;
const START: u32 = 0xcccc;
const UNLOCK: u32 = 0x5555;
const RELOAD: u32 = 0xaaaa;
/// A divider of 4 at the least.
const SMALLEST_DIVIDER: u64 = 4;
/// Six steps of doubling, to 256; the seventh is the same.
const LARGEST_STEP: u32 = 6;

#[derive(Debug)]
pub(crate) struct Iwdg {
    unlocked: bool,
    divider: u32,
    reload: u32,
    due: u64,
}

impl Iwdg {
    /// As after a reset: it does not run.
    pub(crate) const fn new() -> Self {
        Self { unlocked: false, divider: 0, reload: 0xfff, due: u64::MAX }
    }

    pub(crate) const fn read(&self, offset: u32) -> u32 {
        match offset {
            0x4 => self.divider,
            0x8 => self.reload,
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, now: u64) {
        match (offset, value) {
            (0x0, UNLOCK) => self.unlocked = true,
            (0x0, START) => self.due = now + self.time(),
            (0x0, RELOAD) => {
                self.unlocked = false;
                if self.due != u64::MAX {
                    self.due = now + self.time();
                }
            }
            (0x0, _) => self.unlocked = false,
            (0x4, _) if self.unlocked => self.divider = value & 0x7,
            (0x8, _) if self.unlocked => self.reload = value & 0xfff,
            _ => {}
        }
    }

    /// When it resets the part.
    pub(crate) const fn due(&self) -> u64 {
        self.due
    }

    fn time(&self) -> u64 {
        let divider = SMALLEST_DIVIDER << self.divider.min(LARGEST_STEP);
        (u64::from(self.reload) + 1) * divider * CLOCKS
    }
}
