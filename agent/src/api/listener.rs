//! Makes the control socket so that at no moment anybody can reach it who may not, and takes it away again.
//!
//! It is bound in a directory that only we can enter, given its group and mode there, and then renamed to its
//! place: the rename also replaces, in one step, the socket that a killed predecessor left.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Mode of a directory that we make for the socket: the group may pass, others may not.
const DIRECTORY_MODE: u32 = 0o750;

/// Mode of the socket: connecting needs the right to write.
const SOCKET_MODE: u32 = 0o660;

/// Mode of the directory in which the socket is prepared.
const PRIVATE_MODE: u32 = 0o700;

/// The socket, bound and reachable; dropped, its file is removed.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of our file: a successor's is not ours to remove.
    identity: (u64, u64),
}

/// Why there is no control socket. Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody answers on it.
    #[error("open the control socket {path}: another daemon answers there; stop it first (`shunt stop`)", path = .0.display())]
    Alive(PathBuf),
    /// There is a file of another kind.
    #[error("open the control socket {path}: there is a file that is not a socket; remove it, or set [agent] socket", path = .0.display())]
    NotASocket(PathBuf),
    /// It cannot be given to the group that is to have it.
    #[error(
        "give {path} to group {group}: {source}; make the agent's user a member of it (`adduser shunt GROUP`), or set \
         [agent] group", path = .path.display()
    )]
    Group {
        /// The socket, or its directory.
        path: PathBuf,
        /// The group's number.
        group: u32,
        /// What came of it.
        source: io::Error,
    },
    /// The kernel refused a step.
    #[error("{step} {path}: {source}; check [agent] socket and who owns its directory", path = .path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
}

impl ControlSocket {
    /// Makes the socket at `path`, for root (or whoever runs this) and for `group`, a group id; its directory too,
    /// if that is missing.
    ///
    /// # Errors
    ///
    /// When another daemon answers there, when something else is in the way, or when the kernel refuses.
    pub fn bind(path: &Path, group: Option<u32>) -> Result<Self, ListenError> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        make_directory(directory, group)?;
        refuse_if_alive(path)?;

        let private = directory.join(format!(".shunt.{}", std::process::id()));
        // A predecessor with our process number may have died right here.
        let _ = fs::remove_dir_all(&private);
        DirBuilder::new()
            .mode(PRIVATE_MODE)
            .create(&private)
            .map_err(io_error("make the directory", &private))?;
        let bound = bind_and_move(&private.join("s"), path, group);
        let _ = fs::remove_dir_all(&private);
        bound
    }

    /// The socket for [`serve`](super::serve); it does not block.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime here, or the kernel refuses to duplicate the descriptor.
    pub fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The number of the group called `name` in the text of `/etc/group` (group(5)). The file is read, not the name
/// service: the agent is one static binary, and must not wait for a directory server behind a dead uplink.
#[must_use]
pub fn group_id(file: &str, name: &str) -> Option<u32> {
    file.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        fields.nth(1)?.trim().parse().ok()
    })
}

fn make_directory(directory: &Path, group: Option<u32>) -> Result<(), ListenError> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(io_error("make the directory", parent))?;
    }
    let made = DirBuilder::new().mode(DIRECTORY_MODE).create(directory);
    made.map_err(io_error("make the directory", directory))?;
    give(directory, group, DIRECTORY_MODE)
}

fn refuse_if_alive(path: &Path) -> Result<(), ListenError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("look at", path)(error)),
        Ok(there) if !there.file_type().is_socket() => return Err(ListenError::NotASocket(path.into())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        // Nobody listens: a killed predecessor left it.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Ok(_) => Err(ListenError::Alive(path.into())),
        Err(error) => Err(io_error("find out who answers on", path)(error)),
    }
}

fn bind_and_move(prepared: &Path, path: &Path, group: Option<u32>) -> Result<ControlSocket, ListenError> {
    let listener = UnixListener::bind(prepared).map_err(io_error("bind the control socket for", path))?;
    give(prepared, group, SOCKET_MODE)?;
    let identity = identity(prepared).map_err(io_error("look at", prepared))?;
    fs::rename(prepared, path).map_err(io_error("put the control socket at", path))?;
    Ok(ControlSocket { listener, path: path.into(), identity })
}

/// Group first, then the mode: never is it open to a group that is not the one meant. The mode is set outright, for
/// the umask is the caller's.
fn give(path: &Path, group: Option<u32>, mode: u32) -> Result<(), ListenError> {
    let has = fs::symlink_metadata(path).map_err(io_error("look at", path))?.gid();
    if let Some(group) = group.filter(|group| *group != has) {
        std::os::unix::fs::chown(path, None, Some(group)).map_err(|source| ListenError::Group {
            path: path.into(),
            group,
            source,
        })?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_error("set the mode of", path))
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ListenError {
    let path = path.to_path_buf();
    move |source| ListenError::Io { step, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/shunt.sock");
        (directory, path)
    }

    /// In a thread with a umask of its own (umask(2), unshare(2)).
    #[allow(unsafe_code)]
    fn under_umask<T: Send>(umask: libc::mode_t, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                // SAFETY: both take numbers alone. The thread no longer shares its umask with the others, and ends.
                let own = unsafe { libc::unshare(libc::CLONE_FS) };
                assert_eq!(own, 0, "{}", io::Error::last_os_error());
                // SAFETY: as above.
                unsafe { libc::umask(umask) };
                work()
            });
            worker.join().unwrap()
        })
    }

    #[test]
    fn the_socket_and_its_directory_have_their_modes_whatever_the_umask() {
        for umask in [0o022, 0o077, 0] {
            let (_keep, path) = place();
            let socket = under_umask(umask, || ControlSocket::bind(&path, None));
            let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
            assert_eq!(mode(path.parent().unwrap()), 0o750, "{umask:o}");
            assert_eq!(mode(&path), 0o660, "{umask:o}");
            let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
            assert_eq!(left.len(), 1, "nothing but the socket: {left:?}");
            drop(socket.unwrap());
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_a_killed_daemon_left_is_replaced() {
        let (_keep, path) = place();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _socket = ControlSocket::bind(&path, None).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_living_daemon_is_left_alone() {
        let (_keep, path) = place();
        let _first = ControlSocket::bind(&path, None).unwrap();
        let error = ControlSocket::bind(&path, None).unwrap_err();
        assert!(matches!(error, ListenError::Alive(_)), "{error}");
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_not_destroyed() {
        let (_keep, path) = place();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "precious").unwrap();
        let error = ControlSocket::bind(&path, None).unwrap_err();
        assert!(matches!(error, ListenError::NotASocket(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_successors_socket_is_not_removed() {
        let (_keep, path) = place();
        let first = ControlSocket::bind(&path, None).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = ControlSocket::bind(&path, None).unwrap();
        drop(first);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn the_socket_belongs_to_the_group() {
        if super::super::credentials::own_user() != 0 {
            eprintln!("not run: only root may give a file to a group that it is not in");
            return;
        }
        let (_keep, path) = place();
        let _socket = ControlSocket::bind(&path, Some(4_242)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().gid(), 4_242);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().gid(), 4_242);
    }

    #[test]
    fn the_group_is_found_by_its_whole_name() {
        let file = "root:x:0:\nshunted:x:7:\nshunt:x:991:alice,bob\nbroken\nodd:x:many:\n";
        assert_eq!(group_id(file, "shunt"), Some(991));
        assert_eq!(group_id(file, "root"), Some(0));
        assert_eq!(group_id(file, "broken"), None);
        assert_eq!(group_id(file, "odd"), None);
        assert_eq!(group_id(file, "wheel"), None);
    }
}
