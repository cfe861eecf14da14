//! The part, put together: what the main loop sees of it.

use crate::{boot_loader, line, memory::Memory, tick};
use embassy_stm32::Peri;
use embassy_stm32::gpio::{AnyPin, Level, Output, Speed};
use embassy_stm32::pac;
use embassy_stm32::pac::iwdg::vals::{Key, Pr};
use shunt_board_runtime::{Hardware, Kept, LineError};
use shunt_watchdog::{Instant, Lasting, Levels, Mark, SAVED_BYTES, Saved};
use shunt_wire::ResetCause;

/// Of the hardware watchdog, 4 s in ticks of its own clock of 32 kHz divided by 256: many turns, the 40 ms of a page's
/// erasure, and a clock that is wrong by a tenth.
const HANG_TICKS: u16 = 500;

/// All that is kept, for the resets of the part itself. The part's boot loader uses this RAM, and then the flash holds.
#[allow(unsafe_code)]
// SAFETY: a section for RAM, which the linker's script has, and which holds nothing but what is put there by name.
#[unsafe(link_section = ".uninit.record")]
static RECORD: Kept<SAVED_BYTES> = Kept::new();

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
    /// What of it is in flash ...
    lasting: Lasting,
    /// ... and in RAM.
    kept: Mark,
    /// The supply came on: the RAM holds nothing.
    powered: bool,
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
        let cause = reset_cause();
        let part = Self {
            modem_off,
            shutdown_request,
            host_reset,
            lamp,
            clock,
            held: line::Held::default(),
            memory,
            lasting: Lasting::default(),
            kept: Mark::default(),
            powered: cause == ResetCause::PowerOn,
        };
        (part, cause)
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
        let place = self.memory.find();
        self.lasting = place.map(|place| self.memory.lasting(place)).unwrap_or_default();
        if !self.powered
            && let latest @ Some(_) = from_ram()
        {
            return latest;
        }
        let mut saved = self.memory.record(place?)?;
        saved.lose_supply();
        Some(saved)
    }

    #[inline(never)]
    fn keep(&mut self, saved: &Saved) {
        let (mark, lasting) = (saved.mark(), saved.lasting());
        if mark != self.kept {
            into_ram(saved);
            self.kept = mark;
        }
        if lasting != self.lasting && self.memory.keep(saved) {
            self.lasting = lasting;
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

// Apart, as in `memory.rs`, for the stack.

#[inline(never)]
fn from_ram() -> Option<Saved> {
    Saved::from_bytes(&RECORD.read())
}

#[inline(never)]
fn into_ram(saved: &Saved) {
    RECORD.write(&saved.to_bytes());
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
