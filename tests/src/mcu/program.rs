//! Programs for the laboratory's part: such as the agent takes, and such that it can be told whether every byte is there.

const PAGE: usize = 2 * 1024;
/// Where a program has its length, its length and checksum for the agent, and its mark.
const LENGTH: usize = 0x0c;
const SEAL: usize = 0x1c;
const MARK: usize = 0x100;

/// A program as the agent takes one: vectors, mark, and code by chance. Another version differs in all pages but the third.
#[must_use]
pub fn program(board: &str, version: &str, length: usize) -> Vec<u8> {
    let mut state =
        version.bytes().fold(1_u32, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    let mut common = 7_u32;
    let mut bytes: Vec<u8> = (0..length)
        .map(|at| {
            let state = if at / PAGE == 2 { &mut common } else { &mut state };
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*state >> 24) as u8
        })
        .collect();
    let mark = format!("shunt-mcu/{board}/{version}/");
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    for (at, part) in [
        (0, &0x2000_2000_u32.to_le_bytes()[..]),
        (4, &0x0800_00c1_u32.to_le_bytes()),
        (LENGTH, &length.to_le_bytes()),
        (0xc0, &[0x70, 0x47]),
        (MARK, mark.as_bytes()),
    ] {
        if let Some(place) = bytes.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    }
    let crc = crc32(bytes.iter().take(SEAL).chain(bytes.iter().skip(SEAL + 8)));
    for (at, part) in [(SEAL, length), (SEAL + 4, crc)] {
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&part.to_le_bytes());
        }
    }
    bytes
}

/// CRC-32 as of IEEE 802.3.
fn crc32<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(u32::MAX, |crc, byte| {
        let mut crc = crc ^ u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}

/// Board and version of the program in a flash, if every byte of it is there.
pub(super) fn whole(flash: &[u8]) -> Option<(String, String)> {
    let length = u32::from_le_bytes(*flash.get(LENGTH..)?.first_chunk()?) as usize;
    let (board, version) = names(flash.get(MARK..)?)?;
    let there = flash.get(..length)? == program(&board, &version, length);
    there.then_some((board, version))
}

/// Board and version behind a mark.
pub(super) fn names(marked: &[u8]) -> Option<(String, String)> {
    let mut names = marked.strip_prefix(b"shunt-mcu/")?.splitn(3, |byte| *byte == b'/');
    let mut name = || String::from_utf8(names.next()?.to_vec()).ok();
    Some((name()?, name()?))
}
