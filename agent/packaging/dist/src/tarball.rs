//! The archive for every other Linux: the binary and all that goes with it, with a script that puts it in place.

use crate::archive::{PLAIN, PROGRAM, Tree};
use crate::cargo::Source;
use crate::error::{Result, file};
use crate::target::Target;
use std::fs;
use std::path::{Path, PathBuf};

/// Packs `binary` and the pages below `shared` (the directories `man` and `completions`) into `out`; gives the
/// archive's path.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn pack(
    source: &Source,
    target: &Target,
    binary: &Path,
    shared: &Path,
    out: &Path,
) -> Result<PathBuf> {
    let name = format!("shunt-{}-{}", source.version(), target.triple);
    let path = out.join(format!("{name}.tar.gz"));
    let mut tree = Tree::default();
    tree.take(binary, "shunt", PROGRAM)?;
    tree.take(&source.root.join("agent/packaging/tar/install.sh"), "install.sh", PROGRAM)?;
    tree.take(&source.root.join("agent/packaging/openwrt/shunt.init"), "openwrt/shunt.init", PROGRAM)?;
    for (from, to) in PARTS {
        tree.take(&source.root.join(from), to, PLAIN)?;
    }
    tree.take_all(&source.root.join("config/examples"), Path::new("examples"))?;
    tree.take_all(&shared.join("man"), Path::new("man"))?;
    tree.take_all(&shared.join("completions"), Path::new("completions"))?;
    let packed = tree.to_tar_gz(Path::new(&name), source.epoch).map_err(file("pack", &path))?;
    fs::write(&path, packed).map_err(file("write", &path))?;
    Ok(path)
}

/// What is only read, by its places in the source and in the archive.
const PARTS: [(&str, &str); 12] = [
    ("agent/packaging/README.md", "README.md"),
    ("agent/packaging/shunt.toml", "shunt.toml"),
    ("agent/packaging/openwrt/keep", "openwrt/keep"),
    ("agent/packaging/openwrt/shunt.toml", "openwrt/shunt.toml"),
    ("agent/packaging/systemd/shunt.service", "systemd/shunt.service"),
    ("agent/packaging/systemd/shunt.sysusers", "systemd/shunt.sysusers"),
    ("agent/packaging/systemd/shunt.tmpfiles", "systemd/shunt.tmpfiles"),
    ("config/shunt.toml", "reference.toml"),
    ("config/README.md", "CONFIG.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];
