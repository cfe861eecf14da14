//! One port and what goes over it.

mod quiet;

use crate::error::ModemError;
use quiet::Quiet;
use shunt_at::{Command, Digest, Digester, Echo, Outcome, Payload, State};
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_serial::{SerialPortBuilderExt, SerialStream};
use tracing::{debug, warn};

/// Unsolicited lines that are kept until [`Session::next_urc`] takes them; the oldest go first. A modem that
/// tells each change of registration and signal says a few a second: this is a minute's worth.
const URCS_KEPT: usize = 256;

/// Bytes read at once: a little more than a USB bulk packet of 512.
const CHUNK_BYTES: usize = 1024;

/// How a port is fenced after a timeout, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long one fence may take.
    pub fence: Duration,
    /// How long the line must stay quiet after the fence's answer. Longer than the modem takes for an `AT`.
    pub quiet: Duration,
    /// How many fences are tried before the modem counts as not answering.
    pub fences: u32,
}

impl Default for Timing {
    /// The first rung of the recovery ladder: three fences of three seconds. Modems answer `AT` in well under
    /// the 300 ms that Quectel gives as its bound for short queries.
    fn default() -> Self {
        Self { fence: Duration::from_secs(3), quiet: Duration::from_millis(300), fences: 3 }
    }
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How it ended; an error of the modem's is a reply too.
    pub outcome: Outcome,
    /// The lines that belong to it.
    pub lines: Vec<String>,
}

/// A modem's AT port. Whoever owns the session owns the port; one command is in flight at most.
#[derive(Debug)]
pub struct Session {
    port: SerialStream,
    digester: Digester,
    timing: Timing,
    urcs: VecDeque<String>,
    urcs_lost: u64,
    gone: bool,
}

/// What a chunk of bytes brought besides unsolicited lines.
#[derive(Debug, Default)]
struct Arrived {
    prompt: bool,
    reply: Option<Reply>,
}

impl Session {
    /// Opens the port at `path` for this process alone (`TIOCEXCL` and `flock`). Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ModemError::Open`] when the port is missing, not permitted, or in use. Must run inside a tokio runtime.
    pub fn open(path: &Path, baud: u32, echo: Echo, timing: Timing) -> Result<Self, ModemError> {
        let open = |source| ModemError::Open { path: path.to_owned(), source };
        let port = tokio_serial::new(path.to_string_lossy(), baud).open_native_async().map_err(open)?;
        Ok(Self::new(port, echo, timing))
    }

    /// A session on a port that is open already.
    #[must_use]
    pub fn new(port: SerialStream, echo: Echo, timing: Timing) -> Self {
        let digester = Digester::new(echo);
        Self { port, digester, timing, urcs: VecDeque::new(), urcs_lost: 0, gone: false }
    }

    /// Sends `command` and waits for its end, at most `timeout`. A port that a timeout (or a dropped call) has left
    /// dirty is fenced first, which takes time of its own.
    ///
    /// # Errors
    ///
    /// When the port is gone, the modem does not answer the fence, or no end comes in time.
    pub async fn command(&mut self, command: Command, timeout: Duration) -> Result<Reply, ModemError> {
        self.exchange(command, None, timeout).await
    }

    /// Like [`Session::command`], for a command that asks for `payload` by a prompt.
    ///
    /// # Errors
    ///
    /// As [`Session::command`].
    pub async fn command_with_payload(
        &mut self,
        command: Command,
        payload: Payload,
        timeout: Duration,
    ) -> Result<Reply, ModemError> {
        self.exchange(command.prompting(), Some(payload), timeout).await
    }

    /// Asks whether the modem answers, and leaves the port clean.
    ///
    /// # Errors
    ///
    /// When the port is gone or the modem does not answer.
    pub async fn fence(&mut self) -> Result<(), ModemError> {
        // A call that was dropped half way has left its command in flight.
        self.digester.timed_out();
        for _ in 0..self.timing.fences {
            if self.fence_once().await? {
                return Ok(());
            }
            self.digester.timed_out();
        }
        Err(ModemError::Unresponsive { fences: self.timing.fences })
    }

    /// The next unsolicited line. Lines that came during commands are kept for this.
    ///
    /// # Errors
    ///
    /// When the port is gone.
    pub async fn next_urc(&mut self) -> Result<String, ModemError> {
        loop {
            if let Some(urc) = self.urcs.pop_front() {
                return Ok(urc);
            }
            self.read().await?;
        }
    }

    /// How many unsolicited lines were dropped because nobody took them.
    #[must_use]
    pub fn urcs_lost(&self) -> u64 {
        self.urcs_lost
    }

    async fn exchange(
        &mut self,
        command: Command,
        payload: Option<Payload>,
        limit: Duration,
    ) -> Result<Reply, ModemError> {
        if self.digester.state() != State::Idle {
            self.fence().await?;
        }
        let text = command.text().to_owned();
        debug!(command = %text, "to the modem");
        match timeout(limit, self.converse(command, payload)).await {
            Ok(reply) => reply,
            Err(_elapsed) => {
                self.digester.timed_out();
                Err(ModemError::Timeout { command: text, timeout: limit })
            }
        }
    }

    async fn converse(&mut self, command: Command, payload: Option<Payload>) -> Result<Reply, ModemError> {
        self.digester.send(command.clone())?;
        self.write(command.wire()).await?;
        loop {
            let arrived = self.read().await?;
            if let Some(reply) = arrived.reply {
                return Ok(reply);
            }
            if let (true, Some(payload)) = (arrived.prompt, &payload) {
                self.digester.answer(payload.clone())?;
                self.write(payload.wire()).await?;
            }
        }
    }

    /// Whether the port is clean after one fence.
    async fn fence_once(&mut self) -> Result<bool, ModemError> {
        let deadline = Instant::now() + self.timing.fence;
        let fence = self.digester.fence()?;
        match timeout_at(deadline, self.write(fence)).await {
            Ok(written) => written?,
            Err(_elapsed) => return Ok(false),
        }
        let mut quiet = Quiet::since(&self.digester, self.timing.quiet);
        while self.digester.state() != State::Idle {
            let until = quiet.until().filter(|until| *until < deadline);
            match timeout_at(until.unwrap_or(deadline), self.read()).await {
                Ok(arrived) => drop(arrived?),
                // Without the fence's echo it is not clean: another fence may have one.
                Err(_elapsed) => return Ok(until.is_some() && self.digester.quiet()),
            }
            quiet.look(&self.digester);
        }
        Ok(true)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ModemError> {
        if self.gone {
            return Err(ModemError::Gone { source: None });
        }
        let written = self.port.write_all(bytes).await;
        written.map_err(|source| self.lose(Some(source)))
    }

    /// Waits for bytes. None means the end: an unplugged port reads so for ever.
    async fn read(&mut self) -> Result<Arrived, ModemError> {
        if self.gone {
            return Err(ModemError::Gone { source: None });
        }
        let mut chunk = [0; CHUNK_BYTES];
        let len = match self.port.read(&mut chunk).await {
            Ok(0) => return Err(self.lose(None)),
            Ok(len) => len,
            Err(source) => return Err(self.lose(Some(source))),
        };
        Ok(self.digest(chunk.get(..len).unwrap_or_default()))
    }

    fn lose(&mut self, source: Option<std::io::Error>) -> ModemError {
        self.gone = true;
        warn!(cause = ?source, "the modem's port is gone");
        ModemError::Gone { source }
    }

    fn digest(&mut self, bytes: &[u8]) -> Arrived {
        let Self { digester, urcs, urcs_lost, .. } = self;
        let mut arrived = Arrived::default();
        digester.receive_all(bytes, |digest| match digest {
            Digest::Data(_) => {}
            Digest::Prompt => arrived.prompt = true,
            Digest::Response(response) => {
                let lines = response.lines().map(str::to_owned).collect();
                arrived.reply = Some(Reply { outcome: response.outcome, lines });
            }
            Digest::Urc(line) => {
                debug!(line, "from the modem, unsolicited");
                if urcs.len() >= URCS_KEPT {
                    urcs.pop_front();
                    *urcs_lost = urcs_lost.saturating_add(1);
                }
                urcs.push_back(line.to_owned());
            }
        });
        arrived
    }
}
