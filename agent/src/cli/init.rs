//! `shunt init`: shows a first config, or writes it where none is that names a link.

use super::exit::Failure;
use crate::init::{Draft, Kept, NothingFound, Stays, Survey, UciError, from_mwan3, is_untouched, propose};
use crate::state_file;
use shunt_config::Faults;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// mwan3's name for the network's config, which lies in the same directory.
const NETWORK: &str = "network";

/// The root of the file system that is looked at.
const ROOT: &str = "/";

/// Everybody may read a config, the service's user above all: secrets have files of their own.
const READABLE: u32 = 0o644;

/// Behind the name of an earlier file that somebody wrote into.
const BEFORE: &str = "before";

/// Links from one to the next, as `/etc/shunt/shunt.toml` to the data partition of an image; more are a ring.
const LINKS_AT_MOST: usize = 8;

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
        "write {}: it is there already, {why}, and is left as it is; name another file by --config FILE, or move \
         it away",
        file.display()
    )]
    Exists { file: PathBuf, why: Stays },
    #[error("make the directory {}: {source}; name another file by --config FILE", directory.display())]
    NoDirectory { directory: PathBuf, source: io::Error },
    #[error("write {}: {source}; run it as root, or name another file by --config FILE", file.display())]
    Unwritable { file: PathBuf, source: io::Error },
}

pub(super) fn carry_out(
    config: &Path,
    mwan3: Option<&Path>,
    write: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut draft = match mwan3 {
        Some(file) => migrate(file)?,
        None => {
            propose(&Survey::take(Path::new(ROOT)).map_err(InitError::Survey)?).map_err(InitError::from)?
        }
    };
    let earlier = Earlier::read(config, &mut draft);
    let text = draft.to_string();
    let faults = shunt_config::parse(&text, config).err();
    if let Some(faults) = faults {
        out.write_all(text.as_bytes())?;
        return Err(InitError::Faulty(faults).into());
    }
    if !write {
        out.write_all(text.as_bytes())?;
        // Beside the config, which may go into a file.
        return Ok(writeln!(io::stderr(), "{}", what_next(config, earlier))?);
    }
    let before = save(&earlier?, &text)?;
    for note in draft.notes.iter() {
        writeln!(out, "note: {note}")?;
    }
    if let Some(before) = before {
        writeln!(out, "The earlier file, which named no link, is kept: {}", before.display())?;
    }
    Ok(writeln!(out, "{} is written; look at it, then: shunt check {0}", config.display())?)
}

fn what_next(config: &Path, earlier: Result<Earlier, InitError>) -> String {
    let config = config.display();
    match earlier {
        Ok(_) => format!("Nothing is written. To have it in {config}, add --write."),
        Err(InitError::Exists { why, .. }) => {
            format!("Nothing is written: {config} is there already, {why}, and stays in use.")
        }
        Err(error) => format!("Nothing is written. --write would fail to {error}"),
    }
}

/// The file that is to be written, as it is now.
struct Earlier {
    /// Where it is, behind links.
    file: PathBuf,
    /// What it is and has, if it is there.
    content: Option<(Metadata, String)>,
}

impl Earlier {
    /// What it sets goes into the `draft`.
    fn read(config: &Path, draft: &mut Draft) -> Result<Self, InitError> {
        let file = behind_links(config);
        let failed = |source| InitError::Unreadable { file: file.clone(), source };
        let stays = |why| InitError::Exists { file: config.to_owned(), why };
        let metadata = match fs::metadata(&file) {
            Ok(metadata) => metadata,
            // A file that stands where a directory would have to be is told when the directory is made.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self { file, content: None });
            }
            Err(error) => return Err(failed(error)),
        };
        // A device must not give way to a file.
        if !metadata.is_file() {
            return Err(stays(Stays::NoFile));
        }
        // What is no text is no TOML either.
        let text = String::from_utf8_lossy(&fs::read(&file).map_err(failed)?).into_owned();
        let kept = Kept::of(&text).map_err(stays)?;
        kept.go_into(draft);
        Ok(Self { file, content: Some((metadata, text)) })
    }
}

/// The file that `path` leads to; it need not be there yet.
fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_AT_MOST {
        let Ok(to) = fs::read_link(&path) else { break };
        path = path.parent().map_or(to.clone(), |directory| directory.join(&to));
    }
    path
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

/// Writes the file, whole or not at all; an earlier one is replaced, and tells who may read it. Where somebody had written
/// into that, it is kept under the name that comes back.
fn save(earlier: &Earlier, text: &str) -> Result<Option<PathBuf>, InitError> {
    let file = &earlier.file;
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let failed = |source| InitError::NoDirectory { directory: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let Some((metadata, old)) = &earlier.content else {
        replace(file, text, None)?;
        return Ok(None);
    };
    let before = (!is_untouched(old)).then(|| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{BEFORE}"));
        PathBuf::from(name)
    });
    if let Some(before) = &before {
        replace(before, old, Some(metadata))?;
    }
    replace(file, text, Some(metadata))?;
    Ok(before)
}

fn replace(file: &Path, text: &str, like: Option<&Metadata>) -> Result<(), InitError> {
    let failed = |source| InitError::Unwritable { file: file.to_owned(), source };
    state_file::replace(file, text.as_bytes(), READABLE).map_err(failed)?;
    let Some(like) = like else { return Ok(()) };
    let now = fs::metadata(file).map_err(failed)?;
    if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
        chown(file, Some(like.uid()), Some(like.gid())).map_err(failed)?;
    }
    if now.permissions().mode() != like.permissions().mode() {
        fs::set_permissions(file, like.permissions()).map_err(failed)?;
    }
    Ok(())
}
