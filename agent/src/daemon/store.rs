//! What survives a restart: the operator's lease and the incidents. Written by a task of its own, so that no
//! decision waits for a flash chip; a write that is overtaken by the next is left out.

use super::lease::{Lease, LeaseFile};
use crate::api::types::IncidentStatus;
use crate::state_file;
use std::io;
use std::path::{Path, PathBuf};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Incidents that are kept: at one a day, three months of them in 50 KiB.
pub(super) const MAX_KEPT_INCIDENTS: usize = 100;

/// Hands values to the writer; dropped by [`Store::close`], which waits for the last of them to be on disk.
#[derive(Debug)]
pub(super) struct Store {
    lease: watch::Sender<Numbered>,
    incidents: watch::Sender<Vec<IncidentStatus>>,
    kept: watch::Receiver<Kept>,
    writer: JoinHandle<()>,
}

/// A lease (or none) to be kept, counted so that it is known when it was tried.
type Numbered = (u64, Option<Lease>);

/// What became of the latest writes; a failure is a whole sentence with the mend.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// The number of the lease that was tried last.
    lease_number: u64,
    pub(super) lease_failure: Option<String>,
    pub(super) incidents_failure: Option<String>,
}

impl Store {
    /// Starts the writer.
    #[must_use]
    pub(super) fn start(state_dir: &Path) -> Self {
        let (lease, lease_changes) = watch::channel((0, None));
        let (incidents, incident_changes) = watch::channel(Vec::new());
        let lease_file = LeaseFile::in_directory(state_dir);
        let (tell, kept) = watch::channel(Kept::default());
        let writer = Writer { lease_file, incident_file: incident_file(state_dir), tell };
        Self { lease, incidents, kept, writer: tokio::spawn(writer.run(lease_changes, incident_changes)) }
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

    /// Keeps the incidents, the newest last.
    pub(super) fn keep_incidents(&self, incidents: Vec<IncidentStatus>) {
        self.incidents.send_replace(incidents);
    }

    /// Waits until everything is written.
    pub(super) async fn close(self) {
        drop((self.lease, self.incidents));
        if let Err(error) = self.writer.await {
            tracing::error!("failed to finish writing the state directory: {error}");
        }
        // The loop that would have told them is gone.
        let Kept { lease_failure, incidents_failure, .. } = self.kept.borrow().clone();
        for failure in lease_failure.into_iter().chain(incidents_failure) {
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
    tell: watch::Sender<Kept>,
}

impl Writer {
    async fn run(
        self,
        mut lease: watch::Receiver<Numbered>,
        mut incidents: watch::Receiver<Vec<IncidentStatus>>,
    ) {
        let (mut lease_open, mut incidents_open) = (true, true);
        while lease_open || incidents_open {
            tokio::select! {
                changed = lease.changed(), if lease_open => match changed {
                    Ok(()) => {
                        let (number, kept) = lease.borrow_and_update().clone();
                        self.write_lease(number, kept).await;
                    }
                    Err(_) => lease_open = false,
                },
                changed = incidents.changed(), if incidents_open => match changed {
                    Ok(()) => {
                        let kept = incidents.borrow_and_update().clone();
                        self.write_incidents(kept).await;
                    }
                    Err(_) => incidents_open = false,
                },
            }
        }
    }

    async fn write_lease(&self, number: u64, lease: Option<Lease>) {
        let file = self.lease_file.clone();
        let what = match lease {
            Some(_) => "keep the operator's lease: it will not survive a restart of the agent",
            None => "forget the operator's lease: it may come back with a restart of the agent",
        };
        let failure = write(what, move || file.keep(lease.as_ref())).await;
        self.tell.send_modify(|kept| {
            kept.lease_number = number;
            kept.lease_failure = failure;
        });
    }

    async fn write_incidents(&self, incidents: Vec<IncidentStatus>) {
        let path = self.incident_file.clone();
        let what = "keep the incidents: they will not be known after a restart of the agent";
        let failure = write(what, move || state_file::save(&path, &incidents)).await;
        self.tell.send_modify(|kept| kept.incidents_failure = failure);
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
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// A wait that is not over by then has failed.
    const DEADLINE: Duration = Duration::from_secs(10);

    fn lease() -> Lease {
        let value = serde_json::json!({"link": "lte", "strict": false, "taken_unix": 1, "until_unix": null});
        serde_json::from_value(value).unwrap()
    }

    /// The draft of the lease is a pipe that nobody reads: whoever opens it stands still.
    #[test]
    fn a_stuck_disk_does_not_hold_up_the_loop() {
        let directory = tempfile::tempdir().unwrap();
        let draft = directory.path().join("force.new");
        assert!(Command::new("mkfifo").arg(&draft).status().unwrap().success());
        let (went_on, loop_went_on) = mpsc::channel();
        let reader = thread::spawn(move || {
            let alive = loop_went_on.recv_timeout(DEADLINE).is_ok();
            (alive, fs::read_to_string(draft).unwrap())
        });
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let store = Store::start(directory.path());
            store.keep_lease(Some(lease()));
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            went_on.send(()).unwrap();
            store.close().await;
        });
        let (alive, written) = reader.join().unwrap();
        assert!(alive, "the loop stood still");
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
}
