//! The time: the processor's own timer, which also wakes the main loop.

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use shunt_watchdog::Instant;

/// Of the processor: the internal oscillator, right to 1 % (data sheet DS12991).
const CLOCK_HZ: u32 = 16_000_000;
/// Fine enough for times in seconds and a lamp that wants eight looks in each.
const TICK_MS: u32 = 10;

/// Ticks since the start: 497 days, then it wraps; [`Clock::now`] counts on.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Ticks since the start; they wrap.
pub(crate) fn ticks() -> u32 {
    TICKS.load(Ordering::Relaxed)
}

/// Ticks in a second.
pub(crate) const SECOND: u32 = 1000 / TICK_MS;

/// Counts the ticks to a time that does not wrap.
pub(crate) struct Clock {
    ticks: u32,
    now: u64,
}

impl Clock {
    /// Starts the timer.
    pub(crate) fn start() -> Self {
        // Nobody else takes the peripherals: without them there is no time, and the hardware watchdog has the last word.
        if let Some(peripherals) = cortex_m::Peripherals::take() {
            let mut timer = peripherals.SYST;
            timer.set_clock_source(SystClkSource::Core);
            timer.set_reload(CLOCK_HZ / 1000 * TICK_MS - 1);
            timer.clear_current();
            timer.enable_counter();
            timer.enable_interrupt();
        }
        Self { ticks: 0, now: 0 }
    }

    /// The time since the start.
    pub(crate) fn now(&mut self) -> Instant {
        let ticks = ticks();
        self.now += u64::from(ticks.wrapping_sub(self.ticks)) * u64::from(TICK_MS);
        self.ticks = ticks;
        Instant::from_millis(self.now)
    }
}

#[exception]
fn SysTick() {
    // One core, and nobody else writes: a load and a store are enough where the part has no atomic addition.
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}
