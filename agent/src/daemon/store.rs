//! What survives a restart: the operator's lease, the incidents and the floors of probe budgets. Written by a task of its own, so that no
//! decision waits for a flash chip; a write that is overtaken by the next is left out, and one that failed is made again.

use super::budgets::{self, Floors};
use super::lease::{Lease, LeaseFile};
use crate::api::types::IncidentStatus;
use crate::state_file;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Incidents that are kept: at one a day, three months of them in 50 KiB.
pub(super) const MAX_KEPT_INCIDENTS: usize = 100;

/// A write that failed is made again after this: a disk that was full or not mounted yet is usable within seconds.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// Then after twice as long each time, up to this: a disk that stays read-only costs six attempts an hour, and the
/// operator who mends it sees the warning go while still at it.
const LONGEST_RETRY: Duration = Duration::from_secs(10 * 60);

/// Hands values to the writer; dropped by [`Store::close`], which waits for the last of them to be on disk.
#[derive(Debug)]
pub(super) struct Store {
    lease: watch::Sender<Numbered<Option<Lease>>>,
    incidents: watch::Sender<Vec<IncidentStatus>>,
    budgets: watch::Sender<Numbered<Floors>>,
    kept: watch::Receiver<Kept>,
    writer: JoinHandle<()>,
}

/// What is to be kept, counted so that it is known when it was tried.
type Numbered<T> = (u64, T);

/// What became of the latest writes; a failure is a whole sentence with the mend.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// The numbers of what was tried last.
    lease_number: u64,
    budgets_number: u64,
    pub(super) lease_failure: Option<String>,
    pub(super) incidents_failure: Option<String>,
    pub(super) budgets_failure: Option<String>,
}

impl Store {
    /// Starts the writer.
    #[must_use]
    pub(super) fn start(state_dir: &Path) -> Self {
        let (lease, leases) = watch::channel((0, None));
        let (incidents, all_incidents) = watch::channel(Vec::new());
        let (budgets, floors) = watch::channel((0, Floors::new()));
        let lease_file = LeaseFile::in_directory(state_dir);
        let (tell, kept) = watch::channel(Kept::default());
        let budget_file = budgets::file(state_dir);
        let writer = Writer { lease_file, incident_file: incident_file(state_dir), budget_file, tell };
        let writer = writer.run(Changes::of(leases), Changes::of(all_incidents), Changes::of(floors));
        Self { lease, incidents, budgets, kept, writer: tokio::spawn(writer) }
    }

    /// Keeps the lease, or forgets it.
    pub(super) fn keep_lease(&self, lease: Option<Lease>) {
        self.lease.send_modify(|kept| *kept = (kept.0 + 1, lease));
    }

    /// Completes when a write has ended well that had failed, or the other way round, or may have.
    pub(super) async fn wrote(&mut self) {
        if self.kept.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// What became of the latest writes.
    pub(super) fn kept(&self) -> Kept {
        self.kept.borrow().clone()
    }

    /// Completes when the lease that is to be kept now was tried: the failure, if it failed.
    pub(super) fn lease_kept(&self) -> impl Future<Output = Option<String>> + Send + 'static {
        let (number, mut kept) = (self.lease.borrow().0, self.kept.clone());
        async move {
            let tried = kept.wait_for(|kept| kept.lease_number >= number).await;
            tried.ok().and_then(|kept| kept.lease_failure.clone())
        }
    }

    /// Completes when the floors that are to be kept now were tried: the failure, if it failed.
    pub(super) async fn budgets_kept(&self) -> Option<String> {
        let (number, mut kept) = (self.budgets.borrow().0, self.kept.clone());
        match kept.wait_for(|kept| kept.budgets_number >= number).await {
            Ok(kept) => kept.budgets_failure.clone(),
            Err(_) => Some("the writer of the state directory is gone".to_owned()),
        }
    }

    /// Keeps the incidents, the newest last.
    pub(super) fn keep_incidents(&self, incidents: Vec<IncidentStatus>) {
        self.incidents.send_replace(incidents);
    }

    /// Keeps these floors of probe budgets, and no others.
    pub(super) fn keep_budgets(&self, floors: Floors) {
        self.budgets.send_modify(|kept| *kept = (kept.0 + 1, floors));
    }

    /// Waits until everything is written.
    pub(super) async fn close(self) {
        drop((self.lease, self.incidents, self.budgets));
        if let Err(error) = self.writer.await {
            tracing::error!("failed to finish writing the state directory: {error}");
        }
        // The loop that would have told them is gone.
        let Kept { lease_failure, incidents_failure, budgets_failure, .. } = self.kept.borrow().clone();
        for failure in [lease_failure, incidents_failure, budgets_failure].into_iter().flatten() {
            tracing::warn!("{failure}");
        }
    }
}

/// The incidents of earlier runs, the newest last.
///
/// # Errors
/// The file is there but cannot be read.
pub(super) fn kept_incidents(state_dir: &Path) -> io::Result<Vec<IncidentStatus>> {
    Ok(state_file::load(&incident_file(state_dir))?.unwrap_or_default())
}

fn incident_file(state_dir: &Path) -> PathBuf {
    state_dir.join("incidents.json")
}

#[derive(Debug)]
struct Writer {
    lease_file: LeaseFile,
    incident_file: PathBuf,
    budget_file: PathBuf,
    tell: watch::Sender<Kept>,
}

/// What is to be kept of one kind, and when it is to be written.
#[derive(Debug)]
struct Changes<T> {
    latest: watch::Receiver<T>,
    open: bool,
    again: Again,
}

impl<T: Clone> Changes<T> {
    fn of(latest: watch::Receiver<T>) -> Self {
        Self { latest, open: true, again: Again::default() }
    }

    /// Completes when the latest is to be written; with `false` when no more will come.
    async fn due(&mut self) -> bool {
        tokio::select! {
            changed = self.latest.changed() => {
                self.open = changed.is_ok();
                self.open
            }
            () = self.again.is_due() => true,
        }
    }

    fn latest(&mut self) -> T {
        self.latest.borrow_and_update().clone()
    }
}

impl Writer {
    async fn run(
        self,
        mut leases: Changes<Numbered<Option<Lease>>>,
        mut incidents: Changes<Vec<IncidentStatus>>,
        mut floors: Changes<Numbered<Floors>>,
    ) {
        while leases.open || incidents.open || floors.open {
            tokio::select! {
                due = leases.due(), if leases.open => if due { self.write_lease(&mut leases).await },
                due = incidents.due(), if incidents.open => if due { self.write_incidents(&mut incidents).await },
                due = floors.due(), if floors.open => if due { self.write_floors(&mut floors).await },
            }
        }
        // The last occasion for what is still to be written.
        if leases.again.is_awaited() {
            self.write_lease(&mut leases).await;
        }
        if incidents.again.is_awaited() {
            self.write_incidents(&mut incidents).await;
        }
        if floors.again.is_awaited() {
            self.write_floors(&mut floors).await;
        }
    }

    async fn write_lease(&self, leases: &mut Changes<Numbered<Option<Lease>>>) {
        let (number, lease) = leases.latest();
        let file = self.lease_file.clone();
        let what = match lease {
            Some(_) => "keep the operator's lease: it will not survive a restart of the agent",
            None => "forget the operator's lease: it may come back with a restart of the agent",
        };
        let failure = write(what, move || file.keep(lease.as_ref())).await;
        leases.again.after(failure.is_some());
        self.tell.send_modify(|kept| {
            kept.lease_number = number;
            kept.lease_failure = failure;
        });
    }

    async fn write_incidents(&self, incidents: &mut Changes<Vec<IncidentStatus>>) {
        let latest = incidents.latest();
        let path = self.incident_file.clone();
        let what = "keep the incidents: they will not be known after a restart of the agent";
        let failure = write(what, move || state_file::save(&path, &latest)).await;
        incidents.again.after(failure.is_some());
        self.tell.send_modify(|kept| kept.incidents_failure = failure);
    }

    async fn write_floors(&self, floors: &mut Changes<Numbered<Floors>>) {
        let (number, latest) = floors.latest();
        let path = self.budget_file.clone();
        let what =
            "keep what is left of the probe budgets: a restart of the agent may spend some of it twice";
        let failure = write(what, move || state_file::save(&path, &latest)).await;
        floors.again.after(failure.is_some());
        self.tell.send_modify(|kept| {
            kept.budgets_number = number;
            kept.budgets_failure = failure;
        });
    }
}

/// When a write that failed is made again.
#[derive(Debug, Default)]
struct Again(Option<(Instant, Duration)>);

impl Again {
    fn after(&mut self, failed: bool) {
        let wait = self.0.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).min(LONGEST_RETRY));
        self.0 = failed.then(|| (Instant::now() + wait, wait));
    }

    const fn is_awaited(&self) -> bool {
        self.0.is_some()
    }

    /// Completes when it is time; never, if nothing failed.
    async fn is_due(&self) {
        match self.0 {
            Some((at, _)) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// Writes where it holds up nobody; a sentence if that fails.
async fn write(what: &str, write: impl FnOnce() -> io::Result<()> + Send + 'static) -> Option<String> {
    let written = match tokio::task::spawn_blocking(write).await {
        Ok(written) => written,
        Err(error) => Err(io::Error::other(error)),
    };
    let error = written.err()?;
    Some(format!("Failed to {what} ({error}); make the state directory ([agent] state_dir) writable."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// A wait that is not over by then has failed.
    const DEADLINE: Duration = Duration::from_secs(10);

    fn lease() -> Lease {
        let value = serde_json::json!({"link": "lte", "strict": false, "taken_unix": 1, "until_unix": null});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_stuck_disk_does_not_hold_up_the_loop() {
        let directory = tempfile::tempdir().unwrap();
        let disk = state_file::testing::hang(directory.path());
        let (went_on, loop_went_on) = mpsc::channel();
        let mender = thread::spawn(move || {
            let alive = loop_went_on.recv_timeout(DEADLINE).is_ok();
            drop(disk);
            alive
        });
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let store = Store::start(directory.path());
            store.keep_lease(Some(lease()));
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(!directory.path().join("force.json").exists(), "the disk hangs");
            went_on.send(()).unwrap();
            store.close().await;
        });
        assert!(mender.join().unwrap(), "the loop stood still");
        let written = fs::read_to_string(directory.path().join("force.json")).unwrap();
        assert!(written.contains("\"lte\""), "{written}");
    }

    #[tokio::test]
    async fn what_was_kept_is_on_disk_when_it_closes() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::start(directory.path());
        store.keep_lease(None);
        store.keep_lease(Some(lease()));
        store.close().await;
        let text = fs::read_to_string(directory.path().join("force.json")).unwrap();
        assert_eq!(serde_json::from_str::<Lease>(&text).unwrap(), lease());
    }

    /// The time is virtual: it passes when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_written_is_written_when_it_can_be() {
        let directory = tempfile::tempdir().unwrap();
        let drafts = ["force.new", "incidents.new"].map(|draft| directory.path().join(draft));
        for draft in &drafts {
            fs::create_dir(draft).unwrap();
        }
        let begin = Instant::now();
        let mut store = Store::start(directory.path());
        store.keep_lease(Some(lease()));
        store.keep_incidents(Vec::new());
        let mut waits = 0;
        while waits < 12 {
            let told = begin.elapsed();
            store.wrote().await;
            waits += u32::from(begin.elapsed() > told);
            let kept = store.kept();
            assert!(kept.lease_failure.is_some() || kept.lease_number == 0);
            assert!(begin.elapsed() < LONGEST_RETRY * 13);
        }
        // 10, 20, 40 … 600 s for each of the two, and not more often.
        assert!(begin.elapsed() > LONGEST_RETRY * 4, "{:?}", begin.elapsed());
        for draft in &drafts {
            fs::remove_dir(draft).unwrap();
        }
        let mended = Instant::now();
        while store.kept().lease_failure.is_some() || store.kept().incidents_failure.is_some() {
            store.wrote().await;
        }
        assert!(mended.elapsed() <= LONGEST_RETRY);
        let text = fs::read_to_string(directory.path().join("force.json")).unwrap();
        assert_eq!(serde_json::from_str::<Lease>(&text).unwrap(), lease());
        store.close().await;
    }

    #[tokio::test]
    async fn the_end_is_the_last_occasion_to_write() {
        let directory = tempfile::tempdir().unwrap();
        let draft = directory.path().join("force.new");
        fs::create_dir(&draft).unwrap();
        let store = Store::start(directory.path());
        store.keep_lease(Some(lease()));
        assert!(store.lease_kept().await.is_some());
        fs::remove_dir(&draft).unwrap();
        store.close().await;
        assert!(directory.path().join("force.json").exists());
    }
}
