//! The thread of one modem. Each modem has its own, so that none waits for another; the event loop starts it, tells it to
//! end, and never waits for that: a write to a bus that hangs may take for ever, and the links go on meanwhile.

use super::ask::{Ask, FromLoop};
use super::shared::Shared;
use super::task::Task;
use super::view::Standing;
use super::{ModemId, News};
use shunt_config::Modem;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// A modem whose predecessor takes longer to end says so. A driver lets go within 5 s, and what it wrote last is on the disk soon
/// after.
const PATIENCE: Duration = Duration::from_secs(15);

/// The task's ends of what leads to the event loop and back.
#[derive(Debug)]
pub(super) struct Ends {
    /// Whose.
    pub(super) id: ModemId,
    /// What the loop is to know.
    pub(super) news: mpsc::Sender<News>,
    /// What the loop has for the task.
    pub(super) from_loop: FromLoop,
    /// How it stands.
    pub(super) shown: watch::Sender<Standing>,
}

/// Tells when a modem's thread has ended, with all that it had begun.
#[derive(Debug, Clone)]
pub(super) struct Ended(watch::Receiver<()>);

/// Dropped as the last thing that a thread does.
#[derive(Debug)]
pub(super) struct End {
    _held: watch::Sender<()>,
}

/// What is held while a thread runs, and what tells of its end.
pub(super) fn end() -> (End, Ended) {
    let (sender, receiver) = watch::channel(());
    (End { _held: sender }, Ended(receiver))
}

/// Starts the thread. Its modem is not touched until those `before` have ended.
pub(super) fn start(
    modem: (Modem, String),
    state: (PathBuf, Shared),
    ends: Ends,
    before: Vec<Ended>,
) -> Ended {
    let (end, ended) = end();
    let started = thread::Builder::new().name("modem".into()).spawn(move || {
        run(modem, state, ends, before);
        drop(end);
    });
    if let Err(error) = started {
        tracing::error!("failed to start the thread of a modem: {error}; it is not driven");
    }
    ended
}

fn run(modem: (Modem, String), state: (PathBuf, Shared), ends: Ends, before: Vec<Ended>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        // The runtime is dropped with what is being written: until that is done, nobody else may write it.
        Ok(runtime) => runtime.block_on(async {
            if let Some(task) = Task::begin(modem, state, ends, before).await {
                task.run().await;
            }
        }),
        Err(error) => {
            tracing::error!("failed to start the runtime of a modem: {error}; it is not driven");
        }
    }
}

impl Ended {
    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.0.has_changed().is_err()
    }

    /// Waits until it has.
    pub(super) async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }

    /// Waits, and refuses what is asked meanwhile; `None`: the agent ends.
    pub(super) async fn wait_and_refuse(
        self,
        asked: &mut mpsc::Receiver<Ask>,
        shown: &watch::Sender<Standing>,
    ) -> Option<()> {
        let patience = Instant::now() + PATIENCE;
        let mut over = std::pin::pin!(self.wait());
        loop {
            let told = shown.borrow().problem.is_some();
            tokio::select! {
                () = &mut over => return Some(()),
                ask = asked.recv() => ask?.refuse(
                    "the modem is not driven yet: its last driver has not let go of it; try again in a few seconds",
                ),
                () = sleep_until(patience), if !told => {
                    let problem = "its last driver hangs, mostly in a write to a bus of this machine; \
                                   it is driven again once that ends, or the machine is started anew";
                    tracing::warn!("a modem is not driven: {problem}");
                    shown.send_modify(|shown| shown.problem = Some(problem.to_owned()));
                }
            }
        }
    }
}
