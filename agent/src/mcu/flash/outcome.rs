//! How far an upgrade is, and how it ends.

use super::loader::Fault;
use super::part::{PRODUCT, Product};

/// What is being done, each from 0 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The boot loader is looked for.
    Reaching,
    /// What is in the part is read out.
    Reading,
    /// The new program is written.
    Writing,
    /// The old program is written back.
    Restoring,
    /// The program is started.
    Starting,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The image is in the part, which was started; `false`: it was there before.
    Done(bool),
    /// It is not.
    Failed(Failure),
}

/// Why the image is not in the part. Completes "failed to …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody answers.
    #[error("reach the boot loader of the MCU")]
    NoLoader,
    /// The loader was there, and stops each time when it is to read the first double word.
    #[error(
        "read the first word of the MCU: its boot loader stops at it, as at one that a loss of the supply left half written"
    )]
    Torn,
    /// It is another part.
    #[error(
        "flash the MCU: its product number is {0}, and the firmware is for {PRODUCT}; nothing was changed"
    )]
    Product(Product),
    /// Its flash may not be read or written.
    #[error(
        "flash the MCU: its flash is protected, and to lift that would erase what it keeps; use a probe; nothing was changed"
    )]
    Protected,
    /// The line is too bad.
    #[error("read what is in the MCU: {}; nothing was changed", .0.text())]
    Line(Fault),
    /// What is there could not be kept.
    #[error("keep the program that is in the MCU; nothing was changed")]
    Keep,
    /// The loader is gone, in the midst of it.
    #[error(
        "go on: the boot loader does not answer any more; if not all was written yet, the MCU has no whole program now, and starts its boot loader when its supply comes on"
    )]
    Lost,
    /// Neither program could be written.
    #[error("write to the MCU: {}; it has no whole program now, and starts its boot loader when its supply comes on", .0.text())]
    Broken(Fault),
    /// The old one is back.
    #[error("write the image: {}; the program from before was written back, and verified", .0.text())]
    RolledBack(Fault),
    /// All is written, and it does not start.
    #[error("start the program, which is written and verified")]
    NotStarted,
}

impl Fault {
    /// What is wrong, in words.
    const fn text(self) -> &'static str {
        match self {
            Self::Silent => "its boot loader did not answer",
            Self::Refused => "its boot loader refuses",
            Self::Spoilt => "its boot loader refuses what was sent, or the line spoils it",
            Self::Garbled => "what comes back is not what was written, or the line spoils it",
        }
    }
}
