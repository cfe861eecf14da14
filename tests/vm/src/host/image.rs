//! The guest's file system in memory: an archive in the kernel's own format, `newc` of cpio (Linux
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).

use crate::error::{Result, VmError, file, run};
use crate::kernel::Kernel;
use flate2::Compression;
use flate2::write::GzEncoder;
use shunt_vm::{AGENT, GUEST_PATH};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the story needs of the kernel. What these depend on goes before them.
const MODULES: [&str; 12] = [
    // The one that a kernel asks for by what it does, not by its name.
    "crc32c_generic",
    "tun",
    "veth",
    "sch_netem",
    "nft_chain_nat",
    "nft_masq",
    "nf_conntrack_netlink",
    "nfnetlink",
    "i6300esb",
    "virtio_pci",
    "virtio_blk",
    "ext4",
];

/// The smallest that has a journal and room for what the agent keeps.
const DISK: u64 = 16 << 20;

/// Files that a system has anyway. The number is that of the guest's `system::USER`.
const FILES: [(&str, &str); 2] = [
    ("etc/passwd", "root:x:0:0::/:/sbin/nologin\nshunt:x:990:990::/var/lib/shunt:/usr/sbin/nologin\n"),
    ("etc/group", "root:x:0:\nshunt:x:990:\n"),
];

const DIRECTORY: u32 = 0o040_755;
const PLAIN: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

/// The agent in a Debian package, unpacked below `directory`.
pub(crate) fn agent_of(package: &Path, directory: &Path) -> Result<PathBuf> {
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(directory), "unpack the agent's package")?;
    let agent = directory.join(AGENT);
    let missing = || VmError::NotInPackage { what: AGENT.into(), package: package.to_owned() };
    if agent.exists() { Ok(agent) } else { Err(missing()) }
}

/// Writes the archive to `path`.
pub(crate) fn write(kernel: &Kernel, agent: &Path, guest: &Path, path: &Path) -> Result<PathBuf> {
    let mut archive = Archive::default();
    for (name, text) in FILES {
        archive.add(name, PLAIN, text.as_bytes().to_vec());
    }
    for (name, program) in [(AGENT, agent), (GUEST_PATH, guest)] {
        archive.add(name, PROGRAM, fs::read(program).map_err(file("read", program))?);
    }
    for (number, module) in in_order(&kernel.modules)?.into_iter().enumerate() {
        let content = fs::read(&module).map_err(file("read", &module))?;
        archive.add(&format!("modules/{number:02}.ko"), PLAIN, content);
    }
    let target = fs::File::create(path).map_err(file("write", path))?;
    // It is unpacked by an emulated processor right after.
    let mut encoder = GzEncoder::new(target, Compression::fast());
    encoder
        .write_all(&archive.to_bytes())
        .and_then(|()| encoder.finish().map(drop))
        .map_err(file("write", path))?;
    Ok(path.to_owned())
}

/// Makes the gateway's disk, empty, at `path`.
pub(crate) fn disk(path: &Path) -> Result<PathBuf> {
    let made = fs::File::create(path).and_then(|disk| disk.set_len(DISK));
    made.map_err(file("make the gateway's disk", path))?;
    // Users other than root do not look there for programs.
    run(Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4"]).arg(path), "make the gateway's disk")?;
    Ok(path.to_owned())
}

/// The modules and all that they depend on, each after what it depends on.
fn in_order(modules: &Path) -> Result<Vec<PathBuf>> {
    let mut all = BTreeMap::new();
    collect(modules, &mut all)?;
    let mut order = Vec::new();
    for module in MODULES {
        add_after_its_own(module, &all, &mut order)?;
    }
    Ok(order)
}

/// What is not there is built into the kernel, or missed by whoever needs it.
fn add_after_its_own(module: &str, all: &BTreeMap<String, PathBuf>, order: &mut Vec<PathBuf>) -> Result<()> {
    let Some(path) = all.get(module).filter(|path| !order.contains(path)) else { return Ok(()) };
    let content = fs::read(path).map_err(file("read", path))?;
    for other in depends(&content) {
        add_after_its_own(&other, all, order)?;
    }
    order.push(path.clone());
    Ok(())
}

fn collect(directory: &Path, all: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).map_err(file("read", directory))? {
        let path = entry.map_err(file("read", directory))?.path();
        if path.is_dir() {
            collect(&path, all)?;
        } else if path.extension().is_some_and(|it| it == "ko") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
            all.insert(name, path);
        }
    }
    Ok(())
}

/// The modules that one depends on: `depends=a,b` in its section `.modinfo`, among texts that end with a zero.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let place = module.windows(KEY.len()).position(|window| window == KEY);
    let text = place.and_then(|place| module.get(place + KEY.len()..)).unwrap_or_default();
    let text: Vec<u8> = text.iter().copied().take_while(|byte| *byte != 0).collect();
    let names = String::from_utf8_lossy(&text).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// Files by their names.
#[derive(Debug, Default)]
struct Archive {
    files: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Archive {
    /// Adds a file, and the directories above it.
    fn add(&mut self, name: &str, mode: u32, content: Vec<u8>) {
        for (place, _) in name.match_indices('/') {
            let above = name.get(..place).unwrap_or_default();
            self.files.entry(above.to_owned()).or_insert((DIRECTORY, Vec::new()));
        }
        self.files.insert(name.to_owned(), (mode, content));
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (name, (mode, content))) in (1..).zip(&self.files) {
            append(&mut bytes, number, name, *mode, content);
        }
        append(&mut bytes, 0, "TRAILER!!!", 0, &[]);
        bytes
    }
}

/// One entry: a header of numbers in hexadecimal, the name, the content, each filled up to four bytes.
fn append(bytes: &mut Vec<u8>, number: u32, name: &str, mode: u32, content: &[u8]) {
    let length = |part: usize| u32::try_from(part).unwrap_or(u32::MAX);
    // Inode, mode, user, group, links, time, size, device twice, the file's own device twice, the name's size, no sum.
    let fields = [number, mode, 0, 0, 1, 0, length(content.len()), 0, 0, 0, 0, length(name.len() + 1), 0];
    bytes.extend_from_slice(b"070701");
    for field in fields {
        bytes.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    fill_up(bytes);
    bytes.extend_from_slice(content);
    fill_up(bytes);
}

fn fill_up(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_what_the_kernel_unpacks() {
        let mut archive = Archive::default();
        archive.add("etc/group", PLAIN, b"root".to_vec());
        let bytes = archive.to_bytes();
        let first = "070701".to_owned()
            + "00000001"
            + "000041ed"
            + "00000000"
            + "00000000"
            + "00000001"
            + "00000000"
            + "00000000"
            + "00000000"
            + "00000000"
            + "00000000"
            + "00000000"
            + "00000004"
            + "00000000"
            + "etc\0";
        assert!(bytes.starts_with(first.as_bytes()), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).unwrap();
        let second = first.len().next_multiple_of(4);
        assert!(text[second..].starts_with("07070100000002000081a4"), "{text}");
        assert!(text.contains("etc/group\0") && text.contains("root") && text.contains("TRAILER!!!\0"));
    }

    #[test]
    fn what_a_module_depends_on_is_read_and_goes_before_it() {
        assert_eq!(
            depends(b"x\0license=GPL\0depends=nf_tables,nf-nat\0name=nft_masq\0"),
            ["nf_tables", "nf_nat"]
        );
        assert_eq!(depends(b"\0depends=\0"), Vec::<String>::new());
        assert_eq!(depends(b"no module"), Vec::<String>::new());
        let home = tempfile::tempdir().unwrap();
        for (name, depends) in
            [("tun", ""), ("nft_masq", "nf_tables"), ("nf_tables", "nfnetlink"), ("nfnetlink", "")]
        {
            fs::write(home.path().join(format!("{name}.ko")), format!("\0depends={depends}\0")).unwrap();
        }
        let order = in_order(home.path()).unwrap();
        let names: Vec<_> = order.iter().map(|path| path.file_stem().unwrap().to_string_lossy()).collect();
        assert_eq!(names, ["tun", "nfnetlink", "nf_tables", "nft_masq"]);
    }
}
