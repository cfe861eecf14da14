//! Images of the MCU's firmware, read: what of an ELF file goes into flash and RAM. For those who measure, emulate and flash them;
//! a package of its own, so that the agent is linked with nothing that builds.

pub mod elf;
mod flash;
mod seal;

pub use elf::{ElfError, Segment, loaded};
pub use flash::flash;
pub use seal::{Seal, seal_for, seal_of};
