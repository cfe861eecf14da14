//! What can go wrong in the laboratory. Each message completes "failed to …".

use std::io;
use std::time::Duration;

/// The laboratory could not do what was asked.
#[derive(Debug)]
pub enum LabError {
    /// The system refused an operation.
    System {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something that was waited for did not come.
    Late {
        /// What was waited for.
        awaited: String,
        /// For how long.
        waited: Duration,
        /// What was there instead, as far as it is known.
        instead: String,
    },
    /// An answer could not be understood.
    Garbled {
        /// What was being read.
        reading: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Namespaces are not permitted here.
    NotPermitted(String),
}

impl std::fmt::Display for LabError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System { doing, source } => write!(f, "{doing}: {source}"),
            Self::Late { awaited, waited, instead } => {
                write!(f, "see {awaited} within {:.1} s (instead: {instead})", waited.as_secs_f64())
            }
            Self::Garbled { reading, fault } => write!(f, "read {reading}: {fault}"),
            Self::NotPermitted(reason) => write!(f, "make network namespaces: {reason}"),
        }
    }
}

impl std::error::Error for LabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            Self::Late { .. } | Self::Garbled { .. } | Self::NotPermitted(_) => None,
        }
    }
}

/// The result of laboratory work.
pub type Result<T> = std::result::Result<T, LabError>;

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    /// `doing` completes "failed to …".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| LabError::System { doing: doing(), source })
    }
}
