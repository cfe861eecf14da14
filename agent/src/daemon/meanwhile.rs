//! What the modems did while the traffic was out: it belongs to the story of the incident.

use crate::api;
use crate::api::types::Meanwhile as Told;
use shunt_decision::{Incident, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// Sentences that are kept. A climb of the whole ladder says some twenty.
const KEPT: usize = 128;

/// Sentences that an incident tells: the latest, for the last of them say what helped.
const TOLD: usize = 16;

/// How long after the restoration a sentence still belongs to it. A modem's recovery says that a rung helped when data was
/// seen to flow for a while.
const AFTERMATH: Duration = Duration::from_secs(60);

/// The latest sentences, the newest last.
#[derive(Debug, Default)]
pub(super) struct Meanwhile(VecDeque<(Timestamp, String)>);

impl Meanwhile {
    /// Keeps a sentence that was said now.
    pub(super) fn keep(&mut self, text: &str, now: Timestamp) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((now, text.to_owned()));
    }

    /// What was said from the beginning of the incident until shortly after traffic was restored.
    pub(super) fn of(&self, incident: &Incident) -> Vec<Told> {
        let last = incident.restored.or(incident.ended).map(|at| at + AFTERMATH);
        let belongs = |at: Timestamp| at >= incident.zero && last.is_none_or(|last| at <= last);
        let mut told: Vec<_> = self.0.iter().rev().filter(|(at, _)| belongs(*at)).take(TOLD).collect();
        told.reverse();
        let tell = |(at, text): &(Timestamp, String)| Told {
            after_ms: api::millis(at.since(incident.zero)),
            text: text.clone(),
        };
        told.into_iter().map(tell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::{Family, LinkId, Reason};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn incident(restored: Option<u64>, ended: Option<u64>) -> Incident {
        Incident {
            number: 1,
            family: Family::V4,
            link: LinkId(0),
            to: None,
            cause: Reason::NoCarrier,
            fault: None,
            zero: at(100),
            detected: at(100),
            decided: None,
            switched: None,
            restored: restored.map(at),
            verified: None,
            recovered: None,
            ended: ended.map(at),
        }
    }

    #[test]
    fn an_incident_tells_what_was_said_while_it_lasted_and_shortly_after() {
        let mut meanwhile = Meanwhile::default();
        for second in [99, 100, 150, 200, 260, 261] {
            meanwhile.keep(&second.to_string(), at(second));
        }
        for (restored, ended, expected) in [
            (None, None, &["100", "150", "200", "260", "261"][..]),
            (Some(200), Some(1_000), &["100", "150", "200", "260"]),
            (None, Some(120), &["100", "150"]),
        ] {
            let told = meanwhile.of(&incident(restored, ended));
            let texts: Vec<_> = told.iter().map(|told| told.text.as_str()).collect();
            assert_eq!(texts, expected, "{restored:?} {ended:?}");
        }
        assert_eq!(meanwhile.of(&incident(None, None))[1].after_ms, 50_000.0);
    }

    #[test]
    fn it_is_bounded_and_the_latest_win() {
        let mut meanwhile = Meanwhile::default();
        for second in 0..1_000 {
            meanwhile.keep(&second.to_string(), at(100 + second));
        }
        let told = meanwhile.of(&incident(None, None));
        assert_eq!((meanwhile.0.len(), told.len()), (KEPT, TOLD));
        assert_eq!(told[TOLD - 1].text, "999");
    }
}
