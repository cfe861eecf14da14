//! What went over a link beside what the core was told beforehand.

use shunt_decision::Packets;

/// Bytes and packets that a link is to be charged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Whole IP packets, both ways; 0: nothing was spent.
    pub bytes: u32,
    /// How many those are.
    pub packets: Packets,
}

impl Spent {
    /// Both together.
    pub(super) const fn add(&mut self, more: Self) {
        let Self { bytes, packets: Packets { sent, received } } = more;
        self.bytes = self.bytes.saturating_add(bytes);
        self.packets.sent = self.packets.sent.saturating_add(sent);
        self.packets.received = self.packets.received.saturating_add(received);
    }
}
