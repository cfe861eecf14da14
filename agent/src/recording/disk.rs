//! Where blocks go: to a thread that may wait for a flash chip as long as it likes. The loop never does.

use super::ring::{Job, Ring};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Blocks that wait for the disk. One is written in milliseconds; a disk that is behind by more hangs.
const QUEUE: usize = 4;
/// So long the agent's end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the writing goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Blocks written since the start.
    pub writes: u64,
    /// Bytes of all segments on disk, once one was written.
    pub bytes: u64,
    /// Why the latest block could not be written: a whole sentence with its mend.
    pub fault: Option<String>,
    /// The segment in which that was.
    failed: Option<u64>,
}

/// The writer of recordings. It outlives a reload of the config.
#[derive(Debug)]
pub struct Disk {
    outlet: Outlet,
    ended: Option<oneshot::Receiver<()>>,
}

/// The recorder's end of it.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    jobs: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    health: watch::Receiver<Health>,
    segments: Arc<AtomicU64>,
    /// For simulations, in which nobody waits for the loop: each block is on disk before the call returns.
    at_once: bool,
}

impl Disk {
    /// Starts the writer for recordings in `state_dir`. Nothing is made there before there is something to write.
    #[must_use]
    pub fn start(state_dir: &Path) -> Self {
        Self::with(state_dir, false)
    }

    /// The same for a simulation: it waits for the disk.
    #[must_use]
    pub fn start_waiting(state_dir: &Path) -> Self {
        Self::with(state_dir, true)
    }

    fn with(state_dir: &Path, at_once: bool) -> Self {
        let (jobs, queue) = sync_channel(QUEUE);
        let (sender, health) = watch::channel(Health::default());
        let waiting = Arc::new(AtomicUsize::new(0));
        let (end, ended) = oneshot::channel();
        let writer =
            Writer { ring: Ring::new(directory(state_dir)), health: sender, waiting: Arc::clone(&waiting) };
        let spawned = std::thread::Builder::new().name("recording".into()).spawn(move || {
            writer.run(&queue);
            // Nobody may be waiting.
            let _ = end.send(());
        });
        if let Err(error) = spawned {
            tracing::warn!(
                "failed to start the thread that writes the recording: {error}; nothing is recorded"
            );
        }
        Self {
            outlet: Outlet { jobs, waiting, health, segments: Arc::default(), at_once },
            ended: Some(ended),
        }
    }

    pub(super) fn outlet(&self) -> Outlet {
        self.outlet.clone()
    }

    /// How the writing goes.
    #[must_use]
    pub fn health(&self) -> Health {
        self.outlet.health()
    }

    /// Waits until everything that was handed over is on disk, or the disk is taken to hang. Recorders must have ended.
    pub async fn close(mut self) {
        let ended = self.ended.take();
        drop(self);
        let Some(ended) = ended else { return };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            tracing::warn!(
                "failed to write the end of the recording within {} s; is the disk stuck?",
                PATIENCE.as_secs()
            );
        }
    }
}

/// Where the recordings of this state directory are.
#[must_use]
pub fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("recording")
}

impl Outlet {
    /// A number for a segment that no other has.
    pub(super) fn next_segment(&self) -> u64 {
        self.segments.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether [`send`](Self::send) would be taken now.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Acquire) < QUEUE
    }

    /// Hands over a block; `false`: it was not taken.
    pub(super) fn send(&self, job: Job) -> bool {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let taken = self.jobs.try_send(job).is_ok();
        if !taken {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        while taken && self.at_once && self.waiting.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
        taken
    }

    /// Whether a block of this segment could not be written.
    pub(super) fn failed(&self, segment: u64) -> bool {
        self.health.borrow().failed == Some(segment)
    }

    pub(super) fn health(&self) -> Health {
        self.health.borrow().clone()
    }
}

struct Writer {
    ring: Ring,
    health: watch::Sender<Health>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            let segment = job.segment;
            let fault = self.ring.write(job).err();
            let bytes = self.ring.bytes();
            self.health.send_modify(|health| match fault {
                None => {
                    health.writes += 1;
                    health.bytes = bytes;
                    health.fault = None;
                }
                Some(error) => {
                    let said = format!(
                        "failed to write the recording to the state directory ([agent] state_dir): {error}; make room \
                         or let it be written, or set [recording] enabled = false"
                    );
                    health.fault = Some(said);
                    health.failed = Some(segment);
                }
            });
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
