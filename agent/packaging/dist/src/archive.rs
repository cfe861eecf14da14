//! Archives that come out the same whoever packs them, wherever and whenever: names sorted, owner root, one time for all.

use crate::error::{Result, file};
use flate2::{Compression, GzBuilder};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// The mode of every directory.
const DIRECTORY_MODE: u32 = 0o755;

/// The mode of a file that is only read.
pub(crate) const PLAIN: u32 = 0o644;
/// The mode of a program or script.
pub(crate) const PROGRAM: u32 = 0o755;

/// Files by their names in the archive, such as `usr/bin/shunt`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Tree {
    /// Adds a file that is made here.
    pub(crate) fn add(&mut self, name: impl Into<PathBuf>, mode: u32, content: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), (mode, content.into()));
    }

    /// Adds the file at `path`.
    pub(crate) fn take(&mut self, path: &Path, name: impl Into<PathBuf>, mode: u32) -> Result<()> {
        let content = std::fs::read(path).map_err(file("read", path))?;
        self.add(name, mode, content);
        Ok(())
    }

    /// Adds each file of a directory, as files that are only read.
    pub(crate) fn take_all(&mut self, directory: &Path, name: &Path) -> Result<()> {
        let entries = std::fs::read_dir(directory).map_err(file("read", directory))?;
        for entry in entries {
            let path = entry.map_err(file("read", directory))?.path();
            if let Some(last) = path.file_name() {
                self.take(&path, name.join(last), PLAIN)?;
            }
        }
        Ok(())
    }

    /// The bytes of all files, as OpenWrt's `Installed-Size` counts them.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|(_, content)| content.len() as u64).sum()
    }

    /// A tar archive in gzip, whose names begin with `root` (`.` or a directory's name), dated `epoch` seconds after
    /// 1970.
    pub(crate) fn to_tar_gz(&self, root: &Path, epoch: u64) -> io::Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        let mut made = BTreeSet::new();
        for (name, (mode, content)) in &self.files {
            let name = root.join(name);
            for parent in parents(&name) {
                if made.insert(parent.to_owned()) {
                    append(&mut builder, EntryType::Directory, parent, DIRECTORY_MODE, &[], epoch)?;
                }
            }
            append(&mut builder, EntryType::Regular, &name, *mode, content, epoch)?;
        }
        gzip(&builder.into_inner()?)
    }
}

/// Compresses without a name or a time in the header.
pub(crate) fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The directories above `name`, the outermost first; not `.`, which opkg's own packages do not have either.
fn parents(name: &Path) -> Vec<&Path> {
    let here = |path: &&Path| !matches!(path.as_os_str().as_bytes(), b"" | b".");
    let mut above: Vec<_> = name.ancestors().skip(1).filter(here).collect();
    above.reverse();
    above
}

fn append(
    builder: &mut Builder<Vec<u8>>,
    kind: EntryType,
    name: &Path,
    mode: u32,
    content: &[u8],
    epoch: u64,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    // Written by hand: the crate would take away the `./` that opkg's own packages begin with.
    let bytes = name.as_os_str().as_bytes();
    let place = header.as_gnu_mut().and_then(|gnu| gnu.name.get_mut(..bytes.len()));
    place.ok_or_else(|| io::Error::other("the name is longer than 100 bytes"))?.copy_from_slice(bytes);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    header.set_mtime(epoch);
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const EPOCH: u64 = 1_700_000_000;

    #[test]
    fn the_order_of_adding_does_not_show() {
        let files =
            [("usr/bin/shunt", PROGRAM, "x"), ("etc/shunt/shunt.toml", PLAIN, "y"), ("a", PLAIN, "z")];
        let (mut one, mut other) = (Tree::default(), Tree::default());
        for (name, mode, content) in files {
            one.add(name, mode, content);
        }
        for (name, mode, content) in files.into_iter().rev() {
            other.add(name, mode, content);
        }
        let root = Path::new(".");
        assert_eq!(one.to_tar_gz(root, EPOCH).unwrap(), other.to_tar_gz(root, EPOCH).unwrap());
        assert_eq!(one.bytes(), 3);
    }

    #[test]
    fn an_archive_has_its_directories_before_their_files_and_belongs_to_root() {
        let mut tree = Tree::default();
        tree.add("etc/init.d/shunt", PROGRAM, "#!/bin/sh");
        let packed = tree.to_tar_gz(Path::new("."), EPOCH).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
        let mut archive = tar::Archive::new(&plain[..]);
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, EPOCH));
            names.push(entry.path_bytes().iter().map(|byte| char::from(*byte)).collect::<String>());
        }
        assert_eq!(names, ["./etc", "./etc/init.d", "./etc/init.d/shunt"]);
    }
}
