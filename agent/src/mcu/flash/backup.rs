//! The program that was in the MCU before, as a file: to be gone back to, by an upgrade that fails or by hand.

use super::image::Image;
use crate::state_file;
use std::path::Path;
use std::{fs, io};

/// Whoever may flash the MCU may read it: it is no secret.
const MODE: u32 = 0o666;

/// Puts `image` in the file's place, durably: a loss of the supply leaves the old file or the new one.
///
/// # Errors
/// What the system says.
pub(super) fn keep(path: &Path, image: &Image) -> io::Result<()> {
    if fs::read(path).is_ok_and(|content| content == image.bytes()) {
        return Ok(());
    }
    state_file::replace(path, image.bytes(), MODE)
}

/// The program in the file, if there is a whole one.
pub(super) fn load(path: &Path) -> Option<Image> {
    fs::read(path).ok().and_then(|content| Image::parse(&content).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::flash::tests::rom::program;

    #[test]
    fn what_is_kept_is_read_again_and_garbage_is_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state/mcu-before.bin");
        assert_eq!(load(&path), None);
        for version in ["1.0.0", "1.1.0", "1.1.0"] {
            let image = Image::parse(&program("stm32g030", version, 15_148)).unwrap();
            keep(&path, &image).unwrap();
            assert_eq!(load(&path), Some(image));
        }
        fs::write(&path, "garbage").unwrap();
        assert_eq!(load(&path), None);
        assert!(
            keep(Path::new("/dev/null/x"), &Image::parse(&program("stm32g030", "1", 900)).unwrap()).is_err()
        );
    }
}
