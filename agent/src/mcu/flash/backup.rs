//! The programs that were in the MCU before, as files: to be gone back to, by an upgrade that fails or by hand. There are two,
//! so that whoever flashes one of them, and is cut short, still has it.

use super::image::Image;
use super::part::PROGRAM;
use crate::state_file;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Whoever may flash the MCU may read it: it is no secret.
const MODE: u32 = 0o666;

/// Makes sure that there is room for two programs, before the MCU is touched.
///
/// # Errors
/// What the system says.
pub(super) fn try_room(path: &Path) -> io::Result<()> {
    let trial = path.with_extension("trial");
    state_file::replace(&trial, &[0; 2 * PROGRAM], MODE)?;
    state_file::remove(&trial)
}

/// Puts `image` in the file's place, durably: a loss of the supply leaves the old file or the new one. What was there is the
/// older one from now on, if that is not the very program that is being flashed.
///
/// # Errors
/// What the system says.
pub(super) fn keep(path: &Path, image: &Image, flashed: &Image) -> io::Result<()> {
    let has = |path: &Path, image: &Image| fs::read(path).is_ok_and(|content| content == image.bytes());
    if has(path, image) {
        return Ok(());
    }
    let older = older(path);
    match fs::read(path) {
        Ok(content) if !has(&older, flashed) => state_file::replace(&older, &content, MODE)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    state_file::replace(path, image.bytes(), MODE)
}

/// The newest whole program in the files that is another one than `image`.
pub(super) fn load(path: &Path, image: &Image) -> Option<Image> {
    let program = |path: &Path| fs::read(path).ok().and_then(|content| Image::read_out(&content).ok());
    [program(path), program(&older(path))].into_iter().flatten().find(|kept| kept != image)
}

/// `mcu-before.bin` is newer than `mcu-before-2.bin`.
fn older(path: &Path) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}-2.bin"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::flash::tests::rom::program;

    fn image(version: &str) -> Image {
        Image::parse(&program("stm32g030", version, 15_148)).unwrap()
    }

    #[test]
    fn two_programs_are_kept_and_garbage_is_none() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state/mcu-before.bin");
        assert_eq!(load(&path, &image("9.0.0")), None);
        for version in ["1.0.0", "1.1.0", "1.1.0"] {
            keep(&path, &image(version), &image("9.0.0")).unwrap();
            assert_eq!(load(&path, &image("9.0.0")), Some(image(version)));
        }
        assert_eq!(load(&path, &image("1.1.0")), Some(image("1.0.0")), "another one is wanted");
        fs::write(&path, "garbage").unwrap();
        assert_eq!(load(&path, &image("9.0.0")), Some(image("1.0.0")));
    }

    /// An upgrade that is cut short has its image in a file still, also where that was one of the two.
    #[test]
    fn the_program_that_is_being_flashed_is_not_replaced() {
        for flashed in ["1.0.0", "1.1.0"] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("mcu-before.bin");
            for (kept, flashed) in [("1.0.0", "1.1.0"), ("1.1.0", "1.2.0"), ("1.2.0", flashed)] {
                keep(&path, &image(kept), &image(flashed)).unwrap();
            }
            let files = [&path, &older(&path)].map(|path| fs::read(path).unwrap());
            assert_eq!(files, [image("1.2.0"), image(flashed)].map(|image| image.bytes().to_vec()));
        }
    }

    #[test]
    fn a_place_that_takes_no_file_is_told_before_it_is_needed() {
        let path = Path::new("/dev/null/mcu-before.bin");
        assert!(try_room(path).is_err() && keep(path, &image("1.0.0"), &image("1.1.0")).is_err());
        let home = tempfile::tempdir().unwrap();
        try_room(&home.path().join("mcu-before.bin")).unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is left");
    }
}
