//! `cargo firmware`: builds the firmware of all boards, tells what it takes, and fails where that is over budget.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line's output is its purpose")]

use shunt_firmware::{BOARDS, Board, build, sizes};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("{:<11} {:>17} {:>33}", "board", "flash, bytes", "RAM with stack reserve, bytes");
    let mut good = true;
    for board in BOARDS {
        match examine(board) {
            Ok(within) => good &= within,
            Err(error) => {
                eprintln!("{error}");
                good = false;
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds and measures; whether it is within its budget.
fn examine(board: Board) -> Result<bool, Box<dyn Error>> {
    let path = build(board)?;
    let image = std::fs::read(&path)
        .map_err(|source| format!("failed to read the image {}: {source}", path.display()))?;
    let sizes = sizes(&image)?;
    let budget = board.budget;
    println!(
        "{:<11} {:>7} of {:>6} {:>14} + {:>4} of {:>6}   {}",
        board.name,
        sizes.flash,
        budget.flash,
        sizes.ram,
        budget.stack,
        budget.ram,
        path.display()
    );
    let excess = board.excess(sizes);
    excess.iter().for_each(|text| eprintln!("{text}"));
    Ok(excess.is_empty())
}
