//! The port as a data channel: after `CONNECT` to a dialling command, until the call ends or is escaped from.

use super::Session;
use crate::error::ModemError;
use shunt_at::{SendError, State};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes of data that are kept until they are taken: what a modem sends in the second of an escape. More is dropped.
const DATA_KEPT: usize = 64 * 1024;

/// How many guard times an escape may take after the silence before it: one of silence, and some for the modem.
const ESCAPE_GUARDS: u32 = 4;

impl Session {
    /// Waits for data; `None` when the channel has ended, which is known some silence after the modem said so: then the
    /// port takes commands again. The line that says so is among the data. May be dropped at any time.
    ///
    /// # Errors
    ///
    /// When the port is gone.
    pub async fn receive_data(&mut self) -> Result<Option<Vec<u8>>, ModemError> {
        loop {
            if !self.data.is_empty() {
                return Ok(Some(self.data.drain(..).collect()));
            }
            if !self.is_data_channel() {
                return Ok(None);
            }
            match self.stray_at.map(|at| at + self.timing.guard) {
                None => drop(self.read().await?),
                Some(until) => match timeout_at(until, self.read()).await {
                    Ok(arrived) => drop(arrived?),
                    Err(_elapsed) => self.settle(),
                },
            }
        }
    }

    /// Sends `bytes` to the far side; waits while the modem takes none.
    ///
    /// # Errors
    ///
    /// When the port is gone or is no data channel.
    pub async fn send_data(&mut self, bytes: &[u8]) -> Result<(), ModemError> {
        if self.digester.state() != State::Data {
            return Err(SendError::NoData.into());
        }
        self.write(bytes).await
    }

    /// Makes the data channel a command port again; the call stands, and `ATO` goes back to it. Takes two guard times.
    ///
    /// # Errors
    ///
    /// When the port is gone or is no data channel, or the modem does not answer: then nothing is known of the port.
    pub async fn escape(&mut self) -> Result<(), ModemError> {
        if self.digester.state() != State::Data {
            return Err(SendError::NoData.into());
        }
        self.listen_while(self.timing.guard, |_| true).await?;
        if self.stray_at.is_some_and(|at| at.elapsed() >= self.timing.guard) {
            self.settle();
        }
        if !self.is_data_channel() {
            return Ok(());
        }
        let escape = self.digester.escape()?;
        let limit = self.timing.guard * ESCAPE_GUARDS;
        let deadline = Instant::now() + limit;
        match timeout_at(deadline, self.write(escape)).await {
            Ok(written) => written?,
            Err(_elapsed) => return Err(self.no_escape(limit)),
        }
        while self.is_data_channel() {
            let quiet = self.stray_at.map(|at| at + self.timing.guard).filter(|until| *until < deadline);
            match timeout_at(quiet.unwrap_or(deadline), self.read()).await {
                Ok(arrived) => drop(arrived?),
                Err(_elapsed) if quiet.is_some() => self.settle(),
                Err(_elapsed) => return Err(self.no_escape(limit)),
            }
        }
        Ok(())
    }

    /// How many bytes of data were dropped because nobody took them.
    #[must_use]
    pub fn data_lost(&self) -> u64 {
        self.data_lost
    }

    pub(super) fn is_data_channel(&self) -> bool {
        matches!(self.digester.state(), State::Data | State::Escaping)
    }

    /// It was quiet since the last stray: either that ended the channel, or it was data.
    fn settle(&mut self) {
        self.stray_at = None;
        self.digester.quiet();
    }

    fn no_escape(&mut self, timeout: Duration) -> ModemError {
        self.digester.timed_out();
        ModemError::Timeout { command: "the escape from data".into(), timeout }
    }
}

/// Appends what fits; how many bytes do not.
pub(super) fn keep(kept: &mut VecDeque<u8>, bytes: &[u8]) -> u64 {
    let room = DATA_KEPT.saturating_sub(kept.len()).min(bytes.len());
    kept.extend(bytes.iter().take(room));
    u64::try_from(bytes.len() - room).unwrap_or(u64::MAX)
}
