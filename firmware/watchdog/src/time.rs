//! Time in milliseconds: `core::time::Duration` costs the MCU 64-bit divisions.

use core::ops::Add;

/// A length of time in milliseconds, up to 49 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(u32);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis)
    }

    /// A span of whole seconds, at the most 49 days.
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// In seconds, rounded up, so that who waits for so long waits long enough.
    pub(crate) const fn as_secs_up(self) -> u32 {
        self.0.div_ceil(1000)
    }

    /// Twice as long.
    pub(crate) const fn doubled(self) -> Self {
        Self(self.0.saturating_mul(2))
    }
}

/// A point in time: milliseconds since an epoch of the caller's choice, such as the MCU's boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// The instant so many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// From `earlier` to this one; zero when that is later, and at the most 49 days.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        let millis = self.0.saturating_sub(earlier.0);
        Span(if millis > u32::MAX as u64 { u32::MAX } else { millis as u32 })
    }

    /// Whole seconds since the epoch, up to 136 years.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        // In 32 bits, since a 64-bit division costs the MCU a kilobyte: 2^32 ms are 4,294,967 s and 296 ms.
        let (high, low) = ((self.0 >> 32) as u32, self.0 as u32);
        if high >= 1000 {
            return u32::MAX;
        }
        let rest = low % 1000 + high * 296;
        (high * 4_294_967).saturating_add(low / 1000 + rest / 1000)
    }
}

impl Add<Span> for Instant {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(u64::from(span.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn seconds_are_as_by_division(millis in 0u64..u64::from(u32::MAX) * 1_000) {
            prop_assert_eq!(u64::from(Instant::from_millis(millis).as_secs()), millis / 1000);
        }
    }

    #[test]
    fn seconds_end_at_their_highest() {
        for millis in [u64::from(u32::MAX) * 1_000 + 999, 1 << 50, u64::MAX] {
            assert_eq!(Instant::from_millis(millis).as_secs(), u32::MAX);
        }
    }
}
