//! The line to the MCU while it is flashed: bytes to and from its port, and its pins.

use super::door::{Door, Errand, Met};
use super::pins::Pins;
use crate::clock;
use crate::mcu::port;
use shunt_config::{McuPins, McuPort};
use shunt_modem::Port;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Read, or written, at once: a block and what is around it.
pub(super) const CHUNK: usize = 512;
/// A port that takes no byte for so long is gone.
const WRITING: Duration = Duration::from_secs(2);

/// The line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) port: Port,
    pub(super) name: String,
    pub(super) pins: Option<Pins>,
}

impl Line {
    /// Opens the port, takes the lines, and tries whether the port can do what the boot loader needs. The MCU notices nothing.
    ///
    /// # Errors
    /// A phrase that completes "failed to …".
    pub(super) fn open(port: &McuPort, pins: Option<&McuPins>) -> Result<Self, String> {
        let (port, path) = port::open(port)?;
        let line = Self { port, name: path.display().to_string(), pins: pins.map(Pins::take).transpose()? };
        line.set_parity(true)?;
        line.set_parity(false)?;
        Ok(line)
    }

    /// Talks with the firmware.
    ///
    /// # Errors
    /// The port is gone. A phrase that completes "failed to …".
    pub(super) async fn talk(&self, errand: Errand, patience: Duration) -> Result<Met, String> {
        let id = RandomState::new().hash_one(std::process::id()) as u32;
        let mut door = Door::new(errand, id, patience, clock::now());
        loop {
            self.write(&door.take_outgoing()).await?;
            if let Some(met) = door.met() {
                return Ok(met.clone());
            }
            let due = door.poll_timeout();
            let mut chunk = [0; CHUNK];
            tokio::select! {
                read = self.read(&mut chunk) => {
                    door.receive(chunk.get(..read).unwrap_or_default(), clock::now());
                }
                () = sleep(due.since(clock::now())) => {}
            }
            door.handle_timeout(clock::now());
        }
    }

    /// Resets the MCU by its pins, where there are any.
    pub(super) async fn restart(&self, into_loader: bool) -> Result<(), String> {
        match &self.pins {
            Some(pins) => pins.restart(into_loader).await,
            None => Ok(()),
        }
    }

    pub(super) fn set_parity(&self, even: bool) -> Result<(), String> {
        let failed = |error| format!("set the parity of {}, which the boot loader needs: {error}", self.name);
        self.port.set_even_parity(even).map_err(failed)
    }

    pub(super) async fn write(&self, bytes: &[u8]) -> Result<(), String> {
        for chunk in bytes.chunks(CHUNK) {
            match timeout(WRITING, self.port.write_all(chunk)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(format!("write to {}: {error}", self.name)),
                Err(_) => return Err(format!("write to {}: it takes no bytes", self.name)),
            }
        }
        Ok(())
    }

    /// What came. A port that is gone brings nothing any more: whoever waits for it has a deadline.
    pub(super) async fn read(&self, chunk: &mut [u8]) -> usize {
        match self.port.read(chunk).await {
            Ok(read @ 1..) => read,
            Ok(0) | Err(_) => std::future::pending().await,
        }
    }
}
