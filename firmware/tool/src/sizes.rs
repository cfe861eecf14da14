//! What an image takes of flash and RAM, from the sections of its ELF file.

use shunt_image::elf::{self, ElfError};

/// What an image takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Code, constants, and the start values of variables.
    pub flash: u64,
    /// Variables; not the stack.
    pub ram: u64,
}

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
    let mut sizes = Sizes { flash: 0, ram: 0 };
    for section in elf::sections(elf)? {
        if section.flags & ALLOCATED == 0 {
            continue;
        }
        let size = u64::from(section.size);
        if section.kind != NO_CONTENT {
            sizes.flash += size;
        }
        if section.address >= RAM_START {
            sizes.ram += size;
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_image::elf::MAGIC;
    use shunt_image::elf::section::{ADDRESS, BYTES, COUNT, FLAGS, SIZE, TABLE, TYPE};

    /// A file with a section of each kind: type, flags, address, size.
    fn image(sections: &[(u32, u32, u32, u32)]) -> Vec<u8> {
        let mut elf = vec![0; 0x34];
        elf[..6].copy_from_slice(&MAGIC);
        elf[TABLE] = 0x34;
        elf[BYTES] = 40;
        elf[COUNT] = sections.len() as u8;
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
