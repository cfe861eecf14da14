//! Debian's kernel for 64-bit ARM: fetched by apt-get into lists of its own, and unpacked. Nothing is installed, and the
//! machine's own apt and dpkg know nothing of it.

use crate::error::{Result, VmError, file, run, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARCHITECTURE: &str = "arm64";
/// The package that depends on the present kernel.
const PRESENT: &str = "linux-image-arm64";

/// An unpacked kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    /// All its modules, somewhere below.
    pub(crate) modules: PathBuf,
}

/// Fetches the package into `directory`, where it stays for the next time.
pub(crate) fn fetch(directory: &Path) -> Result<PathBuf> {
    for part in ["lists/partial", "archives/partial"] {
        let part = directory.join(part);
        fs::create_dir_all(&part).map_err(file("make", &part))?;
    }
    let status = directory.join("status");
    fs::write(&status, "").map_err(file("write", &status))?;
    run(apt("apt-get", directory).args(["--quiet=2", "update"]), "look into Debian's archive")?;
    let depends = said(apt("apt-cache", directory).args(["depends", PRESENT]), "look into Debian's archive")?;
    let present = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let present = present.ok_or(VmError::NoKernel(ARCHITECTURE))?;
    if let Some(package) = fetched(directory, present)? {
        return Ok(package);
    }
    let mut download = apt("apt-get", directory);
    run(download.args(["--quiet=2", "download", present]).current_dir(directory), "fetch a kernel")?;
    fetched(directory, present)?.ok_or(VmError::NoKernel(ARCHITECTURE))
}

/// One of apt's programs, with `directory` in the place of the machine's own state.
fn apt(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    for (option, part) in [
        ("Dir::State", "."),
        ("Dir::State::lists", "lists"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "."),
    ] {
        command.arg("-o").arg(format!("{option}={}", directory.join(part).display()));
    }
    command.args([
        "-o",
        &format!("APT::Architecture={ARCHITECTURE}"),
        "-o",
        &format!("APT::Architectures={ARCHITECTURE}"),
    ]);
    // Apt's own user has no way into a directory of ours.
    command.args(["-o", "APT::Sandbox::User=root"]);
    command
}

fn fetched(directory: &Path, name: &str) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(file("read", directory))?;
    let is_it = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.starts_with(&format!("{name}_")) && file.ends_with(".deb")
    };
    Ok(entries.flatten().map(|entry| entry.path()).find(is_it))
}

/// Unpacks the package below `directory`.
pub(crate) fn unpack(package: &Path, directory: &Path) -> Result<Kernel> {
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(directory), "unpack the kernel")?;
    let boot = directory.join("boot");
    let entries = fs::read_dir(&boot).map_err(file("read", &boot))?;
    let is_image =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
    let image = entries.flatten().map(|entry| entry.path()).find(is_image);
    let missing = || VmError::NotInPackage { what: "a kernel".into(), package: package.to_owned() };
    Ok(Kernel { image: image.ok_or_else(missing)?, modules: directory.join("lib/modules") })
}
