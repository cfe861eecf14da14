//! Whatever reads what strangers send, or what a disk has kept, reachable for a fuzzer. Each entry takes any bytes at all,
//! and panics only where a reader panics or says what cannot be true. Nothing of the agent calls it.

pub use crate::probe::fuzz::{dns_answer, echo_reply, neighbour, packet, page};
pub use crate::recording::fuzz::recording;

/// An entry.
pub type Entry = fn(&[u8]);

/// Every entry with its name, which is also that of its target in `tests/fuzz`.
pub const ENTRIES: [(&str, Entry); 6] = [
    ("dns_answer", dns_answer),
    ("echo_reply", echo_reply),
    ("neighbour", neighbour),
    ("packet", packet),
    ("page", page),
    ("recording", recording),
];
