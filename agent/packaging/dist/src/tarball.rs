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
const PARTS: [(&str, &str); 13] = [
    ("agent/packaging/README.md", "README.md"),
    ("agent/packaging/shunt.toml", "shunt.toml"),
    ("agent/packaging/openwrt/keep", "openwrt/keep"),
    ("agent/packaging/openwrt/shunt.toml", "openwrt/shunt.toml"),
    ("agent/packaging/systemd/shunt.service", "systemd/shunt.service"),
    ("agent/packaging/systemd/shunt.sysusers", "systemd/shunt.sysusers"),
    ("agent/packaging/systemd/shunt.tmpfiles", "systemd/shunt.tmpfiles"),
    ("agent/packaging/systemd/shunt.udev", "systemd/shunt.udev"),
    ("config/shunt.toml", "reference.toml"),
    ("config/README.md", "CONFIG.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages;
    use std::process::Command;

    /// Into images of each kind, over a config that is there and over none.
    #[test]
    fn the_script_in_the_archive_puts_everything_in_its_place() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let binary = home.join("binary");
        fs::write(&binary, "a program").unwrap();
        pages::write_manual(&home.join("man")).unwrap();
        pages::write_completions(&home.join("completions")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let source = Source { root, build: home.into(), epoch: 1_700_000_000 };
        let archive = pack(&source, &crate::TARGETS[0], &binary, home, home).unwrap();
        let packed = fs::read(&archive).unwrap();
        tar::Archive::new(flate2::read::GzDecoder::new(&packed[..])).unpack(home).unwrap();
        let script = home.join(format!("shunt-{}-{}/install.sh", source.version(), crate::TARGETS[0].triple));

        for (kind, mark, service) in [
            ("systemd", "usr/lib/systemd/system/other.service", "usr/lib/systemd/system/shunt.service"),
            ("procd", "etc/rc.common", "etc/init.d/shunt"),
        ] {
            let image = home.join(kind);
            let install = || Command::new("sh").arg(&script).arg("--root").arg(&image).output().unwrap();
            fs::create_dir_all(image.join(mark).parent().unwrap()).unwrap();
            fs::write(image.join(mark), "").unwrap();
            let output = install();
            assert!(output.status.success(), "{output:?}");
            for name in ["usr/bin/shunt", "etc/shunt/shunt.toml", "usr/share/man/man8/shunt.8.gz", service] {
                assert!(image.join(name).is_file(), "{kind}: {name}");
            }
            let config = image.join("etc/shunt/shunt.toml");
            let kept = fs::read_to_string(&config).unwrap().contains("state_dir");
            assert_eq!(kept, kind == "procd", "the config of another system");
            fs::write(&config, "mine").unwrap();
            assert!(install().status.success());
            assert_eq!(fs::read_to_string(&config).unwrap(), "mine");
        }
        let refused = Command::new("sh").arg(&script).arg("--rood").output().unwrap();
        assert!(!refused.status.success());
    }
}
