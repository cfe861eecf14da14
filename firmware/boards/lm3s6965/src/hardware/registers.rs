//! The one place that touches registers and the memory that outlives a reset.
//!
//! Addresses and fields: LM3S6965 data sheet (Texas Instruments SPMS260), its memory map and chapters on system control,
//! GPIOs, watchdog timer and UARTs.
#![allow(unsafe_code)]

use core::ptr;
use shunt_board_runtime::Kept;

/// A register of the part.
#[derive(Clone, Copy)]
pub(super) struct Register(usize);

impl Register {
    pub(super) const RCC: Self = Self(0x400f_e060);
    pub(super) const RIS: Self = Self(0x400f_e050);
    pub(super) const RESC: Self = Self(0x400f_e05c);
    pub(super) const RCGC0: Self = Self(0x400f_e100);
    pub(super) const RCGC1: Self = Self(0x400f_e104);
    pub(super) const RCGC2: Self = Self(0x400f_e108);
    pub(super) const WDT_LOAD: Self = Self(0x4000_0000);
    pub(super) const WDT_CTL: Self = Self(0x4000_0008);
    pub(super) const WDT_ICR: Self = Self(0x4000_000c);
    pub(super) const PORT_A_AFSEL: Self = Self(0x4000_4420);
    pub(super) const PORT_A_DEN: Self = Self(0x4000_451c);
    /// The data of pins 0 to 4 of port B alone: the address is the mask.
    pub(super) const PORT_B_DATA_0_4: Self = Self(0x4000_5000 + (0x1f << 2));
    pub(super) const PORT_B_DIR: Self = Self(0x4000_5400);
    pub(super) const PORT_B_DEN: Self = Self(0x4000_551c);
    pub(super) const UART_DR: Self = Self(0x4000_c000);
    pub(super) const UART_FR: Self = Self(0x4000_c018);
    pub(super) const UART_IBRD: Self = Self(0x4000_c024);
    pub(super) const UART_FBRD: Self = Self(0x4000_c028);
    pub(super) const UART_LCRH: Self = Self(0x4000_c02c);
    pub(super) const UART_CTL: Self = Self(0x4000_c030);
    pub(super) const NVIC_ISER0: Self = Self(0xe000_e100);
    /// The priority of the tick, in its highest byte.
    pub(super) const SHPR3: Self = Self(0xe000_ed20);

    pub(super) fn read(self) -> u32 {
        // SAFETY: only the constants above exist: aligned registers of this part, of which reading one has no effect
        // on memory.
        unsafe { ptr::read_volatile(self.0 as *const u32) }
    }

    pub(super) fn write(self, value: u32) {
        // SAFETY: as above; none of these registers starts a transfer to memory.
        unsafe { ptr::write_volatile(self.0 as *mut u32, value) }
    }
}

/// The record of the program.
#[unsafe(link_section = ".uninit.record")]
pub(super) static RECORD: Kept<{ shunt_watchdog::SAVED_BYTES }> = Kept::new();

/// Why the part is about to be reset.
#[unsafe(link_section = ".uninit.note")]
pub(super) static NOTE: Kept<4> = Kept::new();
