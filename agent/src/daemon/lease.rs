//! The operator's lease on the uplink, kept over a restart.
//!
//! The core counts in monotonic time, which starts anew with the machine, so the file holds wall-clock
//! times. A gateway without a battery-backed clock may wake up in the past; the lease then still ends
//! after at most its own length.

use crate::api::Names;
use crate::state_file;
use serde::{Deserialize, Serialize};
use shunt_decision::{Force, Timestamp};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file that holds the lease.
#[derive(Debug, Clone)]
pub(super) struct LeaseFile {
    path: PathBuf,
}

/// A lease as it is kept: by the link's name, for numbers change with the config.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Lease {
    link: String,
    strict: bool,
    taken_unix: u64,
    until_unix: Option<u64>,
}

impl LeaseFile {
    /// The lease file of this state directory.
    #[must_use]
    pub(super) fn in_directory(state_dir: &Path) -> Self {
        Self { path: state_dir.join("force.json") }
    }

    /// Keeps `lease`, or forgets the one that is there.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub(super) fn keep(&self, lease: Option<&Lease>) -> io::Result<()> {
        match lease {
            Some(lease) => state_file::save(&self.path, lease),
            None => state_file::remove(&self.path),
        }
    }

    /// The lease that still runs, if its link is still configured. Any other is forgotten: a clock that is set back,
    /// or a link that comes again, must not bring it to life.
    ///
    /// # Errors
    /// The file is there but cannot be read, or cannot be removed.
    pub(super) fn running(&self, names: &Names, now: Timestamp) -> io::Result<Option<Force>> {
        let Some(lease) = state_file::load::<Lease>(&self.path)? else { return Ok(None) };
        let force = lease.resume(names, now, unix_seconds(SystemTime::now()));
        if force.is_none() {
            self.keep(None)?;
        }
        Ok(force)
    }
}

impl Lease {
    /// What is to be kept of `force`; `names` are those by which the core counts.
    #[must_use]
    pub(super) fn of(force: &Force, names: &Names, now: Timestamp) -> Self {
        let taken_unix = unix_seconds(SystemTime::now());
        Self {
            link: names.link(force.link).into_owned(),
            strict: force.strict,
            taken_unix,
            until_unix: force.until.map(|until| taken_unix + until.since(now).as_secs()),
        }
    }

    fn resume(&self, names: &Names, now: Timestamp, now_unix: u64) -> Option<Force> {
        let link = names.find(&self.link)?;
        let until = match self.until_unix {
            None => None,
            Some(until) if until <= now_unix => return None,
            Some(until) => {
                let length = until.saturating_sub(self.taken_unix);
                Some(now + Duration::from_secs((until - now_unix).min(length)))
            }
        };
        Some(Force { link, until, strict: self.strict })
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::LinkId;

    fn names_of(links: &[(&str, &str)]) -> Names {
        let link = |(name, interface): &(&str, &str)| {
            format!("[[link]]\nname = \"{name}\"\ninterface = \"{interface}\"\n")
        };
        let links: String = links.iter().map(link).collect();
        let text = format!("targets = [\"192.0.2.1\"]\n{links}");
        Names::new(&shunt_config::parse(&text, Path::new("test.toml")).unwrap())
    }

    fn names() -> Names {
        names_of(&[("fiber", "eth0"), ("lte", "wwan0")])
    }

    fn lease(until_unix: Option<u64>) -> Lease {
        Lease { link: "lte".into(), strict: false, taken_unix: 1_000, until_unix }
    }

    #[test]
    fn a_lease_goes_on_for_what_is_left_of_it() {
        let now = Timestamp::from_nanos(5_000_000_000);
        let forced = |until| Some(Force { link: LinkId(1), until, strict: false });
        let in_secs = |secs| Some(now + Duration::from_secs(secs));
        for (until_unix, now_unix, expected) in [
            (None, 9_999_999, forced(None)),
            (Some(1_600), 1_100, forced(in_secs(500))),
            (Some(1_600), 1_600, None),
            // The clock went back to the epoch: the lease lasts no longer than it was given.
            (Some(1_600), 0, forced(in_secs(600))),
        ] {
            assert_eq!(
                lease(until_unix).resume(&names(), now, now_unix),
                expected,
                "{until_unix:?} at {now_unix}"
            );
        }
    }

    #[test]
    fn a_lease_on_a_link_that_is_gone_is_dropped() {
        let names = names_of(&[("fiber", "eth0")]);
        assert_eq!(lease(None).resume(&names, Timestamp::ZERO, 0), None);
    }

    #[test]
    fn a_lease_survives_in_its_file_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let file = LeaseFile::in_directory(directory.path());
        let now = Timestamp::from_nanos(7_000_000_000);
        let force = Force { link: LinkId(1), until: Some(now + Duration::from_secs(600)), strict: true };
        file.keep(Some(&Lease::of(&force, &names(), now))).unwrap();
        let resumed = file.running(&names(), now).unwrap().unwrap();
        assert_eq!((resumed.link, resumed.strict), (LinkId(1), true));
        let left = resumed.until.unwrap().since(now);
        assert!(left <= Duration::from_secs(600) && left >= Duration::from_secs(598), "{left:?}");
        file.keep(None).unwrap();
        assert_eq!(file.running(&names(), now).unwrap(), None);
    }

    #[test]
    fn a_lease_that_is_over_does_not_come_back_with_a_wrong_clock() {
        let directory = tempfile::tempdir().unwrap();
        let file = LeaseFile::in_directory(directory.path());
        file.keep(Some(&lease(Some(1_600)))).unwrap();
        assert_eq!(file.running(&names(), Timestamp::ZERO).unwrap(), None);
        assert!(!file.path.exists());
    }
}
