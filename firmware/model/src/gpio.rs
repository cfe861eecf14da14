//! Port A (RM0454, chapter 6), and what an onlooker sees of its pins: each has a pull-down on the board.

/// The pins of the firmware: what they are for is in `firmware/README.md`.
pub const PIN_MODEM_OFF: u8 = 4;
/// Asks the host to shut down.
pub const PIN_SHUTDOWN: u8 = 5;
/// Holds the host in reset.
pub const PIN_HOST_RESET: u8 = 6;
/// The lamp.
pub const PIN_LAMP: u8 = 7;

/// PA3, the line from the host, which is high while it is idle.
pub(crate) const RX_IDLE: u32 = 1 << 3;
const PINS: u8 = 16;
const OUTPUT: u32 = 1;
const ALTERNATE: u32 = 2;
/// Analog, and the two of the debugger's port.
const MODES_AFTER_RESET: u32 = 0xebff_ffff;

/// A pin changed its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinChange {
    /// When, in milliseconds.
    pub at: u64,
    /// Which one of port A.
    pub pin: u8,
    /// To what.
    pub high: bool,
}

#[derive(Debug)]
pub(crate) struct Gpio {
    modes: u32,
    levels: u32,
    functions: [u32; 2],
    /// The levels of the pins that the part does not drive.
    pub(crate) inputs: u32,
    /// What was seen last.
    seen: u32,
    pub(crate) changes: Vec<PinChange>,
}

impl Gpio {
    pub(crate) const fn new() -> Self {
        Self {
            modes: MODES_AFTER_RESET,
            levels: 0,
            functions: [0; 2],
            inputs: RX_IDLE,
            seen: 0,
            changes: Vec::new(),
        }
    }

    /// The part was reset: its pins float, and the pull-downs take them.
    pub(crate) fn reset(&mut self, millis: u64) {
        let (inputs, seen, changes) = (self.inputs, self.seen, core::mem::take(&mut self.changes));
        *self = Self { inputs, seen, changes, ..Self::new() };
        self.look(millis);
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x00 => self.modes,
            0x10 => self.seen | self.inputs,
            0x14 => self.levels,
            0x20 => self.functions[0],
            0x24 => self.functions[1],
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, millis: u64) {
        match offset {
            0x00 => self.modes = value,
            0x14 => self.levels = value & 0xffff,
            0x18 => self.levels = self.levels & !(value >> 16) | value & 0xffff,
            0x20 => self.functions[0] = value,
            0x24 => self.functions[1] = value,
            0x28 => self.levels &= !value,
            _ => {}
        }
        self.look(millis);
    }

    pub(crate) fn high(&self, pin: u8) -> bool {
        self.seen & 1 << pin != 0
    }

    /// Whether a pin of the lower half is given to a peripheral by this function.
    pub(crate) fn has_function(&self, pin: u8, function: u32) -> bool {
        self.mode(pin) == ALTERNATE && self.functions[0] >> (pin * 4) & 0xf == function
    }

    fn mode(&self, pin: u8) -> u32 {
        self.modes >> (pin * 2) & 0x3
    }

    fn look(&mut self, millis: u64) {
        for pin in 0..PINS {
            let high = self.mode(pin) == OUTPUT && self.levels & 1 << pin != 0;
            if high != self.high(pin) {
                self.seen ^= 1 << pin;
                self.changes.push(PinChange { at: millis, pin, high });
            }
        }
    }
}
