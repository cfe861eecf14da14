//! Numbers by chance that are the same each time.

/// SplitMix64, of which the upper half is used.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to just under `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) >> 32) % sides
    }
}
