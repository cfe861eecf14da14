//! What an image takes of flash and RAM, from the sections of its ELF file.
//!
//! Layout: Tool Interface Standard, Executable and Linking Format 1.2, 32-bit little-endian, as all Cortex-M images are.

/// What an image takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Code, constants, and the start values of variables.
    pub flash: u64,
    /// Variables; not the stack.
    pub ram: u64,
}

/// Why a file is no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It does not begin as a 32-bit little-endian ELF file does.
    #[error("failed to read the image: it is no 32-bit little-endian ELF file; build it anew")]
    NotElf,
    /// It ends within its headers.
    #[error("failed to read the image: it ends within its section headers; build it anew")]
    CutOff,
}

/// `\x7fELF`, 32 bits, little-endian.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 1, 1];
/// Offsets in the file's header.
const SECTIONS_AT: usize = 0x20;
const SECTION_BYTES: usize = 0x2e;
const SECTION_COUNT: usize = 0x30;
/// Offsets in a section's header.
const TYPE: usize = 0x04;
const FLAGS: usize = 0x08;
const ADDRESS: usize = 0x0c;
const SIZE: usize = 0x14;
/// The section takes memory while the program runs.
const ALLOCATED: u32 = 0x2;
/// It has no content in the file.
const NO_CONTENT: u32 = 8;
/// From here on there is RAM, on every Cortex-M (ARMv6-M and ARMv7-M, address map).
const RAM_START: u32 = 0x2000_0000;

/// What the image `elf` takes.
///
/// # Errors
///
/// When it is no image.
pub fn sizes(elf: &[u8]) -> Result<Sizes, ElfError> {
    if !elf.starts_with(&MAGIC) {
        return Err(ElfError::NotElf);
    }
    let at = word(elf, SECTIONS_AT)? as usize;
    let bytes = usize::from(half(elf, SECTION_BYTES)?);
    let mut sizes = Sizes { flash: 0, ram: 0 };
    for number in 0..usize::from(half(elf, SECTION_COUNT)?) {
        let header = elf.get(at + number * bytes..).ok_or(ElfError::CutOff)?;
        if word(header, FLAGS)? & ALLOCATED == 0 {
            continue;
        }
        let size = u64::from(word(header, SIZE)?);
        if word(header, TYPE)? != NO_CONTENT {
            sizes.flash += size;
        }
        if word(header, ADDRESS)? >= RAM_START {
            sizes.ram += size;
        }
    }
    Ok(sizes)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, ElfError> {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ElfError::CutOff)?;
    Ok(u32::from_le_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Result<u16, ElfError> {
    let half = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ElfError::CutOff)?;
    Ok(u16::from_le_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a section of each kind: type, flags, address, size.
    fn image(sections: &[(u32, u32, u32, u32)]) -> Vec<u8> {
        let mut elf = vec![0; 0x34];
        elf[..6].copy_from_slice(&MAGIC);
        elf[SECTIONS_AT] = 0x34;
        elf[SECTION_BYTES] = 40;
        elf[SECTION_COUNT] = sections.len() as u8;
        for (kind, flags, address, size) in sections {
            let mut header = [0; 40];
            for (at, value) in [(TYPE, kind), (FLAGS, flags), (ADDRESS, address), (SIZE, size)] {
                header[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            elf.extend(header);
        }
        elf
    }

    #[test]
    fn start_values_count_twice_and_debug_information_not_at_all() {
        let elf = image(&[
            (0, 0, 0, 0),
            (1, 0x6, 0x0800_0000, 7000),
            (1, 0x3, 0x2000_0000, 30),
            (8, 0x3, 0x2000_0020, 500),
            (1, 0, 0, 90_000),
        ]);
        assert_eq!(sizes(&elf), Ok(Sizes { flash: 7030, ram: 530 }));
    }

    #[test]
    fn what_is_no_image_is_told() {
        assert_eq!(sizes(b"#!/bin/sh"), Err(ElfError::NotElf));
        let elf = image(&[(1, 0x6, 0, 1)]);
        assert_eq!(sizes(&elf[..elf.len() - 30]), Err(ElfError::CutOff));
    }
}
