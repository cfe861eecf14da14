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
    #[cfg(test)]
    testing::wait(path);
    fs::create_dir_all(directory(path))?;
    let draft = path.with_extension("new");
    // Root may write here in a directory that is another user's. A link of either kind that waits there must lead it nowhere, a
    // pipe not hold it up, and what an earlier run left not keep its mode: so the file is a new one (open(2): O_EXCL).
    remove_name(&draft)?;
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_directory(path)
}

/// The content of the file at `path`, and the user to whom the file belongs; the last part of `path` may be no link.
///
/// # Errors
/// The file cannot be read, or is a link or a pipe.
pub(crate) fn read_with_owner(path: &Path) -> io::Result<Option<(Vec<u8>, u32)>> {
    // A pipe would be waited for, for as long as its owner likes.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    let owner = found.uid();
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
    if remove_name(path)? { sync_directory(path) } else { Ok(()) }
}

/// Whether there was one.
fn remove_name(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
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

/// A disk that hangs, for tests of those who must not wait for it.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Path, directory};
    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use std::sync::{Condvar, Mutex};

    static HANGING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    static CHANGED: Condvar = Condvar::new();

    /// While this is kept, whoever writes to its directory stands still.
    #[derive(Debug)]
    pub(crate) struct Hang(PathBuf);

    pub(crate) fn hang(directory: &Path) -> Hang {
        HANGING.lock().unwrap().insert(directory.to_owned());
        Hang(directory.to_owned())
    }

    impl Drop for Hang {
        fn drop(&mut self) {
            HANGING.lock().unwrap().remove(&self.0);
            CHANGED.notify_all();
        }
    }

    pub(super) fn wait(path: &Path) {
        let hanging = HANGING.lock().unwrap();
        let _over = CHANGED.wait_while(hanging, |hanging| hanging.contains(directory(path))).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    /// What another user may have put where a file is written, and how.
    type Trap = fn(&Path, &Path);

    const TRAPS: [Trap; 4] = [
        |precious, at| symlink(precious, at).unwrap(),
        |precious, at| fs::hard_link(precious, at).unwrap(),
        |_, at| mkfifoat(CWD, at, Mode::RUSR | Mode::WUSR).unwrap(),
        |_, at| {
            fs::write(at, "an earlier draft").unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(0o666)).unwrap();
        },
    ];

    fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let (path, precious) = (directory.path().join("state.json"), directory.path().join("precious"));
        fs::write(&precious, "as it was").unwrap();
        (directory, path, precious)
    }

    #[test]
    fn what_waits_for_the_draft_leads_nowhere_and_holds_nobody_up() {
        for trap in TRAPS {
            let (_keep, path, precious) = places();
            trap(&precious, &path.with_extension("new"));
            save(&path, &1).unwrap();
            assert_eq!(fs::read_to_string(&precious).unwrap(), "as it was");
            assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
            let found = fs::symlink_metadata(&path).unwrap();
            assert!(found.is_file() && found.nlink() == 1, "{found:?}");
            assert_eq!(found.mode() & 0o7777, 0o600);
        }
    }

    #[test]
    fn a_file_is_its_owners_alone() {
        let (_keep, path, _) = places();
        for _ in 0..2 {
            save(&path, &1).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        }
    }

    #[test]
    fn what_is_no_plain_file_is_neither_read_nor_waited_for() {
        for trap in [TRAPS[0], TRAPS[2]] {
            let (_keep, path, precious) = places();
            trap(&precious, &path);
            assert!(read_with_owner(&path).is_err());
        }
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
