//! What is on the disk: how far the run is, held by one run at a time, and its report, which is written after each step.

use crate::accept::{Gateway, Kept, Report, digest};
use crate::state_file;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// It names the modem and its SIM: whoever writes it hands it on.
const REPORT_MODE: u32 = 0o640;

/// Whoever can open the file can also lock it, and so keep every run from beginning.
const LOCK_MODE: u32 = 0o600;

/// Why a run cannot begin, or cannot go on. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum FileError {
    #[error("read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "keep in {} how far the run is: {source}; run this as root, or name another file by --state FILE",
        path.display()
    )]
    Unkept { path: PathBuf, source: io::Error },
    #[error("write the report {}: {source}; name another file by --report FILE", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("write the report {}: it is there already, and is left as it is; name another file by --report FILE", path.display())]
    Exists { path: PathBuf },
    #[error("write the report {}: its text goes beside it as .txt; name it .json", path.display())]
    Name { path: PathBuf },
    #[error(
        "go on with the run in {}: that file belongs to another user ({owner}), who may have written there where this one has to write; begin anew by --anew, or name another file by --state FILE",
        path.display()
    )]
    Foreign { path: PathBuf, owner: u32 },
    #[error("begin: another run is under way, which holds {}", path.display())]
    Held { path: PathBuf },
    #[error("see whether another run is under way, by the lock on {}: {source}; run this as root", path.display())]
    Unlocked { path: PathBuf, source: io::Error },
    #[error(
        "go on with the run of {started} in {}: the config has changed since, and so have the steps; begin anew by --anew",
        path.display()
    )]
    OtherConfig { path: PathBuf, started: String },
}

/// Where it is kept how far the run is.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    _held: File,
    _alone: File,
}

impl State {
    /// Takes hold of it, and of the daemon at `socket`, so that no other run does.
    pub(super) fn hold(path: &Path, socket: &Path) -> Result<Self, FileError> {
        let alone = alone(socket)?;
        let lock = path.with_extension("lock");
        let failed = |source| FileError::Unkept { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(LOCK_MODE);
        // The directory may be another user's: a link there leads nowhere, and a pipe is not waited for.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let held = options.open(&lock).map_err(failed)?;
        match held.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _held: held, _alone: alone }),
            Err(TryLockError::WouldBlock) => Err(FileError::Held { path: lock }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// An earlier run of this user that is not over: the directory may belong to another one, and the file says where the
    /// report is written to.
    pub(super) fn load(&self, config_sha256: &str) -> Result<Option<Kept>, FileError> {
        self.load_of(config_sha256, rustix::process::geteuid().as_raw())
    }

    fn load_of(&self, config_sha256: &str, user: u32) -> Result<Option<Kept>, FileError> {
        let unreadable = |source| FileError::Unreadable { path: self.path.clone(), source };
        let Some((content, owner)) = state_file::read_with_owner(&self.path).map_err(unreadable)? else {
            return Ok(None);
        };
        if owner != user {
            return Err(FileError::Foreign { path: self.path.clone(), owner });
        }
        let kept =
            Some(serde_json::from_slice::<Kept>(&content).map_err(io::Error::from).map_err(unreadable)?);
        match kept {
            Some(kept) if kept.config_sha256 != config_sha256 => {
                Err(FileError::OtherConfig { path: self.path.clone(), started: kept.started })
            }
            kept => Ok(kept),
        }
    }

    pub(super) fn save(&self, kept: &Kept) -> Result<(), FileError> {
        state_file::save(&self.path, kept)
            .map_err(|source| FileError::Unkept { path: self.path.clone(), source })
    }

    /// Nothing is left to go on with.
    pub(super) fn remove(&self) -> Result<(), FileError> {
        state_file::remove(&self.path).map_err(|source| FileError::Unkept { path: self.path.clone(), source })
    }
}

/// Bars other runs against the same daemon, whatever file they keep: two would take each other's moves for failures. What they
/// share is the socket; the lock is on its directory, where nothing need be written.
fn alone(socket: &Path) -> Result<File, FileError> {
    // A link to it is another name for the same.
    let real = fs::canonicalize(socket).unwrap_or_else(|_| socket.to_owned());
    let parent = real.parent().filter(|parent| !parent.as_os_str().is_empty());
    let path = parent.unwrap_or(Path::new(".")).to_owned();
    let locked = File::open(&path).map_err(TryLockError::Error).and_then(|file| {
        file.try_lock()?;
        Ok(file)
    });
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => FileError::Held { path },
        TryLockError::Error(source) => FileError::Unlocked { path, source },
    })
}

/// Where a new report goes: nothing that is there is overwritten.
pub(super) fn new_report(named: Option<&Path>, hostname: &str) -> Result<PathBuf, FileError> {
    let path = named.map_or_else(|| PathBuf::from(default_name(hostname)), Path::to_owned);
    // The run may go on in another directory.
    let path = std::path::absolute(&path).map_err(|source| FileError::Unwritable { path, source })?;
    let text = path.with_extension("txt");
    if text == path {
        return Err(FileError::Name { path });
    }
    let there = [&path, &text].into_iter().find(|path| path.exists()).cloned();
    there.map_or(Ok(path), |path| Err(FileError::Exists { path }))
}

fn default_name(hostname: &str) -> String {
    let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("shunt-accept-{}-{at}.json", hostname.chars().map(safe).collect::<String>())
}

/// Writes the report, and its text beside it; gives the digest.
pub(super) fn write_report(path: &Path, report: &Report) -> Result<String, FileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FileError::Unwritable { path, source }
    };
    let (json, digest) = report.sealed().map_err(io::Error::from).map_err(failed(path))?;
    state_file::replace(path, json.as_bytes(), REPORT_MODE).map_err(failed(path))?;
    let text = path.with_extension("txt");
    state_file::replace(&text, report.text(&digest).as_bytes(), REPORT_MODE).map_err(failed(&text))?;
    Ok(digest)
}

/// What the machine says of itself.
pub(super) fn gateway(config: &Path) -> Result<Gateway, FileError> {
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let content =
        fs::read(config).map_err(|source| FileError::Unreadable { path: config.to_owned(), source })?;
    let unknown = || "unknown".to_owned();
    Ok(Gateway {
        hostname: line("/proc/sys/kernel/hostname").unwrap_or_else(unknown),
        machine_id: line("/etc/machine-id").filter(|id| !id.is_empty()),
        kernel: line("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        architecture: std::env::consts::ARCH.to_owned(),
        agent: None,
        config: config.display().to_string(),
        config_sha256: digest(&content),
        modems: Vec::new(),
        mcu: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn one_run_at_a_time_goes_on_where_it_was_and_only_with_its_config() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/accept.json");
        let (socket, other) = (directory.path().join("s"), directory.path().join("other/s"));
        fs::create_dir(directory.path().join("other")).unwrap();
        let state = State::hold(&path, &socket).unwrap();
        // The same file, and the same daemon.
        for (path, socket) in [(&path, &other), (&directory.path().join("another.json"), &socket)] {
            assert!(matches!(State::hold(path, socket), Err(FileError::Held { .. })));
        }
        assert_eq!(state.load("1").unwrap(), None);
        let kept = Kept {
            config_sha256: "1".into(),
            started: "2026-01-02T03:04:05.678Z".into(),
            report: "/tmp/report.json".into(),
            done: Vec::new(),
            pending: None,
        };
        state.save(&kept).unwrap();
        let another = rustix::process::geteuid().as_raw() + 1;
        let refused = state.load_of("1", another).unwrap_err();
        assert!(matches!(refused, FileError::Foreign { .. }), "{refused}");
        assert!(refused.to_string().contains("by --state FILE"), "{refused}");
        assert_eq!(state.load("1").unwrap(), Some(kept));
        assert!(matches!(state.load("2"), Err(FileError::OtherConfig { .. })));
        state.remove().unwrap();
        assert_eq!(state.load("2").unwrap(), None);
        drop(state);
        assert!(State::hold(&path, &socket).is_ok());
    }

    #[test]
    fn the_lock_is_its_owners_alone_and_nothing_in_its_place_leads_elsewhere_or_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (path, socket) = (directory.path().join("accept.json"), directory.path().join("s"));
        let (lock, elsewhere) = (path.with_extension("lock"), directory.path().join("elsewhere"));
        drop(State::hold(&path, &socket).unwrap());
        assert_eq!(fs::metadata(&lock).unwrap().mode() & 0o7777, 0o600);
        fs::remove_file(&lock).unwrap();
        symlink(&elsewhere, &lock).unwrap();
        assert!(matches!(State::hold(&path, &socket), Err(FileError::Unkept { .. })) && !elsewhere.exists());
        fs::remove_file(&lock).unwrap();
        mkfifoat(CWD, &lock, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(matches!(State::hold(&path, &socket), Err(FileError::Unkept { .. })));
    }

    #[test]
    fn a_report_overwrites_nothing_and_has_its_text_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        assert_eq!(new_report(Some(&path), "gw").unwrap(), path);
        assert!(matches!(new_report(Some(&path.with_extension("txt")), "gw"), Err(FileError::Name { .. })));
        fs::write(path.with_extension("txt"), "another's").unwrap();
        assert!(matches!(new_report(Some(&path), "gw"), Err(FileError::Exists { .. })));
        let name = new_report(None, "gw/17").unwrap();
        assert!(name.is_absolute() && name.to_string_lossy().contains("/shunt-accept-gw_17-"), "{name:?}");
    }
}
