//! Ends the guard of an MCU that no agent will feed any more: a short talk of its own, for `shunt stop --restore` without an
//! agent, and for a start with a config that has the MCU no more.

use super::kept::Kept;
use super::session::{Output, Session};
use super::trouble::Trouble;
use super::{News, ToTask, name, port, seconds, times};
use crate::api::wire::EventKind;
use crate::clock;
use shunt_config::McuPort;
use shunt_modem::Port;
use shunt_wire::{Message, Outcome};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long an MCU is waited for: six hellos, so that one that boots, or noise, is no failure. After five it is known
/// what is wrong.
const PATIENCE: Duration = Duration::from_secs(6);

/// An MCU that could not be disarmed is tried again after this, as a port that is not there is.
const AGAIN: Duration = Duration::from_secs(15);

/// Read at once: several of the longest frames.
const CHUNK: usize = 512;

/// An MCU goes on guarding a gateway whose agent is gone. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
#[error(
    "disarm the watchdog MCU on {port}: it {why}; until it is disarmed it resets a gateway that does not feed it"
)]
pub(crate) struct DisarmError {
    port: String,
    why: String,
}

/// Disarms the MCU of the config, and one that was armed by an earlier config. Tells which.
///
/// # Errors
/// The first that could not be; the others are disarmed all the same.
pub(crate) async fn disarm_all(
    config: &shunt_config::Mcu,
    state_dir: &Path,
) -> Result<Vec<String>, DisarmError> {
    let mut kept = Kept::load(state_dir);
    let mut ports: Vec<McuPort> = config.port.iter().cloned().chain(kept.armed()).collect();
    ports.dedup();
    let (mut disarmed, mut failure) = (Vec::new(), None);
    for port in ports {
        match disarm(config, &port).await {
            Ok(()) => {
                disarmed.push(name(&port));
                if kept.armed() == Some(port) {
                    forget(&mut kept, state_dir);
                }
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(disarmed), Err)
}

/// Disarms the MCU on this port.
///
/// # Errors
/// It cannot be reached, or refuses.
pub(super) async fn disarm(config: &shunt_config::Mcu, port: &McuPort) -> Result<(), DisarmError> {
    let failed = |why: String| DisarmError { port: name(port), why };
    let (open, _) = port::open(port).map_err(|failure| failed(Trouble::Port(failure).to_string()))?;
    let mut session = Session::leaving(times(config), seconds(config.stop_lease), clock::now());
    match timeout(PATIENCE, talk(&open, &mut session)).await {
        Ok(Ok(Some(Outcome::Done))) => Ok(()),
        Ok(Ok(Some(refused))) => Err(failed(Trouble::Disarm(refused).to_string())),
        Ok(Err(failure)) => Err(failed(Trouble::Port(failure).to_string())),
        Ok(Ok(None)) | Err(_) => Err(failed(session.trouble().unwrap_or(&Trouble::Silent).to_string())),
    }
}

/// Says hello, asks, and gives the answer.
async fn talk(port: &Port, session: &mut Session) -> Result<Option<Outcome>, String> {
    let mut chunk = [0; CHUNK];
    let mut asked = false;
    session.opened(clock::now());
    loop {
        let now = clock::now();
        if !asked && session.peer().is_some() {
            asked = session.ask(Message::Disarm, 0, now).is_ok();
        }
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    port.write_all(&bytes).await.map_err(|error| format!("write to it: {error}"))?;
                }
                Output::Answered(_, outcome) => return Ok(outcome),
                // Its record is told by the next agent that feeds it.
                Output::Armed | Output::Noted(_) | Output::Forgotten(_) | Output::Told(_) => {}
            }
        }
        let due = Instant::now() + session.poll_timeout().since(now);
        match timeout_at(due, port.read(&mut chunk)).await {
            Ok(Ok(0)) => return Err("read from it: it was unplugged".into()),
            Ok(Ok(length)) => session.receive(chunk.get(..length).unwrap_or_default(), clock::now()),
            Ok(Err(error)) => return Err(format!("read from it: {error}")),
            Err(_) => {}
        }
        session.handle_timeout(clock::now());
    }
}

/// Disarms what an earlier config armed, and is configured no more; again and again until it is done.
pub(super) struct Leftover {
    pub(super) config: shunt_config::Mcu,
    pub(super) port: McuPort,
    pub(super) state_dir: PathBuf,
    pub(super) news: mpsc::Sender<News>,
    pub(super) asked: mpsc::Receiver<ToTask>,
}

impl Leftover {
    /// Until it is disarmed, or the agent ends.
    pub(super) async fn run(mut self) {
        let mut warned = false;
        while let Err(error) = disarm(&self.config, &self.port).await {
            if !warned {
                let why = format!(
                    "a watchdog MCU is armed that the config has no more: failed to {error}; it is tried again each {} s",
                    AGAIN.as_secs()
                );
                warned = self.tell(News::Warnings(vec![why]));
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                asked = self.asked.recv() => {
                    if let Some(ToTask::Leave(_, reply)) = asked {
                        let _loop_gave_up = reply.send(Err(error.to_string()));
                    }
                    return;
                }
            }
        }
        forget(&mut Kept::load(&self.state_dir), &self.state_dir);
        let text = disarmed_text(&self.port);
        tracing::debug!("{text}");
        let _loop_ended = self.tell(News::Say(EventKind::Mcu, text)) && self.tell(News::Warnings(Vec::new()));
    }

    fn tell(&self, news: News) -> bool {
        self.news.try_send(news).is_ok()
    }
}

/// That an MCU of an earlier config guards nothing any more.
pub(super) fn disarmed_text(port: &McuPort) -> String {
    format!("the watchdog MCU on {} is configured no more, and is disarmed: it guards nothing", name(port))
}

/// No MCU is armed any more.
fn forget(kept: &mut Kept, state_dir: &Path) {
    if kept.set_armed(None)
        && let Err(error) = kept.save(state_dir)
    {
        tracing::warn!("failed to keep that the watchdog MCU is disarmed: {error}");
    }
}
