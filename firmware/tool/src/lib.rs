//! Builds the watchdog MCU's firmware, board by board, and tells its sizes.
//!
//! Why a package of its own: `cargo build` and `cargo test` at the root stay on the host, so something must know the
//! boards' targets and budgets; `cargo firmware` and the tests that run an image in an emulator share it.

mod board;
mod build;
mod sizes;

pub use board::{BOARDS, Board, Budget, LM3S6965, STM32G030};
pub use build::{BuildError, build};
pub use shunt_image::{ElfError, Segment, flash, loaded};
pub use sizes::{Sizes, sizes};
