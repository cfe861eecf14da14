//! Where the agent keeps what must survive a restart.

use super::{Known, Roots, Unread};
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use std::path::{Path, PathBuf};

/// Files of a recording that are looked at: its ring has a few dozen.
const FILES_AT_MOST: usize = 1_024;

/// The state directory, or the place where it would be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) directory: PathBuf,
    /// It is there already.
    pub(crate) exists: bool,
    /// The caller may write in it, or in what is there of the way to it.
    pub(crate) writable: bool,
    /// Bytes and files that are left to those without special rights.
    pub(crate) free: u64,
    pub(crate) free_files: u64,
    /// Bytes that recordings there take already.
    pub(crate) recorded: u64,
    /// The file system takes no writes.
    pub(crate) read_only: bool,
    /// The kind of file system (`ext4`, `tmpfs`), where the kernel tells.
    pub(crate) kind: Option<String>,
}

impl Disk {
    pub(super) fn read(directory: &Path, roots: &Roots) -> Known<Self> {
        let wanted = roots.path(directory);
        let Some(existing) = wanted.ancestors().find(|path| path.exists()) else {
            return Err(Unread::Failed(format!("nothing of the path {} exists", directory.display())));
        };
        let state = statvfs(existing)
            .map_err(|error| Unread::of(&format!("look at {}", existing.display()), &error.into()))?;
        let real = existing.canonicalize().unwrap_or_else(|_| existing.to_owned());
        let mounts = roots.value("proc/thread-self/mountinfo").unwrap_or_default();
        Ok(Self {
            directory: directory.to_owned(),
            exists: existing == wanted,
            writable: access(existing, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
            free: state.f_bavail.saturating_mul(state.f_frsize),
            // Some file systems have no bound on files, and say 0 of both.
            free_files: if state.f_files == 0 { u64::MAX } else { state.f_favail },
            recorded: recorded(&crate::recording::directory(&wanted)),
            read_only: state.f_flag.contains(StatVfsMountFlags::RDONLY),
            kind: kind(&mounts, &real),
        })
    }
}

fn recorded(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten().take(FILES_AT_MOST);
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// The kind of file system at `path` (proc(5), mountinfo): that of the longest mount point above it, the last of equals.
fn kind(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?.replace("\\040", " ");
        let kind = after.split(' ').next()?.to_owned();
        path.starts_with(&point).then_some((point.len(), kind))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_that_of_the_nearest_mount_point() {
        let mounts = "22 1 0:21 / / rw - ext4 /dev/root rw\n\
                      23 22 0:22 / /var rw - tmpfs tmpfs rw\n\
                      24 23 0:23 / /var/lib/my\\040state rw shared:1 - ubifs ubi0 rw\n";
        for (path, expected) in [
            ("/etc", "ext4"),
            ("/variable", "ext4"),
            ("/var/lib/shunt", "tmpfs"),
            ("/var/lib/my state/shunt", "ubifs"),
        ] {
            assert_eq!(kind(mounts, Path::new(path)).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(kind("garbage\n- \n", Path::new("/etc")), None);
    }

    #[test]
    fn a_directory_that_is_still_to_be_made_is_judged_by_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let roots = Roots::at(root.path());
        let disk = Disk::read(Path::new("/var/lib/shunt"), &roots).unwrap();
        assert!(!disk.exists && disk.writable && disk.free > 0 && !disk.read_only);
        std::fs::create_dir_all(root.path().join("var/lib/shunt")).unwrap();
        assert!(Disk::read(Path::new("/var/lib/shunt"), &roots).unwrap().exists);
        std::fs::create_dir(root.path().join("var/lib/shunt/recording")).unwrap();
        std::fs::write(root.path().join("var/lib/shunt/recording/1"), [0; 700]).unwrap();
        assert_eq!(Disk::read(Path::new("/var/lib/shunt"), &roots).unwrap().recorded, 700);
    }
}
