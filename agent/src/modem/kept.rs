//! What a modem's driver is to find again, as it stands on the disk: with the moment at which it was saved.

use crate::clock;
use serde::{Deserialize, Serialize};
use shunt_decision::Timestamp;
use shunt_recovery::Saved;

/// A modem's state on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    saved: Saved,
    /// `None` where the kernel does not name the runs of the machine.
    #[serde(default)]
    moment: Option<Moment>,
}

/// A moment of one run of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Moment {
    boot_id: String,
    nanos: u64,
}

impl Moment {
    fn now() -> Option<Self> {
        Some(Self { boot_id: clock::boot_id()?, nanos: clock::now().as_nanos() })
    }
}

impl Kept {
    /// As it is to be kept now.
    pub(super) fn now(saved: Saved) -> Self {
        Self { saved, moment: Moment::now() }
    }

    /// What a driver that begins now is to go on from.
    pub(super) fn resume(self) -> Saved {
        self.resume_at(Moment::now().as_ref())
    }

    fn resume_at(self, now: Option<&Moment>) -> Saved {
        let Self { mut saved, moment } = self;
        saved.rest = match (moment, now) {
            (Some(then), Some(now)) if then.boot_id == now.boot_id => {
                let passed = Timestamp::from_nanos(now.nanos).since(Timestamp::from_nanos(then.nanos));
                saved.rest.saturating_sub(passed)
            }
            // Another run of the machine: see `Saved::rest`.
            _ => std::time::Duration::ZERO,
        };
        saved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wait_goes_on_within_one_run_of_the_machine_less_what_has_passed() {
        let rest = Duration::from_secs(600);
        let at =
            |boot_id: &str, secs: u64| Some(Moment { boot_id: boot_id.into(), nanos: secs * 1_000_000_000 });
        for (then, now, left) in [
            (at("a", 100), at("a", 160), 540),
            (at("a", 100), at("a", 900), 0),
            (at("a", 100), at("a", 50), 600),
            (at("a", 100), at("b", 160), 0),
            (None, at("a", 160), 0),
            (at("a", 100), None, 0),
        ] {
            let saved = Saved { rest, rounds: 4, ..Saved::default() };
            let text = serde_json::to_string(&Kept { saved, moment: then.clone() }).unwrap();
            let kept: Kept = serde_json::from_str(&text).unwrap();
            let resumed = kept.resume_at(now.as_ref());
            assert_eq!((resumed.rest.as_secs(), resumed.rounds), (left, 4), "{then:?} {now:?}");
            // Who only wants to know of cards reads the same file.
            assert_eq!(serde_json::from_str::<Saved>(&text).unwrap().rounds, 4);
        }
        assert_eq!(serde_json::from_str::<Kept>("{}").unwrap(), Kept::default());
    }
}
