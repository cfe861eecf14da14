//! The operator's lease on the uplink, kept over a restart.
//!
//! The file holds the end of the lease by both clocks. As long as the machine was not started anew, the core's own
//! clock (`CLOCK_BOOTTIME`) counts: it is never set, whereas the time of day may be put right by NTP at any moment.
//! After that it begins anew, and the time of day is all there is. A gateway without a battery-backed clock may then
//! wake up in the past; the lease still ends after at most its own length.

use crate::api::Names;
use crate::{clock, state_file};
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
    /// The same end on the clock of one run of the machine; not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_boot: Option<BootTime>,
}

/// A moment on `CLOCK_BOOTTIME`, which means something only until the machine is started anew.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
struct BootTime {
    boot_id: String,
    nanos: u64,
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
        let force = lease.resume(names, now, unix_seconds(SystemTime::now()), clock::boot_id().as_deref());
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
            until_boot: force
                .until
                .and_then(|until| Some(BootTime { boot_id: clock::boot_id()?, nanos: until.as_nanos() })),
        }
    }

    fn resume(&self, names: &Names, now: Timestamp, now_unix: u64, boot_id: Option<&str>) -> Option<Force> {
        let link = names.find(&self.link)?;
        if let Some(end) = self.until_boot.as_ref().filter(|end| Some(end.boot_id.as_str()) == boot_id) {
            let until = Timestamp::from_nanos(end.nanos);
            return (until > now).then_some(Force { link, until: Some(until), strict: self.strict });
        }
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
        Lease { link: "lte".into(), strict: false, taken_unix: 1_000, until_unix, until_boot: None }
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
                lease(until_unix).resume(&names(), now, now_unix, Some("this")),
                expected,
                "{until_unix:?} at {now_unix}"
            );
        }
    }

    #[test]
    fn a_stepped_clock_moves_no_lease_until_the_machine_is_started_anew() {
        let now = Timestamp::from_nanos(5_000_000_000);
        let forced = |secs| {
            Some(Force { link: LinkId(1), until: Some(now + Duration::from_secs(secs)), strict: false })
        };
        let end = |secs| (now + Duration::from_secs(secs)).as_nanos();
        for (boot_id, nanos, now_unix, expected) in [
            // NTP put a clock right that stood in 1970 when the lease was taken: 300 s are left all the same.
            ("this", end(300), 1_700_000_000, forced(300)),
            // The clock was set back: the lease gets no longer.
            ("this", end(300), 0, forced(300)),
            ("this", end(0), 1_100, None),
            // Another run of the machine: the time of day counts, and the number means nothing.
            ("other", end(300), 1_100, forced(500)),
            ("other", end(300), 1_700_000_000, None),
        ] {
            let until_boot = Some(BootTime { boot_id: boot_id.into(), nanos });
            let lease = Lease { until_boot, ..lease(Some(1_600)) };
            let resumed = lease.resume(&names(), now, now_unix, Some("this"));
            assert_eq!(resumed, expected, "{boot_id}, {nanos} ns, {now_unix} s");
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = LeaseFile::in_directory(directory.path());
        let soon = unix_seconds(SystemTime::now()) + 600;
        let text =
            format!(r#"{{"link":"lte","strict":true,"taken_unix":{},"until_unix":{soon}}}"#, soon - 600);
        std::fs::write(&file.path, text).unwrap();
        let force = file.running(&names(), Timestamp::ZERO).unwrap().unwrap();
        let left = force.until.unwrap().since(Timestamp::ZERO);
        assert!(force.strict && left > Duration::from_secs(590), "{left:?}");
    }

    #[test]
    fn a_lease_on_a_link_that_is_gone_is_dropped() {
        let names = names_of(&[("fiber", "eth0")]);
        assert_eq!(lease(None).resume(&names, Timestamp::ZERO, 0, None), None);
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
        assert_eq!(left, Duration::from_secs(600), "the machine was not started anew");
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
