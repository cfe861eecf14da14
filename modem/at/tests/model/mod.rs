//! A host and a modem in ticks instead of time, both led by bytes: a fuzzer's, or chance's. The same entries serve the
//! property tests here and the fuzz targets.
//!
//! What is asked of the modem is what the protocol builds on: it works off its input in order, and lets less time pass
//! between two answers of a backlog than the host waits for quiet. All else may go wrong: replies come late or never,
//! lines are lost or come twice, messages and calls fall in between, it boots, and forgets its echo.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, dead_code, reason = "part of tests")]

mod host;
mod modem;
mod streams;

/// An entry that takes any bytes at all, and panics where the protocol breaks a promise.
pub(crate) type Entry = fn(&[u8]);

/// Every entry with the name of its fuzz target.
pub(crate) const ENTRIES: [(&str, Entry); 2] =
    [("at_conversation", at_conversation), ("at_stream", at_stream)];

/// Commands one after the other over a bad line: no reply is another's, none that came in time is missed, no
/// unsolicited line is lost, and the port always comes clean.
pub(crate) fn at_conversation(bytes: &[u8]) {
    host::converse(Dice(bytes));
}

/// Any bytes in any state: cutting them elsewhere changes nothing.
pub(crate) fn at_stream(bytes: &[u8]) {
    streams::cut(Dice(bytes));
}

/// Choices, each from one byte; when there are no more bytes, the first and mildest.
#[derive(Debug)]
pub(crate) struct Dice<'a>(&'a [u8]);

impl<'a> Dice<'a> {
    fn roll(&mut self, sides: u8) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte % sides
    }

    fn is_spent(&self) -> bool {
        self.0.is_empty()
    }

    /// All bytes that are left.
    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
