//! What works against the agent now. Whoever gives cause to a warning also says when the cause is gone, so that the
//! status never shows what is mended.

use crate::modem::ModemId;
use crate::netlink::Subject;
use shunt_decision::{Family, LinkId};

/// Sentences of one concern: more are the same fault seen many times.
const MAX_SENTENCES: usize = 16;

/// What a warning is about: who sets one is the one who takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// The kernel's edge says so of itself.
    Kernel(Subject),
    /// A ranking that the kernel did not take; until one stands.
    Ranking(Family),
    /// The cutting of flows could not begin; until it could.
    Flows(Family),
    /// A path's probe sockets could not be opened; until they are, or the path is gone.
    Probes(LinkId, Family),
    /// Canaries are not forwarded although that was asked for; until its interface could be made.
    Canary,
    /// The lease could not be written; until one could.
    Lease,
    /// The incidents could not be written; until they could.
    Incidents,
    /// The floors of the probe budgets could not be written; until they could.
    Budgets,
    /// A modem cannot carry its link; until it can.
    Modem(ModemId),
    /// Nothing is recorded; until something is.
    Recording,
    /// A duty is not taken up, and no watchdog is fed; until it is.
    Duties,
    /// The kernel's watchdog cannot be fed; until it can.
    Device,
    /// The watchdog MCU cannot be fed, or is not in order; until it is.
    Mcu,
    /// MCUs of earlier configs guard the gateway; until they are disarmed.
    McuLeftovers,
}

/// The warnings that are true now, in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    standing: Vec<(Concern, String)>,
}

/// What is news for the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    /// Sentences that are true from now on.
    pub(super) onsets: Vec<String>,
    /// Sentences that are true no longer. One that others took the place of is not among them: it changed its words.
    pub(super) mends: Vec<String>,
}

impl Warnings {
    /// These and no others are the sentences on a concern now.
    pub(super) fn set(&mut self, about: Concern, mut sentences: Vec<String>) -> News {
        sentences.truncate(MAX_SENTENCES);
        let gone = |(concern, text): &mut (Concern, String)| *concern == about && !sentences.contains(text);
        let mut mends: Vec<_> = self.standing.extract_if(.., gone).map(|(_, text)| text).collect();
        let known =
            |text: &String| self.standing.iter().any(|(concern, old)| *concern == about && old == text);
        sentences.retain(|text| !known(text));
        if !sentences.is_empty() {
            mends.clear();
        }
        self.standing.extend(sentences.iter().map(|text| (about, text.clone())));
        News { onsets: sentences, mends }
    }

    /// What the warnings are about.
    pub(super) fn concerns(&self) -> impl Iterator<Item = Concern> {
        self.standing.iter().map(|(concern, _)| *concern)
    }

    /// The sentences, the newest last.
    #[must_use]
    pub(super) fn sentences(&self) -> Vec<String> {
        self.standing.iter().map(|(_, text)| text.clone()).collect()
    }

    /// Forgets what the parts of the daemon said that a reload makes anew: they say it again if it is still so.
    pub(super) fn begin_anew(&mut self) {
        // The state directory is the same after a reload, and so are most modems and the MCU; those that go take theirs
        // with them.
        self.standing.retain(|(concern, _)| {
            matches!(
                concern,
                Concern::Lease
                    | Concern::Incidents
                    | Concern::Budgets
                    | Concern::Modem(_)
                    | Concern::Mcu
                    | Concern::McuLeftovers
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Concern = Concern::Kernel(Subject::Conflict(Family::V4));
    const PROBES: Concern = Concern::Probes(LinkId(1), Family::V4);

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn onset_and_mend_are_news_once() {
        let mut warnings = Warnings::default();
        for (about, now, onsets, mends, shown) in [
            (RULES, &["a"][..], &["a"][..], &[][..], &["a"][..]),
            (RULES, &["a"], &[], &[], &["a"]),
            (PROBES, &["p"], &["p"], &[], &["a", "p"]),
            (RULES, &["a", "b"], &["b"], &[], &["a", "p", "b"]),
            (RULES, &["b"], &[], &["a"], &["p", "b"]),
            // In other words: not mended.
            (PROBES, &["q"], &["q"], &[], &["b", "q"]),
            (PROBES, &[], &[], &["q"], &["b"]),
            (PROBES, &[], &[], &[], &["b"]),
        ] {
            let news = warnings.set(about, texts(now));
            assert_eq!(news, News { onsets: texts(onsets), mends: texts(mends) }, "{now:?}");
            assert_eq!(warnings.sentences(), texts(shown), "{now:?}");
        }
    }

    #[test]
    fn one_concern_cannot_fill_the_status() {
        let mut warnings = Warnings::default();
        warnings.set(RULES, (0..100).map(|number| number.to_string()).collect());
        assert_eq!(warnings.sentences().len(), MAX_SENTENCES);
    }
}
