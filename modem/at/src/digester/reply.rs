//! What has come of the reply in flight: bounded, and it knows when something is missing.

use heapless::{String, Vec};

/// The longest reply in bytes, all its lines together. Forty stored messages of 400 bytes fit; a
/// longer list is told by [`Outcome::Overflow`](crate::Outcome::Overflow) and can be asked for piece by piece.
pub const REPLY_BYTES: usize = 16 * 1024;

/// The most bytes that a reply may tell by their number. Modems hand out at most 1,500 by one command.
pub const DATA_BYTES: usize = 2048;

/// Lines and bytes of one reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    text: String<REPLY_BYTES>,
    data: Vec<u8, DATA_BYTES>,
    lossy: bool,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Whether a part was lost.
    pub(crate) fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// Takes note that a part was lost.
    pub(crate) fn lose(&mut self) {
        self.lossy = true;
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.data.clear();
        self.lossy = false;
    }

    /// Appends a line; whether it fits.
    pub(crate) fn keep(&mut self, line: &str) -> bool {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let fits = self.text.len() + gap.len() + line.len() <= REPLY_BYTES
            && self.text.push_str(gap).and_then(|()| self.text.push_str(line)).is_ok();
        self.lossy |= !fits;
        fits
    }

    /// Makes `line`, which fits, the only one, and gives back what stood there.
    pub(crate) fn replace<const N: usize>(&mut self, line: &str) -> Option<String<N>> {
        let earlier = String::try_from(self.text.as_str()).ok();
        self.text.clear();
        self.keep(line);
        earlier.filter(|earlier| !earlier.is_empty())
    }

    /// Appends a byte; whether it is the first that does not fit.
    pub(crate) fn keep_byte(&mut self, byte: u8) -> bool {
        let lost = self.data.push(byte).is_err() && !self.lossy;
        self.lossy |= lost;
        lost
    }
}
