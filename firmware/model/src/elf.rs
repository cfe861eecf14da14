//! What an image puts into flash.
//!
//! Layout: Tool Interface Standard, Executable and Linking Format 1.2, program headers.

/// Why a file is no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It is not an ELF file, or ends too early.
    #[error("failed to load the image: it is no whole 32-bit ELF file; build it anew")]
    NotElf,
    /// It does not fit into the flash of the part.
    #[error("failed to load the image: it lies outside of the part's flash; look at memory.x")]
    OutsideFlash,
}

const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 1, 1];
/// Offsets in the file's header.
const SEGMENTS_AT: usize = 0x1c;
const SEGMENT_BYTES: usize = 0x2a;
const SEGMENT_COUNT: usize = 0x2c;
/// Offsets in a segment's header.
const TYPE: usize = 0x00;
const OFFSET: usize = 0x04;
const PHYSICAL: usize = 0x0c;
const FILE_BYTES: usize = 0x10;
/// The segment is to be loaded.
const LOAD: usize = 1;

/// Puts the image `elf` into `flash`, which starts at `start`.
pub(crate) fn load(elf: &[u8], flash: &mut [u8], start: u32) -> Result<(), ElfError> {
    if !elf.starts_with(&MAGIC) {
        return Err(ElfError::NotElf);
    }
    let headers = word(elf, SEGMENTS_AT)?;
    let (bytes, count) = (half(elf, SEGMENT_BYTES)?, half(elf, SEGMENT_COUNT)?);
    for number in 0..count {
        let header = elf.get(headers + number * bytes..).ok_or(ElfError::NotElf)?;
        let (offset, len) = (word(header, OFFSET)?, word(header, FILE_BYTES)?);
        if word(header, TYPE)? != LOAD || len == 0 {
            continue;
        }
        let content = elf.get(offset..offset + len).ok_or(ElfError::NotElf)?;
        let place = word(header, PHYSICAL)?.checked_sub(start as usize).ok_or(ElfError::OutsideFlash)?;
        flash.get_mut(place..place + len).ok_or(ElfError::OutsideFlash)?.copy_from_slice(content);
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Result<usize, ElfError> {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ElfError::NotElf)?;
    Ok(u32::from_le_bytes(*word) as usize)
}

fn half(bytes: &[u8], at: usize) -> Result<usize, ElfError> {
    let half = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ElfError::NotElf)?;
    Ok(u16::from_le_bytes(*half).into())
}
