//! What makes our packets ours: unguessable numbers.

use shunt_decision::ProbeId;
use std::hash::{BuildHasher as _, RandomState};

/// Length of a `Token` on the wire.
pub(super) const TOKEN: usize = 16;

/// Random numbers from the standard library's keyed hash (SipHash, keyed by the system): good enough to be unguessable
/// from outside, and no dependency.
#[derive(Debug, Default)]
pub(super) struct Random {
    key: RandomState,
    count: u64,
}

impl Random {
    pub(super) fn number(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        self.key.hash_one(self.count)
    }

    pub(super) fn short(&mut self) -> u16 {
        let [a, b, ..] = self.number().to_ne_bytes();
        u16::from_ne_bytes([a, b])
    }

    /// A secret for one socket.
    pub(super) fn cookie(&mut self) -> Cookie {
        Cookie(self.number().to_ne_bytes())
    }
}

/// A secret that the packets of one socket carry, so that a stranger cannot forge the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cookie([u8; 8]);

impl Cookie {
    /// The payload of one probe.
    pub(super) fn token(self, id: ProbeId) -> [u8; TOKEN] {
        let mut token = [0; TOKEN];
        let bytes = self.0.into_iter().chain(id.0.to_be_bytes());
        for (place, byte) in token.iter_mut().zip(bytes) {
            *place = byte;
        }
        token
    }

    /// Where this cookie lies in `bytes`.
    pub(super) fn find(self, bytes: &[u8]) -> Option<usize> {
        bytes.windows(self.0.len()).position(|window| window == self.0)
    }
}
