//! Remembers what was warned of, so that each thing is said once per change and not at every look.

use super::Notice;
use shunt_decision::Family;
use std::collections::BTreeMap;

/// What a warning is about; each subject holds its sentences until they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A refused or failed change.
    Refused(Family),
    /// Rules of others in the way.
    Conflict(Family),
    /// Another program undoes our changes.
    Fight(Family),
    /// Sysctls that may not be set.
    Sysctl,
    /// A kernel without IPv6.
    NoIpv6,
    /// The kernel's state could not be read.
    Reading,
}

#[derive(Debug, Default)]
pub(crate) struct Warnings {
    active: BTreeMap<Subject, Vec<String>>,
}

impl Warnings {
    /// These are the sentences now; the new ones are told.
    pub(crate) fn set(&mut self, subject: Subject, sentences: Vec<String>, notices: &mut Vec<Notice>) {
        let before = self.active.get(&subject).map_or(&[][..], Vec::as_slice);
        let fresh = sentences.iter().filter(|sentence| !before.contains(sentence));
        notices.extend(fresh.cloned().map(Notice::Warning));
        self.active.insert(subject, sentences);
    }
}
