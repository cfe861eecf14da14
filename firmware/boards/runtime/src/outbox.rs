//! The bytes on their way to the agent: a frame takes longer to send than the receiver's FIFO lasts.

use heapless::Deque;
use shunt_wire::{FRAME_BYTES, Frame, Reply, encode};

/// Two of the longest frames and a few short ones: an agent has one request under way at a time.
const BYTES: usize = 256;

/// Frames, as bytes, in order.
#[derive(Default)]
pub(crate) struct Outbox(Deque<u8, BYTES>);

impl Outbox {
    /// Adds a frame, or leaves it out where it does not fit: an agent that wants an answer asks again.
    pub(crate) fn push(&mut self, frame: &Frame<Reply>) {
        let mut buffer = [0; FRAME_BYTES];
        let Ok(bytes) = encode(frame, &mut buffer) else { return };
        if bytes.len() > BYTES - self.0.len() {
            return;
        }
        // There is room, see above.
        self.0.extend(bytes.iter().copied());
    }

    /// The next byte.
    pub(crate) fn first(&self) -> Option<u8> {
        self.0.front().copied()
    }

    /// It was sent.
    pub(crate) fn pop(&mut self) {
        self.0.pop_front();
    }
}
