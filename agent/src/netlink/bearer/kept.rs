//! What must be known after a crash to give an interface back: its largest packet before it was changed, and, where the
//! kernel does not note who put an address there (before 5.18), the addresses.
//!
//! The file is written only when one of these changes: never in the steady state, and hardly ever with a kernel that
//! takes note and a network whose packets are as large as usual. It is written aside, while the change is made: who is
//! killed in these milliseconds leaves an MTU, or an older kernel's address, that nobody knows to be ours.

use super::super::model::Address;
use super::aside::Aside;
use crate::state_file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// The file in the state directory.
const FILE: &str = "bearer.json";
/// The first kernel that keeps `IFA_PROTO`; older ones pass over it.
const KEEPS_PROTOCOL: (u32, u32) = (5, 18);

/// What is kept of one interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtu: Option<Mtu>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    addresses: BTreeSet<IpAddr>,
}

/// A largest packet that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mtu {
    before: u32,
    set: u32,
}

/// What is kept, by the name of the interface.
pub(super) type Entries = BTreeMap<String, Entry>;

/// What is kept, and its file.
#[derive(Debug)]
pub(crate) struct Kept {
    aside: Aside,
    entries: Entries,
    /// The mark that our addresses have.
    mark: u8,
    /// Whether the kernel keeps the mark.
    marks: bool,
    unsaved: bool,
}

impl Kept {
    /// Reads what a predecessor kept. What cannot be read is told in a sentence and is no reason not to start.
    pub(crate) fn open(state_dir: &Path, mark: u8) -> (Self, Option<String>) {
        Self::open_on(state_dir, mark, keeps_protocol())
    }

    pub(super) fn open_on(state_dir: &Path, mark: u8, marks: bool) -> (Self, Option<String>) {
        let file = state_dir.join(FILE);
        let (entries, warning) = match state_file::load(&file) {
            Ok(entries) => (entries.unwrap_or_default(), None),
            Err(error) => {
                let warning = format!(
                    "Failed to read {} ({error}): the interface of a modem may keep the MTU and addresses of its last \
                     bearer; see `ip address` and remove what is left.",
                    file.display()
                );
                (BTreeMap::new(), Some(warning))
            }
        };
        (Self { aside: Aside::new(file), entries, mark, marks, unsaved: false }, warning)
    }

    /// Whether we put the address onto the interface.
    pub(crate) fn is_ours(&self, interface: &str, address: &Address) -> bool {
        let listed = |entry: &Entry| entry.addresses.contains(&address.address);
        address.protocol == Some(self.mark) || self.entries.get(interface).is_some_and(listed)
    }

    /// The largest packet that the interface had before we made it what it is; `None`: it is not our doing.
    pub(crate) fn mtu_before(&self, interface: &str, mtu: u32) -> Option<u32> {
        let kept = self.entries.get(interface)?.mtu?;
        (kept.set == mtu).then_some(kept.before)
    }

    /// Notes an address that is about to be put there.
    pub(super) fn add(&mut self, interface: &str, address: IpAddr) {
        if !self.marks {
            self.unsaved |= self.entry(interface).addresses.insert(address);
        }
    }

    /// Forgets an address that is gone.
    pub(super) fn remove(&mut self, interface: &str, address: IpAddr) {
        if let Some(entry) = self.entries.get_mut(interface) {
            self.unsaved |= entry.addresses.remove(&address);
        }
    }

    /// Notes that the largest packet is about to be changed.
    pub(super) fn change_mtu(&mut self, interface: &str, before: u32, set: u32) {
        let mtu = (before != set).then_some(Mtu { before, set });
        if mtu.is_some() || self.entries.contains_key(interface) {
            let entry = self.entry(interface);
            let changed = entry.mtu != mtu;
            entry.mtu = mtu;
            self.unsaved |= changed;
        }
    }

    /// Forgets the interface.
    pub(super) fn forget(&mut self, interface: &str) {
        self.unsaved |= self.entries.remove(interface).is_some();
    }

    /// The interfaces of which something is kept.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// Has written what is not on the disk yet, and waits for nothing.
    pub(super) fn save(&mut self) {
        if self.unsaved || self.aside.failed() {
            self.entries.retain(|_, entry| *entry != Entry::default());
            self.aside.write(self.entries.clone());
            self.unsaved = false;
        }
    }

    /// Waits until it is on the disk; a sentence where that fails.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.save();
        self.aside.finish()
    }

    fn entry(&mut self, interface: &str) -> &mut Entry {
        self.entries.entry(interface.to_owned()).or_default()
    }
}

/// Whether this kernel notes who put an address there.
fn keeps_protocol() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(&release).is_some_and(|version| version >= KEEPS_PROTOCOL)
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: u8 = 201;

    fn address(text: &str, protocol: Option<u8>) -> Address {
        Address {
            index: 2,
            address: text.parse().unwrap(),
            global: true,
            secondary: false,
            deprecated: false,
            tentative: false,
            prefix: 32,
            protocol,
        }
    }

    #[test]
    fn releases_are_read() {
        assert_eq!(version("6.1.0-18-amd64\n"), Some((6, 1)));
        assert_eq!(version("5.15.150"), Some((5, 15)));
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_kernel_that_marks_addresses_needs_no_list() {
        let directory = tempfile::tempdir().unwrap();
        let (mut kept, warning) = Kept::open_on(directory.path(), MARK, true);
        assert_eq!(warning, None);
        kept.add("wwan0", "192.0.2.1".parse().unwrap());
        assert_eq!(kept.finish(), None);
        assert!(!directory.path().join(FILE).exists());
        assert!(kept.is_ours("wwan0", &address("192.0.2.1", Some(MARK))));
        assert!(!kept.is_ours("wwan0", &address("192.0.2.1", Some(4))));
        assert!(!kept.is_ours("wwan0", &address("192.0.2.1", None)));
    }

    #[test]
    fn an_older_kernels_addresses_are_listed_until_they_are_gone() {
        let directory = tempfile::tempdir().unwrap();
        let one = address("192.0.2.1", None);
        let mut kept = Kept::open_on(directory.path(), MARK, false).0;
        kept.add("wwan0", one.address);
        assert_eq!(kept.finish(), None);
        let mut kept = Kept::open_on(directory.path(), MARK, false).0;
        assert!(kept.is_ours("wwan0", &one));
        assert!(!kept.is_ours("wwan1", &one));
        kept.remove("wwan0", one.address);
        assert_eq!(kept.finish(), None);
        assert!(!kept.is_ours("wwan0", &one));
        assert!(!directory.path().join(FILE).exists());
    }

    #[test]
    fn an_mtu_is_ours_while_it_is_what_we_made_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut kept = Kept::open_on(directory.path(), MARK, true).0;
        kept.change_mtu("wwan0", 1_500, 1_430);
        assert_eq!(kept.finish(), None);
        let mut kept = Kept::open_on(directory.path(), MARK, true).0;
        assert_eq!(kept.mtu_before("wwan0", 1_430), Some(1_500));
        assert_eq!(kept.mtu_before("wwan0", 1_400), None);
        kept.change_mtu("wwan0", 1_500, 1_500);
        assert_eq!(kept.finish(), None);
        assert!(!directory.path().join(FILE).exists());
    }

    #[test]
    fn a_broken_file_keeps_nobody_from_starting_and_one_that_cannot_be_written_is_told() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{").unwrap();
        let (mut kept, warning) = Kept::open_on(directory.path(), MARK, true);
        assert!(warning.unwrap().contains(FILE));
        let draft = directory.path().join("bearer.new");
        fs::create_dir(&draft).unwrap();
        kept.change_mtu("wwan0", 1_500, 1_430);
        for _ in 0..2 {
            assert!(kept.finish().unwrap().contains(FILE));
        }
        fs::remove_dir(&draft).unwrap();
        assert_eq!(kept.finish(), None);
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_waiting_and_the_newest_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let disk = state_file::testing::hang(directory.path());
        let mut kept = Kept::open_on(directory.path(), MARK, true).0;
        for set in [1_430, 1_420, 1_410] {
            kept.change_mtu("wwan0", 1_500, set);
            kept.save();
            assert_eq!(kept.mtu_before("wwan0", set), Some(1_500), "known at once");
        }
        drop(disk);
        assert_eq!(kept.finish(), None);
        drop(kept);
        assert_eq!(Kept::open_on(directory.path(), MARK, true).0.mtu_before("wwan0", 1_410), Some(1_500));
    }
}
