//! Why something cannot be shipped.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What went wrong. Completes no sentence: each message is whole.
#[derive(Debug, thiserror::Error)]
pub enum DistError {
    /// Programs or libraries that the build needs are not there.
    #[error("failed to begin, because something is missing:\n{}", .0.join("\n"))]
    Missing(
        /// What is missing and how it is installed, each.
        Vec<String>,
    ),
    /// A file could not be read, written or removed.
    #[error("failed to {doing} {}: {source}", path.display())]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("failed to start {program}: {source}; is it installed?")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program said on standard error what is wrong.
    #[error("failed to {doing}: {program} ended with {status}; it has said why above")]
    Program {
        /// What it was to do.
        doing: String,
        /// Which.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A board has no image, or one that does not fit.
    #[error("failed to build the firmware for {board}: {fault}; --no-firmware leaves it out")]
    Firmware {
        /// Which.
        board: &'static str,
        /// Why.
        fault: String,
    },
    /// What a program or a file says is not understood.
    #[error("failed to read {what}: {fault}")]
    Garbled {
        /// What was read.
        what: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Nothing says how old the source is.
    #[error(
        "failed to date the packages: this is no git repository; set SOURCE_DATE_EPOCH to the time of the source, in \
         seconds since 1970"
    )]
    NoDate,
}

/// The result of anything here.
pub type Result<T> = std::result::Result<T, DistError>;

/// For `map_err`: `doing` is a verb.
pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DistError {
    move |source| DistError::File { doing, path: path.to_owned(), source }
}
