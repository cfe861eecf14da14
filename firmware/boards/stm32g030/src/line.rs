//! The UART to the host: bytes come by interrupt into a ring, since the part holds but one, and go by looking.

use crate::tick;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use embassy_stm32::interrupt;
use embassy_stm32::pac::gpio::vals::{Idr, Moder, Pupdr};
use embassy_stm32::pac::{GPIOA, Interrupt, RCC, USART2};
use shunt_board_runtime::LineError;

/// 115,200 baud from 16 MHz: the agent's speed, and the one of the part's own boot loader; 0.1 % off.
const DIVIDER: u16 = 139;
/// PA2 and PA3, in their alternate function 1.
const TX_PIN: usize = 2;
const RX_PIN: usize = 3;
const USART2_FUNCTION: u8 = 1;
/// What a tick of the main loop brings is half of it; its indices are bytes, which wrap by themselves.
const RING_BYTES: usize = 256;

static RING: [AtomicU8; RING_BYTES] = [const { AtomicU8::new(0) }; RING_BYTES];
/// Where the interrupt writes next; only it changes this.
static HEAD: AtomicU8 = AtomicU8::new(0);
/// Where the main loop reads next; only it changes this.
static TAIL: AtomicU8 = AtomicU8::new(0);
/// A byte came damaged.
static DAMAGED: AtomicBool = AtomicBool::new(false);

/// Sets the UART up.
pub(crate) fn start() {
    RCC.apbenr1().modify(|register| register.set_usart2en(true));
    RCC.gpioenr().modify(|register| register.set_gpioaen(true));
    for pin in [TX_PIN, RX_PIN] {
        GPIOA.afr(0).modify(|register| register.set_afr(pin, USART2_FUNCTION));
        GPIOA.moder().modify(|register| register.set_moder(pin, Moder::ALTERNATE));
    }
    // A wire that is broken is an idle line, not an antenna.
    GPIOA.pupdr().modify(|register| register.set_pupdr(RX_PIN, Pupdr::PULL_UP));
    USART2.brr().write(|register| register.set_brr(DIVIDER));
    USART2.cr1().write(|register| {
        register.set_ue(true);
        register.set_te(true);
        register.set_re(true);
        register.set_rxneie(true);
    });
    enable_interrupt();
}

/// Whether the line is held low, by a host without its supply for example: it brings no bytes, and no errors after the
/// first.
#[derive(Default)]
pub(crate) struct Held {
    /// Since this tick, or since it was told the last time.
    since: Option<u32>,
}

impl Held {
    /// To be asked whenever nothing came; true for each second of it. A line in use is seen high at some look.
    pub(crate) fn for_a_second(&mut self) -> bool {
        if GPIOA.idr().read().idr(RX_PIN) == Idr::HIGH {
            self.since = None;
            return false;
        }
        let now = tick::ticks();
        let told = now.wrapping_sub(*self.since.get_or_insert(now)) >= tick::SECOND;
        if told {
            self.since = Some(now);
        }
        told
    }
}

/// What came next, if anything did.
pub(crate) fn receive() -> Result<Option<u8>, LineError> {
    if DAMAGED.load(Ordering::Relaxed) {
        DAMAGED.store(false, Ordering::Relaxed);
        return Err(LineError);
    }
    let tail = TAIL.load(Ordering::Relaxed);
    if tail == HEAD.load(Ordering::Acquire) {
        return Ok(None);
    }
    let byte = RING.get(usize::from(tail)).map(|place| place.load(Ordering::Relaxed));
    TAIL.store(tail.wrapping_add(1), Ordering::Release);
    Ok(byte)
}

/// Sends a byte; `false` when there is no room: an interrupt then tells when there is.
pub(crate) fn send(byte: u8) -> bool {
    let room = USART2.isr().read().txe();
    if room {
        USART2.tdr().write(|register| register.set_dr(byte.into()));
    } else {
        USART2.cr1().modify(|register| register.set_txeie(true));
    }
    room
}

/// Waits until the last byte is out: less than a tenth of a millisecond.
pub(crate) fn flush() {
    // Should it never be, the hardware watchdog has the last word.
    while !USART2.isr().read().tc() {}
}

#[interrupt]
fn USART2() {
    let told = USART2.isr().read();
    if told.rxne() {
        let byte = USART2.rdr().read().dr() as u8;
        if told.fe() || told.ne() {
            DAMAGED.store(true, Ordering::Relaxed);
        } else {
            push(byte);
        }
    }
    // What an overrun lost is seen by the frame's CRC.
    USART2.icr().write(|register| {
        register.set_ore(true);
        register.set_fe(true);
        register.set_ne(true);
    });
    // The main loop is awake now, and asks again if it has more to say.
    USART2.cr1().modify(|register| register.set_txeie(false));
}

/// A full ring loses the byte, and the frame with it: its CRC tells.
fn push(byte: u8) {
    let head = HEAD.load(Ordering::Relaxed);
    let next = head.wrapping_add(1);
    if next == TAIL.load(Ordering::Acquire) {
        return;
    }
    if let Some(place) = RING.get(usize::from(head)) {
        place.store(byte, Ordering::Relaxed);
    }
    HEAD.store(next, Ordering::Release);
}

#[allow(unsafe_code)]
fn enable_interrupt() {
    // SAFETY: no critical section rests on this interrupt being masked: what it shares with the main loop is atomic.
    unsafe { cortex_m::peripheral::NVIC::unmask(Interrupt::USART2) }
}
