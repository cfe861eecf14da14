//! Opens a recording: a directory of segments, or one of them.

use super::ring::segments;
use super::segment::{Segment, Unreadable};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest segment that is read: twice the longest that is written.
const MAX_SEGMENT: u64 = 64 * 1024 * 1024;
/// Longest recording: the largest ring there is. It is held in memory.
const MAX_RECORDING: u64 = 512 * 1024 * 1024;

/// A recording, as far as it can be read.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its segments, the oldest first, with the names of their files.
    pub segments: Vec<(String, Segment)>,
    /// Files of it that say nothing.
    pub skipped: Vec<Skipped>,
}

/// A file that cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub file: String,
    /// Why.
    pub why: Unreadable,
}

/// Why there is nothing to replay. Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there, or cannot be read.
    #[error("read the recording {path}: {source}", path = .path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// It is far longer than any recording.
    #[error("read {path}: it is longer than any recording ({limit} MiB)", path = .path.display())]
    TooLong {
        /// Which file or directory.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A directory without a segment.
    #[error(
        "find a recording in {path}; the daemon keeps it in the directory \"recording\" of [agent] state_dir, and writes \
         first when an uplink was chosen",
        path = .path.display()
    )]
    None {
        /// Which directory.
        path: PathBuf,
    },
    /// Nothing of it can be replayed.
    #[error("replay {path}: {why}", path = .path.display())]
    Unreadable {
        /// Which file: the first.
        path: PathBuf,
        /// Why.
        why: Unreadable,
    },
}

/// Opens the recording at `path`: the directory that the daemon writes, its state directory, or one segment.
///
/// # Errors
/// Nothing of it can be replayed.
pub fn open(path: &Path) -> Result<Recording, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let mut files = vec![path.to_owned()];
    if fs::metadata(path).map_err(failed(path))?.is_dir() {
        let inner = super::directory(path);
        let directory = if inner.is_dir() { inner } else { path.to_owned() };
        files = segments(&directory).map_err(failed(&directory))?.into_iter().map(|(_, path)| path).collect();
    }
    let mut recording = Recording { segments: Vec::new(), skipped: Vec::new() };
    let mut length = 0;
    for file in &files {
        let bytes = read(file)?;
        length += bytes.len() as u64;
        if length > MAX_RECORDING {
            return Err(OpenError::TooLong { path: path.to_owned(), limit: MAX_RECORDING / 1024 / 1024 });
        }
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match Segment::parse(&bytes) {
            Ok(segment) => recording.segments.push((name, segment)),
            Err(why) => recording.skipped.push(Skipped { file: name, why }),
        }
    }
    match (recording.segments.is_empty(), recording.skipped.first(), files.first()) {
        (false, ..) => Ok(recording),
        (true, Some(skipped), Some(file)) => {
            Err(OpenError::Unreadable { path: file.clone(), why: skipped.why.clone() })
        }
        (true, ..) => Err(OpenError::None { path: path.to_owned() }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_SEGMENT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SEGMENT {
        return Err(OpenError::TooLong { path: path.to_owned(), limit: MAX_SEGMENT / 1024 / 1024 });
    }
    Ok(bytes)
}
