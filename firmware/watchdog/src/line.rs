//! Whether the line brings frames, or something else for long.
//!
//! Why: garbage is no feed, so a line at a wrong speed ends in a reset of a host that is well. That must not go
//! unsaid: it is logged and shown by the lamp before.

use crate::time::{Instant, Span};

/// Bytes without a whole frame for so long are a stuck line: below the shortest sensible way to a reset, and far
/// above the noise of a host that boots and prints on its console.
const STUCK: Span = Span::from_secs(60);
/// After a silence of so long a new count begins: noise now and then is no stuck line.
const PAUSE: Span = Span::from_secs(10);

/// What the line brought since the last whole frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineWatch {
    /// Since when, and the last time.
    noise: Option<(Instant, Instant)>,
    stuck: bool,
}

impl LineWatch {
    pub(crate) fn stuck(&self) -> bool {
        self.stuck
    }

    pub(crate) fn frame(&mut self) {
        *self = Self::default();
    }

    /// A byte that ended no frame, or an error of the receiver. True when the line is found stuck by it.
    pub(crate) fn noise(&mut self, now: Instant) -> bool {
        let since = match self.noise {
            Some((since, last)) if now.since(last) < PAUSE => since,
            Some(_) | None => now,
        };
        self.noise = Some((since, now));
        let found = !self.stuck && now.since(since) >= STUCK;
        self.stuck |= found;
        found
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn only_noise_that_lasts_is_a_stuck_line_and_it_is_told_once() {
        let mut line = LineWatch::default();
        let found: std::vec::Vec<u64> = (0..200).filter(|second| line.noise(at(*second))).collect();
        assert_eq!(found, [60]);
        line.frame();
        assert!(!line.stuck());
        let now_and_then = (20..60).filter(|tens| line.noise(at(tens * 10))).count();
        assert_eq!((now_and_then, line.stuck()), (0, false));
    }
}
