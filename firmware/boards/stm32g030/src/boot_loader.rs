//! The way into the part's own boot loader, for an upgrade over the UART.
//!
//! Through a reset: a hardware watchdog that runs cannot be stopped in any other way, and it would end the upgrade. What
//! is asked for is noted in RAM that is not cleared, and the next start finds it before it touches anything.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use embassy_stm32::pac::syscfg::vals::MemMode;
use embassy_stm32::pac::{RCC, SYSCFG};

/// Where the boot loader lies (AN2606, STM32G03xxx).
const SYSTEM_MEMORY: *const u32 = 0x1fff_0000 as *const u32;
/// "boot loader" in hexadecimal spelling; RAM after power-on is not this.
const ASKED: u32 = 0xb007_10ad;
const NOTHING: u32 = 0;

struct Note(UnsafeCell<MaybeUninit<u32>>);

// SAFETY: one core, and no interrupt touches it.
unsafe impl Sync for Note {}

/// Start-up code leaves it alone, so it outlives a reset.
#[unsafe(link_section = ".uninit.note")]
static NOTE: Note = Note(UnsafeCell::new(MaybeUninit::uninit()));

/// Starts the boot loader if the run before asked for it.
pub(crate) fn start_if_asked() {
    let note = NOTE.0.get().cast::<u32>();
    // SAFETY: aligned memory of the part; a volatile read takes what the RAM has, and any bits are a number.
    let asked = unsafe { ptr::read_volatile(note) } == ASKED;
    // SAFETY: as above. Once only: the start after this one is a common one.
    unsafe { ptr::write_volatile(note, NOTHING) };
    if asked {
        RCC.apbenr2().modify(|register| register.set_syscfgen(true));
        SYSCFG.cfgr1().modify(|register| register.set_mem_mode(MemMode::SYSTEM_FLASH));
        // SAFETY: the part is as its reset left it, no interrupt is enabled, and at that address is the boot loader's
        // vector table, a stack pointer and an entry; nothing of this program goes on.
        unsafe { cortex_m::asm::bootload(SYSTEM_MEMORY) }
    }
}

/// Restarts the part into the boot loader.
pub(crate) fn restart_into() -> ! {
    // SAFETY: as above.
    unsafe { ptr::write_volatile(NOTE.0.get().cast::<u32>(), ASKED) };
    cortex_m::peripheral::SCB::sys_reset()
}
