//! One daemon at a time: two of them would undo each other's routes for ever.
//!
//! The lock is the kernel's (flock(2)) and dies with its holder, so that a killed daemon never stands in the way.
//! The number in the file only serves the message.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How often a lock that is waited for is tried: the kernel has no wait with a limit.
const TRIED: Duration = Duration::from_millis(100);

/// For the agent's user alone: whoever can open the file can also lock it, and so keep the daemon from starting.
const MODE: u32 = 0o600;

/// A process number has at most seven digits; whatever else lies in the file is not read.
const MAX_NUMBER: u64 = 16;

/// Held for the life of the daemon; dropped, another may start.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the daemon may not run. Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another one holds it.
    #[error("start: another shunt daemon runs already ({}); stop it first (`shunt stop`)", holder(*.process))]
    Held {
        /// Its process number, where it could be read.
        process: Option<u32>,
    },
    /// The file cannot be opened or locked.
    #[error("lock {path}: {source}; check that the directory can be written to", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock at `path`; its directory must be there.
    ///
    /// # Errors
    ///
    /// When another process holds it, or the file cannot be made.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io { path: path.into(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(MODE);
        let mut file = options.open(path).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { process: number(&file) }),
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        // Without the number the lock holds all the same: a full disk keeps no gateway from starting.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { _file: file })
    }

    /// As [`take`](Self::take), but waits up to `patience` for a holder to end.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn wait(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let end = Instant::now() + patience;
        loop {
            match Self::take(path) {
                Err(LockError::Held { .. }) if Instant::now() < end => thread::sleep(TRIED),
                result => return result,
            }
        }
    }
}

fn number(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_NUMBER).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(|| "process unknown".into(), |process| format!("process {process}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_second_is_refused_and_told_who_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err();
        let process = std::process::id();
        assert_eq!(
            error.to_string(),
            format!(
                "start: another shunt daemon runs already (process {process}); stop it first (`shunt stop`)"
            )
        );
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn a_holder_that_ends_is_waited_for_and_one_that_stays_is_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let held = Lock::wait(&path, TRIED);
        assert!(matches!(held, Err(LockError::Held { process: Some(_) })), "{held:?}");
        let (waiting, begun) = std::sync::mpsc::channel();
        let second = thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                waiting.send(()).unwrap();
                Lock::wait(&path, Duration::from_secs(30))
            });
            begun.recv().unwrap();
            drop(first);
            waiter.join().unwrap()
        });
        second.unwrap();
    }

    #[test]
    fn what_a_killed_daemon_left_does_not_stand_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        std::fs::write(&path, "4194303\nand a longer line than any number\n").unwrap();
        let _lock = Lock::take(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn nobody_else_can_open_it_and_so_keep_the_daemon_from_starting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let _lock = Lock::take(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none/lock");
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("lock {}: ", path.display())), "{error}");
    }
}
