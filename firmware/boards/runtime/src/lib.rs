//! What the boards of the watchdog MCU have in common: the main loop, and memory functions that are small.
//!
//! Why a crate of its own: the loop's order is what the watchdog's promises rest on (kept before done, the hardware
//! watchdog fed last), so that it is written once, and the board that an emulator runs proves it for the one that ships.
#![no_std]

mod kept;
mod memory;
mod outbox;

pub use kept::Kept;
use outbox::Outbox;
use shunt_watchdog::{Board, Instant, Levels, Saved, Watchdog};
use shunt_wire::ResetCause;

/// Bytes that one turn takes: a line that never falls silent must not keep the loop from its other duties. More than
/// come in a tick.
const BYTES_IN_A_TURN: usize = 128;

/// A byte that came with an error: a wrong speed, noise, or a line that is held low.
#[derive(Debug, Clone, Copy)]
pub struct LineError;

/// A board: pins, clock, UART, hardware watchdog, and memory that outlives a reset.
pub trait Hardware {
    /// The time since the start.
    fn now(&mut self) -> Instant;

    /// What came next on the line, if anything did.
    ///
    /// # Errors
    ///
    /// When it came damaged; and, once for each second, while the line is held low.
    fn receive(&mut self) -> Result<Option<u8>, LineError>;

    /// Sends a byte; `false` when those before it still fill the sender, which ends the next sleep when there is room.
    fn send(&mut self, byte: u8) -> bool;

    /// What was kept of earlier, once at the start.
    fn recall(&mut self) -> Option<Saved>;

    /// Keeps `saved` over resets, if it is worth it: called in each turn.
    fn keep(&mut self, saved: &Saved);

    /// Sets the output pins and the lamp.
    fn set(&mut self, levels: Levels, now: Instant);

    /// Keeps the hardware watchdog calm for one more of its times.
    fn feed(&mut self);

    /// Waits for an interrupt: a byte came, there is room for one, or 10 ms have passed at the most.
    fn sleep(&mut self);

    /// Leaves this program for the part's boot loader, with calm pins; called only where the board said that it can.
    fn start_boot_loader(&mut self);
}

/// Guards, for ever.
pub fn run(board: Board, hardware: &mut impl Hardware, cause: ResetCause) -> ! {
    let mut watchdog = Watchdog::new(board, hardware.recall(), cause, hardware.now());
    let mut outbox = Outbox::default();
    loop {
        turn(&mut watchdog, &mut outbox, hardware);
        // Last, so that only a turn that did all of this keeps the hardware watchdog calm.
        hardware.feed();
        hardware.sleep();
    }
}

/// Apart, as the other calls of the loop that are marked so: the stack holds the deepest of them, not their sum.
#[inline(never)]
fn turn(watchdog: &mut Watchdog, outbox: &mut Outbox, hardware: &mut impl Hardware) {
    let now = hardware.now();
    for _ in 0..BYTES_IN_A_TURN {
        match hardware.receive() {
            Ok(Some(byte)) => {
                if let Some(answer) = watchdog.receive(byte, now) {
                    outbox.push(&answer);
                }
            }
            Ok(None) => break,
            Err(LineError) => watchdog.line_error(now),
        }
    }
    watchdog.handle_timeout(now);
    while let Some(frame) = watchdog.poll_frame(now) {
        outbox.push(&frame);
    }
    // Before it reaches the pins: what is done to the host must not be forgotten by it.
    hardware.keep(watchdog.saved());
    hardware.set(watchdog.outputs(), now);
    while outbox.first().is_some_and(|byte| hardware.send(byte)) {
        outbox.pop();
    }
    if watchdog.wants_boot_loader() && outbox.first().is_none() {
        hardware.start_boot_loader();
    }
}
