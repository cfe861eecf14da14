//! So many at once, and one more after each while: a cap that needs one byte kept.

use crate::time::{Instant, Span};

/// An allowance. In any time that is `returns` times `n` long, at the most `most + n` are spent.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    most: u8,
    returns: Span,
    spent: u8,
    /// When the next one comes back.
    back_at: Instant,
}

impl Allowance {
    /// With `spent` already; how long ago is not known, so that the first comes back a whole while after `now`.
    pub(crate) fn new(most: u8, returns: Span, spent: u8, now: Instant) -> Self {
        Self { most, returns, spent: spent.min(most), back_at: now + returns }
    }

    pub(crate) fn spent(&self) -> u8 {
        self.spent
    }

    /// Spends one.
    ///
    /// # Errors
    ///
    /// The time until one comes back.
    pub(crate) fn spend(&mut self, now: Instant) -> Result<(), Span> {
        while self.spent > 0 && now >= self.back_at {
            self.spent -= 1;
            self.back_at = self.back_at + self.returns;
        }
        if self.spent == 0 {
            self.back_at = now + self.returns;
        }
        if self.spent >= self.most {
            return Err(self.back_at.since(now));
        }
        self.spent += 1;
        Ok(())
    }
}
