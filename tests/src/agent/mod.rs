//! The real agent, started inside the laboratory's gateway, asked over its own control socket.

mod config;
mod events;

pub use config::{AgentConfig, LinkText};
pub use events::EventStream;

use crate::error::{Doing, LabError, Result};
use crate::namespace::Namespace;
use crate::sys;
use serde::de::DeserializeOwned;
use shunt::api::types::Status;
use shunt::api::wire::{ApiError, Done, Line, Request};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A state that no event announces (a smoothed time, say) is looked for this often.
const LOOK: Duration = Duration::from_millis(50);
/// How long a process may take from SIGTERM to its end.
const ENDING: Duration = Duration::from_secs(10);
/// Lines of the agent's log that an error message quotes.
const QUOTED: usize = 15;

/// Which program is the agent.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

/// The variable that names another agent for the end-to-end tests, as a command line: a `shunt` binary, behind an
/// emulator's name if it is for another processor. Its parts are divided by blanks.
pub const AGENT_VARIABLE: &str = "SHUNT_AGENT";

impl Program {
    /// The laboratory's own program, which holds the agent's code behind its hidden first argument.
    #[must_use]
    pub fn lab(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: vec!["agent".into()] }
    }

    /// The agent that [`AGENT_VARIABLE`] names, if it is set.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let command = std::env::var(AGENT_VARIABLE).ok()?;
        let mut words = command.split_whitespace().map(str::to_owned);
        Some(Self { path: words.next()?.into(), arguments: words.collect() })
    }

    /// The same program, started by another one: `words` are that one's name and arguments.
    #[must_use]
    pub fn by(self, words: &[&str]) -> Self {
        let mut words = words.iter().map(|word| (*word).to_owned());
        let Some(first) = words.next() else { return self };
        let own = std::iter::once(self.path.to_string_lossy().into_owned()).chain(self.arguments);
        Self { path: first.into(), arguments: words.chain(own).collect() }
    }

    /// A `shunt` binary.
    #[must_use]
    pub fn shunt(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: Vec::new() }
    }

    /// A command that runs it with these arguments inside `namespace`.
    #[must_use]
    pub fn command(&self, namespace: &Namespace) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        namespace.enclose(&mut command);
        command
    }
}

/// An agent with a directory of its own for config, socket, state and log. It is killed when this is dropped.
#[derive(Debug)]
pub struct Agent {
    program: Program,
    gateway: Namespace,
    home: TempDir,
    child: Child,
}

impl Agent {
    /// Writes the config and starts the agent in `gateway`. It may not answer yet: see [`Agent::wait_for`].
    ///
    /// # Errors
    /// When a file cannot be written or the program not be started.
    pub fn start(program: &Program, gateway: &Namespace, config: &AgentConfig) -> Result<Self> {
        Self::start_at_home(program, gateway, config, |_home| Ok(()))
    }

    /// The same, once `prepare` has made of the agent's directory what it is to be, such as another user's.
    ///
    /// # Errors
    /// With that of `prepare` as well.
    pub fn start_at_home(
        program: &Program,
        gateway: &Namespace,
        config: &AgentConfig,
        prepare: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self> {
        let home = tempfile::Builder::new()
            .prefix("shunt-lab-")
            .tempdir()
            .doing(|| "make a directory for the agent".into())?;
        std::fs::write(config_path(&home), config.to_toml(home.path()))
            .doing(|| format!("write {}", config_path(&home).display()))?;
        prepare(home.path()).doing(|| format!("prepare {}", home.path().display()))?;
        let child = spawn(program, gateway, &home)?;
        Ok(Self { program: program.clone(), gateway: gateway.clone(), home, child })
    }

    /// Starts it again, after [`Agent::kill`] or [`Agent::terminate`], with the same config and state.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        self.child = spawn(&self.program, &self.gateway, &self.home)?;
        Ok(())
    }

    /// Its process number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Its directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.home.path().join("shunt.sock")
    }

    /// The configuration file, for tests that change it.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        config_path(&self.home)
    }

    /// Its command line, such as `["force", "lte"]`, run inside the gateway.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_without_config(arguments);
        command.arg("--config").arg(self.config_file());
        command
    }

    /// The same for a command line that names a config, or needs none.
    #[must_use]
    pub fn command_without_config(&self, arguments: &[&str]) -> Command {
        let mut command = self.program.command(&self.gateway);
        command.args(arguments);
        command
    }

    /// All that it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Whether the process has ended, and how.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().doing(|| "look after the agent".into())
    }

    /// What it knows.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self) -> Result<Status> {
        self.ask(&Request::Status {})
    }

    /// Makes `link` the uplink, for some seconds or until [`Agent::release`].
    ///
    /// # Errors
    /// When it refuses or does not answer.
    pub fn force(&self, link: &str, for_s: Option<u64>) -> Result<Done> {
        let for_s = for_s.and_then(std::num::NonZeroU64::new);
        self.ask(&Request::Force { link: link.to_owned(), for_s, strict: false })
    }

    /// Gives the choice back.
    ///
    /// # Errors
    /// When it refuses or does not answer.
    pub fn release(&self) -> Result<Done> {
        self.ask(&Request::Release {})
    }

    /// Asks anything that has one answer.
    ///
    /// # Errors
    /// When it refuses or does not answer.
    pub fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let mut connection = events::connect(&self.socket(), request)?;
        match connection.line::<T>(events::PATIENCE)? {
            Some(Line::Ok(answer)) => Ok(answer),
            Some(Line::Error(ApiError { message, .. })) => {
                Err(LabError::Garbled { reading: format!("the answer to {request:?}"), fault: message })
            }
            Some(Line::Event(_)) | None => Err(LabError::Late {
                awaited: format!("an answer to {request:?}"),
                waited: events::PATIENCE,
                instead: "nothing".into(),
            }),
        }
    }

    /// Its events: what happened so far, then each as it happens.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn events(&self) -> Result<EventStream> {
        events::connect(&self.socket(), &Request::Events { follow: true })
    }

    /// Waits until `condition` holds for its status, and returns that status. `awaited` completes "failed to see …".
    ///
    /// # Errors
    /// When it does not come about within `deadline`; the message quotes the status and the end of the log.
    pub fn wait_for(
        &self,
        awaited: &str,
        deadline: Duration,
        condition: impl Fn(&Status) -> bool,
    ) -> Result<Status> {
        let begin = Instant::now();
        let mut last = None;
        let mut events = None;
        loop {
            match self.status() {
                Ok(status) if condition(&status) => return Ok(status),
                Ok(status) => last = Some(status),
                Err(_not_ready) => events = None,
            }
            if begin.elapsed() > deadline {
                let instead = self.describe(last.as_ref());
                return Err(LabError::Late { awaited: awaited.to_owned(), waited: deadline, instead });
            }
            // Each event is a reason to look again, and so is the passing of some time.
            if events.is_none() {
                events = self.events().ok();
            }
            match events.as_mut().map(|stream| stream.next(LOOK)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    events = None;
                    sys::sleep_until(sys::monotonic() + LOOK.as_nanos() as u64 / 5);
                }
            }
        }
    }

    /// SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When the process is not ours any more.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().doing(|| "kill the agent".into())?;
        self.child.wait().map(drop).doing(|| "wait for the killed agent".into())
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.ask_to_end()?;
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if begin.elapsed() > ENDING {
                let instead = self.describe(None);
                return Err(LabError::Late { awaited: "the agent's end".into(), waited: ENDING, instead });
            }
            sys::sleep_until(sys::monotonic() + 2_000_000);
        }
    }

    /// SIGTERM, and no waiting.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(libc::SIGTERM)
    }

    /// Stops it in its tracks (`true`) or lets it go on.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        self.signal(if frozen { libc::SIGSTOP } else { libc::SIGCONT })
    }

    /// Has it read its config again.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn reload(&self) -> Result<()> {
        self.signal(libc::SIGHUP)
    }

    fn signal(&self, signal: libc::c_int) -> Result<()> {
        sys::signal(self.child.id(), signal).doing(|| format!("send signal {signal} to the agent"))
    }

    fn describe(&self, status: Option<&Status>) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(QUOTED)..).unwrap_or_default().join("\n  ");
        match status.map(serde_json::to_string) {
            Some(Ok(status)) => format!("{status}\nits log ends with:\n  {tail}"),
            _ => format!("no answer; its log ends with:\n  {tail}"),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn config_path(home: &TempDir) -> PathBuf {
    home.path().join("shunt.toml")
}

fn spawn(program: &Program, gateway: &Namespace, home: &TempDir) -> Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(home.path().join("log"))
        .doing(|| "open the agent's log".into())?;
    let errors = log.try_clone().doing(|| "open the agent's log".into())?;
    let mut command = program.command(gateway);
    command.arg("run").arg("--config").arg(config_path(home));
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().doing(|| format!("start {}", program.path.display()))
}
