//! The part, put together: what the main loop sees of it.

use crate::{boot_loader, line, memory::Memory, tick};
use embassy_stm32::Peri;
use embassy_stm32::gpio::{AnyPin, Level, Output, Speed};
use embassy_stm32::pac;
use embassy_stm32::pac::iwdg::vals::{Key, Pr};
use shunt_board_runtime::{Hardware, LineError};
use shunt_watchdog::{Instant, Lasting, Levels, Saved};
use shunt_wire::ResetCause;

/// Of the hardware watchdog, 4 s in ticks of its own clock of 32 kHz divided by 256: many turns, the 40 ms of a page's
/// erasure, and a clock that is wrong by a tenth.
const HANG_TICKS: u16 = 500;

/// The part, set up.
pub(crate) struct Stm32g030 {
    // High is where something is done: a part in reset or without a program leaves its pins floating, which pull-downs
    // on the board make low.
    modem_off: Output<'static>,
    shutdown_request: Output<'static>,
    host_reset: Output<'static>,
    lamp: Output<'static>,
    clock: tick::Clock,
    held: line::Held,
    memory: Memory,
    kept: Lasting,
}

impl Stm32g030 {
    /// Sets everything up, and gives why the part started.
    pub(crate) fn start() -> (Self, ResetCause) {
        // The clock stays the internal one of 16 MHz that the part starts with.
        let part = embassy_stm32::init(embassy_stm32::Config::default());
        start_watchdog();
        let low = |pin: Peri<'static, AnyPin>| Output::new(pin, Level::Low, Speed::Low);
        let (modem_off, shutdown_request) = (low(part.PA4.into()), low(part.PA5.into()));
        let (host_reset, lamp) = (low(part.PA6.into()), low(part.PA7.into()));
        let memory = Memory::new(part.FLASH);
        line::start();
        let clock = tick::Clock::start();
        let kept = Lasting::default();
        let part = Self {
            modem_off,
            shutdown_request,
            host_reset,
            lamp,
            clock,
            held: line::Held::default(),
            memory,
            kept,
        };
        (part, reset_cause())
    }
}

impl Hardware for Stm32g030 {
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    fn receive(&mut self) -> Result<Option<u8>, LineError> {
        let received = line::receive()?;
        if received.is_none() && self.held.for_a_second() {
            return Err(LineError);
        }
        Ok(received)
    }

    fn send(&mut self, byte: u8) -> bool {
        line::send(byte)
    }

    fn recall(&mut self) -> Option<Saved> {
        let saved = self.memory.recall();
        self.kept = saved.as_ref().map(Saved::lasting).unwrap_or_default();
        saved
    }

    #[inline(never)]
    fn keep(&mut self, saved: &Saved) {
        let lasting = saved.lasting();
        if lasting != self.kept && self.memory.keep(saved) {
            self.kept = lasting;
        }
    }

    fn set(&mut self, levels: Levels, now: Instant) {
        self.modem_off.set_level((!levels.pins.modem_power).into());
        self.shutdown_request.set_level(levels.pins.shutdown_request.into());
        self.host_reset.set_level(levels.pins.host_reset.into());
        self.lamp.set_level(levels.led.lit(now).into());
    }

    fn feed(&mut self) {
        pac::IWDG.kr().write(|register| register.set_key(Key::RESET));
    }

    fn sleep(&mut self) {
        cortex_m::asm::wfi();
    }

    fn start_boot_loader(&mut self) {
        line::flush();
        boot_loader::restart_into()
    }
}

/// Starts the hardware watchdog, which only a reset stops. By hand: the library's search for a divider takes 400 bytes.
fn start_watchdog() {
    pac::IWDG.kr().write(|register| register.set_key(Key::START));
    pac::IWDG.kr().write(|register| register.set_key(Key::ENABLE));
    pac::IWDG.pr().write(|register| register.set_pr(Pr::DIVIDE_BY256));
    pac::IWDG.rlr().write(|register| register.set_rl(HANG_TICKS - 1));
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
