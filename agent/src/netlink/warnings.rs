//! Remembers what was warned of, so that each thing is said once per change and not at every look.

use super::Notice;
use shunt_decision::{Family, LinkId};
use std::collections::BTreeMap;

/// What a warning of the kernel's edge is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A refused or failed change.
    Refused(Family),
    /// Rules of others in the way.
    Conflict(Family),
    /// Another program undoes our changes.
    Fight(Family),
    /// What a bearer wants of its interface could not be done.
    Bearer(LinkId),
    /// Another program undoes what a bearer put onto its interface.
    BearerFight(LinkId),
    /// Tracked flows that could not be cut; only a later cut shows that it works again.
    Flows,
    /// Sysctls that may not be set, or whose old values cannot be kept.
    Sysctl,
    /// Old sysctl values that a predecessor kept and that cannot be read.
    OldSysctls,
    /// What a predecessor kept of the bearers and cannot be read.
    OldBearers,
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
    /// These are the sentences now; told if they were others before.
    pub(crate) fn set(&mut self, about: Subject, sentences: Vec<String>, notices: &mut Vec<Notice>) {
        let before = self.active.get(&about).map_or(&[][..], Vec::as_slice);
        if before != sentences.as_slice() {
            notices.push(Notice::Warnings { about, sentences: sentences.clone() });
            self.active.insert(about, sentences);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once_the_mend_too() {
        let (mut warnings, mut notices) = (Warnings::default(), Vec::new());
        let about = Subject::Conflict(Family::V4);
        for sentences in [&[][..], &["a"], &["a"], &["a", "b"], &["b"], &[], &[]] {
            warnings.set(about, sentences.iter().map(|text| (*text).to_owned()).collect(), &mut notices);
        }
        let told = notices.iter().map(|notice| match notice {
            Notice::Warnings { sentences, .. } => sentences.concat(),
            other => panic!("{other:?}"),
        });
        assert_eq!(told.collect::<Vec<_>>(), ["a", "ab", "b", ""]);
    }
}
