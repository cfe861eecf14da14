//! OpenWrt packages for opkg: a tar archive of `debian-binary`, `control.tar.gz` and `data.tar.gz`.
//!
//! The form is that of OpenWrt's `scripts/ipkg-build`. No tool that packs it is in Debian.

use crate::archive::{PLAIN, PROGRAM, Tree};
use crate::cargo::Source;
use crate::error::{Result, file};
use std::fs;
use std::path::{Path, PathBuf};

/// What OpenWrt has as packages of its own, and not every image has: the canary's interface, and the cutting of flows.
const DEPENDS: &str = "kmod-tun, kmod-nf-conntrack-netlink";

/// The version of the form.
const FORMAT: &str = "2.0\n";

/// Packs `binary` for gateways whose processor OpenWrt calls `processor`, into `out`; gives the package's path.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn pack(source: &Source, binary: &Path, processor: &str, out: &Path) -> Result<PathBuf> {
    let path = out.join(format!("shunt_{}-1_{processor}.ipk", source.version()));
    let data = data(source, binary)?;
    let control = control(source, processor, data.bytes())?;
    let root = Path::new(".");
    let mut package = Tree::default();
    let packed = |tree: &Tree| tree.to_tar_gz(root, source.epoch).map_err(file("pack", &path));
    package.add("debian-binary", PLAIN, FORMAT);
    package.add("control.tar.gz", PLAIN, packed(&control)?);
    package.add("data.tar.gz", PLAIN, packed(&data)?);
    fs::write(&path, packed(&package)?).map_err(file("write", &path))?;
    Ok(path)
}

fn data(source: &Source, binary: &Path) -> Result<Tree> {
    let packaging = source.root.join("agent/packaging");
    let mut tree = Tree::default();
    tree.take(binary, "usr/bin/shunt", PROGRAM)?;
    tree.take(&packaging.join("openwrt/shunt.init"), "etc/init.d/shunt", PROGRAM)?;
    tree.take(&packaging.join("openwrt/shunt.toml"), "etc/shunt/shunt.toml", PLAIN)?;
    tree.take(&packaging.join("openwrt/keep"), "lib/upgrade/keep.d/shunt", PLAIN)?;
    Ok(tree)
}

fn control(source: &Source, processor: &str, bytes: u64) -> Result<Tree> {
    let scripts = source.root.join("agent/packaging/openwrt");
    let mut tree = Tree::default();
    tree.add("conffiles", PLAIN, "/etc/shunt/shunt.toml\n");
    tree.take(&scripts.join("postinst"), "postinst", PROGRAM)?;
    tree.take(&scripts.join("prerm"), "prerm", PROGRAM)?;
    let control = format!(
        "Package: shunt\n\
         Version: {}-1\n\
         Architecture: {processor}\n\
         Maintainer: The Shunt developers\n\
         License: MIT OR Apache-2.0\n\
         Section: net\n\
         Depends: {DEPENDS}\n\
         Installed-Size: {bytes}\n\
         Description: WAN failover agent\n \
         Measures every WAN link, moves the default route off a link that stopped\n \
         carrying traffic, and looks after the cellular modem.\n",
        source.version()
    );
    tree.add("control", PLAIN, control);
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Read;

    /// The files of a tar archive in gzip.
    fn unpack(packed: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(String::from_utf8(entry.path_bytes().into_owned()).unwrap(), content);
        }
        files
    }

    #[test]
    fn a_package_is_what_opkg_reads() {
        let home = tempfile::tempdir().unwrap();
        let binary = home.path().join("shunt");
        fs::write(&binary, "a program").unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let source = Source { root, build: home.path().into(), epoch: 1_700_000_000 };
        let path = pack(&source, &binary, "aarch64_generic", home.path()).unwrap();
        let first = fs::read(&path).unwrap();
        pack(&source, &binary, "aarch64_generic", home.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first, "two runs give two packages");

        let outer = unpack(&first);
        assert_eq!(outer["./debian-binary"], b"2.0\n");
        let (control, data) = (unpack(&outer["./control.tar.gz"]), unpack(&outer["./data.tar.gz"]));
        let text = String::from_utf8_lossy(&control["./control"]).into_owned();
        assert!(text.contains("\nArchitecture: aarch64_generic\n"), "{text}");
        assert!(["./postinst", "./prerm"].iter().all(|script| control[*script].starts_with(b"#!/bin/sh\n")));
        assert_eq!(data["./usr/bin/shunt"], b"a program");
        let kept = String::from_utf8_lossy(&control["./conffiles"]).into_owned();
        assert!(kept.lines().all(|file| data.contains_key(&format!(".{file}"))), "{kept}");
        assert!(data["./etc/init.d/shunt"].starts_with(b"#!/bin/sh /etc/rc.common\n"));
    }

    /// A package manages no link that nobody named, and what its config shows is good once it is.
    #[test]
    fn the_configs_of_the_packages_name_no_link_and_are_good_once_uncommented() {
        let file = Path::new("shunt.toml");
        for template in [include_str!("../../shunt.toml"), include_str!("../../openwrt/shunt.toml")] {
            let config = shunt_config::parse(template, file);
            let faults = config.expect_err("a link is managed without being named").to_string();
            assert!(faults.contains("link"), "{faults}");
            let commented = |line: &str| line.starts_with('#') && !line.starts_with("# ");
            let named: Vec<_> =
                template.lines().map(|line| if commented(line) { &line[1..] } else { line }).collect();
            let config = shunt_config::parse(&named.join("\n"), file);
            assert!(config.is_ok(), "{config:?}");
        }
    }
}
