//! Writes what is kept of the bearers where it keeps nobody waiting: bearers come and go while the links are watched, and a
//! flash chip may take its time.

use super::kept::Entries;
use crate::state_file;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// The file, and who writes it. What is overtaken by something newer is left out.
#[derive(Debug)]
pub(super) struct Aside {
    file: PathBuf,
    writer: Option<Writer>,
    /// The last failure of a writer that has ended.
    failure: Option<String>,
}

#[derive(Debug)]
struct Writer {
    latest: watch::Sender<Entries>,
    failure: watch::Receiver<Option<String>>,
    thread: JoinHandle<()>,
}

impl Aside {
    /// Nothing is written yet, and no thread runs.
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, writer: None, failure: None }
    }

    /// Has `entries` written, and waits for nothing. What becomes of it is in the log, and what fails is told by
    /// [`Aside::failed`].
    pub(super) fn write(&mut self, entries: Entries) {
        match &self.writer {
            Some(writer) => {
                writer.latest.send_replace(entries);
            }
            None => match Writer::start(self.file.clone(), entries) {
                Ok(writer) => self.writer = Some(writer),
                Err(error) => self.failure = Some(sentence(&self.file, &error)),
            },
        }
    }

    /// Whether what was written last is not on the disk.
    pub(super) fn failed(&self) -> bool {
        match &self.writer {
            Some(writer) => writer.failure.borrow().is_some(),
            None => self.failure.is_some(),
        }
    }

    /// Waits until everything is written; a sentence where that failed.
    pub(super) fn finish(&mut self) -> Option<String> {
        if let Some(Writer { latest, failure, thread }) = self.writer.take() {
            drop(latest);
            let ended = thread.join();
            self.failure = failure.borrow().clone();
            if ended.is_err() {
                self.failure = Some(sentence(&self.file, &io::Error::other("the writer panicked")));
            }
        }
        self.failure.clone()
    }
}

impl Drop for Aside {
    /// A successor reads it.
    fn drop(&mut self) {
        // It is in the log.
        let _failure = self.finish();
    }
}

impl Writer {
    fn start(file: PathBuf, first: Entries) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (latest, mut changes) = watch::channel(first);
        changes.mark_changed();
        let (tell, failure) = watch::channel(None);
        let thread = thread::Builder::new().name("bearers".into()).spawn(move || {
            // What was sent last comes before the end.
            while runtime.block_on(changes.changed()).is_ok() {
                let entries = changes.borrow_and_update().clone();
                let failure = put(&file, &entries).err().map(|error| sentence(&file, &error));
                if let Some(sentence) = &failure {
                    tracing::warn!("{sentence}");
                }
                tell.send_replace(failure);
            }
        })?;
        Ok(Self { latest, failure, thread })
    }
}

fn put(file: &Path, entries: &Entries) -> io::Result<()> {
    if entries.is_empty() { state_file::remove(file) } else { state_file::save(file, entries) }
}

fn sentence(file: &Path, error: &io::Error) -> String {
    format!(
        "Failed to write {} ({error}): what a bearer changed on its interface is known only until the agent stops; make \
         the state directory writable.",
        file.display()
    )
}
