//! Where people answer, and stop the run: lines and signals come through one channel, so that either ends any wait.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What comes from outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line that was typed.
    Line(String),
    /// Ctrl-C, a terminal that went, or a service manager that wants to be rid of this.
    Stop,
}

#[derive(Debug)]
pub(super) struct Console {
    inputs: Receiver<Input>,
    /// Somebody is there who can be asked.
    pub(super) attended: bool,
    /// A signal came, whatever was typed before it.
    stopped: Arc<AtomicBool>,
}

impl Console {
    /// Heeds signals from now on, and the terminal if somebody is to be asked.
    pub(super) fn open(attended: bool) -> io::Result<Self> {
        let (sender, inputs) = mpsc::channel();
        let stopped = Arc::new(AtomicBool::new(false));
        heed_signals(sender.clone(), stopped.clone())?;
        if attended {
            thread::Builder::new().name("console".into()).spawn(move || read_lines(&sender))?;
        }
        Ok(Self { inputs, attended, stopped })
    }

    /// Somebody who types these lines, and then goes.
    #[cfg(test)]
    pub(super) fn typing(lines: &[&str]) -> Self {
        let (sender, inputs) = mpsc::channel();
        for line in lines {
            sender.send(Input::Line((*line).to_owned())).unwrap();
        }
        Self { inputs, attended: true, stopped: Arc::default() }
    }

    /// The same, with a signal that nobody has heeded yet.
    #[cfg(test)]
    pub(super) fn stopped_after(lines: &[&str]) -> Self {
        let console = Self::typing(lines);
        console.stopped.store(true, Ordering::Relaxed);
        console
    }

    /// Whether a signal came: nothing is to be ordered any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// What comes within this time.
    pub(super) fn wait(&self, time: Duration) -> Option<Input> {
        match self.inputs.recv_timeout(time) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Input::Stop),
        }
    }

    /// The next line; `None`: the run is to stop.
    pub(super) fn line(&self) -> Option<String> {
        match self.inputs.recv() {
            Ok(Input::Line(line)) => Some(line),
            Ok(Input::Stop) | Err(_) => None,
        }
    }
}

/// Whether somebody can be asked.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal()
}

fn read_lines(sender: &Sender<Input>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if sender.send(Input::Line(line)).is_err() {
            return;
        }
    }
    // Ctrl-D, or a terminal that is gone.
    let _nobody_waits = sender.send(Input::Stop);
}

fn heed_signals(sender: Sender<Input>, stopped: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [mut interrupt, mut terminate, mut hangup] = {
        let _inside = runtime.enter();
        let [interrupt, terminate, hangup] = kinds.map(signal);
        [interrupt?, terminate?, hangup?]
    };
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                stopped.store(true, Ordering::Relaxed);
                if sender.send(Input::Stop).is_err() {
                    return;
                }
            }
        });
    })?;
    Ok(())
}
