//! The part's memory map (RM0454, chapter 2), and the processor's own registers (ARMv6-M, B3).

use crate::flash::{FLASH_BYTES, FLASH_START, Flash};
use crate::gpio::Gpio;
use crate::iwdg::Iwdg;
use crate::tick::Tick;
use crate::uart::Uart;
use rp2040_emu::bus::ppb::Ppb;
use rp2040_emu::core::{CoreBus, Nvic};
use std::collections::BTreeMap;

pub(crate) const RAM_START: u32 = 0x2000_0000;
pub(crate) const RAM_BYTES: usize = 8 * 1024;
pub(crate) const SYSTEM_START: u32 = 0x1fff_0000;
pub(crate) const SYSTEM_BYTES: u32 = 8 * 1024;
/// The boot loader's stack and entry, where it goes round for ever.
const SYSTEM_STACK: u32 = RAM_START + 0x1000;
const SYSTEM_ENTRY: u32 = SYSTEM_START + 0x101;
const BRANCH_TO_ITSELF: u32 = 0xe7fe_e7fe;

const IWDG: u32 = 0x4000_3000;
const USART2: u32 = 0x4000_4400;
const RCC: u32 = 0x4002_1000;
const FLASH_REGISTERS: u32 = 0x4002_2000;
const GPIOA: u32 = 0x5000_0000;
const UNIT: u32 = 0x400;
/// All that is peripheral, and the ports.
const PERIPHERALS: core::ops::Range<u32> = 0x4000_0000..0x5000_1800;
const PROCESSOR: core::ops::Range<u32> = 0xe000_e000..0xe000_f000;

const RCC_CR: u32 = RCC;
const RCC_CFGR: u32 = RCC + 0x08;
const RCC_IOPENR: u32 = RCC + 0x34;
const RCC_APBENR1: u32 = RCC + 0x3c;
pub(crate) const RCC_CSR: u32 = RCC + 0x60;
const HSI_ON_AND_READY: u32 = 0x500;
const PORT_A_CLOCK: u32 = 1;
const USART2_CLOCK: u32 = 1 << 17;
/// Forgets why the part was reset; and all that it forgets.
const RMVF: u32 = 1 << 23;
const RESET_FLAGS: u32 = 0xfe00_0000;

pub(crate) const USART2_IRQ: u32 = 28;
const TX_PIN: u8 = 2;
const RX_PIN: u8 = 3;
const USART2_FUNCTION: u32 = 1;
const AIRCR: u32 = 0xe000_ed0c;
const ASK_FOR_RESET: u32 = 0x05fa_0004;
const TICK_PENDING: u32 = 1 << 26;

pub(crate) struct Bus {
    /// Clocks since the model began.
    pub(crate) now: u64,
    /// When the next unit wants something.
    due: u64,
    pub(crate) flash: Flash,
    pub(crate) ram: Vec<u8>,
    pub(crate) gpio: Gpio,
    pub(crate) uart: Uart,
    pub(crate) iwdg: Iwdg,
    tick: Tick,
    /// Whatever was written to the registers of other units.
    others: BTreeMap<u32, u32>,
    /// The program asked for a reset.
    pub(crate) reset_asked: bool,
    fault: Option<u32>,
    ppb: Ppb,
    nvic: Nvic,
    event: bool,
}

impl Bus {
    pub(crate) fn new(flash: Flash) -> Self {
        Self {
            now: 0,
            due: 0,
            flash,
            ram: vec![0; RAM_BYTES],
            gpio: Gpio::new(),
            uart: Uart::new(),
            iwdg: Iwdg::new(),
            tick: Tick::default(),
            others: BTreeMap::new(),
            reset_asked: false,
            fault: None,
            ppb: Ppb::new(),
            nvic: Nvic::new(),
            event: false,
        }
    }

    /// All units as after a reset; memory, pins' onlooker and line stay.
    pub(crate) fn reset(&mut self, causes: u32) {
        let told = self.other(RCC_CSR) & RESET_FLAGS;
        self.others.clear();
        self.others.insert(RCC_CR, HSI_ON_AND_READY);
        self.others.insert(RCC_CSR, told | causes);
        self.flash.reset();
        self.gpio.reset(self.millis());
        self.uart.reset();
        self.iwdg = Iwdg::new();
        self.tick = Tick::default();
        self.ppb = Ppb::new();
        self.nvic = Nvic::new();
        self.reset_asked = false;
        self.fault = None;
        self.due = 0;
    }

    pub(crate) fn millis(&self) -> u64 {
        self.now / 16_000
    }

    /// Lets all units do what is due, and gives when the next one wants something.
    pub(crate) fn catch_up(&mut self) -> u64 {
        if self.now >= self.due {
            if self.tick.catch_up(self.now) {
                self.ppb.icsr |= TICK_PENDING;
            }
            let tx = self.gpio.has_function(TX_PIN, USART2_FUNCTION);
            let rx = self.gpio.has_function(RX_PIN, USART2_FUNCTION);
            self.uart.catch_up(self.now, tx, rx);
            self.due = self.tick.due().min(self.uart.due()).min(self.iwdg.due());
        }
        self.nvic.pending = u32::from(self.uart.interrupts()) << USART2_IRQ;
        self.due
    }

    /// Something else may be due now.
    pub(crate) fn look_again(&mut self) {
        self.due = 0;
    }

    /// Whether a processor that waits for an interrupt goes on.
    pub(crate) fn wakes(&self) -> bool {
        self.nvic.pending_and_enabled() != 0 || self.ppb.icsr & TICK_PENDING != 0
    }

    fn other(&self, address: u32) -> u32 {
        self.others.get(&address).copied().unwrap_or(0)
    }

    fn clocked(&self, register: u32, bit: u32) -> bool {
        self.other(register) & bit != 0
    }

    fn bytes(&self, address: u32) -> Option<&[u8]> {
        let (memory, start) = match address {
            0..0x8000 => (self.flash.content(), 0),
            FLASH_START..0x0800_8000 => (self.flash.content(), FLASH_START),
            _ => (self.ram.as_slice(), RAM_START),
        };
        memory.get(address.checked_sub(start)? as usize..)
    }

    fn read_word(&mut self, address: u32) -> u32 {
        if let Some(bytes) = self.bytes(address).and_then(<[u8]>::first_chunk) {
            return u32::from_le_bytes(*bytes);
        }
        let offset = address % UNIT;
        match address {
            SYSTEM_START => SYSTEM_STACK,
            _ if address == SYSTEM_START + 4 => SYSTEM_ENTRY,
            _ if (SYSTEM_START..SYSTEM_START + SYSTEM_BYTES).contains(&address) => BRANCH_TO_ITSELF,
            _ if PROCESSOR.contains(&address) => self.read_processor(address),
            _ if !PERIPHERALS.contains(&address) => {
                self.fault = Some(address);
                0
            }
            _ => match address - offset {
                IWDG => self.iwdg.read(offset),
                USART2 if self.clocked(RCC_APBENR1, USART2_CLOCK) => self.uart.read(offset),
                GPIOA if self.clocked(RCC_IOPENR, PORT_A_CLOCK) => self.gpio.read(offset),
                USART2 | GPIOA => 0,
                FLASH_REGISTERS => self.flash.read(offset),
                _ => self.other(address),
            },
        }
    }

    fn write_word(&mut self, address: u32, value: u32) {
        self.due = 0;
        let (offset, now, millis) = (address % UNIT, self.now, self.millis());
        let ram = address.wrapping_sub(RAM_START) as usize;
        if let Some(place) = self.ram.get_mut(ram..).and_then(<[u8]>::first_chunk_mut) {
            *place = value.to_le_bytes();
        } else if address.wrapping_sub(FLASH_START) < FLASH_BYTES as u32 {
            self.flash.program((address - FLASH_START) as usize, value);
        } else if PROCESSOR.contains(&address) {
            self.write_processor(address, value);
        } else if PERIPHERALS.contains(&address) {
            match address - offset {
                IWDG => self.iwdg.write(offset, value, now),
                USART2 if self.clocked(RCC_APBENR1, USART2_CLOCK) => self.uart.write(offset, value, now),
                GPIOA if self.clocked(RCC_IOPENR, PORT_A_CLOCK) => self.gpio.write(offset, value, millis),
                USART2 | GPIOA => {}
                FLASH_REGISTERS => self.flash.write(offset, value),
                _ => self.write_other(address, value),
            }
        } else {
            self.fault = Some(address);
        }
    }

    /// Clocks are ready and switched as soon as they are asked for.
    fn write_other(&mut self, address: u32, value: u32) {
        let value = match address {
            RCC_CR => value & !0x0202_0400 | (value & 0x0101_0100) << 1 | (value & 0x100) << 2,
            RCC_CFGR => value & !0x38 | (value & 0x7) << 3,
            RCC_CSR if value & RMVF != 0 => value & !(RESET_FLAGS | RMVF),
            RCC_CSR => value & !RESET_FLAGS | self.other(RCC_CSR) & RESET_FLAGS | (value & 1) << 1,
            _ => value,
        };
        self.others.insert(address, value);
    }

    fn read_processor(&self, address: u32) -> u32 {
        match address {
            0xe000_e010..=0xe000_e01f => self.tick.read(address & 0xf, self.now),
            0xe000_e100 | 0xe000_e180 => self.nvic.enabled,
            0xe000_e200 | 0xe000_e280 => self.nvic.pending,
            _ => self.ppb.read32(address),
        }
    }

    fn write_processor(&mut self, address: u32, value: u32) {
        match address {
            0xe000_e010..=0xe000_e01f => self.tick.write(address & 0xf, value, self.now),
            0xe000_e100 => self.nvic.enabled |= value,
            0xe000_e180 => self.nvic.enabled &= !value,
            AIRCR => self.reset_asked |= value == ASK_FOR_RESET,
            _ => self.ppb.write32(address, value),
        }
    }
}

impl CoreBus for Bus {
    fn read8(&mut self, address: u32) -> u8 {
        match self.bytes(address).and_then(<[u8]>::first) {
            Some(byte) => *byte,
            None => (self.read_word(address & !3) >> (address % 4 * 8)) as u8,
        }
    }

    fn read16(&mut self, address: u32) -> u16 {
        match self.bytes(address).and_then(<[u8]>::first_chunk) {
            Some(bytes) => u16::from_le_bytes(*bytes),
            None => (self.read_word(address & !3) >> (address % 4 * 8)) as u16,
        }
    }

    fn read32(&mut self, address: u32) -> u32 {
        self.read_word(address)
    }

    fn write8(&mut self, address: u32, value: u8) {
        match self.ram.get_mut(address.wrapping_sub(RAM_START) as usize) {
            Some(place) => *place = value,
            None => self.write_word(address & !3, value.into()),
        }
    }

    fn write16(&mut self, address: u32, value: u16) {
        let ram = address.wrapping_sub(RAM_START) as usize;
        match self.ram.get_mut(ram..).and_then(<[u8]>::first_chunk_mut) {
            Some(place) => *place = value.to_le_bytes(),
            None => self.write_word(address & !3, value.into()),
        }
    }

    fn write32(&mut self, address: u32, value: u32) {
        self.write_word(address, value);
    }

    fn set_active_pc(&mut self, _: u32) {}

    fn bus_fault(&self) -> bool {
        self.fault.is_some()
    }

    fn bus_fault_addr(&self) -> u32 {
        self.fault.unwrap_or(0)
    }

    fn clear_bus_fault(&mut self) {
        self.fault = None;
    }

    fn ppb(&self, _: usize) -> &Ppb {
        &self.ppb
    }

    fn ppb_mut(&mut self, _: usize) -> &mut Ppb {
        &mut self.ppb
    }

    fn nvic(&self, _: usize) -> &Nvic {
        &self.nvic
    }

    fn nvic_mut(&mut self, _: usize) -> &mut Nvic {
        &mut self.nvic
    }

    fn active_core(&self) -> usize {
        0
    }

    fn event_flag(&self, _: usize) -> bool {
        self.event
    }

    fn consume_event_flag(&mut self, _: usize) -> bool {
        core::mem::take(&mut self.event)
    }

    /// The program waits by WFI alone.
    fn set_wfe_waiting(&mut self, _: usize, _: bool) {}

    fn signal_sev(&mut self) {
        self.event = true;
    }
}
