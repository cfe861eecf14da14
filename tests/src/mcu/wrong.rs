//! What may be wrong with the laboratory's part, and what it does after a reset.

/// What is wrong with the part or its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wrong {
    /// Nothing.
    #[default]
    Nothing,
    /// With the write of this number, counted from 0, both ways go dead, and the double word that is being written is torn.
    DeadAtWrite(usize),
    /// The write of this number is refused.
    RefusedAtWrite(usize),
    /// Of the write of this number the loader loses a byte.
    LostAtWrite(usize),
    /// This page takes nothing any more.
    Worn(usize),
    /// To erase this page is acknowledged, and not done.
    Kept(usize),
    /// Each page in turn takes nothing but what this program has there: whatever is new fails.
    Stubborn,
    /// The flash is protected.
    Protected,
    /// It is another part.
    Product(u16),
}

/// What the part does after a reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// Its boot loader runs.
    Loader,
    /// A whole program runs, of this board and version.
    Program(String, String),
    /// What is no program runs: the part is dead until somebody pulls BOOT0 or takes its supply away.
    Dead,
}
