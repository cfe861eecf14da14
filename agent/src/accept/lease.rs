//! What the run has forced itself, told from what an operator forces meanwhile: only its own lease is the run's to end.

use super::look::between;
use super::trial::LEASE;
use crate::api::types::{Forced, Status};
use std::time::{Duration, SystemTime};

/// The agent tells its uptime in whole seconds, so that the end of one lease differs by as much from look to look.
const ROUNDING: Duration = Duration::from_secs(2);

/// The run's own lease, as far as there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The link that was asked for; its lease was not seen yet.
    asked: Option<String>,
    seen: Option<Seen>,
}

/// A lease as the agent shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    link: String,
    strict: bool,
    /// When it ends, from the agent's start and by the time of day. Either tells it: the agent may be started anew, and
    /// keeps the lease; the time of day may be set, and often is on a new gateway.
    ends: Option<(Duration, SystemTime)>,
}

impl Lease {
    /// A link was forced by the run.
    pub(crate) fn taken(&mut self, link: &str) {
        self.asked = Some(link.to_owned());
    }

    /// Whether there may be something to take back.
    pub(crate) const fn is_some(&self) -> bool {
        self.asked.is_some() || self.seen.is_some()
    }

    /// Takes in a look: whether what is forced there is the run's own.
    pub(crate) fn see(&mut self, status: &Status) -> bool {
        let Some(forced) = &status.forced else { return false };
        let now = Seen::of(forced, status);
        if self.seen.as_ref().is_some_and(|seen| seen.is(&now)) {
            return true;
        }
        let left = forced.until.as_ref().and_then(|until| between(&status.at, until));
        let like_ours = !now.strict && left.is_some_and(|left| left <= LEASE + ROUNDING);
        if self.asked.as_ref() != Some(&now.link) || !like_ours {
            return false;
        }
        (self.asked, self.seen) = (None, Some(now));
        true
    }
}

impl Seen {
    fn of(forced: &Forced, status: &Status) -> Self {
        let left = |until: &String| between(&status.at, until);
        let ends = forced.until.as_ref().and_then(|until| {
            let from_start = Duration::from_secs(status.uptime_s).saturating_add(left(until)?);
            Some((from_start, humantime::parse_rfc3339(until).ok()?))
        });
        Self { link: forced.link.clone(), strict: forced.strict, ends }
    }

    fn is(&self, now: &Self) -> bool {
        let same_end = match (self.ends, now.ends) {
            (Some((one, at)), Some((other, other_at))) => {
                let apart = at.duration_since(other_at).unwrap_or_else(|early| early.duration());
                one.abs_diff(other) <= ROUNDING || apart <= ROUNDING
            }
            (one, other) => one.is_none() && other.is_none(),
        };
        self.link == now.link && self.strict == now.strict && same_end
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn forced(link: &str, until: Option<&str>, at: (&str, u64)) -> Status {
        let forced = Forced { link: link.into(), until: until.map(Into::into), strict: false };
        let (at, uptime_s) = (at.0.to_owned(), at.1);
        Status { forced: Some(forced), at, uptime_s, ..testing::look().status.unwrap() }
    }

    #[test]
    fn only_what_was_taken_is_the_runs_own() {
        let ours = forced("lte", Some("2026-01-02T03:15:00.000Z"), ("2026-01-02T03:00:00.100Z", 50));
        assert!(!Lease::default().see(&ours));
        let mut lease = Lease::default();
        lease.taken("lte");
        assert!(lease.is_some() && lease.see(&ours));
        // The same, though the clock was set an hour ahead meanwhile.
        assert!(lease.see(&forced(
            "lte",
            Some("2026-01-02T04:15:00.000Z"),
            ("2026-01-02T04:00:10.200Z", 60)
        )));
        // The same of an agent that was started anew.
        assert!(lease.see(&forced("lte", Some("2026-01-02T03:15:00.001Z"), ("2026-01-02T03:00:12.000Z", 2))));
        // An operator's, of the same link, and of another.
        assert!(!lease.see(&forced("lte", None, ("2026-01-02T03:00:20.000Z", 70))));
        assert!(!lease.see(&forced(
            "lte",
            Some("2026-01-02T03:15:20.000Z"),
            ("2026-01-02T03:00:20.000Z", 70)
        )));
        assert!(!lease.see(&forced(
            "fiber",
            Some("2026-01-02T03:15:00.000Z"),
            ("2026-01-02T03:00:20.000Z", 70)
        )));
        assert!(lease.see(&ours));
    }
}
