//! The client's end of the control socket: plain and blocking, and never waiting without end.

use crate::api::wire::{ApiError, Done, ErrorCode, Event, Line, MAX_REPLY, Request};
use crate::mcu::UPGRADE;
use serde::de::DeserializeOwned;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The daemon takes a connection and answers a question within milliseconds, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Taking everything out of the kernel may take it some seconds; it gives up by itself after half a minute, and disarming
/// the watchdog MCU after six seconds. An upgrade of the MCU's firmware, which it ends first, is not waited for: the message
/// tells of it.
const LONG_PATIENCE: Duration = Duration::from_secs(40);

/// A connection to the daemon.
#[derive(Debug)]
pub(super) struct Client {
    stream: BufReader<UnixStream>,
}

/// Why the daemon did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(
        "no daemon answers at {path} ({source}); start it by `systemctl start shunt` or `shunt run`, or name its socket by --socket PATH",
        path = .path.display()
    )]
    Absent { path: PathBuf, source: io::Error },
    #[error("permission denied at {path}; join the group of the socket (`usermod -aG shunt $USER`), or use sudo", path = .path.display())]
    Denied { path: PathBuf },
    #[error("{}", .0.message)]
    Refused(ApiError),
    #[error("the daemon did not answer within {} s; is it stopped or overloaded? see its log", .0.as_secs())]
    Silent(Duration),
    #[error(
        "the daemon was told to stop, and still runs after {} s; it ends an upgrade of the MCU's firmware first, which may take it {} \
         min (see `shunt mcu status`); else see its log",
        .0.as_secs(),
        UPGRADE.as_secs() / 60
    )]
    StillStopping(Duration),
    #[error("failed to talk to the daemon: {0}")]
    Io(io::Error),
    #[error("the daemon's answer is not understood ({0}); is it of another version?")]
    Garbled(String),
}

impl ClientError {
    /// What it is where it came of an order to stop.
    fn of_stop(self) -> Self {
        if let Self::Silent(time) = self { Self::StillStopping(time) } else { self }
    }

    /// Whether no daemon is there, or one that was ending already: it took no order.
    pub(super) fn is_of_no_daemon(&self) -> bool {
        match self {
            Self::Absent { .. } => true,
            Self::Refused(error) => error.code == ErrorCode::Stopping,
            Self::Io(error) => matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ),
            Self::Denied { .. } | Self::Silent(_) | Self::StillStopping(_) | Self::Garbled(_) => false,
        }
    }
}

impl Client {
    pub(super) fn connect(path: &Path) -> Result<Self, ClientError> {
        open(path).map(|stream| Self { stream: BufReader::new(stream) }).map_err(|source| {
            let path = path.to_path_buf();
            match source.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory => {
                    ClientError::Absent { path, source }
                }
                ErrorKind::PermissionDenied => ClientError::Denied { path },
                ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::Silent(PATIENCE),
                _ => ClientError::Io(source),
            }
        })
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        let patience = if let Request::Stop { .. } = request { LONG_PATIENCE } else { PATIENCE };
        let patience = patience + request.extra();
        self.send(request)?;
        match self.line(Some(patience))? {
            Some(Line::Ok(answer)) => Ok(answer),
            Some(Line::Error(error)) => Err(ClientError::Refused(error)),
            Some(Line::Event(_)) => Err(ClientError::Garbled("an event that nobody asked for".into())),
            None => Err(hung_up()),
        }
    }

    /// Hands each event to `show`: the history, and with `follow` what comes until the daemon ends.
    pub(super) fn events<E: From<ClientError>>(
        &mut self,
        follow: bool,
        mut show: impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        self.send(&Request::Events { follow })?;
        let patience = (!follow).then_some(PATIENCE);
        loop {
            match self.line::<Done>(patience)? {
                Some(Line::Event(event)) => show(event)?,
                Some(Line::Ok(_)) => return Ok(()),
                Some(Line::Error(error)) => return Err(ClientError::Refused(error).into()),
                None => return Err(hung_up().into()),
            }
        }
    }

    /// Tells the daemon to stop, and waits until it is gone.
    pub(super) fn stop(&mut self, restore: bool) -> Result<Done, ClientError> {
        let stopped =
            self.ask(&Request::Stop { restore }).and_then(|done| self.wait_for_end().map(|()| done));
        stopped.map_err(ClientError::of_stop)
    }

    /// Waits until the daemon closes the connection, as it does at its end.
    fn wait_for_end(&mut self) -> Result<(), ClientError> {
        while self.line::<serde_json::Value>(Some(LONG_PATIENCE))?.is_some() {}
        Ok(())
    }

    fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let mut line =
            serde_json::to_vec(request).map_err(|error| ClientError::Garbled(error.to_string()))?;
        line.push(b'\n');
        match self.stream.get_mut().write_all(&line) {
            // It closed the connection already, but has left a line that says why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result.map_err(ClientError::Io),
        }
    }

    /// The next line; `None` when the daemon has closed the connection.
    fn line<T: DeserializeOwned>(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<Option<Line<T>>, ClientError> {
        self.stream.get_ref().set_read_timeout(patience).map_err(ClientError::Io)?;
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_REPLY).unwrap_or(u64::MAX);
        let read = (&mut self.stream).take(limit).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(ClientError::Silent(patience.unwrap_or(PATIENCE)));
            }
            Err(error) => return Err(ClientError::Io(error)),
        }
        serde_json::from_slice(&line).map(Some).map_err(|error| ClientError::Garbled(error.to_string()))
    }
}

/// Connects with a limit: to a daemon that stands still, with a full queue, plain `connect` would wait for ever.
fn open(path: &Path) -> io::Result<UnixStream> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(&socket2::SockAddr::unix(path)?)?;
    Ok(socket.into())
}

fn hung_up() -> ClientError {
    ClientError::Io(io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection without an answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_takes_long_tells_of_the_upgrade_that_goes_before() {
        let told = ClientError::Silent(LONG_PATIENCE).of_stop().to_string();
        assert!(told.contains("after 40 s") && told.contains("take it 11 min"), "{told}");
        assert!(!hung_up().of_stop().to_string().contains("upgrade"));
    }
}
