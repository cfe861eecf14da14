//! An image's length and checksum, by which damage to a file is found before it is flashed.
//!
//! They take no flash: they are in two vectors that are reserved on every Cortex-M and read by none (ARMv6-M and ARMv7-M
//! Architecture Reference Manuals, exception numbers 7 and 8).

use crate::elf;
use crate::flash;

/// Where the two are: the length, and a CRC-32 (IEEE 802.3) of all other bytes of it; little-endian.
const PLACE: std::ops::Range<usize> = 0x1c..0x24;
/// The CRC's polynomial, reflected.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What an image's seal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// It has none: `cargo firmware` did not make it.
    Missing,
    /// Each byte is as it was made.
    Whole,
    /// It is not: damaged, or cut off.
    Broken,
}

/// Looks at the seal of what is in flash from its begin on, or will be. What follows the image does not matter.
#[must_use]
pub fn seal_of(flash: &[u8]) -> Seal {
    match flash.get(PLACE).and_then(|place| place.first_chunk()) {
        None | Some([0 | 0xff, 0 | 0xff, 0 | 0xff, 0 | 0xff]) => Seal::Missing,
        Some(length) => {
            let image = flash.get(..u32::from_le_bytes(*length) as usize);
            let whole =
                image.is_some_and(|image| flash.get(PLACE) == made(image).as_ref().map(<[u8; 8]>::as_slice));
            if whole { Seal::Whole } else { Seal::Broken }
        }
    }
}

/// The seal for an image in an ELF file, and where in the file it is to be; `None` if that is no image.
#[must_use]
pub fn seal_for(file: &[u8]) -> Option<(u64, [u8; 8])> {
    let segments = elf::loaded(file).ok()?;
    let first = segments.iter().min_by_key(|segment| segment.address)?;
    let begin = (first.content.as_ptr() as usize).checked_sub(file.as_ptr() as usize)?;
    first.content.get(PLACE)?;
    Some(((begin + PLACE.start) as u64, made(&flash(file)?)?))
}

/// Length and checksum.
fn made(image: &[u8]) -> Option<[u8; 8]> {
    let others = image.get(..PLACE.start)?.iter().chain(image.get(PLACE.end..)?);
    let [a, b, c, d] = u32::try_from(image.len()).ok()?.to_le_bytes();
    let [e, f, g, h] = checksum(others).to_le_bytes();
    Some([a, b, c, d, e, f, g, h])
}

fn checksum<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_tells_each_damage_and_each_cut() {
        let mut image: Vec<u8> = (0..200_u8).map(|byte| byte.wrapping_mul(7)).collect();
        image[PLACE].fill(0);
        assert_eq!(seal_of(&image), Seal::Missing);
        let seal = made(&image).unwrap();
        image[PLACE].copy_from_slice(&seal);
        assert_eq!(
            (seal_of(&image), seal_of(&[&image[..], &[0xff; 40]].concat())),
            (Seal::Whole, Seal::Whole)
        );
        for at in 0..image.len() {
            let mut damaged = image.clone();
            damaged[at] ^= 0x10;
            assert_eq!(seal_of(&damaged), Seal::Broken, "byte {at}");
            let cut = [&image[..at], &[0xff; 40]].concat();
            assert_ne!(seal_of(&cut), Seal::Whole, "cut at {at}");
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_the_catalogue() {
        assert_eq!(checksum(b"123456789".iter()), 0xcbf4_3926);
    }
}
