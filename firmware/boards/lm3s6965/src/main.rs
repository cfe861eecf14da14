//! The watchdog MCU on a LM3S6965: the board that QEMU emulates with its UART, pins and hardware watchdog, so that
//! the firmware's behaviour is seen on a machine without any board.
//!
//! Only pins, clock, UART, hardware watchdog and the memory that outlives a reset are here; what is done with them
//! is in `shunt-watchdog`, as on every board.
#![no_std]
#![no_main]

mod hardware;
mod outbox;

use core::panic::PanicInfo;
use hardware::Hardware;
use outbox::Outbox;
use shunt_watchdog::{Board, Saved, Watchdog};
use shunt_wire::Capabilities;

/// What this board has. Its memory outlives resets, but not the supply.
const BOARD: Board = Board {
    name: "lm3s6965",
    software: env!("CARGO_PKG_VERSION"),
    capabilities: Capabilities::MODEM_RAIL.with(Capabilities::SHUTDOWN_LINE).with(Capabilities::HOST_RESET),
};

#[cortex_m_rt::entry]
fn main() -> ! {
    let (mut hardware, cause, bytes) = Hardware::start();
    let mut watchdog = Watchdog::new(BOARD, Saved::from_bytes(&bytes), cause, hardware.now());
    let mut kept = Saved::default();
    let mut outbox = Outbox::default();
    loop {
        let now = hardware.now();
        while let Some(received) = hardware.receive() {
            match received {
                Ok(byte) => {
                    if let Some(answer) = watchdog.receive(byte, now) {
                        outbox.push(&answer);
                    }
                }
                Err(hardware::LineError) => watchdog.line_error(now),
            }
        }
        watchdog.handle_timeout(now);
        while let Some(frame) = watchdog.poll_frame(now) {
            outbox.push(&frame);
        }
        // Before it reaches the pins: what is done to the host must not be forgotten by it.
        if *watchdog.saved() != kept {
            kept.clone_from(watchdog.saved());
            hardware.keep(kept.to_bytes());
        }
        hardware.set(watchdog.outputs(), now);
        while outbox.first().is_some_and(|byte| hardware.send(byte)) {
            outbox.pop();
        }
        // Last, so that only a turn that did all of this keeps the hardware watchdog calm.
        hardware.feed();
        hardware.sleep();
    }
}

/// Nobody could read a message: the part starts anew, and tells that its firmware asked for it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    hardware::restart()
}
