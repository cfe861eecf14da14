//! What the runs before this one tell the watchdogs: whether the agent dies again and again, why the machine booted, and how
//! long the kernel's watchdog really waits.
//!
//! Why on disk: an agent that lives long enough to feed, dies, and is started again for ever would never be missed. Only
//! a start and its end in order are written, nothing in between.

use crate::state_file;
use serde::{Deserialize, Serialize};
use shunt_decision::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The file in the state directory.
const FILE: &str = "runs.json";

/// A run that was longer has done its work for most of the time, whatever becomes of it.
const LASTING: Duration = Duration::from_secs(600);

/// So many shorter ones in a row, none of which was stopped, are no accident; no more are counted, or written.
const ACCIDENTS: u8 = 5;

/// How long an end waits for the disk.
const WRITING: Duration = Duration::from_secs(3);

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Runs in a row that were short and not stopped; this one counts until it is neither.
    unclean: u8,
    /// The boot whose cause was told, by the kernel's name for it.
    told_of_boot: Option<String>,
    /// How long the kernel's watchdog waited, in seconds.
    device_waits: Option<u32>,
}

/// This run and those before it.
#[derive(Debug)]
pub(super) struct Runs {
    file: PathBuf,
    kept: Kept,
    dying: bool,
    /// When this run has lasted; `None`: it has.
    lasts_at: Option<Timestamp>,
    writing: Option<JoinHandle<()>>,
}

impl Runs {
    /// Counts a run that begins at `now`.
    pub(super) fn begin(state_dir: &Path, now: Timestamp) -> Self {
        let file = state_dir.join(FILE);
        let kept: Kept = state_file::load(&file)
            .unwrap_or_else(|error| {
                tracing::warn!("failed to read {}: {error}; the runs are counted anew", file.display());
                None
            })
            .unwrap_or_default();
        let dying = kept.unclean >= ACCIDENTS;
        let mut runs = Self { file, kept, dying, lasts_at: Some(now + LASTING), writing: None };
        if dying {
            tracing::warn!(
                "the last {ACCIDENTS} runs ended early and in no order; the watchdogs are fed later in this one"
            );
        }
        runs.change(|kept| kept.unclean = kept.unclean.saturating_add(1).min(ACCIDENTS));
        runs
    }

    /// Whether the runs before this one died soon, one after the other.
    pub(super) fn is_dying(&self) -> bool {
        self.dying
    }

    /// Takes note that this run goes on at `now`.
    pub(super) fn go_on(&mut self, now: Timestamp) {
        if self.lasts_at.take_if(|at| *at <= now).is_some() {
            self.change(|kept| kept.unclean = 0);
        }
    }

    /// Whether the cause of this boot is still to be told; then it is told by the caller.
    pub(super) fn tells_of_boot(&mut self, boot: &str) -> bool {
        let news = self.kept.told_of_boot.as_deref() != Some(boot);
        self.change(|kept| kept.told_of_boot = Some(boot.to_owned()));
        news
    }

    /// How long the kernel's watchdog waited in a run before, or in this one.
    pub(super) fn device_waits(&self) -> Option<Duration> {
        self.kept.device_waits.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// It waits for so many seconds.
    pub(super) fn set_device_waits(&mut self, seconds: u32) {
        self.change(|kept| kept.device_waits = Some(seconds));
    }

    /// This run is stopped, in order.
    pub(super) fn stop(&mut self) {
        self.lasts_at = None;
        self.change(|kept| kept.unclean = 0);
    }

    /// Waits until all is on the disk, or that takes too long.
    pub(super) async fn written(&mut self) {
        if let Some(writing) = self.writing.take() {
            // It is no more than a count: what came of it was told.
            let _late = timeout(WRITING, writing).await;
        }
    }

    /// Writes what is kept if it changed, where that holds up nobody; one after the other.
    fn change(&mut self, change: impl FnOnce(&mut Kept)) {
        let before = self.kept.clone();
        change(&mut self.kept);
        if self.kept == before {
            return;
        }
        let (file, kept, earlier) = (self.file.clone(), self.kept.clone(), self.writing.take());
        self.writing = Some(tokio::spawn(async move {
            if let Some(earlier) = earlier {
                let _told = earlier.await;
            }
            let named = file.clone();
            let saved = tokio::task::spawn_blocking(move || state_file::save(&file, &kept)).await;
            if let Err(error) = saved.unwrap_or_else(|error| Err(io::Error::other(error))) {
                tracing::warn!(
                    "failed to write {}: {error}; a run that ends is not counted",
                    named.display()
                );
            }
        }));
    }
}

/// The kernel's name for this boot (`proc(5)`, `/proc/sys/kernel/random/boot_id`); nothing where it has none.
pub(super) fn this_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Timestamp = Timestamp::ZERO;

    /// A run that is killed after that.
    async fn run(directory: &Path, then: impl FnOnce(&mut Runs)) -> bool {
        let mut runs = Runs::begin(directory, BEGIN);
        then(&mut runs);
        runs.written().await;
        runs.is_dying()
    }

    #[tokio::test]
    async fn runs_that_die_soon_are_counted_until_one_lasts_or_is_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let long_enough = BEGIN + LASTING;
        for end in [|runs: &mut Runs| runs.stop(), |runs: &mut Runs| runs.go_on(BEGIN + LASTING)] {
            for count in 0..ACCIDENTS + 3 {
                let dying = run(directory.path(), |runs| runs.go_on(BEGIN + LASTING / 2)).await;
                assert_eq!(dying, count >= ACCIDENTS, "{count}");
            }
            assert!(run(directory.path(), end).await);
            assert!(!run(directory.path(), |runs| runs.go_on(long_enough)).await);
        }
    }

    #[tokio::test]
    async fn many_deaths_write_no_more_and_the_rest_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        for _ in 0..ACCIDENTS {
            run(directory.path(), |runs| runs.set_device_waits(6)).await;
        }
        std::fs::remove_file(&file).unwrap();
        let kept = Kept { unclean: ACCIDENTS, device_waits: Some(6), ..Kept::default() };
        state_file::save(&file, &kept).unwrap();
        let written = std::fs::metadata(&file).unwrap().modified().unwrap();
        let mut runs = Runs::begin(directory.path(), BEGIN);
        runs.set_device_waits(6);
        assert!(runs.writing.is_none(), "nothing new is nothing to write");
        assert_eq!(runs.device_waits(), Some(Duration::from_secs(6)));
        assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), written);
        assert!(runs.tells_of_boot("one") && !runs.tells_of_boot("one"));
        runs.written().await;
        let mut next = Runs::begin(directory.path(), BEGIN);
        assert!(!next.tells_of_boot("one") && next.tells_of_boot("another"));
        next.written().await;
    }
}
