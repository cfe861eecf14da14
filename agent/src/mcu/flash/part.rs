//! The part that is flashed: what of its memory is whose, and the little program that starts it anew.
//!
//! Sources: ST's RM0454 (memory map, flash, `FLASH_ACR`), DS12991 (the STM32G030), AN2606 (its boot loader).

use std::fmt;

/// Where its flash begins.
pub(super) const FLASH: u32 = 0x0800_0000;
/// What is erased at once.
pub(super) const PAGE: usize = 2 * 1024;
/// The pages that hold the program; the two behind them hold what the MCU keeps, and are never touched
/// (`firmware/boards/stm32g030/memory.x`).
pub(super) const PAGES: usize = 14;
/// All that the program may take.
pub(super) const PROGRAM: usize = PAGES * PAGE;
/// What is written at once, and what the part looks at when its supply comes on: while its first word is erased, it
/// starts its boot loader by itself.
pub(super) const DOUBLE_WORD: usize = 8;
/// What erased flash holds.
pub(super) const ERASED: u8 = 0xff;

/// Its RAM, of which the boot loader itself takes the first half.
pub(super) const RAM: std::ops::RangeInclusive<u32> = 0x2000_0000..=0x2000_2000;
/// Where [`RESTART`] is put.
pub(super) const FREE_RAM: u32 = 0x2000_1000;

/// What a part says that it is: a number for each die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Product(pub(super) u16);

/// The one of the STM32G030, which is that of the G031 and the G041 too.
pub(super) const PRODUCT: Product = Product(0x466);
/// The name of its board in our firmware.
pub(super) const BOARD: &str = "stm32g030";

/// A program for [`FREE_RAM`] that resets the part into what its flash holds now.
///
/// A jump into the flash would not do: the boot loader's vectors would stay mapped, and its clocks and pins as they are. And
/// a plain reset does not after an upgrade of an empty part: the part goes by its first word as it was when the supply came
/// on, and keeps that in bit `EMPTY` of `FLASH_ACR`. So that is cleared first, and then the processor asks for the reset
/// (`AIRCR`, ARMv6-M). `firmware/model` runs it on the model of the part.
pub(super) const RESTART: [u8; 48] = restart();

const fn restart() -> [u8; 48] {
    const TOP_OF_RAM: u32 = *RAM.end();
    const ENTRY: u32 = FREE_RAM + 8 + 1;
    const FLASH_ACR: u32 = 0x4002_2000;
    const EMPTY: u32 = 1 << 16;
    const AIRCR: u32 = 0xe000_ed0c;
    const RESET: u32 = 0x05fa_0004;
    // Two instructions a word, the first in the lower half.
    let words: [u32; 12] = [
        TOP_OF_RAM,
        ENTRY,
        0x6801_4805, // ldr r0, =FLASH_ACR; ldr r1, [r0]
        0x4391_4a05, // ldr r2, =EMPTY; bics r1, r2
        0xf3bf_6001, // str r1, [r0]; dsb
        0x4804_8f4f, //               dsb (its second half); ldr r0, =AIRCR
        0x6001_4904, // ldr r1, =RESET; str r1, [r0]
        0xbf00_e7fe, // b .; nop
        FLASH_ACR,
        EMPTY,
        AIRCR,
        RESET,
    ];
    let mut bytes = [0; 48];
    let mut at = 0;
    while at < bytes.len() {
        // In a constant the compiler checks both places.
        #[allow(clippy::indexing_slicing)]
        {
            bytes[at] = words[at / 4].to_le_bytes()[at % 4];
        }
        at += 1;
    }
    bytes
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By AN2606: those that are easily taken for it.
        let name = match self.0 {
            0x443 => "an STM32C011",
            0x453 => "an STM32C031",
            0x456 => "an STM32G05x or G06x",
            0x460 => "an STM32G07x or G08x",
            0x466 => "an STM32G03x or G04x",
            0x467 => "an STM32G0Bx or G0Cx",
            _ => "no part that Shunt knows",
        };
        write!(f, "{:#05x}, {name}", self.0)
    }
}
