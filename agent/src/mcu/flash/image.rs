//! What is to be flashed, looked at before anything is touched: an ELF file or a plain binary, and whether a part would start
//! with it and is told by it what it is.

use super::part::{BOARD, DOUBLE_WORD, ERASED, FLASH, PAGE, PAGES, PROGRAM, RAM};
use shunt_image::Seal;
use std::fmt;

/// What our images say of themselves: this, the board, a slash, the version, a slash (`firmware/boards/stm32g030`).
const MARK: &[u8] = b"shunt-mcu/";
/// As long as a name in a hello may be.
const LONGEST_NAME: usize = 32;
/// Stack, entry and the handler of each of the processor's faults: a program has at least these.
const LEAST: usize = 64;
/// How ELF files begin.
const ELF: &[u8] = b"\x7fELF";

/// A program for the part.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// All pages, erased where the program has nothing.
    content: Vec<u8>,
    identity: Identity,
}

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The board that it is for.
    pub(crate) board: String,
    /// Its version.
    pub(crate) version: String,
}

/// Why a file is not to be flashed. Completes "failed to use the image: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageError {
    /// It cannot be read as ELF.
    #[error("{0}")]
    Elf(#[from] shunt_image::ElfError),
    /// It is for elsewhere.
    #[error("it puts something at {address:#010x}, and the program's flash is {FLASH:#010x} to {:#010x}; is it for another part?", FLASH + PROGRAM as u32 - 1)]
    Elsewhere {
        /// Where.
        address: u32,
    },
    /// It is too long.
    #[error(
        "it has {0} bytes, and {PROGRAM} is all that there is beside what the MCU keeps; is it an image of the whole flash?"
    )]
    TooLong(usize),
    /// It is too short for any program.
    #[error("it has {0} bytes, which is no program; was it cut off?")]
    TooShort(usize),
    /// Its stack is not in RAM.
    #[error("its stack would begin at {0:#010x}, where the part has no RAM: it is no program for this part")]
    Stack(u32),
    /// Its entry is not in it.
    #[error("it would begin at {0:#010x}, where it has no code: it is no program for this part")]
    Entry(u32),
    /// It is not ours.
    #[error(
        "it does not say that it is Shunt's firmware; build it by `cargo firmware`, or take it from the release"
    )]
    Stranger,
    /// It has no length and checksum.
    #[error("it has no checksum; build it by `cargo firmware`, or take it from the release")]
    Unsealed,
    /// It is not as it was made.
    #[error("its checksum is wrong: the file is damaged, or was cut off; copy it anew")]
    Damaged,
    /// It is for another board.
    #[error("it is for the board {0}, and this upgrade is for {BOARD}")]
    Board(String),
}

impl Image {
    /// The program in a file's content.
    ///
    /// # Errors
    /// It is none that the part would start with, or not Shunt's for a board that can be upgraded so.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, ImageError> {
        let image = Self::from_content(content(file)?)?;
        if image.identity.board != BOARD {
            return Err(ImageError::Board(image.identity.board));
        }
        if image.seal() == Seal::Missing { Err(ImageError::Unsealed) } else { Ok(image) }
    }

    /// The program that was read out of a part, if it is a whole one of ours; older ones have no seal.
    pub(super) fn read_out(content: &[u8]) -> Result<Self, ImageError> {
        Self::from_content(content.to_vec())
    }

    fn from_content(mut content: Vec<u8>) -> Result<Self, ImageError> {
        let length = content.len();
        if length > PROGRAM {
            return Err(ImageError::TooLong(length));
        }
        if length < LEAST {
            return Err(ImageError::TooShort(length));
        }
        content.resize(PROGRAM, ERASED);
        let (stack, entry) = (word(&content, 0), word(&content, 4));
        if !RAM.contains(&stack) || !stack.is_multiple_of(8) || stack == *RAM.start() {
            return Err(ImageError::Stack(stack));
        }
        let end = FLASH + u32::try_from(length).unwrap_or(u32::MAX);
        // Thumb code has odd addresses; behind the vectors, and not where the flash is erased.
        let code = entry & !1;
        let there = entry & 1 == 1 && (FLASH + LEAST as u32..end).contains(&code);
        if !there || word(&content, (code - FLASH) as usize) == u32::MAX {
            return Err(ImageError::Entry(entry));
        }
        let identity = identity(&content).ok_or(ImageError::Stranger)?;
        let image = Self { content, identity };
        if image.seal() == Seal::Broken { Err(ImageError::Damaged) } else { Ok(image) }
    }

    fn seal(&self) -> Seal {
        shunt_image::seal_of(&self.content)
    }

    /// What it says of itself.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A page of it.
    pub(super) fn page(&self, page: usize) -> &[u8] {
        self.slice(page * PAGE, PAGE)
    }

    /// So many bytes from a place, as far as there are.
    pub(super) fn slice(&self, at: usize, length: usize) -> &[u8] {
        let rest = self.content.get(at..).unwrap_or_default();
        rest.get(..length).unwrap_or(rest)
    }

    /// The pages in which it differs from `other`.
    pub(super) fn differs_in(&self, other: &[u8]) -> Vec<usize> {
        (0..PAGES)
            .filter(|page| other.get(page * PAGE..(page + 1) * PAGE) != Some(self.page(*page)))
            .collect()
    }

    /// All of it without the erased end, in whole double words.
    pub(crate) fn bytes(&self) -> &[u8] {
        let end = self.content.iter().rposition(|byte| *byte != ERASED).map_or(0, |last| last + 1);
        self.slice(0, end.next_multiple_of(DOUBLE_WORD))
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}, {} bytes)", self.identity, self.bytes().len())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "firmware {} for {}", self.version, self.board)
    }
}

/// What a file puts into the program's flash.
fn content(file: &[u8]) -> Result<Vec<u8>, ImageError> {
    if !file.starts_with(ELF) {
        return Ok(file.to_vec());
    }
    let mut content = Vec::new();
    for segment in shunt_image::loaded(file)? {
        let elsewhere = || ImageError::Elsewhere { address: segment.address };
        let begin = segment.address.checked_sub(FLASH).ok_or_else(elsewhere)? as usize;
        let end = begin.saturating_add(segment.content.len());
        if end > PROGRAM {
            return Err(elsewhere());
        }
        if content.len() < end {
            content.resize(end, ERASED);
        }
        content.get_mut(begin..end).ok_or_else(elsewhere)?.copy_from_slice(segment.content);
    }
    Ok(content)
}

fn identity(content: &[u8]) -> Option<Identity> {
    let mut marks = content.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.find_map(|(at, _)| {
        let rest = content.get(at + MARK.len()..)?;
        let mut names = rest.split(|byte| *byte == b'/');
        let (board, version) = (name(names.next()?)?, name(names.next()?)?);
        // The last slash must be there too.
        names.next().map(|_| Identity { board, version })
    })
}

fn name(bytes: &[u8]) -> Option<String> {
    let fits = (1..=LONGEST_NAME).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    fits.then(|| String::from_utf8_lossy(bytes).into_owned())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(u32::MAX, |word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::flash::tests::rom::program;

    #[test]
    fn a_program_is_known_by_its_vectors_and_its_mark() {
        let image = Image::parse(&program("stm32g030", "1.2.3", 9_000)).unwrap();
        assert_eq!(image.identity().to_string(), "firmware 1.2.3 for stm32g030");
        assert_eq!(image.bytes(), program("stm32g030", "1.2.3", 9_000));
        assert_eq!(Image::read_out(image.slice(0, PROGRAM)).unwrap(), image);
        let other = Image::parse(&program("stm32g030", "1.2.4", 9_000)).unwrap();
        assert_eq!(image.differs_in(other.slice(0, PROGRAM)), [0, 1, 3, 4]);
    }

    #[test]
    fn what_the_part_would_not_start_with_is_refused() {
        let sound = program("stm32g030", "1.2.3", 9_000);
        let with = |at: usize, word: u32| {
            let mut file = sound.clone();
            file[at..at + 4].copy_from_slice(&word.to_le_bytes());
            Image::parse(&file).unwrap_err()
        };
        assert_eq!(with(0, 0x0800_0000), ImageError::Stack(0x0800_0000));
        assert_eq!(with(0, 0x2000_0000), ImageError::Stack(0x2000_0000));
        assert_eq!(with(0, 0x2000_1ffc), ImageError::Stack(0x2000_1ffc));
        assert_eq!(with(4, 0x0800_0100), ImageError::Entry(0x0800_0100), "no Thumb code");
        assert_eq!(with(4, 0x0800_0011), ImageError::Entry(0x0800_0011), "among the vectors");
        assert_eq!(with(4, 0x0800_5001), ImageError::Entry(0x0800_5001), "behind it");
        assert_eq!(Image::parse(&vec![0xff; 9_000]).unwrap_err(), ImageError::Stack(u32::MAX));
        assert_eq!(Image::parse(&sound[..60]).unwrap_err(), ImageError::TooShort(60));
        assert_eq!(Image::parse(&[0; PROGRAM + 1]).unwrap_err(), ImageError::TooLong(PROGRAM + 1));
        assert_eq!(Image::parse(b"#!/bin/sh\n").unwrap_err(), ImageError::TooShort(10));
        assert!(matches!(Image::parse(&program("lm3s6965", "1", 900)), Err(ImageError::Board(_))));
        let mut stranger = sound.clone();
        let at = stranger.windows(MARK.len()).position(|window| window == MARK).unwrap();
        stranger[at] = b'S';
        assert_eq!(Image::parse(&stranger), Err(ImageError::Stranger));
    }

    /// Each byte counts; and what was read out of a part may be from before there were checksums.
    #[test]
    fn a_damaged_file_and_one_that_was_cut_off_are_refused() {
        let sound = program("stm32g030", "1.2.3", 9_000);
        for at in (0x24..sound.len()).step_by(97).filter(|at| !(0x100..0x120).contains(at)) {
            let mut damaged = sound.clone();
            damaged[at] ^= 4;
            assert_eq!(Image::parse(&damaged), Err(ImageError::Damaged), "byte {at}");
        }
        assert_eq!(Image::parse(&sound[..8_000]), Err(ImageError::Damaged));
        let mut older = sound;
        older[0x1c..0x24].fill(0);
        assert_eq!(Image::parse(&older), Err(ImageError::Unsealed));
        assert!(Image::read_out(&older).is_ok());
    }

    /// An ELF file with one segment.
    fn elf(address: u32, content: &[u8]) -> Vec<u8> {
        let mut elf = vec![0; 0x54];
        elf[..6].copy_from_slice(b"\x7fELF\x01\x01");
        (elf[0x1c], elf[0x2a], elf[0x2c]) = (0x34, 0x20, 1);
        for (at, value) in
            [(0x34, 1), (0x38, 0x54), (0x40, address), (0x44, u32::try_from(content.len()).unwrap())]
        {
            elf[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        elf.extend(content);
        elf
    }

    #[test]
    fn an_elf_file_is_what_it_puts_into_the_flash() {
        let sound = program("stm32g030", "1.2.3", 9_000);
        assert_eq!(Image::parse(&elf(FLASH, &sound)), Image::parse(&sound));
        for address in [0, FLASH - 8, FLASH + PROGRAM as u32 - 8, 0x2000_0000, u32::MAX] {
            assert_eq!(Image::parse(&elf(address, &sound)), Err(ImageError::Elsewhere { address }));
        }
        let cut = &elf(FLASH, &sound)[..4_000];
        assert!(matches!(Image::parse(cut), Err(ImageError::Elf(_))));
    }

    #[test]
    fn no_file_is_a_panic() {
        use proptest::prelude::*;
        proptest!(|(file in proptest::collection::vec(any::<u8>(), 0..400), is_elf: bool)| {
            let begin: &[u8] = if is_elf { b"\x7fELF\x01\x01" } else { b"" };
            let _any_answer = Image::parse(&[begin, &file].concat());
        });
    }
}
