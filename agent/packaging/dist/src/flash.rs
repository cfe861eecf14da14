//! What of an image goes into the flash, without what only debuggers read: that names directories of the builder's machine.
//!
//! Layout: Tool Interface Standard, Executable and Linking Format 1.2, 32-bit little-endian, as all Cortex-M images are.

/// Offsets in the file's header.
const SEGMENTS_AT: usize = 0x1c;
const SEGMENT_BYTES: usize = 0x2a;
const SEGMENT_COUNT: usize = 0x2c;
/// Offsets in a segment's header.
const KIND: usize = 0x00;
const AT: usize = 0x04;
const ADDRESS: usize = 0x0c;
const BYTES: usize = 0x10;
/// The segment is loaded.
const LOADED: u32 = 1;
/// What flash holds where nothing was written.
const ERASED: u8 = 0xff;
/// The largest flash of any part there could be: beyond it an address is no address.
const LARGEST: usize = 16 << 20;

/// The bytes of the flash from the first that is used to the last; `None` if `elf` is no image.
pub(crate) fn content(elf: &[u8]) -> Option<Vec<u8>> {
    let table = word(elf, SEGMENTS_AT)? as usize;
    let bytes = usize::from(half(elf, SEGMENT_BYTES)?);
    let mut segments = Vec::new();
    for number in 0..usize::from(half(elf, SEGMENT_COUNT)?) {
        let header = elf.get(table.checked_add(number * bytes)?..)?;
        let (at, length) = (word(header, AT)? as usize, word(header, BYTES)? as usize);
        if word(header, KIND)? == LOADED && length > 0 {
            segments.push((word(header, ADDRESS)?, elf.get(at..at.checked_add(length)?)?));
        }
    }
    let begin = segments.iter().map(|(address, _)| *address).min()?;
    let mut flash = Vec::new();
    for (address, content) in segments {
        let at = (address - begin) as usize;
        let end = at + content.len();
        if end > LARGEST {
            return None;
        }
        if flash.len() < end {
            flash.resize(end, ERASED);
        }
        flash.get_mut(at..end)?.copy_from_slice(content);
    }
    Some(flash)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with segments of a kind, at an address, with a content.
    fn image(segments: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut elf = vec![0; 0x34 + 0x20 * segments.len()];
        elf[SEGMENTS_AT] = 0x34;
        elf[SEGMENT_BYTES] = 0x20;
        elf[SEGMENT_COUNT] = segments.len() as u8;
        for (number, (kind, address, content)) in segments.iter().enumerate() {
            let at = elf.len() as u32;
            let header = 0x34 + 0x20 * number;
            for (field, value) in
                [(KIND, *kind), (AT, at), (ADDRESS, *address), (BYTES, content.len() as u32)]
            {
                elf[header + field..header + field + 4].copy_from_slice(&value.to_le_bytes());
            }
            elf.extend_from_slice(content);
        }
        elf
    }

    #[test]
    fn segments_lie_at_their_addresses_and_gaps_are_as_erased() {
        let elf = image(&[
            (1, 0x0800_0006, b"data"),
            (1, 0x0800_0000, b"code"),
            (6, 0x0800_0100, b"headers"),
            (1, 0x2000_0000, b""),
        ]);
        assert_eq!(content(&elf).unwrap(), b"code\xff\xffdata");
    }

    #[test]
    fn what_is_no_image_has_no_content() {
        let elf = image(&[(1, 0x0800_0000, b"code")]);
        assert_eq!(content(&elf[..elf.len() - 1]), None);
        assert_eq!(
            content(&image(&[(1, 0, b"a"), (1, 0x0800_0000, b"b")])),
            None,
            "parts that are 128 MiB apart"
        );
        assert_eq!(content(b"#!/bin/sh"), None);
    }
}
