//! The firmware of the boards that there is a build for.

use crate::error::{DistError, Result, file};
use shunt_firmware::{BOARDS, Board, build, flash, sizes};
use std::fs;
use std::path::Path;

/// Builds the image of each board and puts it into `directory`. Gives a sentence on each.
///
/// # Errors
/// When an image cannot be built or written there, or does not fit its part.
pub(crate) fn pack(directory: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(directory).map_err(file("make", directory))?;
    BOARDS.iter().map(|board| pack_one(*board, directory)).collect()
}

fn pack_one(board: Board, directory: &Path) -> Result<String> {
    let fault = |fault: Box<dyn std::error::Error>| DistError::Firmware {
        board: board.name,
        fault: fault.to_string(),
    };
    let (flash, told) = image(board).map_err(fault)?;
    let path = directory.join(format!("shunt-{}.bin", board.name));
    fs::write(&path, flash).map_err(file("write", &path))?;
    Ok(told)
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
