//! USART 2 (RM0454, chapter 27; the basic one, without FIFO), with the line to the host.

use std::collections::VecDeque;

/// 115,200 baud at 16 MHz, ten bits: what a byte takes on the line.
const DIVIDER: u32 = 139;
const BYTE_CLOCKS: u64 = DIVIDER as u64 * 10;
/// How far off the divider may be before the host reads garbage: 2 %.
const DIVIDER_TOLERANCE: u32 = 3;

const UE: u32 = 1;
const RE: u32 = 1 << 2;
const TE: u32 = 1 << 3;
const FE: u32 = 1 << 1;
const ORE: u32 = 1 << 3;
const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
/// The flags that a write to ICR clears, at the same places.
const CLEARABLE: u32 = 0xf;

/// What is on its way to the part.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    byte: u8,
    /// Its stop bit is missing.
    broken: bool,
}

#[derive(Debug)]
pub(crate) struct Uart {
    control: u32,
    divider: u32,
    /// The receiver's and the sender's flags.
    flags: u32,
    received: u8,
    waiting: Option<u8>,
    /// The byte on the line, and when it is out.
    shifting: Option<(u8, u64)>,
    arrivals: VecDeque<Arrival>,
    pub(crate) sent: Vec<u8>,
    /// Bytes that came while the one before was not yet read.
    pub(crate) overruns: u32,
}

impl Uart {
    pub(crate) const fn new() -> Self {
        Self {
            control: 0,
            divider: 0,
            flags: TC | TXE,
            received: 0,
            waiting: None,
            shifting: None,
            arrivals: VecDeque::new(),
            sent: Vec::new(),
            overruns: 0,
        }
    }

    /// The part was reset: the byte on the line is lost, and what is underway to the part still comes.
    pub(crate) fn reset(&mut self) {
        let (arrivals, sent) = (core::mem::take(&mut self.arrivals), core::mem::take(&mut self.sent));
        *self = Self { arrivals, sent, overruns: self.overruns, ..Self::new() };
    }

    /// The host sends bytes, after those that it sent before.
    pub(crate) fn host_sends(&mut self, bytes: &[u8], broken: bool, now: u64) {
        for byte in bytes {
            let free = self.arrivals.back().map_or(now, |last| last.at.max(now));
            self.arrivals.push_back(Arrival { at: free + BYTE_CLOCKS, byte: *byte, broken });
        }
    }

    pub(crate) fn read(&mut self, offset: u32) -> u32 {
        match offset {
            0x00 => self.control,
            0x0c => self.divider,
            0x1c => self.flags,
            0x24 => {
                self.flags &= !RXNE;
                self.received.into()
            }
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32, now: u64) {
        match offset {
            0x00 => self.control = value,
            0x0c => self.divider = value,
            0x20 => self.flags &= !(value & CLEARABLE),
            0x28 if self.control & (UE | TE) == UE | TE => {
                self.waiting = Some(value as u8);
                self.flags &= !(TXE | TC);
                self.shift(now);
            }
            _ => {}
        }
    }

    /// Whether it asks for its interrupt: the enabling bits are at the places of the flags.
    pub(crate) const fn interrupts(&self) -> bool {
        let asked = self.flags & self.control & (RXNE | TC | TXE) != 0;
        asked || self.flags & ORE != 0 && self.control & RXNE != 0
    }

    pub(crate) fn due(&self) -> u64 {
        let out = self.shifting.map_or(u64::MAX, |(_, at)| at);
        self.arrivals.front().map_or(out, |next| next.at.min(out))
    }

    /// What is due: bytes that are out, and bytes that are in. `wired` is whether each pin is the UART's.
    pub(crate) fn catch_up(&mut self, now: u64, tx_wired: bool, rx_wired: bool) {
        let speed = self.divider.abs_diff(DIVIDER) <= DIVIDER_TOLERANCE;
        if let Some((byte, _)) = self.shifting.take_if(|(_, at)| *at <= now) {
            if tx_wired {
                // At another speed the host hears something, but not this.
                self.sent.push(if speed { byte } else { !byte });
            }
            self.shift(now);
        }
        while let Some(arrival) = self.arrivals.pop_front_if(|next| next.at <= now) {
            if rx_wired && self.control & (UE | RE) == UE | RE {
                self.take(arrival, speed);
            }
        }
    }

    fn take(&mut self, arrival: Arrival, speed: bool) {
        if self.flags & RXNE != 0 {
            self.flags |= ORE;
            self.overruns += 1;
            return;
        }
        self.received = if speed { arrival.byte } else { !arrival.byte };
        self.flags |= RXNE;
        if arrival.broken {
            self.flags |= FE;
        }
    }

    fn shift(&mut self, now: u64) {
        if self.shifting.is_some() {
            return;
        }
        match self.waiting.take() {
            Some(byte) => {
                self.shifting = Some((byte, now + BYTE_CLOCKS));
                self.flags |= TXE;
            }
            None => self.flags |= TC,
        }
    }
}
