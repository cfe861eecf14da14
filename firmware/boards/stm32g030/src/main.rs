//! The watchdog MCU on an STM32G030, the board that ships.
//!
//! Only pins, clock, UART, hardware watchdog and the memory that outlives the supply are here; what is done with them
//! is in `shunt-watchdog`, as on every board.
#![no_std]
#![no_main]

mod memory;

use core::panic::PanicInfo;
use embassy_executor::Spawner;
use embassy_stm32::gpio::{Level, Output, Speed};
use embassy_stm32::peripherals::{FLASH, USART2};
use embassy_stm32::usart::{BufferedInterruptHandler, BufferedUart, Config};
use embassy_stm32::wdg::IndependentWatchdog;
use embassy_stm32::{Peri, bind_interrupts, pac};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{Read, Write};
use memory::Memory;
use shunt_watchdog::{Board, Instant, Levels, Watchdog};
use shunt_wire::{Capabilities, FRAME_BYTES, Frame, Reply, ResetCause, encode};
use static_cell::StaticCell;

/// What this board has.
const BOARD: Board = Board {
    name: "stm32g030",
    software: env!("CARGO_PKG_VERSION"),
    capabilities: Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::LASTING_MEMORY),
};

/// The agent's speed, and the one of the part's own boot loader.
const BAUD: u32 = 115_200;
/// The longest turn of the main loop while nothing comes: the lamp wants eight looks a second.
const TURN: Duration = Duration::from_millis(50);
/// Of the hardware watchdog: many turns, the 40 ms of a page's erasure, and a clock that is wrong by a tenth.
const HANG_MICROS: u32 = 4_000_000;
/// Of the receiver: more than comes in a page's erasure would not help, as the part then takes nothing at all.
const RX_BYTES: usize = 128;
/// Of the sender: two of the longest frames.
const TX_BYTES: usize = 256;
/// Bytes that are taken at once.
const CHUNK_BYTES: usize = 32;

/// The flash's controller.
type FlashUnit = Peri<'static, FLASH>;

bind_interrupts!(struct Interrupts {
    USART2 => BufferedInterruptHandler<USART2>;
});

/// The output pins. High is where something is done: a part in reset or without a program leaves its pins floating,
/// which pull-downs on the board make low.
struct Pins {
    modem_off: Output<'static>,
    shutdown_request: Output<'static>,
    host_reset: Output<'static>,
    lamp: Output<'static>,
}

impl Pins {
    fn set(&mut self, levels: Levels, now: Instant) {
        self.modem_off.set_level((!levels.pins.modem_power).into());
        self.shutdown_request.set_level(levels.pins.shutdown_request.into());
        self.host_reset.set_level(levels.pins.host_reset.into());
        self.lamp.set_level(levels.led.lit(now).into());
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    static RX: StaticCell<[u8; RX_BYTES]> = StaticCell::new();
    static TX: StaticCell<[u8; TX_BYTES]> = StaticCell::new();
    let part = embassy_stm32::init(embassy_stm32::Config::default());
    let mut hang = IndependentWatchdog::new(part.IWDG, HANG_MICROS);
    hang.unleash();
    let mut pins = Pins {
        modem_off: Output::new(part.PA4, Level::Low, Speed::Low),
        shutdown_request: Output::new(part.PA5, Level::Low, Speed::Low),
        host_reset: Output::new(part.PA6, Level::Low, Speed::Low),
        lamp: Output::new(part.PA7, Level::Low, Speed::Low),
    };
    let (mut memory, earlier) = Memory::open(part.FLASH);
    let mut kept = earlier.clone().unwrap_or_default();
    let mut watchdog = Watchdog::new(BOARD, earlier, reset_cause(), now());
    let mut config = Config::default();
    config.baudrate = BAUD;
    let (tx, rx) = (TX.init([0; TX_BYTES]), RX.init([0; RX_BYTES]));
    // A part without its UART must not go on as if it guarded: the hardware watchdog starts it anew.
    let Ok(mut uart) = BufferedUart::new(part.USART2, part.PA3, part.PA2, tx, rx, Interrupts, config) else {
        return;
    };
    loop {
        let mut chunk = [0; CHUNK_BYTES];
        let read = with_timeout(TURN, uart.read(&mut chunk)).await;
        let now = now();
        match read {
            Ok(Ok(count)) => {
                for byte in chunk.iter().take(count) {
                    if let Some(answer) = watchdog.receive(*byte, now) {
                        send(&mut uart, &answer).await;
                    }
                }
            }
            Ok(Err(_)) => watchdog.line_error(now),
            // Nothing came in this turn.
            Err(_) => {}
        }
        watchdog.handle_timeout(now);
        while let Some(frame) = watchdog.poll_frame(now) {
            send(&mut uart, &frame).await;
        }
        // Before it reaches the pins: what is done to the host must not be forgotten by it.
        if kept.outdates(watchdog.saved()) && memory.keep(watchdog.saved()) {
            kept.clone_from(watchdog.saved());
        }
        pins.set(watchdog.outputs(), now);
        // Last, so that only a turn that did all of this keeps the hardware watchdog calm.
        hang.pet();
    }
}

async fn send(uart: &mut BufferedUart<'static>, frame: &Frame<Reply>) {
    let mut buffer = [0; FRAME_BYTES];
    if let Ok(bytes) = encode(frame, &mut buffer) {
        // It waits for room at most as long as the line takes, and the sender knows no errors.
        let _never_fails = uart.write_all(bytes).await;
    }
}

fn now() -> Instant {
    Instant::from_millis(embassy_time::Instant::now().as_millis())
}

/// Why the part started. Every reset from within pulls its reset pin as well, so the pin is asked last.
fn reset_cause() -> ResetCause {
    let told = pac::RCC.csr().read();
    pac::RCC.csr().modify(|register| register.set_rmvf(true));
    if told.iwdgrstf() || told.wwdgrstf() {
        ResetCause::Watchdog
    } else if told.sftrstf() {
        ResetCause::Software
    } else if told.pwrrstf() {
        // The part does not tell a supply that sagged from one that came on.
        ResetCause::PowerOn
    } else if told.pinrstf() {
        ResetCause::Pin
    } else {
        ResetCause::Unknown
    }
}

/// Nobody could read a message: the part starts anew, and tells that its firmware asked for it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
