//! Small files in the state directory, most of them JSON, replaced whole: a power cut leaves the old one or the new one.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// For the agent's user alone.
const PRIVATE: u32 = 0o600;

/// Replaces the file at `path` by `value`, durably.
///
/// # Errors
/// Whatever the file system says; the old file is then still whole.
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    // Some hold what is nobody else's business: what a SIM was given, and who may order what.
    replace(path, &text, PRIVATE)
}

/// Replaces the file at `path` by one with this content, durably; `mode` is for those to whom the umask leaves it.
///
/// # Errors
/// Whatever the file system says; the old file is then still whole.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    fs::create_dir_all(directory(path))?;
    let draft = path.with_extension("new");
    // Root may write here in a directory that is another user's: a link that waits there must lead it nowhere.
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(mode).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_directory(path)
}

/// The content of the file at `path`, and the user to whom the file belongs; the last part of `path` may be no link.
///
/// # Errors
/// The file cannot be read, or is a link.
pub(crate) fn read_with_owner(path: &Path) -> io::Result<Option<(Vec<u8>, u32)>> {
    let mut file = match File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let owner = file.metadata()?.uid();
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(Some((content, owner)))
}

/// The value in the file at `path`; `None` when there is no such file.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the file at `path`, durably, if there is one.
///
/// # Errors
/// The file is there and cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The names of a directory are data of its own (fsync(2)): without this a power cut may bring back the old file.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Where the file is; a bare name is in the working directory.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_waits_for_the_draft_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, precious) = (directory.path().join("state.json"), directory.path().join("precious"));
        fs::write(&precious, "as it was").unwrap();
        std::os::unix::fs::symlink(&precious, path.with_extension("new")).unwrap();
        assert!(save(&path, &1).is_err());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "as it was");
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        assert!(read_with_owner(&path).is_err());
    }

    #[test]
    fn a_value_comes_back_and_a_broken_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/state.json");
        assert_eq!(load::<Vec<u8>>(&path).unwrap(), None);
        save(&path, &vec![1_u8, 2]).unwrap();
        assert_eq!(load::<Vec<u8>>(&path).unwrap(), Some(vec![1, 2]));
        fs::write(&path, "[1,").unwrap();
        assert!(load::<Vec<u8>>(&path).is_err());
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(load::<Vec<u8>>(&path).unwrap(), None);
    }
}
