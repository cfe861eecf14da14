//! What is wrong with a configuration, said so that it can be mended: where, why, and how.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Faults that are listed; the rest is counted. More than these nobody mends in one go.
const MAX_FAULTS: usize = 64;

/// Characters of a source line that are shown: what fits a terminal beside the line number.
const MAX_EXCERPT: usize = 100;

/// One fault in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key, as a dotted path such as `probe.interval` or `link "lte".interface`; a link without a usable
    /// name is called by its place, from 1, as in `link[2].name`. Empty for a fault of the whole file.
    pub key: String,
    /// What is wrong.
    pub why: String,
    /// What to do about it.
    pub mend: String,
    /// The source line.
    pub excerpt: String,
    /// How many characters of the line, from `column`, are meant; at least 1.
    pub width: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file.display(), self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.why, self.mend)?;
        if self.excerpt.trim().is_empty() || self.column > MAX_EXCERPT {
            return Ok(());
        }
        // A control character in a file must not reach the operator's terminal.
        let shown: String =
            self.excerpt.chars().take(MAX_EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let before = " ".repeat(self.column.saturating_sub(1));
        let room = shown.chars().count().saturating_sub(self.column.saturating_sub(1));
        let marks = "^".repeat(self.width.min(room).max(1));
        write!(f, "\n  {number} | {}\n  {gutter} | {before}{marks}", shown.trim_end())
    }
}

/// All faults of a file, in the order of the file; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    listed: Vec<Fault>,
    omitted: usize,
}

impl Faults {
    /// `None` when there is no fault. The faults must be in the order of the file.
    pub(crate) fn new(mut found: Vec<Fault>) -> Option<Self> {
        if found.is_empty() {
            return None;
        }
        let omitted = found.len().saturating_sub(MAX_FAULTS);
        found.truncate(MAX_FAULTS);
        Some(Self { listed: found, omitted })
    }

    /// The faults; never empty, at most 64.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.listed
    }

    /// How many more there were.
    #[must_use]
    pub const fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.listed.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Why a file gave no configuration.
#[derive(Debug)]
pub enum LoadError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is longer than any configuration: most likely another file was named.
    TooLong {
        /// The file.
        file: PathBuf,
        /// The longest file that is read, in bytes.
        limit: usize,
    },
    /// The file is not UTF-8 text.
    NotText {
        /// The file.
        file: PathBuf,
        /// The first line, from 1, with a byte that is not.
        line: usize,
    },
    /// The file was read, and cannot be run.
    Faulty(Faults),
}

impl LoadError {
    /// The file that was to be loaded; `None` where each fault names it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { file, .. } | Self::TooLong { file, .. } | Self::NotText { file, .. } => {
                Some(file)
            }
            Self::Faulty(_) => None,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => {
                let mend = match source.kind() {
                    io::ErrorKind::NotFound => "write one there, or name another by --config FILE",
                    io::ErrorKind::PermissionDenied => "run this as root, or let this user read the file",
                    io::ErrorKind::IsADirectory => {
                        "name the file itself, such as shunt.toml in that directory"
                    }
                    _ => "check the path and the file system",
                };
                write!(f, "{}: the file cannot be read ({source}); {mend}", file.display())
            }
            Self::TooLong { file, limit } => write!(
                f,
                "{}: the file is longer than {limit} bytes, so it is no configuration of Shunt; \
                 name the right file by --config FILE",
                file.display()
            ),
            Self::NotText { file, line } => write!(
                f,
                "{}:{line}: the line is not UTF-8 text; save the file as UTF-8, without other encodings",
                file.display()
            ),
            Self::Faulty(faults) => write!(f, "{faults}"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Faulty(faults) => Some(faults),
            Self::TooLong { .. } | Self::NotText { .. } => None,
        }
    }
}

impl From<Faults> for LoadError {
    fn from(faults: Faults) -> Self {
        Self::Faulty(faults)
    }
}
