//! Two settings per interface: the kernel must pass over routes whose link has no carrier, and must not drop
//! packets that come in by a link that is not the best one.
//!
//! Only per-interface values are written. The old ones are kept in the state directory before the first change.

use super::error::KernelError;
use crate::state_file;
use shunt_decision::Family;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Interface names may hold dots, so that settings are named by path.
const ROOT: &str = "/proc/sys/net";
/// `rp_filter`: strict mode drops what comes in by another link than the best.
const STRICT: &str = "1";
/// `rp_filter`: any link with a route back will do.
const LOOSE: &str = "2";
/// The file of old values in the state directory.
const FILE: &str = "sysctl.json";

/// The settings of the WAN interfaces, and their old values.
#[derive(Debug)]
pub(crate) struct Sysctls {
    file: PathBuf,
    /// Old values by path below [`ROOT`].
    kept: BTreeMap<String, String>,
    /// The file does not hold all of them yet.
    unsaved: bool,
}

impl Sysctls {
    /// Reads what a predecessor kept. A file that cannot be read is told in a sentence: a gateway without an agent
    /// is worse than one whose old values are lost.
    pub(crate) fn open(state_dir: &Path) -> (Self, Option<String>) {
        let file = state_dir.join(FILE);
        match state_file::load(&file) {
            Ok(kept) => (Self { file, kept: kept.unwrap_or_default(), unsaved: false }, None),
            Err(error) => {
                let warning = format!(
                    "Failed to read the old sysctl values in {} ({error}): `shunt stop --restore` will not know \
                     them; set them by hand or restart the machine after it.",
                    file.display()
                );
                (Self { file, kept: BTreeMap::new(), unsaved: false }, Some(warning))
            }
        }
    }

    /// Sets what differs; the sentences say what could not be done.
    pub(crate) fn ensure(&mut self, interface: &str, families: &[Family]) -> Vec<String> {
        let mut sentences = Vec::new();
        for family in families {
            let base = match family {
                Family::V4 => "ipv4/conf",
                Family::V6 => "ipv6/conf",
            };
            let key = format!("{base}/{interface}/ignore_routes_with_linkdown");
            if read(&key).is_some_and(|value| value != "1") {
                sentences.extend(self.change(&key, "1").err());
            }
        }
        let key = format!("ipv4/conf/{interface}/rp_filter");
        let own = read(&key);
        // The effective value is the greater of both.
        let effective = own.clone().max(read("ipv4/conf/all/rp_filter"));
        if own.is_some() && effective.as_deref() == Some(STRICT) {
            sentences.extend(self.change(&key, LOOSE).err());
        }
        sentences
    }

    /// Keeps the old values on disk, if they are not there yet; a sentence where that fails.
    pub(crate) fn keep(&mut self) -> Option<String> {
        if !self.unsaved {
            return None;
        }
        let error = self.save().err();
        self.unsaved = error.is_some();
        error.map(|error| {
            format!(
                "Failed to write {} ({error}): the old values of the sysctls are known only until the agent stops; \
                 make the state directory writable.",
                self.file.display()
            )
        })
    }

    /// Puts the old values back, where the interfaces are still there, and forgets them. What could not be put back
    /// is kept for another attempt; the first failure is told.
    pub(crate) fn restore(&mut self) -> Result<(), KernelError> {
        let mut first = Ok(());
        self.kept.retain(|key, value| {
            let path = Path::new(ROOT).join(key);
            let result = if path.exists() { fs::write(&path, value) } else { Ok(()) };
            let failed = result.is_err();
            if first.is_ok() {
                first = result.map_err(|source| KernelError::File { what: "put back", path, source });
            }
            failed
        });
        let file = if self.kept.is_empty() { state_file::remove(&self.file) } else { self.save() };
        let file =
            file.map_err(|source| KernelError::File { what: "update", path: self.file.clone(), source });
        first.and(file)
    }

    fn change(&mut self, key: &str, value: &str) -> Result<(), String> {
        let old = read(key).unwrap_or_default();
        if !self.kept.contains_key(key) {
            self.kept.insert(key.to_owned(), old);
            self.unsaved = self.save().is_err();
        }
        fs::write(Path::new(ROOT).join(key), value).map_err(|error| {
            let name = key.replace('/', ".");
            format!(
                "Failed to set net.{name} to {value} ({error}): without it packets are lost when a link fails; \
                 set it by /etc/sysctl.d or run with the right to write below {ROOT}."
            )
        })
    }

    fn save(&self) -> io::Result<()> {
        state_file::save(&self.file, &self.kept)
    }
}

/// Whether the kernel speaks IPv6 at all.
pub(crate) fn has_ipv6() -> bool {
    Path::new(ROOT).join("ipv6").exists()
}

fn read(key: &str) -> Option<String> {
    fs::read_to_string(Path::new(ROOT).join(key)).ok().map(|value| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_keeps_nobody_from_starting() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Sysctls::open(directory.path()).1, None);
        fs::write(directory.path().join(FILE), "{\"ipv4/conf").unwrap();
        let (sysctls, warning) = Sysctls::open(directory.path());
        assert!(sysctls.kept.is_empty());
        assert!(warning.unwrap().contains(FILE));
    }

    #[test]
    fn values_that_could_not_be_kept_are_told_until_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let mut sysctls = Sysctls::open(directory.path()).0;
        assert_eq!(sysctls.keep(), None);
        // Where the draft would be written lies a directory.
        let draft = directory.path().join("sysctl.new");
        fs::create_dir(&draft).unwrap();
        sysctls.kept.insert("ipv4/conf/wan0/rp_filter".into(), "1".into());
        sysctls.unsaved = true;
        for _ in 0..2 {
            assert!(sysctls.keep().unwrap().contains(FILE));
        }
        fs::remove_dir(&draft).unwrap();
        assert_eq!(sysctls.keep(), None);
        assert_eq!(Sysctls::open(directory.path()).0.kept, sysctls.kept);
    }
}
