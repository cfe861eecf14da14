//! The firmware of the boards that there is a build for. What cannot be built, or does not fit its part, is told by name.

use crate::error::{Result, file};
use shunt_firmware::{BOARDS, Board, build, flash, sizes};
use std::fs;
use std::path::Path;

/// What became of each board's image: a sentence.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Those that lie in the directory.
    pub(crate) packed: Vec<String>,
    /// Those that do not, with the reason.
    pub(crate) left_out: Vec<String>,
}

/// Builds the image of each board and puts it into `directory`.
///
/// # Errors
/// When an image that was built cannot be written there.
pub(crate) fn pack(directory: &Path) -> Result<Images> {
    let mut images = Images::default();
    for board in BOARDS {
        match image(board) {
            Ok((flash, told)) => {
                fs::create_dir_all(directory).map_err(file("make", directory))?;
                let path = directory.join(format!("shunt-{}.bin", board.name));
                fs::write(&path, flash).map_err(file("write", &path))?;
                images.packed.push(told);
            }
            Err(fault) => images.left_out.push(format!("firmware for {}: {fault}", board.name)),
        }
    }
    Ok(images)
}

/// What goes into the flash, within its budget, and what is to be said of it.
fn image(board: Board) -> std::result::Result<(Vec<u8>, String), Box<dyn std::error::Error>> {
    let elf = fs::read(build(board)?)?;
    let sizes = sizes(&elf)?;
    let budget = board.budget;
    let ram = sizes.ram + budget.stack;
    if sizes.flash > budget.flash || ram > budget.ram {
        let (flash, memory) = (budget.flash, budget.ram);
        return Err(format!(
            "it takes {} bytes of flash and {ram} of RAM, and may take {flash} and {memory}",
            sizes.flash
        )
        .into());
    }
    let flash = flash(&elf).ok_or("its image has no segments that are loaded")?;
    Ok((flash, format!("firmware for {}: {} bytes of flash", board.name, sizes.flash)))
}
