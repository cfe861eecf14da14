//! `shunt init`: shows a first config, or writes it where none is.

use super::exit::Failure;
use crate::init::{Draft, NothingFound, Survey, UciError, from_mwan3, propose};
use shunt_config::Faults;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// mwan3's name for the network's config, which lies in the same directory.
const NETWORK: &str = "network";

/// The root of the file system that is looked at.
const ROOT: &str = "/";

/// Why no config could be proposed or written. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum InitError {
    #[error("read {}: {source}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("use {}: failed to {source}", file.display())]
    NotUci { file: PathBuf, source: UciError },
    #[error("look at the interfaces and routes of this machine: {0}; are /proc and /sys mounted?")]
    Survey(io::Error),
    #[error(transparent)]
    NothingFound(#[from] NothingFound),
    #[error("find an interface in {}: none is enabled for mwan3", file.display())]
    NoLinks { file: PathBuf },
    /// The proposal was shown, but it wants an edit first.
    #[error("make a config that is whole; mend these in what is shown above:\n{0}")]
    Faulty(Faults),
    #[error(
        "write {}: it is there already, and is left as it is; name another file by --config FILE, or move it away",
        file.display()
    )]
    Exists { file: PathBuf },
    #[error("write {}: {source}", file.display())]
    Unwritable { file: PathBuf, source: io::Error },
}

pub(super) fn carry_out(
    config: &Path,
    mwan3: Option<&Path>,
    write: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let draft = match mwan3 {
        Some(file) => migrate(file)?,
        None => {
            propose(&Survey::take(Path::new(ROOT)).map_err(InitError::Survey)?).map_err(InitError::from)?
        }
    };
    let text = draft.to_string();
    let faults = shunt_config::parse(&text, config).err();
    if let Some(faults) = faults {
        out.write_all(text.as_bytes())?;
        return Err(InitError::Faulty(faults).into());
    }
    if !write {
        return Ok(out.write_all(text.as_bytes())?);
    }
    save(config, &text)?;
    for note in &draft.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(writeln!(out, "{} is written; look at it, then: shunt check {0}", config.display())?)
}

fn migrate(file: &Path) -> Result<Draft, InitError> {
    let read = |file: &Path| {
        fs::read_to_string(file).map_err(|source| InitError::Unreadable { file: file.to_owned(), source })
    };
    let mwan3 = read(file)?;
    let network = match read(&file.with_file_name(NETWORK)) {
        Ok(text) => Some(text),
        Err(InitError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let draft = from_mwan3(&mwan3, network.as_deref())
        .map_err(|source| InitError::NotUci { file: file.to_owned(), source })?;
    if draft.sections.is_empty() {
        return Err(InitError::NoLinks { file: file.to_owned() });
    }
    Ok(draft)
}

/// Writes a file that is not there yet, whole or not at all.
fn save(file: &Path, text: &str) -> Result<(), InitError> {
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::AlreadyExists => InitError::Exists { file: file.to_owned() },
        _ => InitError::Unwritable { file: file.to_owned(), source },
    };
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut open = OpenOptions::new().write(true).create_new(true).open(file).map_err(failed)?;
    let written = open.write_all(text.as_bytes()).and_then(|()| open.sync_all());
    written.map_err(|error| {
        // Half a config must not be found at the next start.
        let _ = fs::remove_file(file);
        failed(error)
    })
}
