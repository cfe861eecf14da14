//! What the tests of both boards say and hear alike.

use shunt_wire::{Log, LogEntry};

/// A whole log, by the parts that `ask` gives from an entry on.
pub(crate) fn whole_log(mut ask: impl FnMut(u32) -> Log) -> Vec<LogEntry> {
    let (mut from, mut entries) = (0, Vec::new());
    loop {
        let part = ask(from);
        from = part.first + part.entries.len() as u32;
        entries.extend(part.entries);
        if from >= part.next {
            return entries;
        }
    }
}

/// Noise on a line: the same in each run (xorshift, Marsaglia 2003).
pub(crate) struct Noise(u32);

impl Noise {
    pub(crate) const fn new() -> Self {
        Self(0x2545_f491)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let byte = |_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            self.0 as u8
        };
        (0..count).map(byte).collect()
    }
}
