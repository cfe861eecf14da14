//! The watchdog MCU on a LM3S6965: the board that QEMU emulates with its UART, pins and hardware watchdog, so that
//! the firmware's behaviour is seen on a machine without any board.
//!
//! Only pins, clock, UART, hardware watchdog and the memory that outlives a reset are here; the main loop is in
//! `shunt-board-runtime`, and what is done with them in `shunt-watchdog`, as on every board.
#![no_std]
#![no_main]

mod hardware;

use core::panic::PanicInfo;
use hardware::Lm3s6965;
use shunt_watchdog::Board;
use shunt_wire::Capabilities;

/// What this board has. Its memory outlives resets, but not the supply.
const BOARD: Board = Board {
    name: "lm3s6965",
    software: env!("CARGO_PKG_VERSION"),
    capabilities: Capabilities::MODEM_RAIL.with(Capabilities::SHUTDOWN_LINE).with(Capabilities::HOST_RESET),
};

#[cortex_m_rt::entry]
fn main() -> ! {
    let (mut hardware, cause) = Lm3s6965::start();
    shunt_board_runtime::run(BOARD, &mut hardware, cause)
}

/// Nobody could read a message: the part starts anew, and tells that its firmware asked for it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    hardware::restart()
}
