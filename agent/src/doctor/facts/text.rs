//! Small files, read with a bound: what a stranger's config or a lease may hold is not ours to trust.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Longer than any file that is looked at is meant to be; the rest is not read.
const MAX_TEXT: u64 = 256 * 1024;

/// What is no text in it is shown as such.
pub(super) fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of a file that grows at its end.
pub(super) fn read_end(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_TEXT)))?;
    file.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
