//! The thread that page probes run on. A handshake of TLS takes a small processor milliseconds, and the loop must be free
//! to move the uplink in that time.

use std::io;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread with a runtime of its own. Its tasks end when this is dropped, and then the thread does.
#[derive(Debug)]
pub(super) struct Reactor {
    handle: Handle,
    /// Dropped with this, which the thread waits for.
    _open: oneshot::Sender<()>,
}

impl Reactor {
    /// Starts the thread, in the network namespace of the calling one.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel::<()>();
        thread::Builder::new().name("pages".to_owned()).spawn(move || {
            let _closed = runtime.block_on(closed);
        })?;
        Ok(Self { handle, _open: open })
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }
}
