//! One port and what goes over it.

mod data;
mod fence;

use crate::error::ModemError;
use crate::longest;
use crate::port::Port;
use shunt_at::{Command, Digest, Digester, Echo, Outcome, Payload, Sign, State};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

/// Unsolicited lines that are kept until [`Session::next_urc`] takes them; the oldest go first. A modem that
/// tells each change of registration and signal says a few a second: this is a minute's worth.
const URCS_KEPT: usize = 256;

/// Bytes read at once: a little more than a USB bulk packet of 512.
const CHUNK_BYTES: usize = 1024;

/// How a port is fenced after a timeout, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long the final code of a command that was given up is waited for before the fence: many modems take any byte
    /// as the order to abort what they are at.
    pub drain: Duration,
    /// How long one fence may take.
    pub fence: Duration,
    /// How long no other final code must come after the fence's. Longer than the modem takes from one answer to the next.
    pub quiet: Duration,
    /// How many fences are tried before the modem counts as not answering.
    pub fences: u32,
    /// How long a prompt of one character may take; a modem that wants a line as its prompt may be at work before it.
    pub prompt: Duration,
    /// The silence around an escape from data, and after the line that ends a call.
    pub guard: Duration,
}

impl Default for Timing {
    /// The first rung of the recovery ladder: three fences of three seconds. Modems answer `AT` in well under
    /// the 300 ms that Quectel gives as its bound for short queries. The guard is that of all Hayes modems.
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(2),
            fence: Duration::from_secs(3),
            quiet: Duration::from_millis(500),
            fences: 3,
            prompt: longest::PROMPT,
            guard: Duration::from_millis(1_100),
        }
    }
}

impl Timing {
    /// The longest that all fences of a port may take: the wait for what is owed, the fences, and before the last one the
    /// escape from data, with what it takes to write it.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.drain + self.fence * self.fences + 3 * self.guard
    }
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How it ended; an error of the modem's is a reply too.
    pub outcome: Outcome,
    /// The lines that belong to it.
    pub lines: Vec<String>,
    /// The bytes that were told by their number ([`shunt_at::Class::Counted`]).
    pub data: Vec<u8>,
}

/// A modem's AT port. Whoever owns the session owns the port; one command is in flight at most.
#[derive(Debug)]
pub struct Session {
    port: Port,
    digester: Box<Digester>,
    timing: Timing,
    urcs: VecDeque<String>,
    urcs_lost: u64,
    data: VecDeque<u8>,
    data_lost: u64,
    /// When the last final code came that no command waited for.
    stray_at: Option<Instant>,
    reads: u64,
    gone: bool,
}

/// What a chunk of bytes brought besides unsolicited lines and data.
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
        Ok(Self::new(Port::open(path, baud).map_err(open)?, echo, timing))
    }

    /// A session on a port that is open already.
    #[must_use]
    pub fn new(port: Port, echo: Echo, timing: Timing) -> Self {
        Self {
            port,
            digester: Box::new(Digester::new(echo)),
            timing,
            urcs: VecDeque::new(),
            urcs_lost: 0,
            data: VecDeque::new(),
            data_lost: 0,
            stray_at: None,
            reads: 0,
            gone: false,
        }
    }

    /// Sends `command` and waits for its end as long as modems may take for it ([`longest::answer_to`]).
    ///
    /// # Errors
    ///
    /// As [`Session::command`].
    pub async fn ask(&mut self, command: Command) -> Result<Reply, ModemError> {
        let limit = longest::answer_to(command.text());
        self.command(command, limit).await
    }

    /// Sends `command` and waits for its end, at most `timeout`. A port that a timeout (or a dropped call) has left
    /// dirty is fenced first, which takes time of its own.
    ///
    /// # Errors
    ///
    /// When the port is gone or carries data, the modem does not answer the fence, or no end comes in time.
    pub async fn command(&mut self, command: Command, timeout: Duration) -> Result<Reply, ModemError> {
        self.exchange(command, None, timeout).await
    }

    /// Like [`Session::command`], for a command that asks for `payload` by a prompt: by `>`, if the command does not say
    /// by what.
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
        let command = if command.sign().is_some() { command } else { command.prompting() };
        self.exchange(command, Some(payload), timeout).await
    }

    /// The next unsolicited line. Lines that came during commands are kept for this. May be dropped at any time.
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

    /// The next unsolicited line that was kept, without waiting for one.
    pub fn kept_urc(&mut self) -> Option<String> {
        self.urcs.pop_front()
    }

    /// What the port may be used for.
    #[must_use]
    pub fn state(&self) -> State {
        self.digester.state()
    }

    /// How many unsolicited lines were dropped because nobody took them.
    #[must_use]
    pub fn urcs_lost(&self) -> u64 {
        self.urcs_lost
    }

    /// How often the port was read: no more often than something came.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads
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
        let shown = command.shown().to_owned();
        debug!(command = %shown, "to the modem");
        match timeout(limit, self.converse(command, payload)).await {
            Ok(reply) => reply,
            Err(_elapsed) => {
                self.digester.timed_out();
                Err(ModemError::Timeout { command: shown, timeout: limit })
            }
        }
    }

    async fn converse(
        &mut self,
        command: Command,
        mut payload: Option<Payload>,
    ) -> Result<Reply, ModemError> {
        let limit = self.timing.prompt;
        let prompt_by = match command.sign() {
            Some(Sign::Angle | Sign::At) if payload.is_some() => Some(Instant::now() + limit),
            Some(Sign::Angle | Sign::At | Sign::Connect | Sign::Download) | None => None,
        };
        self.digester.send(command.clone())?;
        self.write(command.wire()).await?;
        loop {
            let arrived = match prompt_by.filter(|_| payload.is_some()) {
                None => self.read().await?,
                Some(deadline) => match timeout_at(deadline, self.read()).await {
                    Ok(arrived) => arrived?,
                    Err(_elapsed) => {
                        self.digester.timed_out();
                        return Err(ModemError::Timeout {
                            command: command.shown().to_owned(),
                            timeout: limit,
                        });
                    }
                },
            };
            if let Some(reply) = arrived.reply {
                return Ok(reply);
            }
            if let Some(payload) = payload.take_if(|_| arrived.prompt) {
                self.digester.answer(payload.clone())?;
                self.write(payload.wire()).await?;
            }
        }
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
        let read = self.port.read(&mut chunk).await;
        self.reads = self.reads.saturating_add(1);
        match read {
            Ok(0) => Err(self.lose(None)),
            Ok(len) => Ok(self.digest(chunk.get(..len).unwrap_or_default())),
            Err(source) => Err(self.lose(Some(source))),
        }
    }

    fn lose(&mut self, source: Option<io::Error>) -> ModemError {
        self.gone = true;
        warn!(cause = ?source, "the modem's port is gone");
        ModemError::Gone { source }
    }

    fn digest(&mut self, bytes: &[u8]) -> Arrived {
        let strays = self.digester.strays();
        let Self { digester, urcs, urcs_lost, data, data_lost, .. } = self;
        let mut arrived = Arrived::default();
        digester.receive_all(bytes, |digest| match digest {
            Digest::Prompt => arrived.prompt = true,
            Digest::Data(bytes) => *data_lost = data_lost.saturating_add(data::keep(data, bytes)),
            Digest::Response(response) => {
                let lines = response.lines().map(str::to_owned).collect();
                arrived.reply =
                    Some(Reply { outcome: response.outcome, lines, data: response.data().to_vec() });
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
        if self.digester.strays() != strays {
            self.stray_at = Some(Instant::now());
        }
        arrived
    }
}
