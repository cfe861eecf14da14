//! Two settings per interface: the kernel must pass over routes whose link has no carrier, and must not drop
//! packets that come in by a link that is not the best one.
//!
//! Only per-interface values are written. The old ones are kept in the state directory before the first change.

use super::error::KernelError;
use shunt_decision::Family;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
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
}

impl Sysctls {
    /// Reads what a predecessor kept.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, KernelError> {
        let file = state_dir.join(FILE);
        let failed = |what, source| KernelError::File { what, path: file.clone(), source };
        let kept = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed("understand", error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(failed("read", error)),
        };
        Ok(Self { file, kept })
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

    /// Puts the old values back, where the interfaces are still there, and forgets them.
    pub(crate) fn restore(&mut self) -> Result<(), KernelError> {
        for (key, value) in &self.kept {
            let path = Path::new(ROOT).join(key);
            if path.exists() {
                fs::write(&path, value).map_err(|source| KernelError::File {
                    what: "put back",
                    path,
                    source,
                })?;
            }
        }
        self.kept.clear();
        match fs::remove_file(&self.file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(KernelError::File { what: "remove", path: self.file.clone(), source })
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, key: &str, value: &str) -> Result<(), String> {
        let old = read(key).unwrap_or_default();
        let mut unkept = None;
        if !self.kept.contains_key(key) {
            self.kept.insert(key.to_owned(), old);
            unkept = self.save().err();
        }
        if let Err(error) = fs::write(Path::new(ROOT).join(key), value) {
            let name = key.replace('/', ".");
            return Err(format!(
                "Failed to set net.{name} to {value} ({error}): without it packets are lost when a link fails; \
                 set it by /etc/sysctl.d or run with the right to write below {ROOT}."
            ));
        }
        unkept.map_or(Ok(()), |error| {
            Err(format!(
                "Failed to {error}: the old values of the sysctls are known only until the agent stops; make the \
                 state directory writable."
            ))
        })
    }

    /// Whole or not at all: a file cut short by a power failure would lose the old values.
    fn save(&self) -> Result<(), KernelError> {
        let failed = |source| KernelError::File { what: "write", path: self.file.clone(), source };
        let text = serde_json::to_vec_pretty(&self.kept).map_err(|error| failed(error.into()))?;
        let temporary = self.file.with_extension("json.new");
        if let Some(directory) = self.file.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut file = fs::File::create(&temporary).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&temporary, &self.file).map_err(failed)
    }
}

/// Whether the kernel speaks IPv6 at all.
pub(crate) fn has_ipv6() -> bool {
    Path::new(ROOT).join("ipv6").exists()
}

fn read(key: &str) -> Option<String> {
    fs::read_to_string(Path::new(ROOT).join(key)).ok().map(|value| value.trim().to_owned())
}
