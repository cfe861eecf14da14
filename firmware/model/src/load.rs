//! What an image puts into the part's flash.

/// Why an image cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It is none, or not a whole one.
    #[error(transparent)]
    Elf(#[from] shunt_firmware::ElfError),
    /// It does not fit into the flash of the part.
    #[error("failed to load the image: it lies outside of the part's flash; look at memory.x")]
    OutsideFlash,
}

/// Puts the image `elf` into `flash`, which starts at `start`.
pub(crate) fn load(elf: &[u8], flash: &mut [u8], start: u32) -> Result<(), LoadError> {
    for segment in shunt_firmware::loaded(elf)? {
        let place = segment.address.checked_sub(start).ok_or(LoadError::OutsideFlash)? as usize;
        let room = flash.get_mut(place..).and_then(|rest| rest.get_mut(..segment.content.len()));
        room.ok_or(LoadError::OutsideFlash)?.copy_from_slice(segment.content);
    }
    Ok(())
}
