//! Spread without a generator's state: the same seed and number give the same value.

use core::time::Duration;

/// Mixes `value` into `seed` (the finaliser of `SplitMix64`, Steele, Lea and Flood, OOPSLA 2014).
pub(crate) const fn mix(seed: u64, value: u64) -> u64 {
    let mut z = seed ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A share of `whole`, from none of it to nearly all, by `random`.
pub(crate) fn share(random: u64, whole: Duration) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    let product = u128::from(random) * u128::from(nanos);
    Duration::from_nanos(u64::try_from(product >> 64).unwrap_or(u64::MAX))
}
