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

/// What the image says of itself to whoever flashes it: a mark, the board, a slash, the version, a slash. The board's names are
/// parts of it, so that it costs the mark alone.
const IDENTITY: &str = concat!("shunt-mcu/", "stm32g030", "/", env!("CARGO_PKG_VERSION"), "/");
const AROUND_NAME: (&str, &str) = IDENTITY.split_at("shunt-mcu/".len()).1.split_at("stm32g030".len());
const BEHIND_SLASH: &str = AROUND_NAME.1.split_at(1).1;

/// What this board has.
const BOARD: Board = Board {
    name: AROUND_NAME.0,
    software: BEHIND_SLASH.split_at(BEHIND_SLASH.len() - 1).0,
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
