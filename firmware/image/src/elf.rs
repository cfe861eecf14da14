//! The tables of an image's ELF file.
//!
//! Layout: Tool Interface Standard, Executable and Linking Format 1.2, 32-bit little-endian, as all Cortex-M images are.

/// Why a file is no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It does not begin as a 32-bit little-endian ELF file does.
    #[error("failed to read the image: it is no 32-bit little-endian ELF file; build it anew")]
    NotElf,
    /// It ends within its headers, or within what they speak of.
    #[error("failed to read the image: it ends too early; build it anew")]
    CutOff,
}

/// `\x7fELF`, 32 bits, little-endian.
pub const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 1, 1];

/// Where the file's header tells of a table, and where fields are in an entry of it.
pub mod section {
    /// Where the table begins: in the header of the file.
    pub const TABLE: usize = 0x20;
    /// How long an entry is: in the header of the file.
    pub const BYTES: usize = 0x2e;
    /// How many entries there are: in the header of the file.
    pub const COUNT: usize = 0x30;
    /// What kind it is.
    pub const TYPE: usize = 0x04;
    /// What it is for.
    pub const FLAGS: usize = 0x08;
    /// Its address while the program runs.
    pub const ADDRESS: usize = 0x0c;
    /// Its size in memory.
    pub const SIZE: usize = 0x14;
}

/// The same of segments.
pub mod segment {
    /// Where the table begins: in the header of the file.
    pub const TABLE: usize = 0x1c;
    /// How long an entry is: in the header of the file.
    pub const BYTES: usize = 0x2a;
    /// How many entries there are: in the header of the file.
    pub const COUNT: usize = 0x2c;
    /// What kind it is.
    pub const TYPE: usize = 0x00;
    /// Where its content begins in the file.
    pub const OFFSET: usize = 0x04;
    /// Its address in flash.
    pub const PHYSICAL: usize = 0x0c;
    /// How long its content is.
    pub const FILE_BYTES: usize = 0x10;
    /// The type of those that are loaded.
    pub const LOAD: u32 = 1;
}

/// A section: what takes memory or describes what does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub kind: u32,
    /// What it is for.
    pub flags: u32,
    /// Its address while the program runs.
    pub address: u32,
    /// Its size in memory.
    pub size: u32,
}

/// What an image puts into memory at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its address in flash.
    pub address: u32,
    /// What lies there.
    pub content: &'a [u8],
}

/// All sections of the image `elf`.
///
/// # Errors
///
/// When it is no image, or not a whole one.
pub fn sections(elf: &[u8]) -> Result<Vec<Section>, ElfError> {
    let read = |header| {
        Ok(Section {
            kind: word(header, section::TYPE)?,
            flags: word(header, section::FLAGS)?,
            address: word(header, section::ADDRESS)?,
            size: word(header, section::SIZE)?,
        })
    };
    table(elf, [section::TABLE, section::BYTES, section::COUNT])?.into_iter().map(read).collect()
}

/// What the image `elf` puts into flash, in the order of its table; empty parts are left out.
///
/// # Errors
///
/// When it is no image, or not a whole one.
pub fn loaded(elf: &[u8]) -> Result<Vec<Segment<'_>>, ElfError> {
    let mut segments = Vec::new();
    for header in table(elf, [segment::TABLE, segment::BYTES, segment::COUNT])? {
        let (offset, length) = (word(header, segment::OFFSET)?, word(header, segment::FILE_BYTES)?);
        if word(header, segment::TYPE)? != segment::LOAD || length == 0 {
            continue;
        }
        let content = elf.get(offset as usize..).and_then(|rest| rest.get(..length as usize));
        let content = content.ok_or(ElfError::CutOff)?;
        segments.push(Segment { address: word(header, segment::PHYSICAL)?, content });
    }
    Ok(segments)
}

/// The entries of a table, each with all that follows it. `fields` of the file's header: where it is, how long an entry is,
/// how many there are.
fn table(elf: &[u8], fields: [usize; 3]) -> Result<Vec<&[u8]>, ElfError> {
    if !elf.starts_with(&MAGIC) {
        return Err(ElfError::NotElf);
    }
    let [at, bytes, count] = fields;
    let (at, bytes, count) = (word(elf, at)? as usize, half(elf, bytes)?, half(elf, count)?);
    let entry = |number| elf.get(at.checked_add(number * bytes)?..);
    (0..count).map(|number| entry(number).ok_or(ElfError::CutOff)).collect()
}

fn word(bytes: &[u8], at: usize) -> Result<u32, ElfError> {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ElfError::CutOff)?;
    Ok(u32::from_le_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Result<usize, ElfError> {
    let half = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ElfError::CutOff)?;
    Ok(u16::from_le_bytes(*half).into())
}
