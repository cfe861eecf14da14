//! Septets in octets (23.038 6.1.2.1): the first one in the lowest bits.

/// The septets of `octets` behind `fill` bits, `count` at most and no more than there are.
pub(crate) fn unpack(octets: &[u8], fill: usize, count: usize) -> Vec<u8> {
    let there = (octets.len() * 8).saturating_sub(fill) / 7;
    (0..count.min(there)).map(|place| seven(octets, fill + place * 7)).collect()
}

/// The octets of `septets` behind `fill` bits of zero.
pub(crate) fn pack(septets: impl IntoIterator<Item = u8>, fill: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    // Bits that are not yet a whole octet: seven of them and those of one septet at most.
    let (mut bits, mut held) = (0_u16, fill);
    for septet in septets {
        bits |= u16::from(septet & 0x7f) << held;
        held += 7;
        while held >= 8 {
            let [low, high] = bits.to_le_bytes();
            octets.push(low);
            bits = u16::from(high);
            held -= 8;
        }
    }
    let [low, _] = bits.to_le_bytes();
    if held > 0 {
        octets.push(low);
    }
    octets
}

/// How many bits of fill bring septets to their boundary behind a header of so many octets (23.040 9.2.3.24).
pub(crate) fn fill_behind(header_octets: usize) -> usize {
    (7 - header_octets * 8 % 7) % 7
}

/// The seven bits from `bit` on.
fn seven(octets: &[u8], bit: usize) -> u8 {
    let octet = |place: usize| u16::from(octets.get(place).copied().unwrap_or_default());
    let both = octet(bit / 8) | octet(bit / 8 + 1) << 8;
    let [low, _] = (both >> (bit % 8) & 0x7f).to_le_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_packings_are_read_and_written() {
        // From the tests of python-gsmmodem.
        for (septets, octets) in [
            (&b"123"[..], &[49, 217, 12][..]),
            (b"12345678", &[49, 217, 140, 86, 179, 221, 112]),
            (b"123456789", &[49, 217, 140, 86, 179, 221, 112, 57]),
            (b"Hello World!", &[200, 50, 155, 253, 6, 93, 223, 114, 54, 57, 4]),
        ] {
            assert_eq!(pack(septets.iter().copied(), 0), octets);
            assert_eq!(unpack(octets, 0, septets.len()), septets);
        }
    }

    #[test]
    fn any_fill_is_read_back() {
        for fill in 0..7 {
            for len in 0..40 {
                let septets: Vec<u8> = (0..len).map(|n: u8| n.wrapping_mul(37) & 0x7f).collect();
                let octets = pack(septets.iter().copied(), fill);
                assert_eq!(octets.len(), (fill + septets.len() * 7).div_ceil(8));
                assert_eq!(unpack(&octets, fill, septets.len()), septets);
            }
        }
        assert_eq!([6, 7, 8, 0].map(fill_behind), [1, 0, 6, 0]);
    }
}
