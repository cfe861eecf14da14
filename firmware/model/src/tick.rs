//! The processor's own timer (ARMv6-M Architecture Reference Manual, B3.3).

const ENABLE: u32 = 1;
const INTERRUPT: u32 = 1 << 1;
const WRAPPED: u32 = 1 << 16;

/// It counts down, and wraps to its reload value.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    control: u32,
    reload: u32,
    /// When it wraps next.
    due: u64,
}

impl Tick {
    pub(crate) fn read(&self, offset: u32, now: u64) -> u32 {
        match offset {
            0x0 => self.control,
            0x4 => self.reload,
            0x8 => self.due.saturating_sub(now) as u32 & 0xff_ffff,
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, now: u64) {
        match offset {
            0x0 => {
                let starts = value & ENABLE != 0 && self.control & ENABLE == 0;
                self.control = value & 0x7;
                if starts {
                    self.due = now + self.period();
                }
            }
            0x4 => self.reload = value & 0xff_ffff,
            0x8 => self.due = now + self.period(),
            _ => {}
        }
    }

    pub(crate) fn due(&self) -> u64 {
        if self.control & ENABLE == 0 { u64::MAX } else { self.due }
    }

    /// Wraps as often as is due; whether that raises its exception.
    pub(crate) fn catch_up(&mut self, now: u64) -> bool {
        let wraps = self.due() <= now;
        while self.due() <= now {
            self.due += self.period();
            self.control |= WRAPPED;
        }
        wraps && self.control & INTERRUPT != 0
    }

    fn period(&self) -> u64 {
        u64::from(self.reload) + 1
    }
}
