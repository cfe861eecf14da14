//! What of an image goes into the flash, without what only debuggers read: that names directories of the builder's machine.

use crate::elf;

/// What flash holds where nothing was written.
const ERASED: u8 = 0xff;
/// The largest flash of any part there could be: beyond it an address is no address.
const LARGEST: usize = 16 << 20;

/// The bytes of the flash from the first that is used to the last; `None` if `elf` is no image.
#[must_use]
pub fn flash(elf: &[u8]) -> Option<Vec<u8>> {
    let segments = elf::loaded(elf).ok()?;
    let begin = segments.iter().map(|segment| segment.address).min()?;
    let mut flash = Vec::new();
    for segment in segments {
        let at = (segment.address - begin) as usize;
        let end = at + segment.content.len();
        if end > LARGEST {
            return None;
        }
        if flash.len() < end {
            flash.resize(end, ERASED);
        }
        flash.get_mut(at..end)?.copy_from_slice(segment.content);
    }
    Some(flash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::MAGIC;
    use crate::elf::segment::{BYTES, COUNT, FILE_BYTES, OFFSET, PHYSICAL, TABLE, TYPE};

    /// A file with segments of a kind, at an address, with a content.
    fn image(segments: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut elf = vec![0; 0x34 + 0x20 * segments.len()];
        elf[..6].copy_from_slice(&MAGIC);
        elf[TABLE] = 0x34;
        elf[BYTES] = 0x20;
        elf[COUNT] = segments.len() as u8;
        for (number, (kind, address, content)) in segments.iter().enumerate() {
            let at = elf.len() as u32;
            let header = 0x34 + 0x20 * number;
            for (field, value) in
                [(TYPE, *kind), (OFFSET, at), (PHYSICAL, *address), (FILE_BYTES, content.len() as u32)]
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
        assert_eq!(flash(&elf).unwrap(), b"code\xff\xffdata");
    }

    #[test]
    fn what_is_no_image_has_no_content() {
        let elf = image(&[(1, 0x0800_0000, b"code")]);
        assert_eq!(flash(&elf[..elf.len() - 1]), None);
        assert_eq!(
            flash(&image(&[(1, 0, b"a"), (1, 0x0800_0000, b"b")])),
            None,
            "parts that are 128 MiB apart"
        );
        assert_eq!(flash(b"#!/bin/sh"), None);
    }
}
