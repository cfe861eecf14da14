//! What went over a link beside what the core was told beforehand.

use shunt_decision::Packets;
use tokio::sync::watch;

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

/// What is owed for a link and was not told yet. Tasks add to it on their own thread; the loop takes it.
#[derive(Debug, Clone)]
pub(super) struct Bill(watch::Sender<Spent>);

impl Default for Bill {
    fn default() -> Self {
        Self(watch::channel(Spent::default()).0)
    }
}

impl Bill {
    /// Puts something on it.
    pub(super) fn add(&self, spent: Spent) {
        if spent != Spent::default() {
            self.0.send_modify(|owed| owed.add(spent));
        }
    }

    /// What is on it; nothing after that.
    pub(super) fn take(&self) -> Spent {
        if *self.0.borrow() == Spent::default() {
            return Spent::default();
        }
        self.0.send_replace(Spent::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_off_the_bill() {
        let bill = Bill::default();
        let spent = |bytes| Spent { bytes, packets: Packets { sent: 1, received: 2 } };
        bill.clone().add(spent(3));
        bill.add(spent(4));
        assert_eq!(bill.take(), Spent { bytes: 7, packets: Packets { sent: 2, received: 4 } });
        assert_eq!(bill.take(), Spent::default());
    }
}
