//! How a port of which nothing is known becomes one that takes commands: drain, fence, and escape if all is silent.

use super::Session;
use crate::error::ModemError;
use shunt_at::State;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

/// What one fence showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Clean,
    /// Nothing came that ends a command.
    Silence,
    /// Final codes came, but not the fence's echo.
    NoEcho,
    /// Final codes went on coming.
    Unrest,
    /// A call that was given up came: the port carries data.
    LateCall,
}

impl Session {
    /// Asks whether the modem answers, and leaves the port clean.
    ///
    /// # Errors
    ///
    /// When the port is gone or carries data, or the modem does not answer.
    pub async fn fence(&mut self) -> Result<(), ModemError> {
        // A call that was dropped half way has left its command in flight.
        self.digester.timed_out();
        if self.digester.owes() {
            let waits = |session: &Self| session.digester.owes() && !session.is_data_channel();
            self.listen_while(self.timing.drain, waits).await?;
        }
        let (mut shown, mut all_silent) = (Shown::Silence, true);
        for attempt in 1..=self.timing.fences {
            if attempt > 1 && attempt == self.timing.fences && all_silent {
                self.escape_unasked().await?;
            }
            self.leave_late_call().await?;
            shown = self.fence_once().await?;
            if shown == Shown::Clean {
                return Ok(());
            }
            debug!(?shown, attempt, "the fence did not make the port clean");
            all_silent &= shown == Shown::Silence;
            self.digester.timed_out();
        }
        Err(match shown {
            Shown::NoEcho => ModemError::NoEcho,
            Shown::Clean | Shown::Silence | Shown::Unrest | Shown::LateCall => {
                ModemError::Unresponsive { fences: self.timing.fences }
            }
        })
    }

    async fn fence_once(&mut self) -> Result<Shown, ModemError> {
        let deadline = Instant::now() + self.timing.fence;
        let fence = self.digester.fence()?;
        self.stray_at = None;
        match timeout_at(deadline, self.write(fence)).await {
            Ok(written) => written?,
            Err(_elapsed) => return Ok(Shown::Silence),
        }
        while self.digester.state() != State::Idle {
            if self.is_data_channel() {
                return Ok(Shown::LateCall);
            }
            let quiet = self.stray_at.map(|at| at + self.timing.quiet).filter(|until| *until < deadline);
            if let Ok(arrived) = timeout_at(quiet.unwrap_or(deadline), self.read()).await {
                arrived?;
            } else if quiet.is_some() && self.digester.quiet() {
                break;
            } else {
                return Ok(match (self.stray_at, self.digester.state()) {
                    (None, _) => Shown::Silence,
                    (Some(_), State::Fenced) => Shown::Unrest,
                    (Some(_), _) => Shown::NoEcho,
                });
            }
        }
        Ok(Shown::Clean)
    }

    /// Nobody waits for the data of a call that was given up before it came.
    async fn leave_late_call(&mut self) -> Result<(), ModemError> {
        if !(self.is_data_channel() && self.digester.owes()) {
            return Ok(());
        }
        let left = self.escape().await;
        self.data.clear();
        match left {
            // What is left of it is for the fence.
            Err(ModemError::Timeout { .. }) => Ok(()),
            left => left,
        }
    }

    /// An agent that was killed may have left the port a data channel, which takes a fence for data. The silence
    /// before the escape was that of the fences. A command port drops the line.
    async fn escape_unasked(&mut self) -> Result<(), ModemError> {
        let guard = self.timing.guard;
        // What cannot be written is as silent as what is not answered.
        timeout(guard, self.write(b"+++")).await.unwrap_or(Ok(()))?;
        self.listen_while(guard, |_| true).await?;
        timeout(guard, self.write(b"\r")).await.unwrap_or(Ok(()))
    }

    /// Reads for as long as `wanted` says, and at most for `limit`.
    pub(super) async fn listen_while(
        &mut self,
        limit: Duration,
        wanted: impl Fn(&Self) -> bool,
    ) -> Result<(), ModemError> {
        let deadline = Instant::now() + limit;
        while wanted(self) {
            match timeout_at(deadline, self.read()).await {
                Ok(arrived) => drop(arrived?),
                Err(_elapsed) => break,
            }
        }
        Ok(())
    }
}
