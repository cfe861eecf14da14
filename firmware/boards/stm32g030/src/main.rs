//! The watchdog MCU on an STM32G030, the board that ships.
//!
//! Only pins, clock, UART, hardware watchdog and the memory that outlives the supply are here; the main loop is in
//! `shunt-board-runtime`, and what is done with them in `shunt-watchdog`, as on every board.
#![no_std]
#![no_main]

mod boot_loader;
mod line;
mod memory;
mod part;
mod tick;

use core::panic::PanicInfo;
use part::Stm32g030;
use shunt_watchdog::Board;
use shunt_wire::Capabilities;

/// What this board has.
const BOARD: Board = Board {
    name: "stm32g030",
    software: env!("CARGO_PKG_VERSION"),
    capabilities: Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::BOOT_LOADER)
        .with(Capabilities::LASTING_MEMORY),
};

#[cortex_m_rt::entry]
fn main() -> ! {
    // First of all, while the part is as its reset left it.
    boot_loader::start_if_asked();
    let (mut part, cause) = Stm32g030::start();
    shunt_board_runtime::run(BOARD, &mut part, cause)
}

/// Nobody could read a message: the part starts anew, and tells that its firmware asked for it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
