//! Pins, clock, UART, hardware watchdog, and the memory that outlives a reset.
//!
//! The levels of PB0 to PB3 (alert, modem off, shutdown request, host reset) are high where something is done: a part
//! that is in reset or without a program leaves its pins floating, which pull-downs on the board make low. PB4 is the
//! lamp.

mod registers;

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use registers::{NOTE, RECORD, Register};
use shunt_board_runtime::{Hardware, LineError};
use shunt_watchdog::{Instant, Levels, Mark, Saved};
use shunt_wire::ResetCause;

/// What the PLL makes of the 8 MHz crystal, divided by 16.
const CLOCK_HZ: u32 = 12_500_000;
/// The PLL on, its clock divided by 16 (SYSDIV), an 8 MHz crystal on the main oscillator.
const RCC_PLL: u32 = 0xf << 23 | 1 << 22 | 0xe << 6;
const RCC_BYPASS: u32 = 1 << 11;
const RIS_PLL_LOCKED: u32 = 1 << 6;
/// Looks at the PLL before the part goes on without having seen it lock: it takes 0.5 ms, and a look four clocks of
/// 80 ns at the least, so this is several times as long. The hardware watchdog is not yet on.
const PLL_LOOKS: u32 = 10_000;

const TICK_MS: u32 = 1;
/// 115,200 baud: 12.5 MHz / (16 × 115,200) is 6 and 50/64.
const BAUD_WHOLE: u32 = 6;
const BAUD_SIXTY_FOURTHS: u32 = 50;
/// Eight bits, no parity, one stop bit, with FIFOs.
const UART_8N1_FIFO: u32 = 0x3 << 5 | 1 << 4;
const UART_ON: u32 = 1 << 9 | 1 << 8 | 1;
const UART_RX_EMPTY: u32 = 1 << 4;
const UART_TX_FULL: u32 = 1 << 5;
const UART_DATA: u32 = 0xff;
/// Framing error, parity error, break; an overrun is seen by the frame's CRC.
const UART_DATA_BROKEN: u32 = 0x7 << 8;

/// Each of the two stages of the hardware watchdog: the first one is an interrupt, in which the cause is noted, the
/// second one resets the part. A turn of the main loop takes about a millisecond.
const WATCHDOG_STAGE: u32 = CLOCK_HZ;
const WATCHDOG_INTERRUPT_AND_RESET: u32 = 0x3;
const WATCHDOG_IRQ: i16 = 18;

/// "hang" and "soft", in [`NOTE`].
const HUNG: &[u8; 4] = b"hang";
const ASKED: &[u8; 4] = b"soft";
const NOTHING: &[u8; 4] = &[0; 4];

const RESC_PIN: u32 = 1;
const RESC_POWER_ON: u32 = 1 << 1;
const RESC_BROWN_OUT: u32 = 1 << 2;
const RESC_WATCHDOG: u32 = 1 << 3;
const RESC_SOFTWARE: u32 = 1 << 4;

/// Ticks since the start: 49 days, then it wraps; [`Hardware::now`] counts on.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// The part, set up.
pub(crate) struct Lm3s6965 {
    ticks: u32,
    now: u64,
    kept: Mark,
}

impl Lm3s6965 {
    /// Sets everything up, and gives why the part started.
    pub(crate) fn start() -> (Self, ResetCause) {
        let cause = reset_cause();
        start_clock();
        // The outputs are low from the first moment: a reset of this part does nothing to the host.
        Register::PORT_B_DATA_0_4.write(0);
        Register::PORT_B_DIR.write(0x1f);
        Register::PORT_B_DEN.write(0x1f);
        start_uart();
        start_tick();
        Register::WDT_LOAD.write(WATCHDOG_STAGE);
        Register::WDT_CTL.write(WATCHDOG_INTERRUPT_AND_RESET);
        Register::NVIC_ISER0.write(1 << WATCHDOG_IRQ);
        (Self { ticks: 0, now: 0, kept: Mark::default() }, cause)
    }
}

impl Hardware for Lm3s6965 {
    fn now(&mut self) -> Instant {
        let ticks = TICKS.load(Ordering::Relaxed);
        self.now += u64::from(ticks.wrapping_sub(self.ticks)) * u64::from(TICK_MS);
        self.ticks = ticks;
        Instant::from_millis(self.now)
    }

    fn receive(&mut self) -> Result<Option<u8>, LineError> {
        if Register::UART_FR.read() & UART_RX_EMPTY != 0 {
            return Ok(None);
        }
        let data = Register::UART_DR.read();
        if data & UART_DATA_BROKEN == 0 { Ok(Some((data & UART_DATA) as u8)) } else { Err(LineError) }
    }

    fn send(&mut self, byte: u8) -> bool {
        let room = Register::UART_FR.read() & UART_TX_FULL == 0;
        if room {
            Register::UART_DR.write(u32::from(byte));
        }
        room
    }

    #[inline(never)]
    fn recall(&mut self) -> Option<Saved> {
        Saved::from_bytes(&RECORD.read())
    }

    #[inline(never)]
    fn keep(&mut self, saved: &Saved) {
        let mark = saved.mark();
        if mark != self.kept {
            self.kept = mark;
            RECORD.write(&saved.to_bytes());
        }
    }

    fn set(&mut self, levels: Levels, now: Instant) {
        let pins = levels.pins;
        let levels =
            [pins.alert, !pins.modem_power, pins.shutdown_request, pins.host_reset, levels.led.lit(now)];
        let mut data = 0;
        for (pin, level) in levels.into_iter().enumerate() {
            data |= u32::from(level) << pin;
        }
        Register::PORT_B_DATA_0_4.write(data);
    }

    fn feed(&mut self) {
        Register::WDT_ICR.write(1);
    }

    /// Until the next tick. Bytes wait in the FIFO: 16 of them take longer than a tick to come.
    fn sleep(&mut self) {
        cortex_m::asm::wfi();
    }

    /// The part's own boot loader is not in QEMU, and this board does not say that it has one.
    fn start_boot_loader(&mut self) {}
}

/// Starts the part anew, and has the next start know why.
pub(crate) fn restart() -> ! {
    NOTE.write(ASKED);
    cortex_m::peripheral::SCB::sys_reset()
}

/// The part's own register tells, or, where an emulator leaves it empty, the note that was left.
fn reset_cause() -> ResetCause {
    let told = Register::RESC.read();
    Register::RESC.write(0);
    let noted = NOTE.read();
    NOTE.write(NOTHING);
    match (told, &noted) {
        (told, _) if told & RESC_POWER_ON != 0 => ResetCause::PowerOn,
        (told, _) if told & RESC_BROWN_OUT != 0 => ResetCause::BrownOut,
        (told, _) if told & RESC_WATCHDOG != 0 => ResetCause::Watchdog,
        (told, _) if told & RESC_SOFTWARE != 0 => ResetCause::Software,
        (told, _) if told & RESC_PIN != 0 => ResetCause::Pin,
        (_, HUNG) => ResetCause::Watchdog,
        (_, ASKED) => ResetCause::Software,
        _ => ResetCause::Unknown,
    }
}

fn start_clock() {
    Register::RCC.write(RCC_PLL | RCC_BYPASS);
    for _ in 0..PLL_LOOKS {
        if Register::RIS.read() & RIS_PLL_LOCKED != 0 {
            break;
        }
    }
    Register::RCC.write(RCC_PLL);
    // Watchdog; UART 0; ports A and B. Clocks are there a few cycles later: the reads see to that.
    for (register, bits) in [(Register::RCGC0, 1 << 3), (Register::RCGC1, 1), (Register::RCGC2, 0x3)] {
        register.write(bits);
        register.read();
        register.read();
    }
}

fn start_uart() {
    Register::PORT_A_AFSEL.write(0x3);
    Register::PORT_A_DEN.write(0x3);
    Register::UART_CTL.write(0);
    Register::UART_IBRD.write(BAUD_WHOLE);
    Register::UART_FBRD.write(BAUD_SIXTY_FOURTHS);
    Register::UART_LCRH.write(UART_8N1_FIFO);
    Register::UART_CTL.write(UART_ON);
}

fn start_tick() {
    // Nobody else takes the peripherals: without them there is no time, and the hardware watchdog has the last word.
    let Some(peripherals) = cortex_m::Peripherals::take() else { return };
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(CLOCK_HZ / 1000 * TICK_MS - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
    // Below the hardware watchdog's first stage, which must come through whatever hangs.
    Register::SHPR3.write(0xff << 24);
}

#[exception]
fn SysTick() {
    // One core, and nobody else writes: a load and a store are enough where the part has no atomic addition.
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

#[allow(unsafe_code)]
mod last_words {
    use super::{HUNG, NOTE, WATCHDOG_IRQ, exception};

    /// The main loop does not turn: note it, and let the hardware watchdog's second stage come. Any other interrupt
    /// is one that nobody enabled, and ends the same way.
    // SAFETY: it touches `NOTE` alone, which the main loop touches only before this interrupt is enabled and right
    // before it resets the part, and it never returns.
    #[exception]
    unsafe fn DefaultHandler(interrupt: i16) -> ! {
        if interrupt == WATCHDOG_IRQ {
            NOTE.write(HUNG);
        }
        loop {
            cortex_m::asm::nop();
        }
    }
}
