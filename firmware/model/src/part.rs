//! The part: processor and bus, led through virtual time.

use crate::bus::{Bus, RAM_BYTES, RAM_START, SYSTEM_BYTES, SYSTEM_START};
use crate::flash::{FLASH_START, Flash};
use crate::gpio::{PinChange, RX_IDLE};
use crate::load::LoadError;
use rp2040_emu::core::{CoreBus, CortexM0Plus};
use std::time::Duration;

/// Clocks in a millisecond.
const CLOCKS: u64 = 16_000;
/// What the RAM holds when the supply comes on: nothing that a program could take for its own.
const RAM_AT_POWER_ON: u8 = 0xa5;
/// `b .`, which the program's handlers of faults end in.
const BRANCH_TO_ITSELF: [u8; 2] = [0xfe, 0xe7];

/// Why the part was reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// Its supply came on: what was in RAM is lost.
    Power,
    /// Its reset pin.
    Pin,
    /// Its hardware watchdog.
    Watchdog,
    /// The program asked for it.
    Software,
}

impl Reset {
    /// The flags in RCC_CSR; the pin is pulled by each of them.
    const fn flags(self) -> u32 {
        let pin = 1 << 26;
        match self {
            Self::Power => 1 << 27 | pin,
            Self::Pin => pin,
            Self::Watchdog => 1 << 29 | pin,
            Self::Software => 1 << 28 | pin,
        }
    }
}

/// An STM32G030F6 with a program in its flash.
pub struct Stm32g030 {
    core: CortexM0Plus,
    bus: Bus,
    resets: Vec<Reset>,
    lowest_stack: u32,
}

impl Stm32g030 {
    /// The part with the image `elf`, switched on.
    ///
    /// # Errors
    ///
    /// When that is no image for it.
    pub fn new(elf: &[u8]) -> Result<Self, LoadError> {
        Flash::new(elf).map(Self::switched_on)
    }

    /// The part with these bytes in its flash, switched on.
    #[must_use]
    pub fn with_flash(content: &[u8]) -> Self {
        Self::switched_on(Flash::with(content.to_vec()))
    }

    fn switched_on(flash: Flash) -> Self {
        let mut part = Self {
            core: CortexM0Plus::new(),
            bus: Bus::new(flash),
            resets: Vec::new(),
            lowest_stack: u32::MAX,
        };
        part.reset(Reset::Power);
        part
    }

    /// Resets it, or takes its supply away and gives it back.
    pub fn reset(&mut self, cause: Reset) {
        if cause == Reset::Power {
            self.bus.ram.fill(RAM_AT_POWER_ON);
            self.bus.flash.power();
        }
        self.resets.push(cause);
        self.bus.reset(cause.flags());
        self.core = CortexM0Plus::new();
        self.go(if self.bus.flash.is_empty() { SYSTEM_START } else { FLASH_START });
    }

    /// The boot loader writes `content` to the flash from its beginning on, over whatever is there.
    pub fn flash(&mut self, content: &[u8]) {
        self.bus.flash.overwrite(content);
    }

    /// The boot loader puts `program` into RAM at `address`, and goes there: stack and entry come first.
    pub fn run_in_ram(&mut self, address: u32, program: &[u8]) {
        let at = address.wrapping_sub(RAM_START) as usize;
        if let Some(room) = self.bus.ram.get_mut(at..).and_then(|rest| rest.get_mut(..program.len())) {
            room.copy_from_slice(program);
        }
        self.go(address);
    }

    fn go(&mut self, vectors: u32) {
        let (stack, entry) = (self.bus.read32(vectors), self.bus.read32(vectors + 4));
        self.core.regs.msp = stack;
        self.core.regs.set_sp(stack);
        self.core.regs.set_pc(entry & !1);
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.bus.now + time.as_micros() as u64 * CLOCKS / 1000;
        while self.bus.now < end {
            let due = self.bus.catch_up();
            if self.bus.iwdg.due() <= self.bus.now {
                self.reset(Reset::Watchdog);
            } else if core::mem::take(&mut self.bus.reset_asked) {
                self.reset(Reset::Software);
            } else if self.core.is_halted() && !self.bus.wakes() {
                self.bus.now = due.min(end).max(self.bus.now);
            } else {
                self.core.wake();
                let clocks = self.core.step(&mut self.bus);
                self.bus.now += u64::from(clocks) + self.bus.flash.take_stall();
                self.lowest_stack = self.lowest_stack.min(self.core.regs.sp());
            }
        }
    }

    /// Milliseconds since the model began.
    #[must_use]
    pub fn millis(&self) -> u64 {
        self.bus.millis()
    }

    /// The host sends these bytes at its 115,200 baud, after those that it sent before.
    pub fn host_sends(&mut self, bytes: &[u8]) {
        self.bus.uart.host_sends(bytes, false, self.bus.now);
        self.bus.look_again();
    }

    /// The line brings these bytes without their stop bits: noise, or another speed.
    pub fn line_breaks(&mut self, bytes: &[u8]) {
        self.bus.uart.host_sends(bytes, true, self.bus.now);
        self.bus.look_again();
    }

    /// The host has lost its supply, so that its line is low, until it is let go.
    pub fn line_is_low(&mut self, low: bool) {
        self.bus.gpio.inputs = if low { 0 } else { RX_IDLE };
        if low {
            self.line_breaks(&[0]);
        }
    }

    /// What the part has sent to the host since the last call.
    pub fn take_sent(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.bus.uart.sent)
    }

    /// The changes of pins since the last call; not seen: an output that is written to the level that it has.
    pub fn take_pin_changes(&mut self) -> Vec<PinChange> {
        core::mem::take(&mut self.bus.gpio.changes)
    }

    /// Whether a pin of port A is high; one that the part does not drive is low by its pull-down.
    #[must_use]
    pub fn is_high(&self, pin: u8) -> bool {
        self.bus.gpio.high(pin)
    }

    /// The resets since the last call, the first power-on among them.
    pub fn take_resets(&mut self) -> Vec<Reset> {
        core::mem::take(&mut self.resets)
    }

    /// Has the processor do nothing any more but an endless loop of its own program, as a fault would; `false` when the
    /// program has none.
    pub fn hang(&mut self) -> bool {
        let words = self.bus.flash.content().chunks_exact(2);
        let found = words.zip((FLASH_START..).step_by(2)).find(|(word, _)| *word == BRANCH_TO_ITSELF);
        let Some((_, address)) = found else { return false };
        self.core.wake();
        self.core.regs.set_pc(address);
        true
    }

    /// Whether the part's own boot loader runs.
    #[must_use]
    pub fn in_boot_loader(&self) -> bool {
        (SYSTEM_START..SYSTEM_START + SYSTEM_BYTES).contains(&self.core.regs.pc())
    }

    /// Whether the hardware watchdog is on.
    #[must_use]
    pub fn watchdog_runs(&self) -> bool {
        self.bus.iwdg.due() != u64::MAX
    }

    /// The bytes of stack that were ever in use.
    #[must_use]
    pub fn stack_used(&self) -> u32 {
        (RAM_START + RAM_BYTES as u32).saturating_sub(self.lowest_stack)
    }

    /// Erasures of pages, and what the flash refused: writes over what is written, or out of order.
    #[must_use]
    pub fn flash_wear(&self) -> (u32, u32) {
        (self.bus.flash.erasures, self.bus.flash.refused)
    }

    /// Bytes that came before the one before them was taken.
    #[must_use]
    pub fn overruns(&self) -> u32 {
        self.bus.uart.overruns
    }
}
