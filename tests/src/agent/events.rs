//! A connection to the agent's control socket that never waits without end.

use crate::error::{Doing, LabError, Result};
use serde::de::DeserializeOwned;
use shunt::api::wire::{Done, Event, Line, MAX_REPLY, Request};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The agent answers within milliseconds; a test machine under load may take this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes read at once: most answers fit.
const CHUNK: usize = 8_192;

/// The agent's events as they happen.
#[derive(Debug)]
pub struct EventStream {
    stream: UnixStream,
    buffer: Vec<u8>,
}

pub(super) fn connect(socket: &Path, request: &Request) -> Result<EventStream> {
    let talking = || format!("talk to the agent at {}", socket.display());
    let mut stream = UnixStream::connect(socket).doing(talking)?;
    let mut line = serde_json::to_vec(request).map_err(std::io::Error::other).doing(talking)?;
    line.push(b'\n');
    stream.set_write_timeout(Some(PATIENCE)).doing(talking)?;
    stream.write_all(&line).doing(talking)?;
    Ok(EventStream { stream, buffer: Vec::new() })
}

impl EventStream {
    /// The next event; `None` when none came within `patience`.
    ///
    /// # Errors
    /// When the agent is gone.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Event>> {
        match self.line::<Done>(patience)? {
            Some(Line::Event(event)) => Ok(Some(event)),
            Some(Line::Ok(_)) | None => Ok(None),
            Some(Line::Error(error)) => {
                Err(LabError::Garbled { reading: "the agent's events".into(), fault: error.message })
            }
        }
    }

    /// The next line; `None` when none was whole within `patience`.
    pub(super) fn line<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<Option<Line<T>>> {
        let reading = || "read the agent's answer".into();
        let begin = Instant::now();
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(|error| LabError::Garbled {
                    reading: "the agent's answer".into(),
                    fault: error.to_string(),
                });
            }
            let left = patience.saturating_sub(begin.elapsed());
            if left.is_zero() || self.buffer.len() > MAX_REPLY {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left)).doing(reading)?;
            let mut chunk = [0; CHUNK];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    let closed = std::io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection");
                    return Err(closed).doing(reading);
                }
                Ok(length) => self.buffer.extend(chunk.iter().take(length)),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error).doing(reading),
            }
        }
    }
}
