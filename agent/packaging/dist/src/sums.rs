//! SHA-256 sums, in the form that `sha256sum --check` reads.

use crate::error::{Result, file};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the list.
pub const SUMS: &str = "SHA256SUMS";

/// Writes the sums of all files below `directory` into its list, and gives their number.
///
/// # Errors
/// When a file cannot be read or the list not be written.
pub(crate) fn write_sums(directory: &Path) -> Result<usize> {
    let list = directory.join(SUMS);
    let mut names = BTreeSet::new();
    collect(directory, Path::new(""), &mut names)?;
    names.remove(Path::new(SUMS));
    let mut text = String::new();
    for name in &names {
        let path = directory.join(name);
        let content = fs::read(&path).map_err(file("read", &path))?;
        for byte in Sha256::digest(&content) {
            let _never_fails = write!(text, "{byte:02x}");
        }
        let _never_fails = writeln!(text, "  {}", name.display());
    }
    fs::write(&list, text).map_err(file("write", &list))?;
    Ok(names.len())
}

fn collect(root: &Path, below: &Path, names: &mut BTreeSet<PathBuf>) -> Result<()> {
    let directory = root.join(below);
    for entry in fs::read_dir(&directory).map_err(file("read", &directory))? {
        let entry = entry.map_err(file("read", &directory))?;
        let name = below.join(entry.file_name());
        if entry.path().is_dir() {
            collect(root, &name, names)?;
        } else {
            names.insert(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard_and_sorted_by_name() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("man")).unwrap();
        fs::write(home.path().join("man/shunt.8"), "abc").unwrap();
        fs::write(home.path().join("empty"), "").unwrap();
        assert_eq!(write_sums(home.path()).unwrap(), 2);
        // A second run does not count its own list; FIPS 180-4 has the sum of "abc".
        assert_eq!(write_sums(home.path()).unwrap(), 2);
        let expected = "\
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  man/shunt.8
";
        assert_eq!(fs::read_to_string(home.path().join(SUMS)).unwrap(), expected);
    }
}
